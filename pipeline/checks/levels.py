"""Whether each frame of a kind is like the others in level, contrast and noise, and an arc one of a lamp.

What honest nights do is no fault: twilight fades, the sky brightens, seeing and thin clouds change stars, frames are
dithered.  So each frame is compared with the median of the others, in what such nights leave alone, and with a wide
margin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray
from pipeline.records.note import Note
from pipeline.statistics.amplifier_noise import Sampled
from pipeline.statistics.frame_levels import FEW_PIXELS
from pipeline.statistics.medians import middles
from pipeline.statistics.robust import MAD_TO_SIGMA, WILD, median

LOOKED_AT = {"bias": 2**11, "dark": 2**11, "flat": 2**10}
LOOKED_AT_OF_STARS = 2**13
"""So many pixels of the sample are enough; stars and lines take more to be met with."""

HALF_A_STEP = 0.5
"""Added to a noise of whole numbers that is hardly more than that of rounding, of which a few pixels tell little."""

ENOUGH_FOR_NOISE = 2**11
"""Of these so many tell the noise of a frame to 2 %."""


@attrs.frozen(eq=False, repr=False)
class Compared:
    """The frames of a kind, by name, and pixels of them that are good in all: (frames, pixels).

    ``others`` is at each pixel what a frame is compared with: the median of all, or of two frames the other one.
    ``noise`` is that of each frame.  ``rows`` hold adjoining pixels, (frames, rows, columns): none if not sampled so.
    ``step`` is that of a converter, 0 where values show none.  ``dark`` are blocks of three rows of frames without
    light, (frames, rows, columns), NaN where a value is bad: columns may be left out between.
    """

    kind: str
    names: tuple[str, ...]
    stack: Array
    others: Array
    noise: Array
    rows: Array
    step: float
    dark: tuple[Array, ...] = ()

    @classmethod
    def of(cls, kind: str, names: Sequence[str], sampled: Sampled) -> Compared | None:
        """Take as many of the sampled pixels as are enough; None where too few are good in all frames.

        :param sampled: rows of all frames, NaN where a value is bad.
        """
        count, enough = len(names), LOOKED_AT.get(kind, LOOKED_AT_OF_STARS)
        step = max(1, sum(block[0].size for block in sampled.blocks) // enough)
        stack = np.concatenate([block.reshape(count, -1)[:, :: step | 1] for block in sampled.blocks], axis=1)
        good = np.isfinite(stack).all(axis=0)
        if np.count_nonzero(good) < FEW_PIXELS:
            return None
        stack = stack if good.all() else stack[:, good]
        adjoining = sampled.columns.size > 2 and int(sampled.columns[1] - sampled.columns[0]) == 1
        rows = np.concatenate(sampled.blocks[::step], axis=1) if adjoining else np.zeros((count, 0, 0))
        converter = sampled.rounding.step
        noise = _noise_of(stack[:, :: max(1, stack.shape[1] // ENOUGH_FOR_NOISE)], converter)
        dark = tuple(sampled.blocks[:: max(1, step // 2)]) if kind in NOISIER else ()
        return cls(kind, tuple(names), stack, _others(stack), noise, rows, converter, dark)

    def note(self, which: BoolArray, words: str, fact: str, mend: str, **figures: float) -> Note:
        """Make a note about some of the frames."""
        names = tuple(name for name, odd in zip(self.names, which, strict=True) if odd)
        known = tuple((name.replace("_", " "), float(value)) for name, value in figures.items())
        return Note(words, frames=names, mend=mend, figures=known, fact=f"{self.kind} frames: {fact}")

    @cached_property
    def levels(self) -> Array:
        """The median of each frame."""
        return middle_of_each(self.stack)

    @cached_property
    def ends(self) -> Array:
        """The lowest and the highest value of each frame, (frames, 2)."""
        return np.stack([self.stack.min(axis=1), self.stack.max(axis=1)], axis=1)

    @cached_property
    def levels_of_others(self) -> Array:
        """The median of what each is compared with."""
        if len(self.stack) == 2:
            return self.levels[::-1]
        return np.repeat(middle_of_each(self.others[:1]), len(self.stack))

    @cached_property
    def rows_of_others(self) -> Array:
        """What adjoining pixels are compared with."""
        return _others(self.rows)

    @cached_property
    def sigma(self) -> float:
        """The noise of a pixel, in the middle frame."""
        largest = float(np.abs(self.ends).max())
        return max(median(self.noise), 1e-9 * largest, 1e-300)


def _others(stack: Array) -> Array:
    """Give what each frame is compared with: the median of all, which one odd frame does not move; of two the other."""
    return stack[::-1] if len(stack) == 2 else np.broadcast_to(median_of_all(stack), stack.shape)


def median_of_all(stack: Array) -> Array:
    """Give the median over the first axis."""
    lower, upper = middles(stack)
    return 0.5 * (lower + upper)


def middle_of_each(rows: Array) -> Array:
    """Give the median of each row, of values without NaN: numpy's own takes ten times as long."""
    count = rows.shape[1]
    parted = np.partition(rows, count // 2, axis=1)
    upper = parted[:, count // 2]
    middle: Array = upper if count % 2 else 0.5 * (parted[:, : count // 2].max(axis=1) + upper)
    return middle


def median_of_rest(values: Array) -> Array:
    """Give for each value the median of all others.

    >>> median_of_rest(np.array([5.0, 1.0, 9.0])).tolist()
    [5.0, 7.0, 3.0]
    """
    ordered, ranks = np.sort(values), values.argsort().argsort()
    lower, upper = (values.size - 2) // 2, (values.size - 1) // 2
    rest: Array = 0.5 * (ordered[lower + (ranks <= lower)] + ordered[upper + (ranks <= upper)])
    return rest


def _noise_of(stack: Array, step: float) -> Array:
    """Give the noise of each frame, from how pixels differ from near ones otherwise than in other frames.

    Of three frames, whose median is too often one of them, their differences tell it:
    (σ₁² + σ₂²) + (σ₁² + σ₃²) − (σ₂² + σ₃²) = 2 σ₁².
    """
    steps = np.diff(stack, axis=1) / math.sqrt(2)
    if len(stack) == 2:
        return np.repeat(_scatter(steps[:1] - steps[1:], step) / math.sqrt(2), 2)
    if len(stack) == 3:
        opposite = _scatter(steps[[1, 2, 0]] - steps[[2, 0, 1]], step) ** 2
        noise: Array = np.sqrt(np.maximum(opposite.sum() - 2 * opposite, 0) / 2)
        return noise
    return _scatter(steps - median_of_all(steps), step) if len(stack) > 3 else _scatter(steps, step)


def _scatter(rows: Array, step: float) -> Array:
    """Give the standard deviation of each row, its wild values left out: unlike a median it is no whole number."""
    distance = np.abs(rows - middle_of_each(rows)[:, None])
    most = WILD * (MAD_TO_SIGMA * middle_of_each(distance) + HALF_A_STEP * step * (distance.max() > 5 * step))
    kept = distance <= most[:, None]
    scatter: Array = np.sqrt(np.sum(np.where(kept, distance, 0.0) ** 2, axis=1) / np.maximum(1, kept.sum(axis=1)))
    return scatter


def level_notes(frames: Compared, damage: Sequence[Note] = ()) -> tuple[Note, ...]:
    """Say which frames of a kind are unlike the others, and in what.

    :param damage: what the readout did to them: what is but a sign of that is not said of the same frames.
    """
    checks = [_without_lines]
    if len(frames.names) > 1:
        checks += [_apart, _lit_otherwise, _vary_together]
    if len(frames.names) > 2:
        checks += [_noisy]
    found = [note for check in checks for note in check(frames)]
    vague = f"{frames.kind} frames: {'noise' if frames.kind in NOISIER else 'light'}"  # others say more
    less = (vague, f"{frames.kind} frames: smeared")  # light of another exposure looks a little so
    accused = {name for note in (*damage, *found) if note.fact not in less for name in note.frames}
    return tuple(note for note in found if note.fact != vague or not accused.issuperset(note.frames))


APART_SIGMA, APART_FRACTION = 5.0, 0.002
"""Bias and dark frames lie apart from so many times the noise of a pixel, and such a part of their level, up: less is
the wander of an amplifier."""

TOGETHER = 0.4
"""A few frames are off where the others lie within such a part of what all span: else all of them jump."""

ROUNDING = 0.3
"""The noise of whole numbers is no less, 1 / √12; of other steps so many times a step."""


def _apart(frames: Compared) -> Iterator[Note]:
    """Find bias and dark frames of other levels: they have one, but for the wander of their amplifier."""
    if frames.kind not in ("bias", "dark"):
        return
    ordered = np.sort(frames.stack, axis=1)
    quarter = ordered.shape[1] // 4
    levels = ordered[:, quarter:-quarter].mean(axis=1)  # unlike a median it is no whole number
    offsets = levels - median(levels)
    span, wander = float(np.ptp(offsets)), APART_FRACTION * abs(median(levels))
    if span <= max(APART_SIGMA * frames.sigma, wander):
        return
    steps = np.diff(np.unique(ordered))  # of a converter; of floats they are next to nothing
    noise = max(frames.sigma, ROUNDING * float(steps.min()) if steps.size else 0.0)
    allowed = max(APART_SIGMA * noise, wander)
    if span <= allowed:
        return
    rises = np.diff(offsets)
    drifts = rises.size > 1 and (bool((rises > 0.05 * span).all()) or bool((rises < -0.05 * span).all()))
    off = np.abs(offsets) > 0.5 * allowed
    few = not drifts and 0 < np.count_nonzero(off) < off.size / 2 and float(np.ptp(offsets[~off])) < TOGETHER * span
    how = "they drift from frame to frame" if drifts else "it is lit, or set otherwise" if few else "the level jumps"
    yield frames.note(
        off if few else np.ones_like(off),
        f"{frames.kind} frames lie up to {span:.4g} apart in level, {span / noise:.0f} times a pixel's noise: {how}",
        "level",
        "leave out what is off; where frames have an overscan, take it out of each",
        apart=span,
        noise=noise,
    )


OTHER_CONTRAST = {"light": 1.45, "arc": 2.0}
"""Such a factor in the contrast of stars, with a level that changes the same way, is another exposure, or clouds that
are not thin; lamps warm up."""

OTHER_LEVEL = 1.67
"""Such a factor in a level that neither rises nor falls all the time is no twilight."""

BRIGHT_SIGMA = 15.0
"""Pixels that stand out by so many σ tell of contrast."""

NOTHING_BRIGHT = 0.2
"""A frame that has so small a part of the others' bright pixels has no light: one that moved has as many elsewhere."""


def _lit_otherwise(frames: Compared) -> Iterator[Note]:
    """Find lights and arcs exposed otherwise: contrast and level change together, or the level of one alone."""
    if frames.kind not in OTHER_CONTRAST:
        return
    noise, most = frames.sigma, OTHER_CONTRAST[frames.kind]
    levels, others = frames.levels, frames.levels_of_others
    apart = np.abs(levels - others)
    above, height = frames.stack - levels[:, None], frames.others - others[:, None]
    bright, usual = (np.count_nonzero(values > BRIGHT_SIGMA * noise, axis=1) for values in (above, height))
    if not ((apart > noise) | (bright < NOTHING_BRIGHT * usual)).any():
        return
    contrast = np.array([_contrast(*pair, noise) for pair in zip(above, height, strict=True)])
    back = np.array([_contrast(*pair, noise) for pair in zip(height, above, strict=True)])
    moved = (contrast < 1 / most) & (back < 1 / most)  # each is dark where the other is bright: that tells no exposure
    contrast[moved] = math.nan
    up = np.sign(levels - others) * (apart > APART_SIGMA * noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = ((contrast > most) & (up > 0)) | ((contrast < 1 / most) & (up < 0))
        ratio = np.where((levels > 0) & (others > 0), levels / others, 1.0)
    steady = np.isfinite(contrast) & (contrast < most) & (contrast > 1 / most)
    rising = np.diff(levels)
    turns = rising.size > 1 and not ((rising > 0).all() or (rising < 0).all())
    alone = (np.abs(np.log(ratio)) > math.log(OTHER_LEVEL)) & (apart > noise) & ~steady & turns
    odd = together | alone
    if len(odd) == 2:
        odd[:] = odd.any()
    if frames.kind == "arc" or len(odd) > 2:  # of two lights one may have a satellite
        dark = (contrast < NOTHING_BRIGHT) & (bright < NOTHING_BRIGHT * usual)
        odd = dark if dark.any() else odd
    if 0 < np.count_nonzero(odd) <= max(2, odd.size // 2):
        worst = int(np.argmax(np.where(odd, np.abs(np.log(ratio)), -1)))
        sizes = f"at {ratio[worst]:.3g} times the others' level"
        sizes += f", with {contrast[worst]:.2g} times their contrast" if math.isfinite(contrast[worst]) else ""
        yield frames.note(
            odd,
            f"{frames.kind} unlike the others, {sizes}: another exposure or gain than it says, clouds, or no light",
            "light",
            "leave it out, or give the exposure that is right",
            level=ratio[worst],
        )


def _contrast(above: Array, height: Array, noise: float) -> float:
    """Give by how much what is bright in others stands out, over its height in them; NaN where nothing is bright."""
    bright = np.flatnonzero(height > BRIGHT_SIGMA * noise)
    return median(above[bright] / height[bright]) if bright.size >= FEW_PIXELS else math.nan


NOISIER = {"bias": 1.9, "dark": 1.9}
NOISIER_WHEN_LIT, NO_IMAGE = 8.0, 0.2
"""One frame's noise, over the others', that is another readout: of lit frames, whose photons, stars and seeing differ,
only what is no image at all, its noise being such a part of its level."""


def _noisy(frames: Compared) -> Iterator[Note]:
    """Find a frame that was read in another mode, or one of a lit kind whose numbers are no image at all."""
    usual = np.hypot(median_of_rest(frames.noise), HALF_A_STEP * frames.step)
    odd = frames.noise > NOISIER.get(frames.kind, NOISIER_WHEN_LIT) * usual
    if odd.any() and frames.kind not in NOISIER:
        odd &= frames.noise > NO_IMAGE * np.abs(frames.stack).mean(axis=1)
    if 0 < np.count_nonzero(odd) < odd.size / 2:
        most = float((frames.noise / usual).max())
        yield frames.note(
            odd,
            f"{frames.kind} frame with {most:.3g} times the noise of the others: another readout mode, or bytes "
            "swapped",
            "noise",
            "leave it out",
            ratio=most,
        )


BESIDE = (*((0, columns) for columns in range(1, 9)), (1, 0), (2, 0))
"""So many rows and sampled columns apart pixels are looked at, whether they vary together: stripes of an interference
change their sign at some of these distances, and vanish at one, not at all."""

IN_COMMON, SURELY_IN_COMMON = 0.1, 7.0
"""The part of the noise that pixels share, from which it is said; and from so many of its errors."""

ENOUGH_IN_COMMON = 7
"""So many frames tell of it."""


def _vary_together(frames: Compared) -> Iterator[Note]:
    """Find bias and dark frames in which pixels vary together: by rows, columns or stripes, in each frame otherwise.

    The differences of frames keep no pattern that is fixed.
    """
    if not frames.dark:
        return
    some = slice(None, ENOUGH_IN_COMMON)
    left = np.diff(np.stack([block[some] for block in frames.dark]), axis=1)  # (blocks, frames, rows, columns)
    left -= np.diff(frames.levels[some])[:, None, None]
    distance = np.abs(left)
    known = distance[np.isfinite(distance)]
    kept = distance <= WILD * (MAD_TO_SIGMA * median(known) + HALF_A_STEP * frames.step)  # neither hits nor NaN
    count = np.maximum(kept.sum(axis=(0, 2, 3), keepdims=True), 1)
    left = np.where(kept, left, 0.0)
    left = np.where(kept, left - left.sum(axis=(0, 2, 3), keepdims=True) / count, 0.0)  # a median is a whole number
    variance = float(np.sum(left**2)) / float(count.sum())
    share = 0.0
    for down, right in BESIDE:
        first, second = (slice(down, None), slice(right, None)), (slice(-down or None), slice(-right or None))
        pairs = int(np.count_nonzero(kept[..., *first] & kept[..., *second]))
        common = abs(float(np.sum(left[..., *first] * left[..., *second]))) / max(pairs * variance, 1e-300)
        if common > max(IN_COMMON, SURELY_IN_COMMON / math.sqrt(max(pairs, 1))):
            share = max(share, min(common, 0.999))
    if share:
        times = math.sqrt(share / (1 - share))
        yield frames.note(
            np.ones(len(frames.names), bool),
            f"in {frames.kind} frames pixels vary together, by {times:.2g} times the noise that is each pixel's own "
            f"({100 * share:.0f} % of the variance): rows, columns or stripes that differ from frame to frame, such as "
            "an interference; UNCERT takes pixels for independent and may be off by as much",
            "varying together",
            "take an overscan out of each row where there is one, leave such frames out, or look for what disturbs the "
            "readout",
            percent=100 * share,
            times=times,
        )


FEWEST_OF_LINES = 1000
"""Fewer pixels may miss the lines of a lamp."""

LINES_TOGETHER = 0.2
"""Bright pixels are lines where more than this part of them have a bright neighbour: hot pixels stand alone."""


def _without_lines(frames: Compared) -> Iterator[Note]:
    """Find arcs without lines, which are bright pixels beside each other."""
    if frames.kind != "arc" or frames.rows[0].size < FEWEST_OF_LINES or not np.ptp(frames.stack):
        return
    level = median_of_all(frames.rows)
    steps = [step for step in map(_middle_step, (level, level.T)) if math.isfinite(step)]
    if not steps:
        return
    noise = MAD_TO_SIGMA * min(steps) / math.sqrt(2)  # where lines crowd, neighbours along them tell it
    high = level > np.nanmedian(level) + 10 * max(noise, ROUNDING * frames.step)
    beside = np.zeros_like(high)
    beside[:, 1:] |= high[:, :-1]
    beside[:, :-1] |= high[:, 1:]
    beside[1:] |= high[:-1]
    beside[:-1] |= high[1:]
    bright, together = high.sum(), (high & beside).sum()
    if together <= max(LINES_TOGETHER * bright, 4):
        yield frames.note(
            np.ones(len(frames.names), bool),
            "no lines in the arc: only single pixels stand out; was the lamp on?",
            "no lines",
            "leave these out",
            pixels=level.size,
        )


def _middle_step(level: Array) -> float:
    """Give the middle difference between neighbours along columns; NaN where none are known."""
    steps = np.abs(np.diff(level, axis=0))
    return median(steps[np.isfinite(steps)])
