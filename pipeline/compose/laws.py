"""The laws that every stage keeps, for the tests of whoever writes one."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs
import numpy as np

from pipeline.compose.running import running
from pipeline.compose.stage import Stage, Step
from pipeline.errors import StepError, VarianceWarning
from pipeline.headers.status import State
from pipeline.records.arrays import same_array
from pipeline.records.frames import FrameSet, Image
from pipeline.records.history import StepRecord
from pipeline.records.pixels import Flag, FlagBits, Pixels

Law: TypeAlias = Callable[[Step[Any, Any], Any, Any], str | None]
"""What is wrong with what a step gave for a record, in words; None where it keeps the law."""


def check_stage(stage: Stage[Any, Any, Any] | Step[Any, Any], record: Any) -> None:
    """Run a stage on a record, as a test of yours, and refuse it where it breaks a law that every stage keeps.

    - purity: the same record gives the same result, and is itself unchanged
    - seals: no array of the result can be written to
    - flags: they are only added, and what is not finite has one
    - variance: it is followed where the record has one, or a VarianceWarning says that it cannot be known
    - provenance: kind, frames, header and history go on, and the step is the last of them
    - effect: a stage that ``does`` something says so in the state of its result
    - rows: with ``rows=True`` some rows give those rows of the whole, and nothing but pixels depends on pixels
    - pickling: the step gives the same in another process, and its settings stand there in the same words

    The record is tried as it is, and an Image also with a history, with every flag somewhere, and with a variance.

    >>> import attrs
    >>> import numpy as np
    >>> from pipeline import Image, Pixels, check_stage, stage
    >>> @stage
    ... def doubled(image: Image) -> Image:
    ...     return attrs.evolve(image, data=Pixels.of(2 * image.pixels.values))
    >>> check_stage(doubled, Image.of(np.ones((8, 8))))
    Traceback (most recent call last):
    pipeline.errors.StepError: doubled breaks the law of flags: it takes away NONFINITE, ...

    :param stage: a stage that needs no settings, or a step, such as ``scaled(factor=2.0)``.
    :param record: what the stage takes, of some rows and columns: an Image, mostly.
    :raises StepError: it breaks a law; the words say which, where, and what to do.
    """
    step: Any = stage() if isinstance(stage, Stage) else stage
    if not isinstance(step, Step):
        name = getattr(stage, "__name__", repr(stage))
        raise StepError(f"{name} is a plain function; write @stage above it, so that it records itself")
    with running(on_note=lambda _: None):
        for tried in _variants(record):
            before = pickle.dumps(tried)
            result = step(tried)
            for law, broken in LAWS.items():
                wrong = broken(step, tried, result)
                if wrong is None and law == "purity" and pickle.loads(before) != tried:  # noqa: S301 - our own
                    wrong = "it changes the record that it is given; work on a copy, image.pixels.values.copy()"
                if wrong:
                    raise StepError(f"{step.stage.name} breaks the law of {law}: {wrong}")


def _variants(record: Any) -> Iterator[Any]:
    """Give a record in the states in which a stage may find it."""
    yield record
    if not isinstance(record, Image):
        return
    past = record.recorded(StepRecord("one_before")).recorded(StepRecord("another_before"))
    pixels = past.pixels
    flags = pixels.flags.copy()
    for place, flag in enumerate(Flag):
        flags.flat[place * 7 % flags.size] |= FlagBits(flag)
    variance = np.ones_like(pixels.values) if pixels.variance is None else pixels.variance
    yield attrs.evolve(past, data=attrs.evolve(pixels, flags=flags, variance=variance))


def _purity(step: Step[Any, Any], record: Any, result: Any) -> str | None:
    if step(record) != result:
        return "the same record gives another result the second time; take chance, clocks and memory out of it"
    return None


def _seals(_step: Step[Any, Any], _record: Any, result: Any) -> str | None:
    for pixels in map(_pixels_of, _images(result)):
        planes = (pixels.values, pixels.flags, pixels.variance)
        if any(plane is not None and plane.flags.writeable for plane in planes):
            return "arrays of the result can be written to; make its pixels by Pixels.of or attrs.evolve"
    return None


def _flags(_step: Step[Any, Any], record: Any, result: Any) -> str | None:
    for before, after in _pairs(record, result):
        if before.shape == after.shape and (lost := before.flags & ~after.flags).any():
            names = ", ".join(str(flag.name) for flag in Flag if (lost & FlagBits(flag)).any())
            return f"it takes away {names}; attrs.evolve(image.pixels, values=...) keeps them"
    for pixels in map(_pixels_of, _images(result)):
        if (~np.isfinite(pixels.values) & ~pixels.mask).any():
            return "values are not finite and have no flag; say pixels.flagged(~np.isfinite(values), Flag.NONFINITE)"
    return None


def _variance(_step: Step[Any, Any], record: Any, result: Any) -> str | None:
    if any(
        issubclass(note.category, VarianceWarning) for last in getattr(result, "history", ())[-1:] for note in last.said
    ):
        return None  # it says itself that it cannot be known
    for before, after in _pairs(record, result):
        if before.variance is not None and after.variance is None:
            return (
                "the record has a variance and the result has none; Pixels have minus, times and over, which follow it"
            )
    return None


def _provenance(step: Step[Any, Any], record: Any, result: Any) -> str | None:
    if not isinstance(record, Image) or not isinstance(result, Image):
        past = result.history if isinstance(result, Image | FrameSet) else ()
        return "its own step is not in the history" if past and not past[-1].is_of(step.stage) else None
    if result.history[: len(record.history)] != record.history:
        return "the history of the record is not that with which the result's begins; leave history alone"
    for field in ("kind", "sources"):
        if getattr(record, field) != getattr(result, field):
            return f"{field} of the record {getattr(record, field)!r} and the result {getattr(result, field)!r} differ"
    if record.header.text and not result.header.text:
        return "the header is lost; give attrs.evolve(image, data=...), not an image made afresh"
    return None


def _effect(step: Step[Any, Any], record: Any, result: Any) -> str | None:
    does, worked = step.stage.does, result.history[-1].worked if isinstance(result, Image) else False
    if not does or not worked or not isinstance(record, Image):
        return None
    changed = record.shape != result.shape or record.pixels != result.pixels  # else there was nothing to do
    if does in attrs.fields_dict(State) and not getattr(result.state, does) and changed:
        return (
            f"it says that it does {does!r}, and its result's state does not say so; give "
            f"state=attrs.evolve(image.state, {does}=Done('by what'))"
        )
    return None


def _rows(step: Step[Any, Any], record: Any, result: Any) -> str | None:
    if not isinstance(record, Image) or not isinstance(result, Image):
        return None
    if not step.stage.by_rows(record, dict(step.settings)):
        return None
    height, pixels = record.shape[0], result.pixels
    if record.shape != result.shape:
        return f"{record.shape} pixels became {result.shape}; a stage with rows=True keeps the shape"
    for start, stop in ((0, 0), (0, 1), (height // 2, height), (height - 1, height)):
        part = step.on_rows(start, stop, record.shape)(record.rows(start, stop))
        if not _same(part.pixels, pixels.rows(start, stop)):
            return (
                f"rows {start} to {stop} by themselves give other pixels than as part of the whole; a stage that looks "
                "at other pixels, or at how many there are, has no rows=True"
            )
        if any(getattr(part, field) != getattr(result, field) for field in ("header", "state", "added", "exposure")):
            return "header, state or cards of the result depend on its pixels, or on how many they are"
    return None


def _pickling(step: Step[Any, Any], record: Any, result: Any) -> str | None:
    if strange := [name for name, words in step.in_history if " at 0x" in words]:
        return f"{', '.join(strange)} stands in the history by its place in memory; give its class a __repr__"
    try:
        again = pickle.loads(pickle.dumps(step))  # noqa: S301 - our own
        kept = pickle.loads(pickle.dumps(result))  # noqa: S301 - our own
    except (pickle.PicklingError, AttributeError, TypeError, StepError) as error:
        return f"it cannot go to another process ({error}); settings and results are plain values and records"
    if kept != result or again(record) != result:
        return "it gives another result after it was pickled; whatever it needs is one of its settings"
    return None


LAWS: dict[str, Law] = {
    "purity": _purity,
    "seals": _seals,
    "flags": _flags,
    "variance": _variance,
    "provenance": _provenance,
    "effect": _effect,
    "rows": _rows,
    "pickling": _pickling,
}


def _images(record: Any) -> list[Image]:
    """Give the images that a record is, or is made of."""
    if isinstance(record, FrameSet):
        return list(record)
    return [record] if hasattr(record, "pixels") else []


def _pixels_of(image: Any) -> Pixels:
    pixels: Pixels = image.pixels
    return pixels


def _pairs(record: Any, result: Any) -> Iterator[tuple[Pixels, Pixels]]:
    """Give the pixels before and after, where each image became one."""
    before, after = _images(record), _images(result)
    if len(before) == len(after):
        yield from zip(map(_pixels_of, before), map(_pixels_of, after), strict=True)


def _same(a: Pixels, b: Pixels) -> bool:
    return same_array(a.values, b.values) and same_array(a.flags, b.flags) and same_array(a.variance, b.variance)
