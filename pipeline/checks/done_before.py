"""What has been done to frames, as their headers and steps tell, against what they are used for.

Each function gives notes of the frames that it is asked about: a calibration that seems to be finished already, a bias
that nothing took out, or one that stands in an image whose header says that it is out: as its level and its noise tell.

Photons have noise and a bias has none: of an image of ``level`` whose variance is v, with a gain of g e⁻/ADU and a read
noise of r ADU, all but g·(v − r²) is pedestal.  (Janesick 2007, Photon Transfer, has it the other way round.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pipeline.errors import HeaderError, HeaderWarning
from pipeline.headers.keywords import gain
from pipeline.headers.status import State
from pipeline.records.arrays import FloatArray
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of
from pipeline.statistics.robust import MAD_TO_SIGMA

UNEXPECTED = {"bias": ("bias", "dark", "flat"), "dark": ("dark", "flat"), "flat": ("flat",)}
"""What nobody does to a frame that is to be a calibration."""


ROWS_LOOKED_AT = 64

TELLING = 20.0
"""A bias that is this many times the noise of a pixel is told from none."""

NEAR, NEAR_BY_NOISE = 0.1, 0.2
"""A level, or what the noise does not account for, within this part of the bias is that of the bias."""


LARGE_PART = 0.25
"""Of a level the noise of a few frames tells no smaller part."""

BIAS_OR_NONE = "take out a bias or the overscan, or say that it holds none"


def unexpectedly_done(frames: Iterable[Image]) -> tuple[Note, ...]:
    """Find calibrations whose headers tell of a step that nobody does to such a frame."""
    notes = []
    for frame in frames:
        ours = {step.does for step in frame.history if step.worked}
        wrong = [name for name in UNEXPECTED.get(frame.kind, ()) if name not in ours]
        done = [str(by) for name, by in frame.state.done.items() if name in wrong]
        if done:
            words = (
                f"stands in the list as {frame.kind}, and its header says {' and '.join(done)}; used as it is; is it "
                "another kind of frame?"
            )
            raw = "or say that it is raw: declare(state='raw')"
            notes.append(
                Note(words, frames=names_of(frame), mend=raw, at_command=f"or say that it is raw: --raw {frame.kind}")
            )
    return tuple(notes)


def contradicted(image: Image, step: str, seen: str, fact: str, **figures: float) -> Note:
    """Say of an image whose header says that a step has been done that its pixels ``seen`` show otherwise."""
    return Note(
        f"its header says that the {step} is out ({image.state.done[step]}), and {seen}",
        HeaderWarning,
        frames=names_of(image),
        mend="if it is raw, say force=True",
        at_command=f"if it is raw, say --raw {image.kind}",
        figures=tuple(figures.items()),
        fact=fact,
    )


def level_is_out(state: State) -> bool:
    """Tell whether the level that a readout adds is out: with the bias, with the overscan, or in rates and responses.

    An image whose dark was subtracted with the bias in it counts as well: its state says so of the bias.
    """
    return bool(state.bias or state.overscan) or state.per_second or not state.unit


def bias_in_flat(flat: Image) -> tuple[Note, ...]:
    """Say of a flat of which a response is made that its bias may still be in."""
    if level_is_out(flat.state) or flat.state.dark:
        return ()
    return (
        Note(
            "no bias was taken out of the flat; if it holds one, the response comes out too even",
            frames=names_of(flat),
            mend=f"{BIAS_OR_NONE}: declare(state='without bias')",
            at_command=f"{BIAS_OR_NONE}: --without-bias {flat.kind}",
        ),
    )


def bias_in_divided(image: Image) -> tuple[Note, ...]:
    """Say of an image that is divided by a flat that its bias may still be in, and be divided too."""
    if level_is_out(image.state) or image.state.dark:
        return ()
    level = None if image.found is None else image.found.level
    much = "" if level is None else f", part of its mean level of {level:.5g} {image.state.unit}"
    return (
        Note(
            f"no bias was taken out of the {image.kind} that is divided by the flat; if it holds one{much}, the flat "
            "is imprinted on it",
            frames=names_of(image),
            mend=f"{BIAS_OR_NONE}: declare(state='without bias')",
            at_command=f"{BIAS_OR_NONE}: --without-bias {image.kind}",
            figures=() if level is None else (("mean level", level),),
        ),
    )


def bias_beside_dark(image: Image, dark: Image) -> tuple[Note, ...]:
    """Say of an image whose dark has its bias out that its own may still be in."""
    if level_is_out(image.state) or not dark.state.bias:
        return ()
    return (
        Note(
            f"no bias was taken out of it, and one was out of the dark {dark.short_name} ({dark.state.bias}); if it "
            "holds one, that stays in",
            frames=names_of(image),
            mend=f"{BIAS_OR_NONE}: declare(state='without bias')",
            at_command=f"{BIAS_OR_NONE}: --without-bias {image.kind}",
        ),
    )


def bias_left_in(image: Image, bias: Image) -> list[Note]:
    """Compare an image whose bias is said to be out with a bias.

    :param bias: raw but for its overscan, of the shape of the image.
    """
    if image.state.unit != "adu" or image.shape != bias.shape:
        return []
    (level, noise), (pedestal, readout) = _level_and_noise(image), _level_and_noise(bias)
    step = math.sqrt(12 * bias.found.measured.rounding) if bias.found else 1.0
    if not (pedestal > TELLING * max(readout, step) and level > pedestal - 5 * noise):
        return []
    alike = level <= (1 + NEAR) * pedestal
    told = pedestal > LARGE_PART * level and abs(_pedestal_by_noise(image, bias, level) / pedestal - 1) <= NEAR_BY_NOISE
    if not alike and not told:
        return []
    why = "is about that of the bias" if alike else "has the noise of one that holds the bias"
    return [
        contradicted(
            image,
            "bias",
            f"its level of {level:.4g} {why}, {pedestal:.4g}",
            fact=f"bias left in a {image.kind}",
            level=level,
            bias=pedestal,
        )
    ]


def _pedestal_by_noise(image: Image, bias: Image, level: float) -> float:
    """Give what of the level its noise does not account for; NaN where gain or noise between frames are not known."""
    try:
        per_adu = gain(image.header)
    except HeaderError:
        return math.nan
    noises = [one.found.noise for one in (image, bias) if one.found and one.found.noise]
    if per_adu is None or len(noises) < 2:
        return math.nan
    variance, readout = (float(noise.variance(np.array(level))) for noise in noises)  # of one frame
    return level - per_adu * (variance - readout)


def _level_and_noise(image: Image) -> tuple[float, float]:
    """Give the median of some rows in the middle, and what neighbours differ by."""
    first = max((image.shape[0] - ROWS_LOOKED_AT) // 2, 0)
    pixels = image.source.rows(first, first + ROWS_LOOKED_AT)
    values: FloatArray = np.where(pixels.mask, np.nan, pixels.values.astype(np.float64))
    steps = np.abs(np.diff(values, axis=1))
    if not np.isfinite(values).any() or not np.isfinite(steps).any():
        return math.nan, math.nan
    return float(np.nanmedian(values)), MAD_TO_SIGMA * float(np.nanmedian(steps)) / math.sqrt(2)
