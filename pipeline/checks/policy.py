"""How strict the choice of calibrations is, as data: tolerances, and for how long a calibration is valid.

And what that says of the calibrations that are given for a reduction, whoever chose them, where no comparison of
settings does: when they were taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, TypeAlias

import attrs
from toolz import groupby

from pipeline.checks.shared_settings import CHOSEN_BY, SHARED_SETTINGS
from pipeline.checks.times import is_early
from pipeline.compose.settings import Limits, checked
from pipeline.compose.written import written
from pipeline.errors import PipelineWarning, SettingError
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.epochs import begin, day
from pipeline.headers.keywords import temperature_from
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of

Days: TypeAlias = Annotated[float, Limits(least=0, finite=False)]
Kelvin: TypeAlias = Annotated[float, Limits(least=0, finite=False)]


def _are_settings(_: Policy, attribute: attrs.Attribute[tuple[str, ...]], words: tuple[str, ...]) -> None:
    known = [setting.words for setting in (*SHARED_SETTINGS, *CHOSEN_BY)]
    for word in words:
        if word not in known:
            raise SettingError(f"Policy: {attribute.name}={word!r}; expected names of {', '.join(known)}")


@checked
@attrs.frozen(repr=False)
class Policy:
    """What a calibration may differ in from the frames it is for, and for how long it is valid.

    The numbers are those of Gemini's calibration managers, DESI's pipeline and WBPP.

    >>> from pipeline import Policy
    >>> Policy(dark_days=400, ignore=("slit",)).dark_days
    400

    :param bias_days: for how many days before or after a bias is valid.
    :param dark_days: the same of a dark.
    :param flat_days: the same of a flat.
    :param arc_days: the same of an arc.
    :param bias_temperature: by how many K a bias may differ, which holds hardly any dark current.
    :param dark_temperature: by how many K a dark may differ, and from how many on a bias as warm goes before others.
    :param exposure: the fraction by which exposures count as equal.
    :param scale_up: take a dark of a shorter exposure too, where a bias lets it be scaled, though that is mostly noise;
        longer ones are taken anyway.
    :param scale_without_bias: scale a dark where no bias is known too, as of a library whose darks hold none though
        their headers do not say so.
    :param same_night: how many days frames of one night lie apart at most.
    :param same_arcs: the same of arcs, which follow the flexure.
    :param silent: take a calibration whose header says nothing of a gain, an offset, a readout mode, a filter, a
        grating or a temperature that the light's states.
    :param ignore: settings that are not looked at.
    :raises SettingError: a number is negative, or there is no such setting.
    """

    bias_days: Days = 90.0
    dark_days: Days = 365.0
    flat_days: Days = 180.0
    arc_days: Days = 365.0
    bias_temperature: Kelvin = 5.0
    dark_temperature: Kelvin = 1.0
    exposure: Annotated[float, Limits(least=0, below=1)] = 0.01
    scale_up: bool = False
    scale_without_bias: bool = False
    same_night: Days = 0.5
    same_arcs: Days = 0.02
    silent: bool = False
    ignore: tuple[str, ...] = attrs.field(default=(), validator=_are_settings)

    def __repr__(self) -> str:
        said = ((field.name, getattr(self, field.name)) for field in attrs.fields(Policy))
        kept = (f"{name}={written(value)}" for name, value in said if value != getattr(Policy(), name))
        return f"Policy({', '.join(kept)})"

    def days(self, kind: str) -> float:
        """Give for how many days a calibration of a kind is valid."""
        return {"bias": self.bias_days, "dark": self.dark_days, "flat": self.flat_days, "arc": self.arc_days}[kind]


def apart(days: float | None) -> str:
    """Say how far away a frame was taken, before or after.

    >>> apart(-1364.2), apart(0.01), apart(0), apart(None)
    ('1,364 days before', '14 minutes after', 'at the same time', 'of an unknown date')
    """
    if days is None or days == 0:
        return "at the same time" if days == 0 else "of an unknown date"
    size, unit = next(
        (size, unit)
        for size, unit in ((1, "days"), (24, "hours"), (1440, "minutes"), (86400, "s"))
        if abs(days) * size >= 1.5 or unit == "s"
    )
    return f"{abs(days) * size:,.0f} {unit} {'before' if days < 0 else 'after'}"


def temperature(cards: Cards) -> float | None:
    """Give what the detector measured, or else was asked for, in °C; None where no card says it."""
    warm = (temperature_from(cards, key.keyword) for key in tables.TEMPERATURE)
    return next((celsius for celsius in warm if celsius is not None), None)


def beyond(values: Sequence[float], value: float) -> float:
    """Give by how much a value lies below (less than 0) or above what others span; 0 within."""
    return min(value - min(values), 0.0) or max(value - max(values), 0.0)


def matched_notes(images: Sequence[Image], calibrations: Iterable[Image], policy: Policy) -> tuple[Note, ...]:
    """Say which calibrations are not valid any more for images, or not yet, by what the policy of a recipe allows.

    Only where most of a kind are so: what one of many differs in is found where these are combined.

    :param images: of one kind: lights, or arcs.
    """
    notes = []
    for kind, some in groupby(lambda one: one.kind, calibrations).items():
        notes += [*_out_of_date(images, some, kind, policy)]
    return tuple(notes)


def _differing(
    images: Sequence[Image], some: Sequence[Image], read: Callable[[Image], float | None], limit: float
) -> tuple[list[Image], float]:
    """Give those of some calibrations that differ by more than a limit, and the most; none, where these are the few."""
    values = [value for image in images if (value := read(image)) is not None]
    told = [(one, value) for one in some if (value := read(one)) is not None]
    if not values or not told:
        return [], 0.0
    off = [(one, beyond(values, value)) for one, value in told]
    far = [(one, size) for one, size in off if abs(size) > limit]
    if 2 * len(far) <= len(told):
        return [], 0.0
    return [one for one, _ in far], max((size for _, size in far), key=abs)


def _out_of_date(images: Sequence[Image], some: Sequence[Image], kind: str, policy: Policy) -> Iterator[Note]:
    far, days = _differing(images, some, _day, policy.days(kind))
    if far:
        yield Note(
            f"{kind} frames of another time: {apart(days)} the {images[0].kind}s, and a {kind} counts as valid for "
            f"{policy.days(kind):g} days",
            PipelineWarning,  # a calibration that is old may be right: strict does not refuse it
            frames=tuple(dict.fromkeys(names_of(far))),
            mend=f"take nearer ones, or say how long they are valid: Recipe(policy=Policy({kind}_days=...))",
            at_command=f"take nearer ones, or say how long they are valid, in the recipe: [policy] {kind}_days = ...",
            figures=(("days", days),),
            fact=f"{kind} out of date",
        )


def _day(image: Image) -> float | None:
    """Give the MJD of a frame whose clock had not been reset."""
    moment = begin(image.header)
    return None if moment and is_early(image, moment) else day(image.header)
