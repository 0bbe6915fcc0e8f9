"""Which calibrations belong to which frames, and why: what an expert would choose from a folder, as pure functions.

Of the calibrations that fit (:mod:`~pipeline.library.criteria`) the best are taken, and of these the nearest night,
whole and alone.  Everything that was decided is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
from toolz import groupby

from pipeline.checks.policy import Policy, apart
from pipeline.checks.shared_settings import ANGLE
from pipeline.compose.settings import checked_call
from pipeline.library.criteria import (
    CAMERA,
    CLOSER,
    GUESSED,
    HARD,
    OPTICS,
    READOUT,
    Judged,
    Search,
    Taken,
    as_long,
    judged,
    value_of,
)
from pipeline.records.frames import FrameSet, Image

NEEDS = {
    "light": ("bias", "dark", "flat", "arc"),
    "arc": ("bias", "dark"),
    "flat": ("bias", "dark"),
    "dark": ("bias",),
}
"""What frames of a kind are calibrated by."""


@attrs.frozen
class Choice:
    """The calibrations of one kind for a group, and why these: what was equal, what differs, and how far away they are.

    ``need`` is their kind, ``why`` one line; ``others`` are those that were not taken, each with the reason.

    >>> import numpy as np
    >>> from pipeline import Choice, Image, match
    >>> frames = [Image.of(np.ones((2, 3)), kind=kind, name=f"{kind}.fits") for kind in ("light", "bias")]
    >>> bias = match(frames)[0]["bias"]
    >>> isinstance(bias, Choice), bias.frames, bias.why
    (True, FrameSet(1 bias), '1 frame, of an unknown date')
    """

    need: str
    frames: FrameSet
    why: str
    others: tuple[tuple[Image, str], ...] = ()


@attrs.frozen
class Match:
    """Frames of a kind that were taken alike, and a :class:`Choice` for each kind of calibration that they need.

    ``frames`` are the group, ``choices`` stand in the order bias, dark, flat, arc; ``match["flat"]`` gives one of them.

    >>> import numpy as np
    >>> from pipeline import Image, Match, match
    >>> group = match([Image.of(np.ones((2, 3)), kind="dark", name="dark.fits")])[0]
    >>> isinstance(group, Match)
    True
    >>> print(group)
    FrameSet(1 dark)
      bias: none: there is none
    """

    frames: FrameSet
    choices: tuple[Choice, ...]

    @property
    def kind(self) -> str:
        """The kind of the frames."""
        return self.frames[0].kind

    def __getitem__(self, need: str) -> Choice:
        """Give what was chosen of a kind."""
        return next(choice for choice in self.choices if choice.need == need)

    def __str__(self) -> str:
        return "\n".join([repr(self.frames), *(f"  {choice.need}: {choice.why}" for choice in self.choices)])


@checked_call
def match(frames: Iterable[Any], policy: Policy = Policy()) -> tuple[Match, ...]:  # noqa: B008 - an immutable record
    """Choose for frames that were taken alike the calibrations that an expert would choose, and say why.

    A group is of one kind, target, exposure, night and setup; nights that take the same calibrations are one group.
    In whatever order frames are given, the same ones are chosen.

    >>> import numpy as np
    >>> from pipeline import Image, match
    >>> def taken(kind, date, **cards):
    ...     return Image.of(np.ones((2, 3)), kind=kind, name=f"{kind} of {date}", header={"DATE-OBS": date} | cards)
    >>> light = taken("light", "2021-03-02T22:00:00", FILTER="R")
    >>> flats = [taken("flat", date, FILTER=band) for date, band in (("2021-03-01", "R"), ("2021-03-02", "V"))]
    >>> chosen = match([light, *flats])[0]["flat"]
    >>> chosen.frames[0].name, chosen.why
    ('flat of 2021-03-01', '1 frame, 2 days before; equal: filter')

    :param frames: frames of all kinds, opened: of each is known what kind it is.
    :param policy: tolerances, and for how long a calibration is valid.
    :return: first the groups of lights, then those of arcs, flats and darks; in each, in the order of time.
    :raises FrameError: a frame has not been opened.
    """
    images = [Image.of(frame) for frame in frames]
    taken = sorted((Taken.of(_opened(image)) for image in images), key=_in_time)
    kinds: dict[str, list[Taken]] = groupby(lambda one: one.image.kind, taken)
    targets = {one.target for one in kinds.get("light", ())} - {""}
    matches = []
    for kind, needs in NEEDS.items():
        for group in _groups(kinds.get(kind, ()), policy):
            choices: tuple[Choice, ...] = ()
            for need in needs:
                by_bias = any(choice.need == "bias" and choice.frames for choice in choices)
                search = Search(need, group, policy, by_bias, targets)
                choices += (_chosen(search, kinds.get(need, ())),)
            matches.append(Match(FrameSet(one.image for one in group), choices))
    return _nights_joined(matches)


def _opened(image: Image) -> Image:
    image.source  # noqa: B018 - which refuses a frame that is not opened: its header is not known yet
    return image


def _in_time(one: Taken) -> tuple[float, str]:
    return math.inf if one.day is None else one.day, one.image.name


# ---- which frames were taken alike ----


def _groups(frames: Sequence[Taken], policy: Policy) -> list[list[Taken]]:
    """Put together the frames of a kind that need the same calibrations; in each group in the order of time."""
    exposures = _steps((one.image.exposure for one in frames), lambda value: policy.exposure * value)
    warmth = _steps((one.temperature for one in frames), lambda _: policy.dark_temperature)
    angles = _steps((_angle(one) for one in frames), lambda value: ANGLE * abs(value))
    nights, last = dict[float | None, int]({None: 0}), -math.inf
    for moment in sorted({one.day for one in frames if one.day is not None}):
        nights[moment] = len(nights) if moment - last > policy.same_night else next(reversed(nights.values()))
        last = moment

    def alike(one: Taken) -> Any:
        told = (one.settings.get(words) for words in (*CAMERA, *READOUT, *OPTICS[:2], *OPTICS[3:], *CLOSER))
        return (
            one.target if one.image.kind == "light" else "",
            one.image.shape,
            exposures[one.image.exposure],
            warmth[one.temperature],
            angles[_angle(one)],
            nights[one.day],
            tuple(repr(each and each.gist) for each in told),
            repr(one.image.state.done),
        )

    return list(groupby(alike, frames).values())


def _steps(values: Iterable[float | None], width: Callable[[float], float]) -> dict[float | None, float | None]:
    """Give for each value the least of those that count as equal to it."""
    least: dict[float | None, float | None] = {None: None}
    first = -math.inf
    for value in sorted({value for value in values if value is not None}):
        first = first if value - first <= width(value) else value
        least[value] = first
    return least


def _angle(one: Taken) -> float | None:
    """Give the first number that tells how the grating is turned."""
    told = one.settings.get("grating angle or central wavelength")
    numbers = (value for said in (told.cards if told else ()) for value in said.compared if isinstance(value, float))
    return next(numbers, None)


def _nights_joined(matches: Sequence[Match]) -> tuple[Match, ...]:
    """Join groups that differ in the night alone, and take the same calibrations."""
    joined: dict[Any, Match] = {}
    for one in matches:
        first = Taken.of(one.frames[0])
        chosen = tuple((choice.need, tuple(frame.name for frame in choice.frames)) for choice in one.choices)
        setup = tuple(repr(told.gist) for told in first.settings.values())
        key = one.kind, first.target, first.image.shape, first.image.exposure, setup, chosen
        before = joined.get(key)
        joined[key] = attrs.evolve(before, frames=before.frames + one.frames) if before else one
    return tuple(joined.values())


# ---- which of them are taken ----


def _chosen(search: Search, candidates: Sequence[Taken]) -> Choice:
    """Choose of what fits the best, and of the best the nearest night."""
    need = search.need
    done = getattr(search.first.image.state, need, None)
    if done or not candidates:
        why = f"none needed: {done}" if done else "none: there is none"
        return Choice(need, FrameSet(), why, tuple((one.image, str(done)) for one in candidates))
    found = [judged(search, one) for one in candidates]
    fitting = sorted((each for each in found if not each.refused), key=lambda each: each.order)
    refused = [each for each in found if each.refused]
    left = [(each.one.image, "; ".join(each.refused)) for each in refused]
    if not fitting:
        nearest = min(refused, key=lambda each: (len(each.refused), each.order))
        name = nearest.one.image.name
        return Choice(need, FrameSet(), f"none: the nearest is {name}: {'; '.join(nearest.refused)}", tuple(left))
    best = fitting[0]
    if unclear := _guessed(search, [each for each in fitting if each.rank == best.rank]):
        left += [(each.one.image, unclear) for each in fitting]
        return Choice(need, FrameSet(), f"none: {unclear}", tuple(left))
    taken = [each for each in fitting if _of_one_night(search, best, each)]
    left += [(each.one.image, _why_later(best, each)) for each in fitting if each not in taken]
    count = f"{len(taken)} frame{'s' if len(taken) > 1 else ''}"
    if best.one.master:
        count = "a master"
    parts = [f"{count}, {apart(best.days)}"]
    parts += [f"equal: {', '.join(best.equal)}"] if best.equal else []
    parts += [f"differs: {', '.join(best.differs)}"] if best.differs else []
    images = sorted((each.one for each in taken), key=_in_time)
    return Choice(need, FrameSet(one.image for one in images), "; ".join(parts), tuple(left))


def _guessed(search: Search, best: Sequence[Judged]) -> str:
    """Say of which setting nobody can tell what the light's is, where the best candidates differ in it."""
    for words in set(GUESSED).intersection(HARD[search.need]) - set(search.policy.ignore):
        if words not in search.first.settings:
            values = sorted({value_of(told) for each in best if (told := each.one.settings.get(words))})
            if len(values) > 1:
                return f"the {search.first.image.kind} does not say its {words}, and there are {' and '.join(values)}"
    return ""


