"""The rows of a stack: read from every frame as they are stored, and pixels chosen of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, overload

import attrs
import numpy as np

from pipeline.errors import ShapeError
from pipeline.records.arrays import Array, BoolArray, FloatArray, IntArray, Scratch, working_dtype
from pipeline.records.frames import Image
from pipeline.records.pixels import STICKY, Flag, FlagBits, Pixels
from pipeline.records.source import Source
from pipeline.statistics.amplifier_noise import Sampled
from pipeline.statistics.frame_levels import sampled
from pipeline.statistics.rounding import Rounding

UNTRUSTED = ~FlagBits(STICKY)

VALUES_AT_ONCE = 2**17
"""So many values are looked at together where they are few: enough to be worth a call, and they stay in the cache."""


@attrs.frozen
class Rows:
    """Rows of every frame in the type in which they are stored, (frames, pixels), and what is flagged in them.

    A value is ``stored + zero``.  ``flags`` holds those of each frame, None where there are none; ``ceilings`` are
    the stored values from which up those of each frame are saturated: see :meth:`flagged`.  ``first_place`` is that
    of the first pixel in the flattened image.
    """

    stored: Array
    zero: float
    first_place: int
    flags: tuple[IntArray | None, ...]
    parts: tuple[Pixels, ...] | None = None
    ceilings: tuple[float, ...] = ()

    @property
    def carry_variance(self) -> bool:
        """Whether all frames carry variance."""
        return self.parts is not None and all(part.variance is not None for part in self.parts)

    def flagged(self, highest: float = math.inf) -> Rows:
        """Flag what is saturated; nothing is where the ``highest`` value stored lies below all ceilings."""
        if not self.ceilings or highest < min(self.ceilings) or min(self.ceilings) == math.inf:
            return self
        return attrs.evolve(self, flags=tuple(map(_saturated, self.stored, self.ceilings)), ceilings=())

    @property
    def place(self) -> IntArray:
        """The place of each pixel in the flattened image."""
        return np.arange(self.first_place, self.first_place + self.stored.shape[1])

    def only(self, which: IntArray) -> Batch:
        """Choose some pixels; a flagged value is used only where all frames are flagged."""
        unusable = None
        if any(flags is not None for flags in self.flags):
            none = np.zeros(which.size, FlagBits)
            bad = np.stack([none if flags is None else flags[which] for flags in self.flags]) & UNTRUSTED != 0
            unusable = bad & ~bad.all(axis=0)
        return Batch(which + self.first_place, self.stored.take(which, axis=1), self.zero, unusable)

    @property
    def combined_flags(self) -> tuple[IntArray | None, BoolArray | None]:
        """Give the flags of the combination, and where a frame has a value that is not to be used."""
        known = [flags for flags in self.flags if flags is not None]
        if not known:
            return None, None
        any_frame = reduce(np.bitwise_or, known)  # numpy's own would first copy all of them together
        untrusted = any_frame & UNTRUSTED != 0
        sticky = any_frame & FlagBits(STICKY)
        if len(known) < len(self.flags) or not untrusted.any():
            return sticky, untrusted
        everywhere = reduce(np.bitwise_and, (flags & UNTRUSTED != 0 for flags in known))
        return np.where(everywhere, any_frame, sticky), untrusted


@attrs.frozen
class Batch:
    """Pixels of a stack: where they are in the flattened image, and what is stored of them, (frames, pixels).

    A value is ``stored + zero``; ``unusable`` ones are not to be used, None where all are.  ``carried`` is the variance
    that each value carries, scaled as the values are to be, where they are judged by it, and ``steps`` the largest
    step of each pixel to a neighbour, where its noise asks for that.
    """

    place: IntArray
    stored: Array
    zero: float
    unusable: BoolArray | None = None
    carried: FloatArray | None = None
    steps: FloatArray | None = None

    @property
    def values(self) -> FloatArray:
        """The values: float64, NaN where one is not finite or not to be used."""
        with np.errstate(invalid="ignore"):  # a damaged NaN, or numbers beyond measure: told by the result
            values = self.stored.astype(np.float64)
        values += self.zero
        if self.stored.dtype.kind == "f":
            values[~np.isfinite(values)] = np.nan
        if self.unusable is not None:
            values[self.unusable] = np.nan
        return values

    def only(self, which: IntArray | slice) -> Batch:
        """Choose some of them; the same where that is all."""

        def some(plane: Any) -> Any:
            if plane is None:
                return None
            return plane[..., which] if isinstance(which, slice) else plane.take(which, axis=-1)

        if isinstance(which, np.ndarray) and which.size == self.place.size:
            return self
        planes = self.unusable, self.carried, self.steps
        return Batch(some(self.place), some(self.stored), self.zero, *map(some, planes))

    def in_parts(self) -> Iterator[tuple[slice, Batch]]:
        """Cut into as many pixels as are quick to work on together."""
        pixels = max(1, VALUES_AT_ONCE // len(self.stored))
        for first in range(0, self.place.size, pixels):
            part = slice(first, first + pixels)
            yield part, self.only(part)

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """Put pixels of several rows together."""
        if len(parts) == 1:
            return parts[0]
        unusable = None
        if any(part.unusable is not None for part in parts):
            all_usable = (np.zeros(part.stored.shape, bool) for part in parts)
            masks = (no if p.unusable is None else p.unusable for p, no in zip(parts, all_usable, strict=True))
            unusable = np.concatenate(list(masks), axis=1)
        place, stored = (np.concatenate(p, axis=-1) for p in zip(*((b.place, b.stored) for b in parts), strict=True))
        return cls(place, stored, parts[0].zero, unusable)


@attrs.define
class Reader:
    """Reads rows of every frame again and again into the same memory: what it gave last is then overwritten."""

    frames: tuple[Image, ...]
    scratch: Scratch = attrs.field(factory=Scratch)
    _sources: list[Source] = attrs.field(init=False)
    _store: tuple[str, float] | None = attrs.field(init=False)
    _ceilings: tuple[float, ...] = attrs.field(init=False, default=())

    def __attrs_post_init__(self) -> None:
        self._sources = [frame.source for frame in self.frames]
        stores = {source.stored for source in self._sources}
        self._store = stores.pop() if len(stores) == 1 else None
        if self._store is not None:
            self._ceilings = tuple(source.ceiling - self.zero for source in self._sources)

    @property
    def whole(self) -> bool:
        """Whether rows are given as stored: whole numbers."""
        return self._store is not None

    @property
    def zero(self) -> float:
        """What to add to a stored value."""
        return 0.0 if self._store is None else self._store[1]

    def read(self, start: int, stop: int) -> Rows:
        """Read some rows of every frame, as stored where all are whole numbers stored alike, else as floats.

        What is saturated in what is stored is not flagged yet.
        """
        first_place = start * self.frames[0].shape[1]
        if self._store is None:
            parts = tuple(source.rows(start, stop) for source in self._sources)
            stored = np.stack([part.values.reshape(-1) for part in parts])
            flags = tuple(part.flags.reshape(-1) if part.flags.any() else None for part in parts)
            return Rows(stored, self.zero, first_place, flags, parts)
        dtype = np.dtype(self._store[0])
        shape = len(self._sources), (stop - start) * self.frames[0].shape[1]
        stored = self.scratch.array(shape, dtype)
        for row, source in zip(stored, self._sources, strict=True):
            as_read = row.view(dtype.newbyteorder(">"))
            source.read_stored(start, stop, as_read)
            np.copyto(row, as_read)  # its bytes swapped in place
        return Rows(stored, self.zero, first_place, (None,) * len(self.frames), ceilings=self._ceilings)

    def check_unchanged(self) -> None:
        """Refuse what has been read if a file has changed since it was opened.

        :raises FrameError: it has.
        """
        for source in self._sources:
            source.check_unchanged()


def _saturated(stored: Array, ceiling: float) -> IntArray | None:
    """Flag values from a ceiling up; None where all lie below."""
    if ceiling == math.inf or not stored.size or stored.max() < ceiling:
        return None
    return (stored >= ceiling) * FlagBits(Flag.SATURATED)


def read_rows(frames: tuple[Image, ...], start: int, stop: int) -> Rows:
    """Read some rows of every frame, and flag what is saturated in them."""
    reader = Reader(frames)
    rows = reader.read(start, stop).flagged()
    reader.check_unchanged()
    return rows


def carries_variance(frame: Image) -> bool:
    """Tell whether a frame carries a variance, before any pixel is read."""
    source = frame.source
    return source.stored is None and source.rows(0, 0).variance is not None


FEWEST_BLOCKS = 5
"""Over so many places of an image at least the rows that are sampled are spread."""


def sample_rows(frames: tuple[Image, ...], scale: FloatArray, enough: int | None = None) -> Sampled:
    """Read the pixels on which noise is measured: scaled, NaN where a value is bad.

    :param enough: read only as many of these rows as hold so many pixels of a frame.
    :raises ShapeError: there are none.
    """
    height, width = frames[0].shape
    if not height * width:
        raise ShapeError(
            f"{frames[0].name}: an image of {height} rows and {width} columns has no pixels; leave it out, or mend the "
            "section that it was cut to"
        )
    rows, thin = sampled(height, width, frames[0].kind, len(frames))
    if enough is not None:
        blocks_needed = min(len(rows), max(FEWEST_BLOCKS, -(-enough // (3 * width))))
        rows = [rows[place] for place in np.linspace(0, len(rows) - 1, blocks_needed).round().astype(int)]
    columns = np.arange(width)[thin]
    reader = Reader(frames)
    blocks, saturated, pixels = [], np.zeros(len(frames)), sum(stop - start for start, stop in rows) * width
    for start, stop in rows:
        places = (np.arange(stop - start)[:, None] * width + columns).reshape(-1)
        read = reader.read(start, stop).flagged()
        blocks.append(read.only(places).values.reshape(len(frames), stop - start, columns.size))
        found = (0 if flags is None else np.count_nonzero(flags & Flag.SATURATED) for flags in read.flags)
        saturated += np.fromiter(found, float)
    reader.check_unchanged()
    last_place = max(float(np.finfo(working_dtype(frame.source.dtype)).eps) for frame in frames)
    rounding = Rounding.of(blocks, scale, last_place=last_place, stored_whole=reader.whole)
    if (scale != 1).any():
        blocks = [block * scale[:, None, None] for block in blocks]
    lines = [np.arange(start, stop) for start, stop in rows]
    return Sampled(blocks, lines, columns, saturated / max(1, pixels), rounding)


@attrs.frozen
class GoodPixels(Sequence[FloatArray]):
    """The values of frames, NaN where flagged, each read when it is asked for."""

    frames: tuple[Image, ...]

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int) -> FloatArray: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[FloatArray]: ...
    def __getitem__(self, index: int | slice) -> FloatArray | Sequence[FloatArray]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        pixels = self.frames[index].pixels
        flagged = pixels.mask
        return np.where(flagged, np.float32(math.nan), pixels.values) if flagged.any() else pixels.values
