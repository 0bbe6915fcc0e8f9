"""What the choice of calibrations looks at and no comparison of settings tells: when they were taken, and how warm.

These are said of what is given for a reduction, whoever chose it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from toolz import groupby

from pipeline.checks.policy import Policy
from pipeline.checks.times import is_early
from pipeline.headers import keyword_tables as tables
from pipeline.headers.cards import Cards
from pipeline.headers.epochs import begin, day
from pipeline.headers.keywords import temperature_from
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of


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
    """Say which calibrations are not valid any more for images, or not yet, and which bias is of another temperature.

    Only where most of a kind are so: what one of many differs in is found where these are combined.

    :param images: of one kind: lights, or arcs.
    """
    notes = []
    for kind, some in groupby(lambda one: one.kind, calibrations).items():
        notes += [*_out_of_date(images, some, kind, policy)]
        notes += [*_warmer(images, some, policy)] if kind == "bias" else []
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
            frames=names_of(far),
            mend=f"take nearer ones, or say how long they are valid: Recipe(policy=Policy({kind}_days=...))",
            at_command=f"take nearer ones, or say how long they are valid, in the recipe: [policy] {kind}_days = ...",
            figures=(("days", days),),
            fact=f"{kind} out of date",
        )


def _day(image: Image) -> float | None:
    """Give the MJD of a frame whose clock had not been reset."""
    moment: datetime | None = begin(image.header)
    return None if moment and is_early(image, moment) else day(image.header)


def _warmer(images: Sequence[Image], some: Sequence[Image], policy: Policy) -> Iterator[Note]:
    far, kelvin = _differing(images, some, lambda one: temperature(one.header), policy.bias_temperature)
    mend = f"take bias frames of the {images[0].kind}s' temperature"
    if far:
        yield Note(
            f"bias frames {abs(kelvin):.1f} K {'warmer' if kelvin > 0 else 'colder'} than the {images[0].kind}s, where "
            f"{policy.bias_temperature:g} K are allowed",
            frames=names_of(far),
            mend=f"{mend}, or allow it: Recipe(policy=Policy(bias_temperature=...))",
            at_command=f"{mend}, or allow it in the recipe: [policy] bias_temperature = ...",
            figures=(("K", kelvin),),
            fact="bias of another temperature",
        )
