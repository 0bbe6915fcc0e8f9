"""How much each frame of a stack counts, or each value: by what it was scaled, its exposure, or how noisy it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import attrs
import numpy as np

from pipeline.errors import SettingError, ShapeError
from pipeline.records.arrays import Array, FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of
from pipeline.records.pixels import Pixels, on_their_own
from pipeline.statistics.amplifier_noise import Sampled
from pipeline.statistics.frame_levels import Shifts, sampled
from pipeline.statistics.robust import MAD_TO_SIGMA, WILD

NOISE_POWER = {None: 0, "exposure": 2, "level": 1}
"""The inverse variance of a scaled frame goes with this power of its size: dark frames are limited by read noise,
which scales with the values, flats by photons."""

QUIETEST = 0.02
"""No frame is taken for quieter than this fraction of the others: what says so is chance."""


def one_each(frames: Sequence[Image], numbers: Sequence[float], setting: str) -> FloatArray:
    """Take a number for each frame, as they were given for ``scale`` or ``weights``.

    :raises SettingError: they are not as many, or not all positive.
    """
    given: FloatArray = np.array(numbers, np.float64)
    if given.shape != (len(frames),):
        raise SettingError(f"combine: {given.size} numbers for {setting}, and {len(frames)} frames; give one a frame")
    for frame, number in zip(frames, given.tolist(), strict=True):
        if not 0 < number < np.inf:
            raise SettingError(f"combine: {setting} of {frame.name} is {number:g}; {_NOT_TO_COUNT[setting]}")
    return given


_NOT_TO_COUNT = {
    "scale": "expected a positive factor",
    "weights": "expected a positive number; a frame that is not to count is left out of the list",
}


@attrs.frozen(eq=False, repr=False)
class PixelWeights:
    """A weight for each value of a stack: a plane of them for each frame, of the rows from ``first_row`` on.

    ``typical`` is that of each frame, over all of its pixels and relative to the other frames.
    """

    planes: tuple[Array, ...]
    typical: FloatArray
    first_row: int = 0

    @classmethod
    def of(cls, frames: Sequence[Image], weights: Array) -> PixelWeights:
        """Take weights as they were given, (frames, ny, nx).

        :raises ShapeError: they have another shape.
        :raises SettingError: they are not all positive.
        """
        shape = len(frames), *frames[0].shape
        if weights.dtype.kind == "c":
            raise SettingError("combine: weights are complex numbers; expected positive ones")
        if weights.shape != shape:
            raise ShapeError(
                f"combine: weights of shape {weights.shape}; expected one a frame, or one a value, {shape}"
            )
        mean = np.zeros(shape[1:])
        for frame, plane in zip(frames, weights, strict=True):
            if not (np.min(plane) > 0 and np.max(plane) < np.inf):
                odd = np.argwhere(~((plane > 0) & (plane < np.inf)))
                y, x = odd[0].tolist()
                raise SettingError(
                    f"combine: weights of {frame.name} are not positive at {len(odd)} pixels, such as {plane[y, x]:g} "
                    f"in row {y}, column {x}; flag pixels that are not to count (flag_bad), and give them any weight"
                )
            mean += plane / len(frames)
        return cls(tuple(weights), np.array([np.mean(plane / mean) for plane in weights]))

    def in_order(self, order: IntArray) -> PixelWeights:
        """Give those of frames that are put into another order."""
        return attrs.evolve(self, planes=tuple(self.planes[i] for i in order), typical=self.typical[order])

    def rows(self, start: int, stop: int) -> PixelWeights:
        """Give those of some rows, under the numbers that these have in the image."""
        some = slice(start - self.first_row, stop - self.first_row)
        return attrs.evolve(self, planes=tuple(plane[some] for plane in self.planes), first_row=start)

    def at(self, place: IntArray) -> FloatArray:
        """Give those of some pixels, (frames, pixels), from where in the flattened image they are."""
        here = place - self.first_row * self.planes[0].shape[1]
        weights: FloatArray = np.stack([plane.reshape(-1).take(here) for plane in self.planes]).astype(np.float64)
        return weights


def of_variance(variance: FloatArray, typical: FloatArray) -> FloatArray:
    """Give the weights of values of these variances, (frames, pixels): their inverse.

    A value whose variance is not known, as of infinite and 0, counts only where that of no frame is: as its frame does.
    """
    known = np.isfinite(variance) & (variance > 0)
    weights: FloatArray = np.divide(1.0, variance, out=np.zeros(variance.shape), where=known)
    return np.where(known.any(axis=0), weights, typical[:, None])


def carried_variances(frames: Sequence[Image], scale: Array) -> Array:
    """Give the typical variance that each frame carries, scaled as it is, over the mean of all."""
    _, stack = _sampled_with_variance(frames, scale)
    if not stack.size:
        return np.ones(len(frames))
    return _relative(np.median(stack / np.mean(stack, axis=0), axis=1))


def _sampled_with_variance(frames: Sequence[Image], scale: Array) -> tuple[Array, Array]:
    """Read values and variances where all frames know both, scaled as they are: each (frames, pixels)."""
    height, width = frames[0].shape
    rows, thin = sampled(height, width, frames[0].kind, len(frames))
    read = [on_their_own([frame.rows(*ends).pixels for frame in frames]) for ends in rows]

    def stacked(plane_of: Callable[[Pixels], Array], power: int) -> Array:
        planes = [np.stack([plane_of(one)[:, thin] for one in parts]).reshape(len(frames), -1) for parts in read]
        scaled: Array = np.concatenate(planes, axis=1) * scale[:, None] ** power
        return scaled

    values, variance = stacked(lambda one: np.where(one.mask, np.nan, one.values), 1), stacked(_variance, 2)
    known = (np.isfinite(variance) & (variance > 0)).all(axis=0)
    return values[:, known], variance[:, known]


def _variance(pixels: Pixels) -> Array:
    return np.full(pixels.shape, np.nan) if pixels.variance is None else pixels.variance.astype(np.float64)


MUCH_DRAWN, SURELY, ENOUGH_PIXELS = 0.05, 5.0, 1000
"""A mean that weights draw by more of its own σ is told of: where so many σ show it, among so many pixels."""


def weights_that_draw(frames: Sequence[Image], scale: Array) -> tuple[Note, ...]:
    """Say where the mean, weighed by the variance that each value carries, is another than if frames were weighed.

    A variance that was taken from the value itself is small where that is low by chance: of counts the mean comes out
    low by nearly one electron, however many frames there are.
    """
    values, variance = _sampled_with_variance(frames, scale)
    good = np.isfinite(values).all(axis=0)
    if len(frames) < 2 or np.count_nonzero(good) < ENOUGH_PIXELS:
        return ()
    values, each = values[:, good], 1 / variance[:, good]
    by_frame = inverse(np.median(variance / np.mean(variance, axis=0), axis=1))
    drawn = np.sum(each * values, axis=0) / np.sum(each, axis=0) - by_frame @ values / np.sum(by_frame)
    pulls = drawn * np.sqrt(np.sum(each, axis=0))
    middle = float(np.median(pulls))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(pulls - middle)))
    if abs(middle) < max(MUCH_DRAWN, SURELY * spread * math.sqrt(math.pi / 2 / pulls.size)):
        return ()
    by, unit = float(np.mean(drawn[np.abs(pulls - middle) <= WILD * spread])), frames[0].state.unit
    return (
        Note(
            f"the variance that values carry goes with them, and weights by it draw the mean by {by:.3g} {unit}, "
            f"{abs(middle):.2g} of its σ",
            frames=names_of(frames),
            mend="weigh by exposure, or not at all; or let the variance be that of the level and not of the value",
            figures=(("drawn by", by), ("sigmas", middle)),
            fact="weights that draw the mean",
        ),
    )


def scattered_variances(samples: Sampled | None, shifts: Shifts) -> Array:
    """Measure the variance of each frame of three or more about their mean, over the mean variance of all.

    Of n frames with variances v and V = Σ v, the residuals from their mean have the variances v (1 − 2/n) + V/n².
    """
    count = len(shifts.offsets)
    if samples is None or count < 3:
        return np.ones(count)
    stack = np.concatenate([block.reshape(count, -1) for block in samples.blocks], axis=1)
    even = shifts.taken_from(stack)
    even = even[:, np.isfinite(even).all(axis=0)]
    if not even.size:
        return np.ones(count)
    residual = even - even.mean(axis=0)
    sigma = MAD_TO_SIGMA * np.median(np.abs(residual), axis=1)
    calm = (np.abs(residual) <= WILD * np.maximum(sigma, 1e-300)[:, None]).all(axis=0)
    if not calm.any():
        return np.ones(count)
    found = np.mean(residual[:, calm] ** 2, axis=1)
    total = found.sum() * count / (count - 1)
    return _relative(count / (count - 2) * (found - total / count**2)) if total > 0 else np.ones(count)


def _relative(variances: Array) -> Array:
    bounded = np.maximum(variances, QUIETEST * np.mean(variances))
    relative: Array = bounded / np.mean(bounded)
    return relative


def inverse(variances: Array) -> Array:
    """Give the weights of frames of these variances, over their mean; or the variances of frames of these weights."""
    return _relative(1 / variances)
