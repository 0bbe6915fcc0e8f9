"""Planning a combination: what is asked, and what has to be known of the frames before their pixels are combined.

That is the noise of each amplifier, how frames differ in level, their weights, and what they tell of their detector:
gain and read noise, from how much equal exposures differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, TypeAlias

import attrs
import numpy as np
from toolz import groupby

from pipeline.checks.ceilings import much_saturated
from pipeline.checks.damaged_numbers import number_notes
from pipeline.checks.damaged_readout import damage_notes
from pipeline.checks.done_before import level_is_out
from pipeline.checks.levels import Compared, level_notes
from pipeline.checks.listed_frames import copy_notes
from pipeline.compose.telling import advise, say
from pipeline.errors import ClipWarning, StepError, VarianceWarning
from pipeline.records.arrays import Array, FloatArray, IntArray, working_dtype
from pipeline.records.frames import Image
from pipeline.stacking.clip import Clip, frames_needed
from pipeline.stacking.compatibility import seconds_of
from pipeline.stacking.moved import SMALL, Moved, is_moving, lie_apart, noise_of_the_sky, shown_in_turn, sky_of_each
from pipeline.stacking.result import MeasuredNoise
from pipeline.stacking.stack_rows import carries_variance, sample_rows
from pipeline.stacking.weights import PixelWeights, carried_variances, inverse, scattered_variances, weights_that_draw
from pipeline.statistics.amplifier_noise import AmplifierNoise, Sampled, amplifiers_of, cut_to
from pipeline.statistics.frame_levels import FEW_PIXELS, Shifts, measure_shifts, shifts_of_sky
from pipeline.statistics.medians import gain_of_unlike
from pipeline.statistics.noise import MOVING, Noise
from pipeline.statistics.noise_fit import HUGE, sample_of
from pipeline.statistics.photon_noise import PhotonSample, in_unit_of, photon_noise, slope_of
from pipeline.statistics.robust import median
from pipeline.statistics.sky_noise import SkyNoise, sky_noise, variances_of_sky


@attrs.frozen
class CombineSettings:
    """What is asked of a combination: see :func:`pipeline.combine`.

    ``noise`` is that of one frame, bias out, where that is given: it tells the part of the photons.  Weights that are
    ``given`` tell nothing of how noisy frames are.  ``zero`` is the bias that stands in frames, (ny, nx), where that is
    known: it has no photons.
    """

    method: str
    clip: Clip | None
    variance: str | None
    map_left_out: bool
    noise: Noise | None = None
    given: bool = False
    zero: FloatArray | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def by_noise(self) -> bool:
        """Whether values are judged by the noise of the stack."""
        return self.clip is not None and self.clip.spread == "noise"


@attrs.frozen
class Plan:
    """How a stack is to be combined: the frames in the order of their shifts, and what is expected of each.

    ``order`` gives each frame's place in the list as it was given.  ``carried`` is the typical variance that each frame
    carries, over that of all, where values are judged by it.  ``relative`` is the variance of each frame over the noise
    of one, None where frames without variance are to have none; ``rounding`` is then the variance of rounding where all
    values of a pixel lie whole steps apart, else 0.  ``unlike`` is by what a median of frames of unlike variances is
    quieter than one of equal ones.  ``unit`` is what shifts are rounded to, to look at pixels.
    ``weights`` are those of the frames: typical ones, where ``pixel_weights`` gives each value its own, or where it is
    weighed ``by_own_variance``.
    """

    frames: tuple[Image, ...]
    order: IntArray
    settings: CombineSettings
    noise: MeasuredNoise
    shifts: Shifts
    scale: FloatArray
    weights: FloatArray
    carried: FloatArray | None = None
    relative: FloatArray | None = None
    rounding: float = 0.0
    unlike: float = 1.0
    unit: float = 1.0
    moved: Moved | None = None
    pixel_weights: PixelWeights | None = None
    by_own_variance: bool = False

    @property
    def method(self) -> str:
        """Mean or median."""
        return self.settings.method

    @property
    def clip(self) -> Clip | None:
        """What to leave out: nothing of a single frame."""
        return self.settings.clip if len(self.frames) > 1 else None

    @property
    def variance(self) -> str | None:
        """Where it comes from: the ``"noise"`` of the stack, or each pixel's ``"scatter"``; None where neither."""
        return None if self.relative is None else self.settings.variance

    @property
    def amplifiers(self) -> tuple[AmplifierNoise, ...]:
        """The noise to judge by: none where pixels are judged by their own spread."""
        return self.noise.amplifiers if self.settings.by_noise else ()

    @property
    def may_move(self) -> bool:
        """Whether what is left out may turn out to be the light of something that moves."""
        judged = self.settings.by_noise and self.clip is not None and self.clip.noise is None
        return self.moved is None and judged and self.frames[0].kind in MOVING

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.frames[0].shape

    @cached_property
    def dtype(self) -> np.dtype[np.floating]:
        """The type of the result."""
        return np.result_type(*(working_dtype(frame.source.dtype) for frame in self.frames))

    @property
    def plain(self) -> bool:
        """Whether all frames count the same, as they are."""
        by_pixel = self.pixel_weights is not None or self.by_own_variance
        return not by_pixel and bool((self.scale == 1).all() and (self.weights == 1).all())

    @property
    def whole_shifts(self) -> Array:
        """What to take from each frame to bring it near the others: whole numbers, of floats multiples of the unit."""
        if not self.amplifiers:
            return np.zeros(len(self.frames), int)
        shift = self.shifts.offsets + (self.shifts.factors - 1) * self.amplifiers[0].noise.base
        return np.round(shift).astype(int) if self.unit == 1 else np.round(shift / self.unit) * self.unit


