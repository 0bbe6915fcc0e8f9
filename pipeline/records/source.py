"""What rows of pixels are read from: memory, a file, a step that waits for them."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import attrs
import numpy as np

from pipeline.records.arrays import Array
from pipeline.records.pixels import NotStored, Pixels


@runtime_checkable
class Source(Protocol):
    """What rows of pixels are read from: a file, a step that waits, or :class:`Pixels`, which are in memory already.

    A source is a value: it gives the same rows every time, or refuses.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values in :meth:`rows`."""

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows."""

    @property
    def stored(self) -> tuple[str, float] | None:
        """The type of whole numbers in which the values are stored and what to add to them; None for anything else."""

    @property
    def ceiling(self) -> float:
        """The value from which stored values are flagged as saturated; infinite for none."""

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored, big-endian, into ``into``.

        Whether what is read has changed meanwhile is for :meth:`check_unchanged` to say, once for many rows.
        """

    def check_unchanged(self) -> None:
        """Refuse what has changed since it was opened.

        :raises FrameError: it has.
        """

    def loaded(self) -> Source:
        """Give the same rows in a form that is quick to read in any order."""


@attrs.frozen(eq=False)
class RowsOfAnother(NotStored):
    """A source whose rows are those of another, changed: of the same shape and type."""

    source: Source

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.source.dtype

    def check_unchanged(self) -> None:
        """Refuse what is changed here if that has changed."""
        self.source.check_unchanged()

    def loaded(self) -> Self:
        """Give the same, over a source that is quick to read."""
        return attrs.evolve(self, source=self.source.loaded())
