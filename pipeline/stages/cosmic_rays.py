"""Cosmic rays on a single light: found by their edges, which are sharper than the optics draw anything."""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
)

import attrs
import numpy as np

from pipeline.compose.settings import Limits, checked
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.compose.written import written
from pipeline.detector.amplifier_values import number_of_each, plane_of_numbers
from pipeline.errors import CalibrationError, SettingError, StepError
from pipeline.headers.status import Done
from pipeline.records.arrays import Array, BoolArray, FloatArray, sealed
from pipeline.records.frames import Image, check_shapes
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.pixels import Flag, Pixels
from pipeline.stages.checks import check_neighbours
from pipeline.statistics.noise import OneGain, ReadNoise

PASSES = {"gaussxy": ("gaussx", "gaussy"), "gaussyx": ("gaussy", "gaussx")}
"""Models of two passes: the second looks at what the first has left."""

REPLACED_FROM = 2
"""Values are replaced from the 5 × 5 pixels around them."""

MIRRORED = 8
"""Pixels by which an image is continued beyond its edges."""


Positive: TypeAlias = Annotated[float, Limits(above=0, finite=False)]


@checked
@attrs.frozen
class LACosmic:
    """The settings of L.A.Cosmic, under astroscrappy's names and with its defaults.

    ``fsmode`` tells cosmic rays from stars and lines by a median (``median``), or by what a point looks like
    (``convolve``), a ``psfmodel`` of ``psffwhm`` pixels: ``gaussx`` or ``gaussy`` for spectra that are sharp along
    one axis, ``gaussxy`` and ``gaussyx`` one after the other.  ``psfk``, rows of a kernel, stands in for the model.
    ``satlevel`` is in e⁻; by default pixels flagged before are left out, and no others.

    ``sigclip`` σ make a cosmic ray, ``sigfrac`` of that its neighbours, where it is ``objlim`` times as sharp as what
    stars are; ``niter`` rounds at most.  ``sepmed`` is a quicker median; ``cleantype`` says what is put in place;
    ``psfsize`` is the model's side in pixels, ``psfbeta`` the power of a moffat.

    >>> from pipeline import LACosmic, clean_cosmic_rays
    >>> clean_cosmic_rays(gain=1.5, read_noise=4, by=LACosmic(sigclip=6)).every_setting["by"].sigclip
    6

    :raises SettingError: a setting is none that it can have.
    """

    sigclip: Positive = attrs.field(default=4.5, repr=written)
    sigfrac: Positive = attrs.field(default=0.3, repr=written)
    objlim: Positive = attrs.field(default=5.0, repr=written)
    satlevel: Annotated[float, Limits(above=0, finite=False, unit="electron")] | None = attrs.field(
        default=None, repr=written
    )
    niter: Annotated[int, Limits(least=1)] = 4
    sepmed: bool = True
    cleantype: Literal["median", "medmask", "meanmask", "idw"] = "meanmask"
    fsmode: Literal["median", "convolve"] = "median"
    psfmodel: Literal["gauss", "gaussx", "gaussy", "gaussxy", "gaussyx", "moffat"] = "gauss"
    psffwhm: Positive = attrs.field(default=2.5, repr=written)
    psfsize: Annotated[int, Limits(least=1, unit="pixel")] = 7
    psfk: tuple[tuple[float, ...], ...] | None = None
    psfbeta: Positive = attrs.field(default=4.765, repr=written)

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        if self.psfsize % 2 == 0:
            raise SettingError(f"LACosmic: psfsize={self.psfsize}; expected an odd number of pixels")

    @property
    def passes(self) -> tuple[dict[str, Any], ...]:
        """What astroscrappy is to be told, once for each pass."""
        said = attrs.asdict(self, recurse=False)
        said["satlevel"] = math.inf if self.satlevel is None else self.satlevel
        said["psfk"] = None if self.psfk is None else np.array(self.psfk, np.float32)
        models = PASSES.get(self.psfmodel, (self.psfmodel,)) if self.fsmode == "convolve" else ("gauss",)
        return tuple(said | {"psfmodel": model} for model in models)