def _of_one_night(search: Search, best: Judged, other: Judged) -> bool:
    """Tell whether a candidate belongs to the night of the best one, and is as good: arcs follow each other closely."""
    if other is best:
        return True
    same = other.rank == best.rank or (search.need == "dark" and _ranks_alike(search, best, other))
    if best.one.master or other.one.master or not same:
        return False
    if best.one.day is None or other.one.day is None or best.days is None or other.days is None:
        return best.days is None and other.days is None
    within = search.policy.same_arcs if search.need == "arc" else search.policy.same_night
    if search.need != "arc" and abs(best.days) <= within:
        return abs(other.days) <= within
    return abs(other.one.day - best.one.day) <= within


def _ranks_alike(search: Search, best: Judged, other: Judged) -> bool:
    """Tell whether two darks differ in rank by as little as exposures that count as equal do."""
    alike = [a == b for a, b in zip(best.rank[:-1], other.rank[:-1], strict=True)]
    return all(alike) and as_long(best.one.image.exposure, other.one.image.exposure, search.policy)


def _why_later(best: Judged, other: Judged) -> str:
    """Say why a candidate that fits was not taken."""
    differs = ", ".join(other.differs) or ("a master" if other.one.master else "of another night")
    return f"{differs}, {apart(other.days)}; taken: {best.one.image.name}, {apart(best.days)}"
