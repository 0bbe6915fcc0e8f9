"""Whether each frame of a kind is like the others: in level, contrast, noise, place, and in what its converter does.

The rows are those that planning a combination samples.  What honest nights do is no fault: twilight fades, the sky
brightens, seeing and thin clouds change stars, frames are dithered.  So each frame is compared with the median of the
others, in what such nights leave alone, and with a wide margin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from pipeline.records.arrays import Array, BoolArray
from pipeline.records.note import Note
from pipeline.statistics.amplifier_noise import Sampled
from pipeline.statistics.frame_levels import FEW_PIXELS
from pipeline.statistics.medians import middles
from pipeline.statistics.robust import MAD_TO_SIGMA, WILD

LOOKED_AT = {"bias": 2**10, "dark": 2**10, "flat": 2**10}
LOOKED_AT_OF_STARS = 2**13
"""So many pixels of the sample are enough; stars and lines take more to be met with."""

APART_SIGMA, APART_FRACTION = 5.0, 0.002
"""Bias and dark frames lie apart from so many times the noise of a pixel, and such a part of their level, up: less is
the wander of an amplifier."""

ROUNDING = 0.3
"""The noise of whole numbers is no less, 1 / √12; of other steps so many times a step."""

OTHER_CONTRAST = {"light": 1.45, "arc": 2.0}
"""Such a factor in the contrast of stars, with a level that changes the same way, is another exposure, or clouds that
are not thin; lamps warm up."""

OTHER_LEVEL = 1.67
"""Such a factor in a level that neither rises nor falls all the time is no twilight."""

BRIGHT_SIGMA = 15.0
"""Pixels that stand out by so many σ tell of contrast."""

NOTHING_BRIGHT = 0.2
"""A frame that has so small a part of the others' bright pixels has no light: one that moved has as many elsewhere."""

NOISIER = {"bias": 1.9, "dark": 1.9}
NOISIER_WHEN_LIT, NO_IMAGE = 8.0, 0.2
"""One frame's noise, over the others', that is another readout: of lit frames, whose photons, stars and seeing differ,
only what is no image at all, its noise being such a part of its level."""

CONSTANT = 0.2
"""Where so many more neighbours than in other frames hold the very same value, a part of the frame is dead."""

SPIKE_SIGMA, SPIKES = 6.0, 12
"""A pixel that stands out of its row by so many σ alone, and how many of these tell of a shift."""

SMEARED, SMEARED_SIGMA = 0.02, 6.0
"""The part of a column's light that lies on all of it, and how sure that has to be."""

LIT_COLUMN = 10.0
"""Columns are looked at whose light differs from the next one's by so many times the noise of its mean."""

FEWEST_OF_LINES = 1000
"""Fewer pixels may miss the lines of a lamp."""

LINES_TOGETHER = 0.2
"""Bright pixels are lines where more than this part of them have a bright neighbour: hot pixels stand alone."""

BLOCKS = 3
"""A bit that never changes is stuck where values lie in so many stretches that it parts."""