@stage(does="cosmics")
def clean_cosmic_rays(
    image: Image,
    *,
    gain: OneGain | tuple[OneGain, ...],
    read_noise: ReadNoise | tuple[ReadNoise, ...],
    by: LACosmic = LACosmic(),
    background: Image | None = None,
    force: bool = False,  # noqa: ARG001 - stage's own
) -> Image:
    """Flag the cosmic rays on a light, and put there what their neighbours have: L.A.Cosmic (van Dokkum 2001).

    The unit stays; all other pixels keep their values to the bit.  Flagged pixels are not looked at.  A value that
    is replaced gets the mean variance of its good neighbours.  Needs the extra ``cosmicray`` (astroscrappy).

    >>> import numpy as np
    >>> from pipeline import Image, clean_cosmic_rays, declare
    >>> values = np.random.default_rng(1).normal(100, 8, (50, 60))
    >>> values[20, 30] += 2000
    >>> light = declare(Image.of(values), state="without bias")
    >>> round(clean_cosmic_rays(light, gain=1.5, read_noise=4).values[20, 30], -1)
    np.float64(100.0)

    :param gain: e⁻/ADU of one frame, or of each amplifier; 1 for an image in electrons.
    :param read_noise: e⁻ of one frame; of each amplifier, the largest judges all.  An image that carries variance is
        judged by that instead.
    :param background: what the light has without its target, such as sky lines: it is no cosmic ray.
    :param force: do it even if the header says that it has been done.
    :raises SettingError: gain or read noise make no sense, or astroscrappy is missing.
    :raises StepError: the image is no light, or a mosaic of colours.
    :raises CalibrationError: its unit is neither ADU nor electrons.
    """
    gains, noise = _checked(image, gain, read_noise)
    check_neighbours(image, "L.A.Cosmic")
    scrappy = _astroscrappy()
    pixels, n = image.pixels, image.found.frames if image.found else 1
    electrons = gains * n  # the mean of n frames is as noisy as one of n times the gain, √n times the read noise
    known = {} if background is None else {"inbkg": _mirrored(_filled(_of_same_shape(background, image)) * electrons)}
    variance = pixels.total_variance
    if variance is not None:
        known["invar"] = _mirrored(np.where(np.isfinite(variance), variance, 0) * electrons**2)
    values, left_out = _mirrored(_filled(pixels) * electrons), _mirrored(pixels.mask)
    hit = np.zeros(values.shape, bool)
    for settings in by.passes:
        with np.errstate(invalid="ignore", over="ignore"):  # damaged values may be huge
            more, values = scrappy.detect_cosmics(
                values, inmask=left_out, gain=1.0, readnoise=noise * math.sqrt(n), **settings, **known
            )
        hit |= more
    hit, values = _cut_back(hit, pixels.shape) & ~pixels.mask, _cut_back(values, pixels.shape)
    return attrs.evolve(
        image,
        data=_replaced(pixels, hit=hit, values=values / electrons),
        state=attrs.evolve(
            image.state, cosmics=Done(f"L.A.Cosmic with gain={_written(gain)} and read noise={_written(read_noise)}")
        ),
        added=(*image.added, *_cards(gain, read_noise, by, int(hit.sum()))),
    )


def _checked(
    image: Image, gain: float | tuple[float, ...], read_noise: float | tuple[float, ...]
) -> tuple[Array | float, float]:
    """Give e⁻/ADU, of each pixel where amplifiers differ, and the read noise to judge by."""
    noises = read_noise if isinstance(read_noise, tuple) else (read_noise,)
    if gain == () or not noises:
        raise SettingError("clean_cosmic_rays: gain or read_noise is (); expected one for each amplifier")
    if image.kind != "light":
        raise StepError(f"{image.name}: is a {image.kind}; its lines or hot pixels are as sharp as cosmic rays")
    unit = image.state.unit
    if unit not in ("adu", "electron") or (unit == "electron" and gain != 1):
        raise CalibrationError(
            f"{image.name}: in {unit or 'no unit'}, with gain={_written(gain)}; expected adu, or electron and 1"
        )
    if not (image.state.bias or image.state.overscan):
        advise(
            "neither bias nor overscan is out; what pedestal there is counts as light, and faint cosmic rays are taken "
            "for its noise",
            of=image,
            mend="take one out first: subtract_bias or subtract_overscan",
            at_command="give bias frames",
        )
    if not isinstance(gain, tuple):
        return gain, max(noises)
    return plane_of_numbers(number_of_each(image, (), "gain", gain), image.shape, float(np.mean(gain))), max(noises)