@attrs.frozen(eq=False, repr=False)
class _Measured:
    """What is measured of frames for a plan, where it is asked for.

    ``sampled`` are the pixels on which it was measured, None where it was not; ``carried`` says that all frames carry
    variance, ``counting`` that their read and photon noise is given, ``slope`` the photons' part of it; ``from_zero``
    says that no bias is in them; ``zero`` is the bias that is, where it is known.
    """

    amplifiers: tuple[AmplifierNoise, ...]
    shifts: Shifts
    sampled: Sampled | None = None
    carried: bool = False
    kind: str = ""
    counting: bool = False
    slope: float | None = None
    from_zero: bool = False
    moves: bool = False
    zero: FloatArray | None = None

    @property
    def blocks(self) -> list[Array]:
        """The sampled pixels."""
        return [] if self.sampled is None else self.sampled.blocks

    def photons(self, weights: FloatArray, light: float = 1.0) -> tuple[AmplifierNoise, ...]:
        """Give the read and photon noise; that of lights and arcs is told apart from motion, where it was not given.

        :param weights: those of the frames.
        :param light: how much of the photons' variance a combination has, over its share of the sky's.
        """
        if self.sampled is None or self.kind not in MOVING or (self.counting and self.zero is None):
            return self.amplifiers
        if self.zero is not None:
            return self._above_zero(self.sampled, self.zero).photons(weights, light)
        shown, slope = [], self.slope and self.slope * light
        told: dict[str, Any] = {"weights": weights, "from_zero": self.from_zero, "rounding": self.rounding}
        whole = sky_noise(self.blocks, self.shifts, **told)
        several = len(self.amplifiers) > 1
        for one in self.amplifiers:
            blocks, sky = cut_to(self.sampled, one.rows, one.columns), whole
            if several and whole:
                part = sky_noise(blocks, self.shifts, **told)
                if part and not part.crowded and part.error < SMALL * whole.error:  # no part that stars or lines made
                    sky = part
            sample = PhotonSample.of(blocks, self.shifts, weights)
            shown.append(attrs.evolve(one, noise=photon_noise(sample, one.noise, slope, sky)))
        if several or whole is None or whole.crowded:
            return tuple(shown)
        return self._by_halves(shown[0], partial(sky_noise, shifts=self.shifts, **told), slope)

    def _above_zero(self, sampled: Sampled, zero: FloatArray) -> _Measured:
        """Give the same of frames without their bias."""
        biases = [zero[np.ix_(rows, sampled.columns)].astype(np.float64) for rows in sampled.rows]
        blocks = [block - bias for block, bias in zip(sampled.blocks, biases, strict=True)]
        shown = np.concatenate([bias.reshape(-1) for bias in biases])
        typical = float(np.mean(shown[np.isfinite(shown)])) if np.isfinite(shown).any() else 0.0

        def above(one: AmplifierNoise) -> AmplifierNoise:
            noise = attrs.evolve(one.noise, a=one.noise.a + one.noise.b * typical, base=one.noise.base - typical)
            return attrs.evolve(one, noise=noise)

        return attrs.evolve(
            self,
            amplifiers=tuple(map(above, self.amplifiers)),
            sampled=attrs.evolve(sampled, blocks=blocks),
            shifts=Shifts(self.shifts.offsets + (self.shifts.factors - 1) * typical, self.shifts.factors),
            counting=False,
            from_zero=True,
            zero=None,
        )

    def _middles_of_halves(self, noise: Noise) -> tuple[tuple[float, float], tuple[float, float]]:
        """Give the middle variance over frames, over that told: of the upper and lower half, and the left and right.

        What it costs is next to nothing, and it says where the sky need not be asked.
        """
        blocks = self.blocks[:: max(1, len(self.blocks) // ENOUGH_BLOCKS)]
        values = np.concatenate([self.shifts.taken_from(block) for block in blocks], axis=1)
        ratio = values.var(axis=0, ddof=1) / noise.variance(values.mean(axis=0))
        up, across = ratio.shape[0] // 2, ratio.shape[1] // 2
        halves = ratio[:up], ratio[up:], ratio[:, :across], ratio[:, across:]
        first, second, third, fourth = (
            median(half[known]) if (known := np.isfinite(half)).any() else math.nan for half in halves
        )
        typical = (median(ratio[known]) if (known := np.isfinite(ratio)).any() else 0.0) or math.nan
        return (first / typical, second / typical), (third / typical, fourth / typical)

    def _by_halves(
        self, whole: AmplifierNoise, sky_of: Callable[[list[Array]], SkyNoise | None], slope: float | None
    ) -> tuple[AmplifierNoise, ...]:
        """Part the noise of lights where that of their sky is not as told in one half, or less so than in the other.

        Gains of amplifiers that differ by a fifth show in no pixel, where the sky alone has levels to tell them by.
        """
        assert self.sampled is not None  # noqa: S101 - for the type checker
        sampled, (end, last) = self.sampled, (whole.rows[1], whole.columns[1])
        above, below = (((0, end // 2), (0, last)), ((end // 2, end), (0, last)))
        left, right = (((0, end), (0, last // 2)), ((0, end), (last // 2, last)))

        def over_told(part: Part) -> tuple[float, float]:
            """Give the variance of the sky of a part over that told of all, and its error: NaN where it has none."""
            sky = sky_of(cut_to(sampled, *part))
            if sky is None or sky.crowded or sky.variance <= 0:
                return UNKNOWN
            return sky.variance / float(whole.noise.variance(np.array(sky.level))), sky.error

        def differ(one: Part, other: Part) -> bool:
            (ratio, error), (its_own, uncertain) = over_told(one), over_told(other)
            return abs(ratio - its_own) > UNLIKE_HALVES + 3 * math.hypot(error, uncertain)

        up, across = self._middles_of_halves(whole.noise)
        may = [abs(one - other) > MAY_DIFFER for one, other in (up, across)]
        rows = [0, end // 2, end] if may[0] and differ(above, below) else [0, end]
        columns = [0, last // 2, last] if may[1] and differ(left, right) else [0, last]
        parts = [(up, across) for up in pairwise(rows) for across in pairwise(columns)]
        if len(parts) == 1:
            return (whole,)
        skies = [sky_of(cut_to(sampled, *part)) for part in parts]
        noises = [
            sky.about(sky.plausible(whole.noise.b) if slope is None else slope) if sky else whole.noise for sky in skies
        ]
        return tuple(AmplifierNoise(*part, noise) for part, noise in zip(parts, noises, strict=True))

    @property
    def rounding(self) -> float:
        """The variance of rounding one value; 0 where nothing was sampled."""
        return 0.0 if self.sampled is None else self.sampled.rounding.variance

    @property
    def on_grid(self) -> bool:
        """Whether all values of a pixel lie whole steps apart."""
        return self.sampled is not None and self.sampled.rounding.on_grid


def plan_of(
    frames: tuple[Image, ...],
    settings: CombineSettings,
    *,
    scale: FloatArray,
    weighing: FloatArray | PixelWeights | None,
    moves: bool = False,
) -> Plan:
    """Plan a combination, and measure what has to be known for it.

    :param moves: whether the image is known to move between lights, sampled rows may not show that.
    :param scale: what each frame is multiplied by.
    :param weighing: the weight of each, or of each value; None to weigh by the inverse of their variance.
    """
    if settings.clip and len(frames) > 1:
        _check_clip(settings.clip, len(frames))
    measured = _measured(frames, scale, settings, by_variance=weighing is None, moves=moves)
    as_measured = scale if measured.sampled else np.ones(len(frames))
    seen = measured.sampled or sample_rows(frames, as_measured, ENOUGH_SEEN)
    say_what_is_odd(frames, settings, seen, as_measured)
    relative = None
    pixel_weights = weighing if isinstance(weighing, PixelWeights) else None
    by_own_variance = weighing is None and measured.carried
    if weighing is None:
        relative = _relative(frames, scale, measured)
        weighing = inverse(relative)
        if by_own_variance:
            say(*weights_that_draw(frames, scale))
    elif isinstance(weighing, PixelWeights):
        weighing = weighing.typical
    shifts = measured.shifts if settings.by_noise else Shifts.none(len(frames))
    carried = carried_variances(frames, scale) if _judged_by_carried(measured, settings) else None
    relative = _relative_variance(measured, settings, weighing, relative)
    photons = () if relative is None else measured.photons(weighing, _light_in(settings, scale, weighing, relative))
    gain = None if relative is None else gain_of(measured, photons)
    if photons:
        _check_variance(frames, _typical_size(measured.blocks), photons)
    order = np.lexsort((shifts.factors, shifts.offsets))  # sums of shifts then do not depend on the frames' order
    amplifiers, moved = _judged_by_sky(frames, settings, measured, scale, weighing)
    return Plan(
        frames=tuple(frames[i] for i in order),
        order=order,
        settings=settings,
        noise=MeasuredNoise(amplifiers, photons, gain, seen.rounding.variance),
        shifts=Shifts(shifts.offsets[order], shifts.factors[order]),
        scale=scale[order],
        weights=weighing[order],
        carried=None if carried is None else carried[order],
        relative=None if relative is None else _of_even_values(relative, shifts, settings, frames[0].kind)[order],
        rounding=measured.rounding if relative is not None and measured.on_grid else 0.0,
        unlike=_unlike(frames, settings, scale, measured, relative),
        unit=_unit_of_shifts(frames, amplifiers),
        moved=None if moved is None else moved.in_order(order),
        pixel_weights=None if pixel_weights is None else pixel_weights.in_order(order),
        by_own_variance=by_own_variance,
    )


Part: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""Rows and columns, from and to before."""

UNKNOWN = math.nan, math.nan

ENOUGH_BLOCKS, MAY_DIFFER = 8, 0.02
"""So many of the sampled blocks tell whether halves may differ at all: where their variances do by such a part."""

UNLIKE_HALVES = 0.03
"""Halves of an image are another amplifier's each where their noise, over that told of all, differs by more."""


def _judged_by_sky(
    frames: tuple[Image, ...],
    settings: CombineSettings,
    measured: _Measured,
    scale: FloatArray,
    weights: FloatArray,
) -> tuple[tuple[AmplifierNoise, ...], Moved | None]:
    """Give the noise by which values are judged: of lights that move that of the sky, and what else that takes."""
    if not measured.moves or measured.sampled is None:
        return measured.amplifiers, None
    counting = settings.clip and settings.clip.counting and in_unit_of(frames[0], settings.clip.counting)
    slope = counting.b if counting else slope_of(frames)
    relative = np.ones(len(frames))
    if np.ptp(scale) or np.ptp(weights):
        shown = variances_of_sky(measured.sampled.blocks)
        relative = inverse(weights) if shown is None else shown / np.mean(shown)
    skies = sky_of_each(measured.amplifiers, measured.sampled, measured.shifts)
    amplifiers = noise_of_the_sky(measured.amplifiers, skies, slope)
    return amplifiers, Moved.of(measured.sampled, measured.shifts, relative)


FEWEST_BITS = 2.0**10
"""A variance is held well enough where it is so many times the smallest number of its type."""


def _check_size(frames: tuple[Image, ...], blocks: Sequence[Array]) -> None:
    """Refuse frames in a unit so large or small that the squares of variances overflow, or vanish.

    :param blocks: some of their values.
    :raises StepError: they are.
    """
    size = _typical_size(blocks)
    if size and not 1 / HUGE < size < HUGE:
        raise _not_held(frames[0], size, np.dtype(np.float64))


def _typical_size(blocks: Sequence[Array]) -> float:
    """Give the typical size of some values that are not 0; 0 of none."""
    sizes = np.abs(blocks[len(blocks) // 2]) if blocks else np.zeros(0)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return median(sizes[:: sizes.size // ENOUGH_SEEN | 1]) if sizes.size else 0.0


def _check_variance(frames: tuple[Image, ...], size: float, amplifiers: Sequence[AmplifierNoise]) -> None:
    """Refuse frames in a unit so large or small that their type does not hold the variance that is asked for.

    :param size: of what is typical of their values.
    :raises StepError: they are.
    """
    dtype = np.result_type(*(working_dtype(frame.source.dtype) for frame in frames))
    least, most = float(np.finfo(dtype).smallest_subnormal) * FEWEST_BITS, float(np.finfo(dtype).max) / FEWEST_BITS
    variances = [float(one.noise.variance(np.array(size))) / len(frames) for one in amplifiers]
    if not all(least <= variance <= most for variance in variances):
        raise _not_held(frames[0], size, dtype)


def _not_held(frame: Image, size: float, dtype: np.dtype[Any]) -> StepError:
    return StepError(
        f"combine: {frame.name} has values about {size:.3g}, whose variance is no number that {dtype} holds; multiply "
        "all frames by a factor that brings them nearer to 1, or give them as float64"
    )


def _unit_of_shifts(frames: tuple[Image, ...], amplifiers: Sequence[AmplifierNoise]) -> float:
    """Give what shifts are rounded to: 1 for whole numbers, for floats a power of 2 that is hardly more than a σ."""
    if all(frame.source.stored is not None for frame in frames) or not amplifiers:
        return 1.0
    noise = amplifiers[0].noise
    sigma = float(np.sqrt(noise.variance(np.array(noise.base))))
    return 2.0 ** math.frexp(sigma)[1] if 0 < sigma < math.inf else 1.0


ENOUGH_SEEN = 4096
"""So many of the sampled pixels of a frame tell of copies and of damaged numbers."""


UNLIKE = 1.5
"""Flats whose levels differ by less than this factor have the variance that is told of equal ones, to some percent."""


def say_what_is_odd(frames: tuple[Image, ...], settings: CombineSettings, sampled: Sampled, scale: FloatArray) -> None:
    """Say what the sampled rows tell to be wrong with frames: whose values were scaled so."""
    say(*much_saturated(frames, sampled.saturated))
    step = max(1, sum(block[0].size for block in sampled.blocks) // ENOUGH_SEEN) | 1
    values = np.concatenate([block.reshape(len(frames), -1)[:, ::step] for block in sampled.blocks], axis=1)
    if (scale != 1).any():
        values = (values / scale[:, None]).astype(np.float32).astype(float)  # whole numbers again, where they were
    elif settings.by_noise or settings.variance == "noise":
        _check_levels(frames, values)
    say(*copy_notes(frames, list(values)), *number_notes(frames, values))
    by_exposure = groupby(lambda place: seconds_of(frames[place]), range(len(frames)))
    for places in by_exposure.values():  # what grows with time differs with it
        alone = len(by_exposure) > 1
        some = attrs.evolve(sampled, blocks=[block[places] for block in sampled.blocks]) if alone else sampled
        compared = Compared.of(frames[0].kind, [frames[place].name for place in places], some)
        if compared:
            damage = damage_notes(compared)
            say(*damage, *level_notes(compared, damage))


def _check_levels(frames: tuple[Image, ...], values: Array) -> None:
    """Say where flats of unlike levels, as twilight gives them, are combined without scaling.

    :param values: some pixels of each, (frames, pixels).
    """
    if frames[0].kind != "flat":
        return
    good = values[:, np.isfinite(values).all(axis=0)]
    if not good.size:
        return
    quarter = good.shape[1] // 4
    lower = np.partition(good, good.shape[1] - quarter - 1, axis=1)[:, : good.shape[1] - quarter]
    levels = np.partition(lower, quarter, axis=1)[:, quarter:].mean(axis=1)  # unlike medians no whole numbers
    brightest = float(levels.max())
    fainter = levels * UNLIKE < brightest
    if brightest > 0 and fainter.any():
        percent = 100 * float(levels.min()) / brightest
        advise(
            f"flats of unlike levels, down to {percent:.3g} % of the brightest one's, are combined as they are: the "
            "noise by which values are left out, and the variance, are those of equal ones",
            of=[frame for frame, odd in zip(frames, fainter, strict=True) if odd],
            mend="take bias and dark out of each and combine them with scale='level'; leave out what had no light",
            figures=(("percent", percent),),
            fact="flats of unlike levels",
        )


def _check_clip(clip: Clip, frames: int) -> None:
    if frames_needed(clip) > frames:
        advise(
            f"combine: a clip at {min(clip.low, clip.high):g} σ by {clip.spread} cannot reject anything from "
            f"{frames} frames",
            ClipWarning,
            mend=f"it takes {frames_needed(clip)}, or another rule such as Clip(spread='noise')",
            at_command=f"it takes {frames_needed(clip)}, or another rule such as --clip noise",
        )


def _measured(
    frames: tuple[Image, ...], scale: FloatArray, settings: CombineSettings, by_variance: bool, moves: bool
) -> _Measured:
    """Measure what is asked for, and nothing else."""
    shape, none = frames[0].shape, Shifts.none(len(frames))
    if len(frames) == 1:
        return _Measured((), none)
    carried = _all_carry_variance(frames, settings.variance)
    if settings.clip and settings.clip.noise is not None:
        return _Measured((AmplifierNoise((0, shape[0]), (0, shape[1]), settings.clip.noise),), none, carried=carried)
    if not (settings.by_noise or by_variance or (settings.variance == "noise" and not carried)):
        return _Measured((), none, carried=carried)
    sampled = sample_rows(frames, scale)
    _check_size(frames, sampled.blocks)
    shifts = measure_shifts(sampled.blocks, frames[0].kind, sampled.rounding.step)
    given = settings.clip.counting if settings.clip else None
    counting = given and in_unit_of(frames[0], given)
    kind = frames[0].kind
    amplifiers = amplifiers_of(sampled, shape, shifts, kind, counting)
    known = settings.noise and in_unit_of(frames[0], settings.noise)
    known = known or (counting if settings.zero is not None else None)
    slope = None if settings.variance is None else known.b if known else slope_of(frames)
    from_zero = all(level_is_out(frame.state) for frame in frames)
    if settings.by_noise and settings.clip and kind in MOVING and not moves:
        told = counting.b if counting else slope_of(frames)
        moves = is_moving(amplifiers, sampled, settings.clip, shape[1], shifts=shifts, slope=told)
        if not moves and (pair := shown_in_turn(sampled, shifts_of_sky(sampled.blocks, sampled.rounding.step))):
            moves = lie_apart(frames[pair[0]], frames[pair[1]])
    shifts = shifts_of_sky(sampled.blocks, sampled.rounding.step) if moves else shifts
    known_zero = settings.zero if settings.variance == "noise" and not carried else None
    return _Measured(
        amplifiers, shifts, sampled, carried, kind, counting is not None, slope, from_zero, moves, known_zero
    )


def _all_carry_variance(frames: tuple[Image, ...], asked: str | None) -> bool:
    """Tell whether all frames carry variance, and say where only some do: their variance is of no use then."""
    without = [frame for frame in frames if not carries_variance(frame)]
    if 0 < len(without) < len(frames) and asked != "scatter":
        advise(
            "combine: no variance, where other frames of the stack carry one: that is left aside, and the result "
            + ("has none" if asked is None else "gets what the stack shows"),
            VarianceWarning,
            of=without,
            mend="give these one too (estimate_variance), or leave them out",
            at_command="leave these out, or give them an UNCERT extension as the others have",
            fact="variance of some",
        )
    return not without


def _judged_by_carried(measured: _Measured, settings: CombineSettings) -> bool:
    """Tell whether values are judged by the variance that they carry: where no noise is given."""
    by_measured_noise = settings.by_noise and measured.sampled is not None
    return by_measured_noise and measured.carried and settings.clip is not None and settings.clip.counting is None


def _relative(frames: tuple[Image, ...], scale: FloatArray, measured: _Measured) -> FloatArray:
    """Give the variance of each frame over the mean of all: what they carry, or else what they show."""
    if measured.carried:
        return carried_variances(frames, scale)
    if len(frames) == 2:
        advise("two frames do not tell which of them is noisier; both count the same", VarianceWarning, of=frames)
    return scattered_variances(measured.sampled, measured.shifts)


def _relative_variance(
    measured: _Measured, settings: CombineSettings, weights: FloatArray, relative: FloatArray | None
) -> FloatArray | None:
    """Give the variance of each frame over the noise of one, where the combination's is to come from frames' noise.

    Frames of different weight have different noise, measured if it can be.  Frames that carry variance keep it; a
    single one has none but that.
    """
    if settings.variance is None or len(weights) == 1 or (settings.variance == "noise" and measured.carried):
        return None
    alike = relative is None and np.ptp(weights) == 0
    if measured.kind in MOVING and not alike and (each := variances_of_sky(measured.blocks)) is not None:
        return np.asarray(each / np.mean(each))
    if alike or relative is not None:
        return np.ones(len(weights)) if relative is None else relative
    telling = measured.sampled is not None and len(weights) > 2
    if telling:
        return scattered_variances(measured.sampled, measured.shifts)
    return np.ones(len(weights)) if settings.given else inverse(weights)


def _unlike(
    frames: tuple[Image, ...],
    settings: CombineSettings,
    scale: FloatArray,
    measured: _Measured,
    relative: FloatArray | None,
) -> float:
    """Give by what the median of frames is quieter than that of frames which all have their mean variance."""
    if settings.method != "median" or len(frames) == 1 or (relative is None and not measured.carried):
        return 1.0
    return gain_of_unlike(carried_variances(frames, scale) if relative is None else relative)


def _light_in(settings: CombineSettings, scale: FloatArray, weights: FloatArray, relative: FloatArray) -> float:
    """Give how much of the photons' variance a combination has of frames that were scaled, over its share of the sky's.

    The photons of a scaled frame vary by their level times its scale, and are in what is combined by its weight.
    """
    squared = np.ones(len(scale)) if settings.method == "median" else weights**2
    return float(np.sum(squared * scale) / np.sum(squared * relative))


def _of_even_values(relative: FloatArray, shifts: Shifts, settings: CombineSettings, kind: str) -> FloatArray:
    """Give variances as those of values without their frame's factor: of lights it is that of stars, not of the sky.

    The scatter of a pixel is that of values without it.
    """
    raw = kind in MOVING and settings.variance == "noise"
    even: FloatArray = relative / shifts.factors**2 if raw else relative
    return even


SPAN = 3.0
"""Levels that span this factor tell the gain."""


def gain_of(measured: _Measured, photons: Sequence[AmplifierNoise]) -> tuple[float, float] | None:
    """Give the gain, one over the slope of the noise that was fitted, and its standard error.

    None where levels span less than a factor of 3, between a hundredth of the pixels at each end, where amplifiers
    differ, and where it was given or a header's was taken.  The error is that of the least-squares fit, with each
    pixel's variance known to √(2/degrees) of itself.

    :param photons: the read and photon noise of each amplifier.
    """
    if measured.sampled is None or measured.counting or len(photons) > 1 or photons[0].noise.b <= 0:
        return None
    if measured.kind in MOVING and measured.slope is not None:
        return None
    noise, sample = photons[0].noise, sample_of(measured.sampled.blocks, measured.shifts)
    if sample.level.size < FEW_PIXELS or sample.degrees < 1:
        return None
    low, high = np.quantile(sample.level, [0.01, 0.99])
    if low > 0 and high < SPAN * low:
        return None
    weight = noise.variance(sample.level) ** -2
    middle = np.sum(weight * sample.level) / np.sum(weight)
    error = np.sqrt(2 / sample.degrees / np.sum(weight * (sample.level - middle) ** 2))
    return 1 / noise.b, float(error / noise.b**2)
