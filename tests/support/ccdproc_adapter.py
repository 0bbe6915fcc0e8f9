"""ccdproc's names in terms of ours: read it to port a script; ccdproc's own tests run on it, as a plugin of pytest.

The body of each function is what a call of theirs becomes.  Theirs take and give CCDData, and so does :func:`ported`
for each function of an Image; where ours alone are used, an Image goes from step to step and stays one to the end.

What ours has no counterpart of fails when it is called, so that no test passes by ccdproc's own code.
"""

import contextlib
import functools

import attrs
import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.stats import median_absolute_deviation
from ccdproc import Keyword, combiner, core

import pipeline
from pipeline import Amplifier, Clip, FrameSet, Image, LACosmic, Mask, MasterBias, MasterDark, Noise, Pixels
from pipeline.detector.section import Section
from pipeline.errors import PipelineError
from pipeline.stacking.sigma_clip import ByOwnSpread
from pipeline.statistics.robust import MAD_TO_SIGMA
from pipeline.statistics.rounding import QUANTISATION


class RefusalError(u.UnitConversionError, TypeError, FileNotFoundError):
    """A refusal of ours, in all the classes that theirs may have: ours tell mistakes apart, not types of Python."""


@contextlib.contextmanager
def refusals():
    try:
        yield
    except PipelineError as error:
        raise RefusalError(str(error)) from error


# ---- one image ----


def subtract_bias(light, master):
    """Ours would refuse a bias that still has an overscan, where the light's is out: theirs does not ask."""
    return pipeline.subtract_bias(light, bias=MasterBias.of(known(master, "bias")), force=True)


def subtract_dark(
    light, master, dark_exposure=None, data_exposure=None, exposure_time=None, exposure_unit=None, scale=False
):
    """Ours scales by the exposures, always, and reads them in the headers."""
    if exposure_time is not None:
        keyword, unit = getattr(exposure_time, "name", exposure_time), getattr(exposure_time, "unit", exposure_unit)
        data_exposure, dark_exposure = (of.header[keyword.upper()] * unit for of in (light, Image.of(master)))
    # a dark as long as the light is not scaled
    dark = Image.of(known(master, "dark"), exposure=dark_exposure if scale else data_exposure)
    return pipeline.subtract_dark(Image.of(light, exposure=data_exposure), dark=MasterDark.of(dark, has_bias=False))


def flat_correct(light, flat, min_value=None, norm_value=None):
    """Ours flags what is too faint, instead of brightening it."""
    flat = known(flat, "flat")
    if min_value is not None:
        flat = attrs.evolve(flat, data=attrs.evolve(flat.pixels, values=np.maximum(flat.values, min_value)))
    return pipeline.divide(light, flat=pipeline.normalise_flat(flat, by="mean" if norm_value is None else norm_value))


def known(master, kind):
    """Take a master without an uncertainty as exact, as theirs does: ours would say that the light's is lost."""
    image = Image.of(master, kind=kind)
    pixels = image.pixels
    exact = np.zeros(pixels.shape) if pixels.variance is None else pixels.variance
    return attrs.evolve(image, data=attrs.evolve(pixels, variance=exact))


def gain_correct(light, gain, gain_unit=None):
    """Ours knows of ADU and electrons: ``to_electrons(light, gain=1.5)``; theirs makes any unit of any other."""
    gain = gain.value_from(light.header) if isinstance(gain, Keyword) else u.Quantity(gain, gain_unit)
    electrons = pipeline.to_electrons(light, gain=gain.value)
    return attrs.evolve(electrons, state=electrons.state.in_unit(str(light.unit * gain.unit)))


def create_deviation(light, gain=None, readnoise=None, disregard_nan=False):
    """Ours gives a value below zero the noise of the readout, as theirs does with ``disregard_nan``.

    ``Noise.of`` counts too that values were rounded to whole ADU, which theirs does not.
    """
    if gain is None and isinstance(readnoise, u.Quantity):  # in the unit of the values, which count photons themselves
        noise = Noise(a=readnoise.to_value(light.unit) ** 2, b=1.0)
    else:
        rounded = Noise.of(gain=gain, read_noise=readnoise)
        noise = attrs.evolve(rounded, a=rounded.a - QUANTISATION)
    return pipeline.estimate_variance(without_bias(light), noise=noise)