@attrs.frozen(eq=False, repr=False)
class Compared:
    """The frames of a kind, by name, and pixels of them that are good in all: (frames, pixels).

    ``others`` is at each pixel what a frame is compared with: the median of all, or of two frames the other one.
    ``noise`` is that of each frame.  ``blocks`` hold adjoining pixels, (frames, rows, columns), if sampled.
    """

    kind: str
    names: tuple[str, ...]
    stack: Array
    others: Array
    noise: Array
    blocks: tuple[Array, ...]

    @classmethod
    def of(cls, kind: str, names: Sequence[str], sampled: Sampled) -> Compared | None:
        """Take as many of the sampled pixels as are enough; None where too few are good in all frames."""
        count, enough = len(names), LOOKED_AT.get(kind, LOOKED_AT_OF_STARS)
        pixels = sum(block[0].size for block in sampled.blocks)
        stack = np.concatenate([block.reshape(count, -1) for block in sampled.blocks], axis=1)
        stack = stack[:, :: max(1, pixels // enough) | 1]
        stack = stack[:, np.isfinite(stack).all(axis=0)]
        if stack.shape[1] < FEW_PIXELS:
            return None
        adjoining = sampled.columns.size > 2 and int(sampled.columns[1] - sampled.columns[0]) == 1
        blocks = sampled.blocks[:: max(1, pixels // enough)] if adjoining else []
        return cls(kind, tuple(names), stack, _others(stack), _noise_of(stack), tuple(blocks))

    def note(self, which: BoolArray, words: str, fact: str, mend: str, **figures: float) -> Note:
        """Make a note about some of the frames."""
        names = tuple(name for name, odd in zip(self.names, which, strict=True) if odd)
        known = tuple((name.replace("_", " "), float(value)) for name, value in figures.items())
        return Note(words, frames=names, mend=mend, figures=known, fact=f"{self.kind} frames: {fact}")

    @property
    def sigma(self) -> float:
        """The noise of a pixel, in the middle frame."""
        return max(float(np.median(self.noise)), 1e-9 * float(np.abs(self.stack).max()), 1e-30)


def odd_frames(kind: str, names: Sequence[str], sampled: Sampled) -> tuple[Note, ...]:
    """Say which frames of a kind are unlike the others, and in what.

    :param sampled: rows of all frames, NaN where a value is bad.
    """
    frames = Compared.of(kind, names, sampled)
    if frames is None:
        return ()
    checks = [_stuck_bits, _without_lines]
    if len(names) > 1:
        checks += [_partly_dead, _apart, _lit_otherwise]
    if len(names) > 2:
        checks += [_noisy, _shifted, _smeared]
    found = [note for check in checks for note in check(frames)]
    vague = f"{kind} frames: {'noise' if kind in NOISIER else 'light'}"  # not beside what says more of the same frames
    less = (vague, f"{kind} frames: smeared")  # light of another exposure looks a little so
    accused = {name for note in found if note.fact not in less for name in note.frames}
    return tuple(note for note in found if note.fact != vague or not accused.issuperset(note.frames))


def _others(stack: Array) -> Array:
    """Give what each frame is compared with: the median of all, which one odd frame does not move; of two the other."""
    return stack[::-1] if len(stack) == 2 else np.broadcast_to(_median(stack), stack.shape)


def _median(stack: Array) -> Array:
    lower, upper = middles(stack)
    return 0.5 * (lower + upper)


def _noise_of(stack: Array) -> Array:
    """Give the noise of each frame, from how pixels differ from near ones otherwise than in other frames.

    Of three frames, whose median is too often one of them, their differences tell it:
    (σ₁² + σ₂²) + (σ₁² + σ₃²) − (σ₂² + σ₃²) = 2 σ₁².
    """
    steps = np.diff(stack, axis=1) / math.sqrt(2)
    if len(stack) == 2:
        return np.repeat(_scatter(steps[:1] - steps[1:]) / math.sqrt(2), 2)
    if len(stack) == 3:
        opposite = _scatter(steps[[1, 2, 0]] - steps[[2, 0, 1]]) ** 2
        noise: Array = np.sqrt(np.maximum(opposite.sum() - 2 * opposite, 0) / 2)
        return noise
    return _scatter(steps - _median(steps)) if len(stack) > 3 else _scatter(steps)


def _scatter(rows: Array) -> Array:
    """Give the standard deviation of each row, its wild values left out: unlike a median it is no whole number."""
    distance = np.abs(rows - np.median(rows, axis=1, keepdims=True))
    kept = distance <= WILD * (MAD_TO_SIGMA * np.median(distance, axis=1, keepdims=True) + 0.5 * (distance.max() > 5))
    scatter: Array = np.sqrt(np.sum(np.where(kept, distance, 0.0) ** 2, axis=1) / np.maximum(1, kept.sum(axis=1)))
    return scatter


def _rest(values: Array) -> Array:
    """Give for each value the median of all others."""
    return np.array([np.median(np.delete(values, i)) for i in range(values.size)])


def _apart(frames: Compared) -> Iterator[Note]:
    """Find bias and dark frames of other levels: they have one, but for the wander of their amplifier."""
    if frames.kind not in ("bias", "dark"):
        return
    middle = np.sort(frames.stack, axis=1)[:, frames.stack.shape[1] // 4 : -(frames.stack.shape[1] // 4)]
    levels = middle.mean(axis=1)  # unlike a median it is no whole number
    offsets = levels - np.median(levels)
    steps = np.diff(np.unique(frames.stack))  # of a converter; of floats they are next to nothing
    noise = max(frames.sigma, ROUNDING * float(steps.min()) if steps.size else 0.0)
    allowed = max(APART_SIGMA * noise, APART_FRACTION * abs(float(np.median(levels))))
    span = float(np.ptp(offsets))
    if span <= allowed:
        return
    rises = np.diff(offsets)
    drifts = rises.size > 1 and (bool((rises > 0.05 * span).all()) or bool((rises < -0.05 * span).all()))
    off = np.abs(offsets) > 0.5 * allowed
    few = not drifts and 0 < np.count_nonzero(off) < off.size / 2
    how = "they drift from frame to frame" if drifts else "it is lit, or set otherwise" if few else "the level jumps"
    yield frames.note(
        off if few else np.ones_like(off),
        f"{frames.kind} frames lie up to {span:.4g} apart in level, {span / noise:.0f} times a pixel's noise: {how}",
        "level",
        "leave out what is off; where frames have an overscan, take it out of each",
        apart=span,
        noise=noise,
    )


def _lit_otherwise(frames: Compared) -> Iterator[Note]:
    """Find lights and arcs exposed otherwise: contrast and level change together, or the level of one alone."""
    if frames.kind not in OTHER_CONTRAST:
        return
    noise, most = frames.sigma, OTHER_CONTRAST[frames.kind]
    levels, others = np.median(frames.stack, axis=1), np.median(frames.others, axis=1)
    contrast = np.array([_contrast(*pair, noise) for pair in zip(frames.stack, frames.others, strict=True)])
    back = np.array([_contrast(*pair, noise) for pair in zip(frames.others, frames.stack, strict=True)])
    moved = (contrast < 1 / most) & (back < 1 / most)  # each is dark where the other is bright: that tells no exposure
    contrast[moved] = math.nan
    up = np.sign(levels - others) * (np.abs(levels - others) > APART_SIGMA * noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = ((contrast > most) & (up > 0)) | ((contrast < 1 / most) & (up < 0))
        ratio = np.where((levels > 0) & (others > 0), levels / others, 1.0)
    steady = np.isfinite(contrast) & (contrast < most) & (contrast > 1 / most)
    rising = np.diff(levels)
    turns = rising.size > 1 and not ((rising > 0).all() or (rising < 0).all())
    alone = (np.abs(np.log(ratio)) > math.log(OTHER_LEVEL)) & ~steady & turns
    odd = together | alone
    if len(odd) == 2:
        odd[:] = odd.any()
    if frames.kind == "arc" or len(odd) > 2:  # of two lights one may have a satellite
        bright, usual = (_bright(stack, noise).sum(axis=1) for stack in (frames.stack, frames.others))
        dark = (contrast < NOTHING_BRIGHT) & (bright < NOTHING_BRIGHT * usual)
        odd = dark if dark.any() else odd
    if 0 < np.count_nonzero(odd) <= max(2, odd.size // 2):
        worst = int(np.argmax(np.where(odd, np.abs(np.log(ratio)), -1)))
        sizes = f"at {ratio[worst]:.3g} of the others' level"
        sizes += f", with {contrast[worst]:.2g} of their contrast" if math.isfinite(contrast[worst]) else ""
        yield frames.note(
            odd,
            f"{frames.kind} unlike the others, {sizes}: another exposure or gain than it says, clouds, or no light",
            "light",
            "leave it out, or give the exposure that is right",
            level=ratio[worst],
        )


def _contrast(frame: Array, others: Array, noise: float) -> float:
    """Give by how much what is bright in others stands out, over how much it does in them; NaN where nothing does."""
    base, height, bright = float(np.median(frame)), others - np.median(others), _bright(others[None], noise)[0]
    return float(np.median((frame[bright] - base) / height[bright])) if bright.sum() >= FEW_PIXELS else math.nan


def _bright(stack: Array, noise: float) -> BoolArray:
    return stack - np.median(stack, axis=1, keepdims=True) > BRIGHT_SIGMA * noise


def _noisy(frames: Compared) -> Iterator[Note]:
    """Find a frame that was read in another mode, or one of a lit kind whose numbers are no image at all."""
    usual = np.maximum(_rest(frames.noise), ROUNDING)
    if frames.kind in NOISIER:
        odd = frames.noise > NOISIER[frames.kind] * usual
    else:
        odd = (frames.noise > NOISIER_WHEN_LIT * usual) & (frames.noise > NO_IMAGE * np.abs(frames.stack).mean(axis=1))
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


def _partly_dead(frames: Compared) -> Iterator[Note]:
    """Find a frame of which a part holds one value, where others hold an image."""
    if not frames.blocks:
        return
    tops = [np.fmax.reduce(block.reshape(len(block), -1), axis=1) for block in frames.blocks]
    top = np.fmax.reduce(tops)[:, None, None]  # saturated
    alike = [((np.diff(block, axis=2) == 0) & (block[:, :, 1:] < top)).mean(axis=(1, 2)) for block in frames.blocks]
    share = np.mean(alike, axis=0)
    odd = share > CONSTANT + 2 * _rest(share)
    if 0 < np.count_nonzero(odd) <= odd.size / 2:
        part = 100 * float(share.max())
        yield frames.note(
            odd,
            f"{part:.0f} % of the {frames.kind} is dead: it holds one and the same value, where others hold an image",
            "dead",
            "leave it out",
            percent=part,
        )


def _stuck_bits(frames: Compared) -> Iterator[Note]:
    """Find a bit that is always or never set, while values lie on both sides of it again and again.

    Low bits that are never set are a converter's steps, and high ones the range that values have.
    """
    if frames.stack.min() < 0 or frames.stack.max() >= 2**16 or (frames.stack % 1).any():
        return
    values = frames.stack.astype(np.int64)
    found = [_stuck_bit(one) for one in values]
    odd = np.array([bit is not None for bit in found])
    if odd.any():
        bit = next(bit for bit in found if bit is not None)
        yield frames.note(
            odd,
            f"a bit of the converter is stuck: {bit[0]} is {'always' if bit[1] else 'never'} set in values",
            f"bit {bit[0]}",
            "leave these frames out: what that changed cannot be told",
            bit=bit[0],
        )


def _stuck_bit(values: Array) -> tuple[int, bool] | None:
    always, ever = int(np.bitwise_and.reduce(values)), int(np.bitwise_or.reduce(values))
    changing = always ^ ever
    for power in range(1, 15):
        bit = 1 << power
        if changing & bit or not changing & (bit - 1) or not changing >> (power + 1):
            continue
        stretches = np.bincount((values >> (power + 1)).reshape(-1))
        filled = stretches >= max(5, values.size // 100)
        runs = np.convolve(filled, np.ones(BLOCKS, int), "valid") == BLOCKS if filled.size >= BLOCKS else np.zeros(0)
        if runs.any():
            return bit, bool(always & bit)
    return None


def _shifted(frames: Compared) -> Iterator[Note]:
    """Find a frame in which pixels that stand out alone, as hot ones do, lie one or two columns further along."""
    if not frames.blocks:
        return
    odd, moved = np.zeros(len(frames.names), bool), 0
    places = [_alone(_others(block)[0]) for block in frames.blocks]  # of three frames and more: the same for each
    for i in range(odd.size):
        spikes = [_beside(block[i], *where) for block, where in zip(frames.blocks, places, strict=True)]
        heights = np.concatenate(spikes, axis=1)
        if heights.shape[1] >= SPIKES:
            typical = np.median(heights, axis=1)
            best = int(np.argmax(typical))
            fits = (np.abs(heights[best] - 1) < 0.5) & (heights[2] < 0.5)
            if typical[2] < 0.3 and typical[best] > 0.6 and fits.mean() > 0.6:
                odd[i], moved = True, best - 2
    if 0 < np.count_nonzero(odd) < odd.size / 2:
        yield frames.note(
            odd,
            f"what stands out alone in others, as hot pixels do, lies {abs(moved)} columns further "
            f"{'right' if moved > 0 else 'left'} in this {frames.kind}: shifted by the readout, or moved",
            "columns",
            "leave it out",
            columns=moved,
        )


def _above(rows: Array) -> Array:
    """Give how far pixels lie above the mean of those left and right of them; NaN at the ends of rows."""
    above = np.full_like(rows, np.nan)
    above[:, 1:-1] = rows[:, 1:-1] - 0.5 * (rows[:, :-2] + rows[:, 2:])
    return above


def _alone(level: Array) -> tuple[Array, Array, Array]:
    """Find pixels that stand out of their row alone: their rows, columns and heights."""
    height, columns = _above(level), np.arange(level.shape[1])
    known = height[np.isfinite(height)]
    noise = MAD_TO_SIGMA * float(np.median(np.abs(known))) if known.size else math.inf
    alone = (height > SPIKE_SIGMA * noise) & (columns > 4) & (columns < columns.size - 5)
    for step in (-2, -1, 1, 2):
        alone &= np.roll(level, step, axis=1) < level - 0.8 * height
    row, column = np.nonzero(alone)
    return row, column, height[row, column]


def _beside(frame: Array, row: Array, column: Array, height: Array) -> Array:
    """Give how high a frame stands at such places, and up to two columns beside, over their height: (5, places)."""
    above = _above(frame)
    return np.stack([above[row, column + step] / height for step in (-2, -1, 0, 1, 2)])


def _middle_of(values: Array) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if good.size else math.nan


def _smeared(frames: Compared) -> Iterator[Note]:
    """Find a light that was read with the shutter open: the light of each column lies on the whole column."""
    if frames.kind != "light" or not frames.blocks:
        return
    stack = np.concatenate(frames.blocks, axis=1)
    odd, most = np.zeros(len(stack), bool), 0.0
    compared = _others(stack)
    if not np.isfinite(compared[0]).any():
        return
    for i, others in enumerate(compared):
        level, usual = _middle_of(stack[i]), _middle_of(others)
        if not abs(level - usual) < 0.5 * abs(usual):
            continue  # capped, or exposed otherwise: that is said
        shown = np.where(np.isfinite(others), others, usual)
        light = np.diff(shown.mean(axis=0) - _median(shown))
        more = np.diff(_median(np.nan_to_num(stack[i] - others)))
        telling = np.abs(light) > LIT_COLUMN * frames.sigma / math.sqrt(stack.shape[1])
        light, more = light[telling], more[telling]
        squares = float(np.sum(light**2))
        if light.size < SPIKES:
            continue
        part = float(np.sum(light * more)) / squares
        error = MAD_TO_SIGMA * float(np.median(np.abs(more - part * light))) / math.sqrt(squares)
        odd[i] = part > SMEARED and part > SMEARED_SIGMA * error
        most = max(most, part)
    if 0 < np.count_nonzero(odd) < odd.size / 2:
        yield frames.note(
            odd,
            f"the light of each column is smeared over all of it, {most:.2g} of its mean: the shutter stood open while "
            "this light was read",
            "smeared",
            "leave it out",
            part=most,
        )


def _without_lines(frames: Compared) -> Iterator[Note]:
    """Find arcs without lines, which are bright pixels beside each other."""
    if frames.kind != "arc" or not frames.blocks:
        return
    bright = together = pixels = 0
    for block in frames.blocks:
        level = np.median(block, axis=0)
        if not np.isfinite(level).any():
            continue
        steps = [_middle_of(np.abs(np.diff(level, axis=axis))) for axis in (0, 1)]
        steps = [step for step in steps if math.isfinite(step)]
        if not steps:
            continue
        noise = MAD_TO_SIGMA * float(min(steps)) / math.sqrt(2)  # where lines crowd, neighbours along them tell it
        high = level > np.nanmedian(level) + 10 * max(noise, 0.3)
        beside = np.zeros_like(high)
        beside[:, 1:] |= high[:, :-1]
        beside[:, :-1] |= high[:, 1:]
        beside[1:] |= high[:-1]
        beside[:-1] |= high[1:]
        bright, together, pixels = bright + high.sum(), together + (high & beside).sum(), pixels + high.size
    if pixels < FEWEST_OF_LINES or not np.ptp(frames.stack):
        return
    if together <= max(LINES_TOGETHER * bright, 4):
        yield frames.note(
            np.ones(len(frames.names), bool),
            "no lines in the arc: only single pixels stand out; was the lamp on?",
            "no lines",
            "leave these out",
            pixels=pixels,
        )