def _card_value(number: float | tuple[float, ...]) -> float | str:
    return _written(number) if isinstance(number, tuple) else float(number)


def _written(number: float | tuple[float, ...]) -> str:
    return ", ".join(f"{one:g}" for one in number) if isinstance(number, tuple) else f"{number:g}"


def check_astroscrappy() -> None:
    """Tell whether cosmic rays can be cleaned, before there is any light to clean.

    :raises SettingError: astroscrappy is not installed.
    """
    if not find_spec("astroscrappy"):
        raise SettingError("cosmic rays on single lights need astroscrappy: pip install 'ccd-pipeline[cosmicray]'")


def _astroscrappy() -> ModuleType:
    check_astroscrappy()
    return import_module("astroscrappy")


def _of_same_shape(background: Image, image: Image) -> Pixels:
    check_shapes([image, background])
    return background.pixels


def _filled(pixels: Pixels) -> FloatArray:
    """Give float32 values with the median where there are none: NaN would spread."""
    finite = np.isfinite(pixels.values)
    if finite.all():
        return pixels.values.astype(np.float32)
    middle = np.median(pixels.values[finite]) if finite.any() else 0.0
    return np.where(finite, pixels.values, middle).astype(np.float32)


def _mirrored(plane: Array) -> Array:
    """Mirror a plane at its edges, within 2 pixels of which astroscrappy finds nothing; float32 unless a mask."""
    height, width = plane.shape
    wide = [(min(MIRRORED, height - 1),) * 2, (min(MIRRORED, width - 1),) * 2]
    return np.pad(plane if plane.dtype == bool else plane.astype(np.float32), wide, mode="reflect")


def _cut_back(plane: Array, shape: tuple[int, int]) -> Array:
    y, x = ((framed - own) // 2 for framed, own in zip(plane.shape, shape, strict=True))
    inside: Array = plane[y : y + shape[0], x : x + shape[1]]
    return inside


def _replaced(pixels: Pixels, *, hit: BoolArray, values: FloatArray) -> Pixels:
    """Put new values where pixels are hit, with the variance of what they were made of."""
    put = np.where(hit, values, pixels.values).astype(pixels.values.dtype)
    variance = pixels.variance
    if variance is not None and hit.any():
        variance = sealed(_with_means(variance, where=hit, good=~(pixels.mask | hit)))
    return attrs.evolve(pixels, values=sealed(put), variance=variance).flagged(hit, Flag.COSMIC_RAY | Flag.HEALED)


def _with_means(plane: FloatArray, *, where: BoolArray, good: BoolArray) -> FloatArray:
    """Give a plane with the mean of the good pixels around it in each place of ``where`` that has any."""
    y, x = np.nonzero(where)
    total, count = np.zeros(y.size), np.zeros(y.size)
    height, width = plane.shape
    for dy in range(-REPLACED_FROM, REPLACED_FROM + 1):
        for dx in range(-REPLACED_FROM, REPLACED_FROM + 1):
            row, column = (y + dy).clip(0, height - 1), (x + dx).clip(0, width - 1)
            counts = good[row, column] & (row == y + dy) & (column == x + dx)
            total += np.where(counts, plane[row, column], 0)
            count += counts
    mean = plane.copy()
    mean[y[count > 0], x[count > 0]] = (total[count > 0] / count[count > 0]).astype(plane.dtype)
    return mean


def _cards(gain: Any, read_noise: Any, by: LACosmic, count: int) -> tuple[tuple[str, Any, str], ...]:
    return (
        ("CCLEANED", True, "cosmic rays were cleaned from single lights"),
        ("CGAIN", _card_value(gain), "[e-/ADU] gain to find cosmic rays with"),
        ("CRDNOISE", _card_value(read_noise), "[e-] read noise to find cosmic rays with"),
        ("CFSMODE", by.fsmode, "fine structure mode of L.A.Cosmic"),
        ("CPSFMOD", by.psfmodel if by.fsmode == "convolve" else "none", "PSF model of L.A.Cosmic, in mode convolve"),
        ("NCOSMIC", count, "number of pixels hit by cosmic rays"),
    )