def without_bias(light):
    """Say that all of a frame counts as light, where no level was taken out: ours would not guess."""
    return light if light.state.bias or light.state.overscan else pipeline.declare(light, state="without bias")


def trim_image(light, fits_section=None):
    return pipeline.subtract_overscan(light, amplifiers=() if fits_section is None else (Amplifier(fits_section),))


def subtract_overscan(light, overscan=None, overscan_axis=1, fits_section=None, median=False, model=None, data="[:,:]"):
    """Ours takes the sections, of the header by default, and trims to the data in the same step.

    A strip that was cut out before is set beside the frame again.
    """
    how = {"method": "median" if median else "mean", "order": model.degree if model else None}
    if fits_section is not None:
        return pipeline.subtract_overscan(light, amplifiers=(Amplifier(overscan=fits_section),), trim=False, **how)
    strip, (height, width) = Image.of(overscan).values, light.shape
    beside = overscan_axis == 1 or (overscan_axis is None and strip.shape[1] <= strip.shape[0])
    both = np.hstack([light.values, strip]) if beside else np.vstack([light.values, strip])
    section = f"[{width + 1}:{both.shape[1]},*]" if beside else f"[*,{height + 1}:{both.shape[0]}]"
    amplifier = Amplifier(data=str(Section.of(data, (height, width))), overscan=section)
    return pipeline.subtract_overscan(Image.of(both, header=light.header), amplifiers=(amplifier,), **how)


def ccd_process(
    light,
    oscan=None,
    trim=None,
    error=False,
    master_bias=None,
    dark_frame=None,
    master_flat=None,
    bad_pixel_mask=None,
    gain=None,
    readnoise=None,
    oscan_median=True,
    oscan_model=None,
    dark_exposure=None,
    data_exposure=None,
    dark_scale=False,
    gain_corrected=True,
):
    """Ours is a chain of the steps that are wanted; for whole nights, ``reduce``."""
    level = {"overscan_axis": None, "median": oscan_median, "model": oscan_model}
    times = {"dark_exposure": dark_exposure, "data_exposure": data_exposure, "scale": dark_scale}
    steps = [
        (subtract_overscan, oscan, level if trim is None else level | {"data": trim}),
        (trim_image, trim if oscan is None else None, {}),
        (lambda image, _: create_deviation(image, gain, readnoise), error or None, {}),
        (lambda image, mask: pipeline.flag_bad(image, mask=Mask.of(mask)), bad_pixel_mask, {}),
        (gain_correct, gain if gain_corrected else None, {}),
        (subtract_bias, master_bias, {}),
        (subtract_dark, dark_frame, times),
        (flat_correct, master_flat, {}),
        (gain_correct, None if gain_corrected else gain, {}),
    ]
    for step, setting, settings in steps:
        light = light if setting is None else step(light, setting, **settings)
    return light


def cosmicray_lacosmic(ccd, *, gain=1.0, readnoise=6.5, gain_apply=True, inbkg=None, invar=None, **settings):
    """Ours flags the hits of an Image, whose unit stays; what the light carries of variance is ``invar``."""
    bare = isinstance(ccd, np.ndarray)
    with refusals():
        light = Image.of(ccd)
        light = attrs.evolve(light, data=Pixels.of(light.values, light.pixels.flags, invar))
        found = pipeline.clean_cosmic_rays(
            light,
            gain=gain,
            read_noise=readnoise,
            by=LACosmic(**settings),
            background=None if inbkg is None else Image.of(inbkg),
        )
        image = pipeline.to_electrons(found, gain=gain) if gain_apply and light.unit == u.adu else found
        return (image.values, image.pixels.mask) if bare else as_ccddata(image, ccd)


