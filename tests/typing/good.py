"""Must type-check: the chains of the README."""

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    MasterFlat,
    ReducedImage,
    attach_header,
    chain,
    combine,
    divide,
    each,
    normalise_flat,
    pipe,
    read_night,
    reduce,
    subtract_bias,
    subtract_dark,
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
