"""Whether two images are the same, and where they first differ: for assertions of tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np

from pipeline.errors import SettingError, StepError
from pipeline.headers.cards import keyword_of
from pipeline.records.arrays import Array
from pipeline.records.frames import Image, in_few_words, is_frame
from pipeline.records.pixels import Flag
from pipeline.stages.header import ReducedImage

OF_THE_WRITING = ("DATE", "CHECKSUM", "DATASUM")
"""Cards that say when and how a file was written, and not what is in it."""


Compared: TypeAlias = Image | ReducedImage


def assert_same_image(one: Any, other: Any, *, rtol: float = 0, atol: float = 0, ignore: Collection[str] = ()) -> None:
    """Hold that two images are the same: in values, flags, variance, header, exposure, state, history and notes.

    NaN equals NaN, whatever the types of arrays.  Cards of a header that say when a file was written do not count:
    DATE, CHECKSUM, DATASUM.  Names of frames count where a history has them.

    >>> import numpy as np
    >>> assert_same_image(Image.of(np.ones((2, 3))), Image.of(np.eye(2, 3)))
    Traceback (most recent call last):
    AssertionError: values: first at row 0, column 1, 1.0 and 0.0; 4 of 6 differ

    :param one: an Image, a ReducedImage, a master, or what ``Image.of`` takes; so is ``other``.
    :param rtol: by how much of the other's values and variance these may differ, as in numpy's allclose.
    :param atol: by how much besides.
    :param ignore: what may differ: ``"history"``, ``["header", "history"]``, ...
    :raises AssertionError: they differ; the words say in which field, and where first.
    :raises SettingError: there is nothing to ignore by that name.
    :raises StepError: one is no image.
    """
    ignore = {ignore} if isinstance(ignore, str) else set(ignore)
    if unknown := ignore - set(_DIFFERENCES):
        raise SettingError(
            f"assert_same_image: ignore={', '.join(sorted(unknown))}; expected some of {', '.join(_DIFFERENCES)}"
        )
    a, b = _image_of(one), _image_of(other)

    def close(x: Array, y: Array) -> Array:
        return np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=True)

    for field, difference in _DIFFERENCES.items():
        if field not in ignore and (words := difference(a, b, close)):
            raise AssertionError(f"{field}: {words}")


def _image_of(thing: Any) -> Compared:
    thing = getattr(thing, "image", thing)  # of a master
    if isinstance(thing, Image | ReducedImage):
        return thing
    if is_frame(thing):
        return Image.of(thing)
    raise StepError(f"assert_same_image compares images; found {in_few_words(thing)}")


Close: TypeAlias = Callable[[Array, Array], Array]
"""Which values of two arrays are near enough to each other."""


def _shape(a: Compared, b: Compared, _close: Close) -> str | None:
    return None if a.shape == b.shape else f"{a.shape} and {b.shape}, (rows, columns)"


def _values(a: Compared, b: Compared, close: Close) -> str | None:
    return _first(a.pixels.values, b.pixels.values, close)


def _flags(a: Compared, b: Compared, _close: Close) -> str | None:
    return _first(a.pixels.flags, b.pixels.flags, np.equal, lambda bits: repr(Flag(int(bits))))


def _variance(a: Compared, b: Compared, close: Close) -> str | None:
    one, other = a.pixels.total_variance, b.pixels.total_variance
    if one is None or other is None:
        return None if one is other else "one of them has none"
    return _first(one, other, close)


def _first(one: Array, other: Array, close: Close, write: Callable[[Any], str] = str) -> str | None:
    """Say where two arrays first differ, and how often."""
    if one.shape != other.shape:
        return f"{one.shape} and {other.shape}"
    off = ~close(one, other)
    if not off.any():
        return None
    row, column = np.argwhere(off)[0]
    values = f"{write(one[row, column])} and {write(other[row, column])}"
    return f"first at row {row}, column {column}, {values}; {np.count_nonzero(off)} of {off.size} differ"


def _header(a: Compared, b: Compared, _close: Close) -> str | None:
    def cards(image: Compared) -> list[str]:
        return [card.rstrip() for card in image.header.images if keyword_of(card) not in OF_THE_WRITING]

    return _first_of(cards(a), cards(b))


def _history(a: Compared, b: Compared, _close: Close) -> str | None:
    return _first_of(a.history, b.history)


def _notes(a: Compared, b: Compared, _close: Close) -> str | None:
    return _first_of(a.notes, b.notes)


def _first_of(one: Sequence[object], other: Sequence[object]) -> str | None:
    """Say which of two lists is the first that differs: as it is written, or, where that is the same, in full."""
    for place, (x, y) in enumerate(zip_longest(one, other)):
        if x != y:
            words = (str(x), str(y)) if str(x) != str(y) else (repr(x), repr(y))
            return f"first in place {place}, {words[0]} and {words[1]}; {len(one)} and {len(other)} in all"
    return None


def _field(name: str) -> Callable[[Compared, Compared, Close], str | None]:
    def difference(a: Compared, b: Compared, _close: Close) -> str | None:
        one, other = getattr(a, name), getattr(b, name)
        return None if one == other else f"{one!r} and {other!r}"

    return difference


_DIFFERENCES: dict[str, Callable[[Compared, Compared, Close], str | None]] = {
    "kind": _field("kind"),
    "shape": _shape,
    "values": _values,
    "flags": _flags,
    "variance": _variance,
    "exposure": _field("exposure"),
    "state": _field("state"),
    "header": _header,
    "history": _history,
    "notes": _notes,
}
"""What is compared, in this order."""
