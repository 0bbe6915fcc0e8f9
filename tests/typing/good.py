"""Must type-check: the chains of the README."""

from typing import Annotated, Literal

import attrs
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from pipeline import (
    Amplifier,
    FrameSet,
    reduce_each,
    measure_noise,
    Noise,
    Image,
    Limits,
    Master,
    MasterBias,
    MasterDark,
    MasterFlat,
    Recipe,
    ReducedImage,
    attach_header,
    chain,
    check_stage,
    combine,
    combined,
    divide,
    each,
    normalise_flat,
    orient,
    pipe,
    read_night,
    reduce,
    stage,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
    to_electrons,
)

frames: FrameSet = read_night("night.csv")
bias: MasterBias = pipe(frames.bias, combine(method="mean"), MasterBias.of)
dark: MasterDark = pipe(frames.dark, combine, subtract_bias(bias=bias), MasterDark.of)
flat: MasterFlat = pipe(frames.flat, combine, subtract_bias(bias=bias), subtract_dark(dark=dark), normalise_flat)
clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat))
one: Image = clean(frames.light.frames[0])
image: ReducedImage = pipe(frames.light, each(clean), combine, attach_header)
short: ReducedImage = pipe("night.csv", read_night, reduce)
without: Image = subtract_bias(one, bias=None)
recipe = Recipe(
    overscan=subtract_overscan(method="median", amplifiers=(Amplifier("[1:8,*]", "[9:12,*]"),)),
    normalise=normalise_flat(by="spline", order=12),
    electrons=to_electrons(gain=1.2),
    orient=orient(saxis=0),
)
own: ReducedImage = reduce(read_night("night.csv"), recipe=recipe)


@attrs.frozen
class MasterSky(Master):
    image: Image


@stage(rows=True)
def subtract_sky(
    image: Image, *, sky: MasterSky, by: Literal["mean", "fit"] = "fit", times: Annotated[float, Limits(above=0)] = 1.0
) -> Image:
    return attrs.evolve(image, data=image.pixels.minus(sky.image.pixels, times=times))


dark_sky: Image = pipe(
    frames.light, each(subtract_sky(sky=MasterSky(one), by="mean")), combine, subtract_sky(sky=MasterSky(one))
)
check_stage(subtract_sky(sky=MasterSky(one)), one)

# what stands for frames, and what frames stand for
light: Image = Image.of(np.ones((2, 2)), exposure=1)
values = np.ones((2, 2))
listed: Image = combine([light, light])
in_a_tuple: Image = combine((light, light), method="median")
generated: Image = combine(Image.of(v) for v in (values, values))
arrays: Image = combine([values, values])
piped: Image = pipe([light, light], combine)
finished: ReducedImage = pipe([light, light], combine(method="median"), attach_header)
of_an_array: Image = subtract_bias(values, bias=None)
piped_array: Image = pipe(values, subtract_bias(bias=None))
mapped: FrameSet = each(subtract_bias(bias=None))([light, values])
cleaned: ReducedImage = pipe([light, light], each(subtract_bias(bias=None)), combine, attach_header)
noise: Noise = measure_noise([light, light])
products: list[ReducedImage] = reduce_each([light])
product: ReducedImage = reduce([light])
more = [light]
night: FrameSet = FrameSet([light, values]) + more
later: FrameSet = night[1:]
the_first: Image = night[0]
groups: dict[object, FrameSet] = night.group_by("FILTER")
kinds: dict[str, FrameSet] = night.group_by(lambda frame: frame.kind)
key = light.header["OBJECT"]
pixels = np.asarray(light)
mean = np.mean(light)
chained: Image = chain(combine, subtract_bias(bias=None))([light, light])

# what astropy hands over, which to mypy is of no type, and to pyright of its own
ccd = CCDData(values, unit="adu")
hdu = fits.PrimaryHDU(values)
of_ccds: Image = combine([ccd, ccd])
of_hdus: Image = combine([hdu, ccd, values], method="median")
of_a_ccd: Image = subtract_bias(ccd, bias=None)
piped_ccd: Image = pipe(ccd, subtract_bias(bias=None))
piped_ccds: ReducedImage = pipe([ccd, ccd], each(subtract_bias(bias=None)), combine, attach_header)
reduced_ccds: ReducedImage = reduce([ccd, ccd])
in_electrons: Image = to_electrons(ccd, gain=1.5 * u.electron / u.adu)
adopted: Image = Image.of(ccd, exposure=30 * u.s)
set_of_both: FrameSet = FrameSet([ccd, hdu, values])
back: CCDData = reduced_ccds.to_ccddata()

# a combination of one's own, and weights and factors of one's own
by_a_rule: Image = combined([ccd, light], values, variance=values, rejected=[0, 2], exposure=30 * u.s)
weighed: Image = combine([light, values], weights=(1.0, 2.0), scale=(1.0, 0.5))
weighed_by_value: Image = combine([light, values], weights=np.ones((2, *light.shape)))
