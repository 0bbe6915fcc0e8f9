"""The rows of a stack: how it is to be combined, and what its frames hold there."""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.records.frames import Image
from pipeline.records.pixels import STICKY, Array, Flag, Pixels
from pipeline.records.source import Source
from pipeline.statistics.amplifier_noise import Sampled
from pipeline.statistics.frame_levels import sampled

UNTRUSTED = np.uint8(0xFF & ~STICKY)


@attrs.frozen
class Rows:
    """Rows of every frame in the type in which they are stored, (frames, pixels), and what is flagged in them.

    A value is ``stored + zero``.  ``flags`` holds those of each frame, None where there are none; ``ceilings`` are
    the stored values from which up those of each frame are saturated: see :meth:`flagged`.
    """

    stored: Array
    zero: float
    flags: tuple[Array | None, ...]
    parts: tuple[Pixels, ...] | None = None
    ceilings: tuple[float, ...] = ()

    def flagged(self, highest: float = math.inf) -> Rows:
        """Flag what is saturated; nothing is where the ``highest`` value stored lies below all ceilings."""
        if not self.ceilings or highest < min(self.ceilings) or min(self.ceilings) == math.inf:
            return self
        return attrs.evolve(self, flags=tuple(map(_saturated, self.stored, self.ceilings)), ceilings=())

    def columns(self, which: Array | slice) -> Array:
        """Give the values of some pixels: float64 (frames, pixels), NaN where a value is not to be used.

        A flagged value is used only where all frames are flagged.
        """
        stored = self.stored[:, which] if isinstance(which, slice) else self.stored.take(which, axis=1)
        values = as_values(stored, self.zero)
        if any(flags is not None for flags in self.flags):
            none = np.zeros(values.shape[1], np.uint8)
            bad = np.stack([none if flags is None else flags[which] for flags in self.flags]) & UNTRUSTED != 0
            values[bad & ~bad.all(axis=0)] = np.nan
        return values

    @property
    def combined_flags(self) -> tuple[Array | None, Array | None]:
        """Give the flags of the combination, and where a frame has a value that is not to be used."""
        known = [flags for flags in self.flags if flags is not None]
        if not known:
            return None, None
        any_frame = np.bitwise_or.reduce(known)
        everywhere = np.bitwise_and.reduce([flags & UNTRUSTED != 0 for flags in known])
        if len(known) < len(self.flags):
            everywhere = np.zeros_like(everywhere)
        sticky = any_frame & np.uint8(STICKY)
        return np.where(everywhere, any_frame, sticky), any_frame & UNTRUSTED != 0


def as_values(stored: Array, zero: float) -> Array:
    """Give what is stored as values: float64, NaN where one is not finite."""
    values = stored.astype(np.float64)
    values += zero
    if values.size and stored.dtype.kind == "f":
        values[~np.isfinite(values)] = np.nan
    return values


@attrs.define
class Reader:
    """Reads rows of every frame again and again into the same memory: what it gave last is then overwritten."""

    frames: tuple[Image, ...]
    memory: Array = attrs.field(factory=lambda: np.empty(0, np.uint8))
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
        if self._store is None:
            parts = tuple(frame.rows(start, stop).pixels for frame in self.frames)
            stored = np.stack([part.values.reshape(-1) for part in parts])
            flags = tuple(part.flags.reshape(-1) if part.flags.any() else None for part in parts)
            return Rows(stored, self.zero, flags, parts)
        dtype = np.dtype(self._store[0])
        shape = len(self._sources), (stop - start) * self.frames[0].shape[1]
        size = shape[0] * shape[1] * dtype.itemsize
        if self.memory.size < size:
            self.memory = np.empty(size, np.uint8)
        stored = self.memory[:size].view(dtype).reshape(shape)
        for row, source in zip(stored, self._sources, strict=True):
            as_read = row.view(dtype.newbyteorder(">"))
            source.read_stored(start, stop, as_read)
            np.copyto(row, as_read)  # its bytes swapped in place
        return Rows(stored, self.zero, (None,) * len(self.frames), ceilings=self._ceilings)

    def check_unchanged(self) -> None:
        """Refuse what has been read if a file has changed since it was opened.

        :raises FrameError: it has.
        """
        for source in self._sources:
            source.check_unchanged()


def _saturated(stored: Array, ceiling: float) -> Array | None:
    """Flag values from a ceiling up; None where all lie below."""
    if ceiling == math.inf or not stored.size or stored.max() < ceiling:
        return None
    return np.where(stored >= ceiling, np.uint8(Flag.SATURATED), np.uint8(0))


def read_rows(frames: tuple[Image, ...], start: int, stop: int) -> Rows:
    """Read some rows of every frame, and flag what is saturated in them."""
    reader = Reader(frames)
    rows = reader.read(start, stop).flagged()
    reader.check_unchanged()
    return rows


def sample_rows(frames: tuple[Image, ...], scale: Array) -> Sampled:
    """Read the pixels on which noise is measured: scaled, NaN where a value is bad."""
    height, width = frames[0].shape
    rows, thin = sampled(height, width, frames[0].kind, len(frames))
    columns = np.arange(width)[thin]
    blocks = []
    for start, stop in rows:
        places = (np.arange(stop - start)[:, None] * width + columns).reshape(-1)
        values = read_rows(frames, start, stop).columns(places) * scale[:, None]
        blocks.append(values.reshape(len(frames), stop - start, columns.size))
    return Sampled(blocks, [np.arange(start, stop) for start, stop in rows], columns)
