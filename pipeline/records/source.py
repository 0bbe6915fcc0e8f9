"""What rows of pixels are read from: memory, a file, a step that waits for them."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from pipeline.records.arrays import Array
from pipeline.records.pixels import Pixels


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
