"""Pixels that may lose values to a clip, taken out of the rows of a stack."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from pipeline.records.pixels import Array


@attrs.frozen
class Doubtful:
    """Pixels that may lose values: ``where`` they are in the flattened image, and what is stored (frames, pixels).

    ``highest`` is the highest value of any pixel.
    """

    where: Array
    stored: Array
    highest: float

    @classmethod
    def joined(cls, parts: Sequence[Doubtful]) -> Doubtful:
        """Put pixels of several rows together."""
        if len(parts) == 1:
            return parts[0]
        planes = zip(*((part.where, part.stored) for part in parts), strict=True)
        where, stored = (np.concatenate(plane, axis=-1) for plane in planes)
        return cls(where, stored, max(part.highest for part in parts))

    def only(self, places: Array | slice) -> Doubtful:
        """Give some of them."""
        if isinstance(places, slice):
            return Doubtful(self.where[places], self.stored[:, places], self.highest)
        if places.size == self.where.size:
            return self
        return Doubtful(self.where[places], self.stored.take(places, axis=1), self.highest)


def places_of(doubt: Array) -> Array:
    """Give the places where something is true, as np.flatnonzero does: where that is rarely, eight at a time."""
    eights = doubt.size // 8 * 8
    words = doubt[:eights].view(np.uint64)
    some = np.flatnonzero(words != 0)
    inside = np.flatnonzero(words.take(some).view(np.bool_))
    return np.concatenate([(some[inside >> 3] << 3) + (inside & 7), np.flatnonzero(doubt[eights:]) + eights])