def ported(function):
    """Give a function of an Image as one of a CCDData."""

    @functools.wraps(function)
    def of_ccddata(ccd, *args, add_keyword=True, **settings):
        with refusals():
            return as_ccddata(function(Image.of(ccd), *args, **settings), ccd, add_keyword)

    return of_ccddata


def as_ccddata(image, like, add_keyword=None):
    """Give an Image as theirs would, with the header of before.

    Ours: ``attach_header(image).to_ccddata()``, or ``write``.
    """
    product = pipeline.attach_header(image).to_ccddata()
    product.meta = like.meta.copy()
    if add_keyword is True:  # theirs adds a card for each function; ours has each step in HISTORY
        product.meta["HISTORY"] = " ".join(map(str, image.history))
    elif isinstance(add_keyword, str | Keyword):
        product.meta[getattr(add_keyword, "name", add_keyword)] = getattr(add_keyword, "value", None)
    elif add_keyword:
        product.meta.update(add_keyword.items())
    return product


# ---- many images ----


class Combiner:
    """Ours is ``combine(frames, method=..., clip=..., scale=..., weights=...)``, all of it in one call.

    What is masked in ``data_arr`` is flagged in the frames that ours combines.
    """

    def __init__(self, ccd_iter, dtype=None):
        with refusals():
            self.frames = FrameSet(ccd_iter)
        self.dtype = np.dtype(dtype or np.float64)
        planes = [frame.pixels for frame in self.frames]
        masks = [pixels.mask for pixels in planes]
        self.data_arr = np.ma.array([pixels.values for pixels in planes], self.dtype, mask=masks)
        self._scaling = self._weights = None

    def average_combine(self, scale_func=None):
        with refusals():
            return self._own(scale_func) if scale_func else self._given(self._combined("mean"))

    def median_combine(self, median_func=None):
        with refusals():
            return self._own(median_func) if median_func else self._given(self._combined("median"))

    def sum_combine(self, sum_func=None):
        """Ours has no sum of frames, since pixels that lost a value come out too faint: the mean, times how many."""
        if sum_func:
            return self._own(sum_func)
        weights = np.ones(len(self.frames)) if self._weights is None else self._weights
        each = np.broadcast_to(weights.T, self.data_arr.T.shape).T  # one weight a frame, or one a value
        with refusals():
            mean = self._combined("mean")
            times = np.where(self.data_arr.mask, 0, each).sum(axis=0)
            return self._given(attrs.evolve(mean, data=mean.pixels.times(times)))

    def _combined(self, method):
        """Combine frames as theirs does: nothing left out but what is masked, errors by the scatter of each pixel."""
        weights = self._weights
        if weights is not None and np.ndim(weights) == 1:
            weights = tuple(weights)
        return pipeline.combine(
            self._flagged(),
            method=method,
            clip=None,
            scale=self._scaling,
            weights=weights if method == "mean" else None,
            variance="scatter",
        )

    def _own(self, function):
        """Combine by a function of the whole masked stack: ours makes an Image of any values."""
        return self._given(pipeline.combined(self._flagged(), function(self.data_arr, axis=0)))

    def _flagged(self):
        planes = zip(self.frames, self.data_arr, strict=True)
        return FrameSet(without_bias(attrs.evolve(frame, data=Pixels.of(plane))) for frame, plane in planes)

    def _given(self, image):
        ccd = pipeline.attach_header(image).to_ccddata()
        ccd.data = ccd.data.astype(self.dtype)
        return ccd

    @property
    def weights(self):
        return self._weights

    @weights.setter
    def weights(self, value):
        """Ours checks settings when a step is made, and against the frames when it runs: here at once."""
        self._weights = np.asarray(value)
        with refusals():
            self._combined("mean")

    @property
    def scaling(self):
        return self._scaling

    @scaling.setter
    def scaling(self, value):
        self._scaling = tuple(map(value, self.data_arr) if callable(value) else value)
        with refusals():
            self._combined("mean")

    def sigma_clipping(self, low_thresh=3, high_thresh=3, func="mean", dev_func="std"):
        """Ours: ``clip=Clip("std", low=3, high=3, iterations=1)``; the noise of the stack does better."""
        by_median = func in ("median", np.ma.median, np.median)
        unit = 1 / MAD_TO_SIGMA if dev_func is median_absolute_deviation else 1.0
        clip = Clip(
            "std" if dev_func in ("std", np.std, np.ma.std) else "mad",
            low=np.inf if low_thresh is None else low_thresh * unit,
            high=np.inf if high_thresh is None else high_thresh * unit,
            centre="median" if by_median else "mean",
            iterations=1,
        )
        stack = self.data_arr.filled(np.nan).reshape(len(self.frames), -1)
        self.data_arr.mask |= ~ByOwnSpread(clip).kept(None, stack).reshape(self.data_arr.shape)

    def minmax_clipping(self, min_clip=None, max_clip=None):
        """These are absolute thresholds: ours has ``flag_saturated`` for the upper one, and flags of any array."""
        low, high = -np.inf if min_clip is None else min_clip, np.inf if max_clip is None else max_clip
        self.data_arr.mask |= (self.data_arr.data < low) | (self.data_arr.data > high)

    def clip_extrema(self, nlow=0, nhigh=0):
        """Ours has no such rule; one of your own is a few lines and :func:`pipeline.combined`."""
        rank = self.data_arr.data.argsort(axis=0).argsort(axis=0)
        self.data_arr.mask |= (rank < nlow) | (rank >= len(self.frames) - nhigh)


