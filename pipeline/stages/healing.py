"""Interpolation over bad pixels, for programs that cannot leave a pixel out.  Whoever can should use the mask."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs
import numpy as np

from pipeline.compose.settings import Limits
from pipeline.compose.stage import stage
from pipeline.errors import SettingError
from pipeline.records.arrays import BoolArray, FloatArray, IntArray, sealed
from pipeline.records.frames import Image
from pipeline.records.pixels import Flag, FlagBits, Pixels
from pipeline.stages.checks import check_neighbours

By: TypeAlias = Literal["nearest", "along", "across"]
Reason: TypeAlias = Literal[
    "nonfinite", "saturated", "no_flat", "hot", "dead", "cosmic_ray", "bad", "uncovered", "noisy"
]
Places: TypeAlias = tuple[IntArray, IntArray]
"""Rows and columns of pixels."""

REASONS: tuple[Reason, ...] = ("nonfinite", "no_flat", "hot", "dead", "cosmic_ray", "bad", "noisy")
"""All but saturated: a saturated pixel is brighter than its neighbours, and says so better than they would."""


@stage
def heal(
    image: Image,
    *,
    by: By = "nearest",
    saxis: Literal[0, 1] = 1,
    reach: Annotated[int, Limits(least=1, unit="pixel")] | None = None,
    reasons: tuple[Reason, ...] = REASONS,
) -> Image:
    """Put in place of bad values what lies between the nearest good ones; the flags stay, and HEALED is added.

    ``along`` takes the nearest good pixels on both sides along the dispersion, ``across`` across it, and draws a
    straight line between them.  ``nearest`` takes the mean of both lines, each the heavier the nearer its ends; at a
    pixel with good neighbours on one side only of one axis, the other axis alone.  At the edge of the image the
    nearest good value is taken as it is.  A tilted plane comes back exactly, wherever a line has two ends.

    A value's variance is that of the pixels it was made of; what the interpolation itself is wrong by is not in it.
    A pixel that nothing good can be reached from keeps its value and is not HEALED.

    >>> import numpy as np
    >>> from pipeline import Image, heal
    >>> heal(Image.of(np.array([[1.0, np.nan, 5.0]])), saxis=1).values
    array([[1., 3., 5.]])

    :param saxis: 1 where the dispersion lies along x, 0 along y.
    :param reach: pixels to the farthest good neighbour that may be used; None for any.
    :param reasons: flags, by name, of pixels to heal.
    :raises SettingError: there is no such way, axis or flag.
    :raises StepError: the image is a mosaic of colours.
    """
    if not reasons:
        raise SettingError("heal: reasons=(); expected one or more; to heal nothing, leave heal out")
    wanted = sum({int(Flag[reason.upper()]) for reason in reasons})
    pixels, count = image.pixels, 0
    check_neighbours(image, "heal")
    axes = (1, 0) if by == "nearest" else ((1,) if (saxis == 1) == (by == "along") else (0,))
    good, bad = ~pixels.mask, (pixels.flags & wanted) != 0
    bad &= (pixels.flags & ~FlagBits(wanted | Flag.HEALED)) == 0
    for _ in range(2 if by == "nearest" else 1):  # the second time for where a bad row and a bad column cross
        if not bad.any():
            break
        pixels, done = _healed(pixels, axes, reach, good=good, bad=bad)
        good, bad, count = good | done, bad & ~done, count + int(done.sum())
    if not count:
        return image
    words = "neighbours" if by == "nearest" else f"{by} dispersion"
    added = (("HEALED", True, f"bad pixels got values from {words}"), ("NHEALED", count, "number of them"))
    return attrs.evolve(image, data=pixels, added=(*image.added, *added))


def _healed(
    pixels: Pixels, axes: tuple[int, ...], reach: int | None, *, good: BoolArray, bad: BoolArray
) -> tuple[Pixels, BoolArray]:
    """Interpolate the bad pixels once; give them, and where that could be done."""
    where: Places = np.nonzero(bad)[0], np.nonzero(bad)[1]
    ends = [end for axis in axes for end in _ends(where, axis, reach, good=good)]
    weights = _weights(ends)
    reached = weights.sum(axis=0) > 0
    weights = weights[:, reached] / weights[:, reached].sum(axis=0)
    y, x = where[0][reached], where[1][reached]
    places = [(end.y[reached], end.x[reached]) for end in ends]
    done = np.zeros(bad.shape, bool)
    done[y, x] = True

    def put(plane: FloatArray, power: int = 1) -> FloatArray:
        mixed = plane.copy()
        taken = (w**power * np.where(w > 0, plane[place], 0) for w, place in zip(weights, places, strict=True))
        mixed[y, x] = sum(taken, start=np.zeros(y.size)).astype(plane.dtype)
        return sealed(mixed)

    healed = attrs.evolve(
        pixels,
        values=put(pixels.values),
        variance=None if pixels.variance is None else put(pixels.variance, 2),
        shared=tuple((key, put(sigma)) for key, sigma in pixels.shared),
    )
    return healed.flagged(done, Flag.HEALED), done


@attrs.frozen
class _End:
    """The nearest good pixel from each bad one on one side of one axis; 0 is the distance where there is none."""

    y: IntArray
    x: IntArray
    distance: IntArray


def _ends(where: Places, axis: int, reach: int | None, *, good: BoolArray) -> tuple[_End, _End]:
    """Find the nearest good pixels before and behind each bad one along an axis."""
    length = good.shape[axis]
    places = np.arange(length).reshape((-1, 1) if axis == 0 else (1, -1))
    before = np.maximum.accumulate(np.where(good, places, -1), axis=axis)[where]
    flipped = np.flip(np.where(good, places, length), axis)
    behind = np.flip(np.minimum.accumulate(flipped, axis=axis), axis)[where]
    here = where[axis]
    return (
        _end(where, axis, reach, place=before, distance=here - before, there=before >= 0),
        _end(where, axis, reach, place=behind, distance=behind - here, there=behind < length),
    )


def _end(where: Places, axis: int, reach: int | None, *, place: IntArray, distance: IntArray, there: BoolArray) -> _End:
    usable = there if reach is None else there & (distance <= reach)
    place = np.where(usable, place, where[axis])
    y, x = (place, where[1]) if axis == 0 else (where[0], place)
    return _End(y, x, np.where(usable, distance, 0))


def _weights(ends: list[_End]) -> FloatArray:
    """Weigh the ends by the inverse of their distance: (ends, bad pixels).

    Along one axis that is linear interpolation.  Where one axis has both ends, an axis with one is left out.
    """
    distances = np.array([end.distance for end in ends], np.float64)
    weights = np.where(distances > 0, 1 / np.maximum(distances, 1), 0)
    between = (weights > 0).reshape(-1, 2, weights.shape[1]).all(axis=1)  # (axes, bad pixels)
    lines = np.repeat(between, 2, axis=0)
    return np.where(between.any(axis=0) & ~lines, 0, weights)
