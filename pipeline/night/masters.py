"""The calibrations of a night, made of its frames, each in the order of a reduction as far as it goes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import numpy as np

from pipeline.compose.chain import chain, pipe
from pipeline.compose.settings import checked_call
from pipeline.compose.telling import told_together
from pipeline.night.recipe import Recipe
from pipeline.night.recipe_steps import (
    AS_IT_IS,
    InPlace,
    combined_and_calibrated,
    combining,
    photons_counted,
    raw_steps,
)
from pipeline.records.frames import FrameSet, Image, as_frames
from pipeline.records.history import went_through
from pipeline.records.identity import cheap_hash, content_key
from pipeline.stacking.combine import combine
from pipeline.stacking.compatibility import exposures_differ, of_equal_exposures
from pipeline.stacking.result import CombineResult
from pipeline.stages.bad_pixels import flag_bad, flag_dead, flag_hot, noisy_pixels
from pipeline.stages.bias import MasterBias, subtract_bias
from pipeline.stages.dark import MasterDark, subtract_dark
from pipeline.stages.flat import MasterFlat
from pipeline.statistics.noise import Noise


@attrs.frozen
class Masters:
    """The calibrations of a night; None where the night has no such frames.

    Each field, ``bias``, ``dark`` and ``flat``, is a master: made here, or read from a file as a frame of the night.
    ``dark`` may be several, of several exposures: ``subtract_dark`` takes of them the one of the image's exposure.

    >>> import numpy as np
    >>> from pipeline import Image, MasterBias, Masters
    >>> Masters(bias=MasterBias.of(Image.of(np.ones((2, 3)), kind="bias", name="b.fits")))
    Masters(bias=MasterBias('b.fits'), dark=None, flat=None)
    """

    bias: MasterBias | None = None
    dark: MasterDark | tuple[MasterDark, ...] | None = None
    flat: MasterFlat | None = None

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    @property
    def named(self) -> dict[str, MasterBias | MasterDark | MasterFlat]:
        """Those that there are by their kinds; of several darks each with its exposure, as ``dark 60 s``."""
        if isinstance(self.dark, tuple):
            darks: dict[str, MasterDark | None] = {f"dark {dark.exposed:g} s": dark for dark in self.dark}
        else:
            darks = {"dark": self.dark}
        every = {"bias": self.bias, **darks, "flat": self.flat}
        return {name: master for name, master in every.items() if master is not None}

    @property
    def images(self) -> tuple[Image, ...]:
        """The images of those that there are."""
        return tuple(master.image for master in self.named.values())

    @property
    def noise(self) -> Noise | None:
        """The noise of a single frame, its bias out, as raw bias and flat frames show it; None where they do not."""
        if self.bias is None or self.flat is None or _calibrated_first(self.flat.image):
            return None
        return pair_noise(self.bias.image.found, self.flat.image.found)


def _calibrated_first(image: Image) -> bool:
    """Tell whether frames were calibrated each, before they were combined."""
    before = list(itertools.takewhile(lambda step: not step.is_of(combine), image.history))
    return len(before) == len(image.history) or went_through(before, subtract_bias)


@checked_call
@told_together()
def make_masters(frames: Iterable[Any], recipe: Recipe = Recipe()) -> Masters:  # noqa: B008 - an immutable record
    """Make the calibrations that a night has frames for.

    >>> from pipeline import make_masters
    >>> from pipeline.simulation.simulate import simulate
    >>> masters = make_masters(simulate(shape=(32, 48)).frames)
    >>> masters.bias, masters.dark
    (MasterBias('bias_01.fits and 6 more'), MasterDark('dark_01.fits and 4 more', exposure=600.0))

    :param frames: a night, of which lights and arcs are passed over.
    :param recipe: how frames are combined, overscan taken out, flats normalised.
    :raises StepError: frames of a kind cannot be combined.
    :raises CalibrationError: a master would be wrong, such as a flat without light.
    """
    night = as_frames(frames)
    bias = master_bias(night, recipe)
    dark = master_dark(night, bias, recipe)
    return Masters(bias, dark, master_flat(night, bias, dark, recipe))


def master_bias(frames: FrameSet, recipe: Recipe) -> MasterBias | None:
    """Combine the bias frames, where there are any."""
    if not frames.bias.frames:
        return None
    return pipe(
        frames.bias,
        raw_steps(recipe),
        combining(recipe),
        photons_counted(recipe),
        noisy_flagged(frames, recipe),
        MasterBias.of,
    )


def noisy_flagged(frames: FrameSet, recipe: Recipe) -> Callable[[Image], Image]:
    """Flag the pixels that scatter more than their neighbours in the bias and dark frames of a night, where asked for.

    Their flags reach everything that the bias is taken out of; without one, what the dark is taken out of.
    """
    times = recipe.flagging.noisy
    if times is None:
        return AS_IT_IS
    ready = (raw_steps(recipe)(some) for some in (frames.bias, frames.dark) if some.frames)
    return flag_bad(mask=noisy_pixels(itertools.chain.from_iterable(ready), times=times))


def sets_of_darks(darks: FrameSet, recipe: Recipe, *, by_bias: bool) -> tuple[FrameSet, ...]:
    """Put darks together that become one master: all of them, or where no bias tells how they scale, by exposure.

    Then each is subtracted, with the bias in it, from the frames that were exposed as long.

    :param by_bias: whether the night has a bias to take out of them.
    """
    said = dict(recipe.declared).get("dark")
    no_bias = said in ("finished", "without bias") or (said is None and all(dark.state.bias for dark in darks))
    if by_bias or no_bias or not exposures_differ(darks) or any(dark.exposure is None for dark in darks):
        return (darks,) if darks.frames else ()
    return of_equal_exposures(darks)


def master_dark(
    frames: FrameSet, bias: MasterBias | None, recipe: Recipe
) -> MasterDark | tuple[MasterDark, ...] | None:
    """Combine the dark frames, where there are any, and take out the bias; without one, those of each exposure."""
    sets = sets_of_darks(frames.dark, recipe, by_bias=bias is not None)
    flag_noisy = AS_IT_IS if bias or not sets else noisy_flagged(frames.dark, recipe)
    made = tuple(_master_dark(darks, bias, recipe, flag_noisy) for darks in sets)
    return made if len(made) > 1 else next(iter(made), None)


def _master_dark(
    darks: FrameSet, bias: MasterBias | None, recipe: Recipe, flag_noisy: Callable[[Image], Image]
) -> MasterDark:
    in_place = InPlace(recipe, "dark")
    calibrate = chain(
        in_place("subtract_bias", subtract_bias(bias=None if recipe.dark_has_bias is False else bias)),
        photons_counted(recipe),
    )
    hot = recipe.flagging.hot
    image = pipe(
        darks,
        raw_steps(recipe),
        combined_and_calibrated(recipe, calibrate),
        AS_IT_IS if hot is None else flag_hot(sigma=hot),
        flag_noisy,
    )
    return MasterDark.of(image, has_bias=recipe.dark_has_bias)


def master_flat(
    frames: FrameSet, bias: MasterBias | None, dark: MasterDark | tuple[MasterDark, ...] | None, recipe: Recipe
) -> MasterFlat | None:
    """Combine the flats, where there are any, take out bias and dark, and normalise."""
    if not frames.flat.frames:
        return None
    in_place = InPlace(recipe, "flat")
    calibrate = chain(
        in_place("subtract_bias", subtract_bias(bias=bias)),
        photons_counted(recipe),
        in_place("subtract_dark", subtract_dark(dark=dark)),
    )
    dead = recipe.flagging.dead
    return pipe(
        frames.flat,
        raw_steps(recipe),
        combined_and_calibrated(recipe, calibrate),
        AS_IT_IS if dead is None else flag_dead(below=dead),
        recipe.normalise,
    )


def pair_noise(bias: CombineResult | None, flat: CombineResult | None) -> Noise | None:
    """Give the noise of values whose bias is out, from raw stacks of bias and flat frames.

    Read noise from the bias; gain from what the flat's noise exceeds it by, over its level without the bias (Janesick
    2007, Photon Transfer).  None where either was not measured, or the flat has less noise by its photons than by its
    readout, and does not tell.
    """
    a, photons = (None if found is None else found.noise for found in (bias, flat))
    if bias is None or flat is None or a is None or photons is None or bias.level is None or flat.level is None:
        return None
    if bias.frames < 2 or flat.frames < 2:
        return None
    level, excess = flat.level - bias.level, float(photons.variance(np.array(flat.level))) - a.a
    return Noise(a=a.a, b=excess / level, floor=a.a) if level > 0 and excess > a.a else None