def combine(
    img_list,
    output_file=None,
    method="average",
    weights=None,
    scale=None,
    mem_limit=16e9,
    clip_extrema=False,
    nlow=1,
    nhigh=1,
    minmax_clip=False,
    minmax_clip_min=None,
    minmax_clip_max=None,
    dtype=None,
    overwrite_output=False,
    unit=None,
):
    """Ours: ``write(pipe(frames, combine, attach_header), path)``, with the unit of the header; memory is bounded."""
    with refusals():
        frames = [pipeline.open_frame(one) if isinstance(one, str) else one for one in img_list]
    stack = Combiner(frames, dtype)
    if clip_extrema:
        stack.clip_extrema(nlow, nhigh)
    if minmax_clip:
        stack.minmax_clipping(minmax_clip_min, minmax_clip_max)
    if scale is not None:
        stack.scaling = scale
    if weights is not None:
        stack.weights = weights
    with pipeline.running(memory=int(mem_limit)):
        made = getattr(stack, f"{method}_combine")()
    if output_file:
        with refusals():
            pipeline.write(pipeline.attach_header(Image.of(made)), output_file, overwrite=overwrite_output)
    return made


# ---- in the place of theirs ----

OF_IMAGES = (
    subtract_bias,
    subtract_dark,
    flat_correct,
    gain_correct,
    create_deviation,
    trim_image,
    subtract_overscan,
    ccd_process,
)
OURS = {function.__name__: ported(function) for function in OF_IMAGES} | {
    "cosmicray_lacosmic": cosmicray_lacosmic,
    "Combiner": Combiner,
    "combine": combine,
}
THEIRS = ("Keyword", "sigma_func")
"""What tests give to ours, and compare ours with."""

used = set()


def counted(name, ours):
    """Note that a test came to something of ours, or to what ours has no counterpart of."""

    @functools.wraps(ours or Combiner)
    def call(*args, **settings):
        if ours is None:
            raise NotImplementedError(f"ours has no {name}")
        used.add(name)
        return ours(*args, **settings)

    return call


def pytest_configure():
    """Put ours in the place of theirs, before their tests are imported."""
    for home in (core, combiner):
        for name in {*home.__all__, "block_average", "block_reduce", "block_replicate"} - {*THEIRS}:
            if hasattr(home, name):
                setattr(home, name, counted(name, OURS.get(name)))
                setattr(ccdproc, name, getattr(home, name))


@pytest.fixture(autouse=True)
def _note_what_a_test_comes_to(record_property):
    used.clear()
    yield
    record_property("used", " ".join(sorted(used)))
