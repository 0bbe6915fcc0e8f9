"""Must type-check: the chains of the README."""

from typing import Annotated, Literal

import attrs

from pipeline import (
    Amplifier,
    FrameSet,
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
