# %% [markdown]
# # An imaging night
# Raw frames of a star field become one image: first in one expression, then step by step, and both are the same to
# the bit.  The night is simulated, so that we know what should come out.

# %%
import numpy as np

from pipeline import (
    Flag,
    Flagging,
    MasterBias,
    MasterDark,
    Recipe,
    attach_header,
    chain,
    combine,
    divide,
    each,
    fit_dark,
    flag_saturated,
    normalise_flat,
    open_frame,
    pipe,
    read_night,
    reduce,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
    write,
)
from pipeline.simulation.camera import Detector
from pipeline.simulation.simulate import simulate, write_night

night = simulate(shape=(96, 128), scene="stars")
filelist = write_night(night, "night")

# %% [markdown]
# `read_night` opens the frames of a list; their pixels stay on disk until they are asked for.

# %%
raw = read_night(filelist)
print(raw)
image = reduce(raw)
image

# %% [markdown]
# The same, step by step.  A step is a function with settings that waits for its record; `chain` makes one step of
# several, `each` lets it work on every frame of a set, and `pipe` passes a record through.

# %%
frames = each(chain(flag_saturated(), subtract_overscan()))(raw)
stack = combine(method="mean", variance="noise")
bias = pipe(frames.bias, stack, MasterBias.of)
dark = pipe(frames.dark, stack, subtract_bias(bias=bias), MasterDark.of)
flat = pipe(frames.flat, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), normalise_flat)
clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat))
mine = pipe(frames.light, combine(method="mean", variance="noise", zero=bias), clean, attach_header)
assert mine.pixels == image.pixels

# %% [markdown]
# What comes out is the sky within the noise: the deviations, in units of the errors that the image carries, scatter
# by 1.  Nothing is left over.

# %%
good = ~image.pixels.mask
sigma = np.sqrt(image.pixels.total_variance)
pull = ((image.values - night.light) / sigma)[good]
print(f"mean {pull.mean():.2f}, standard deviation {pull.std():.2f}")
assert abs(pull.mean()) < 0.1
assert 0.9 < pull.std() < 1.1

# %% [markdown]
# A dark that is warmer than the lights leaves holes where pixels are hot.  That is said, with the factor by which it
# fits; `fit_dark`, in place of `subtract_dark`, takes it out as strong as its hot pixels stand in the light.  Of this
# camera, with many of them, the darks of 600 s fit lights of 120 s by a fifth, as exposures say.

# %%
hot = simulate(shape=(96, 128), scene="stars", detector=Detector(hot_pixels=0.02)).frames
hot = each(subtract_overscan())(hot)
bias = pipe(hot.bias, stack, MasterBias.of)
dark = pipe(hot.dark, stack, subtract_bias(bias=bias), MasterDark.of)
fitted = pipe(hot.light, stack, subtract_bias(bias=bias), fit_dark(dark=dark), attach_header)
factor, error = fitted.header["DARKSCL"], fitted.header["DARKSERR"]
print(f"the dark stands in the lights {factor:.4f} ± {error:.4f} times")
assert abs(factor - 120 / 600) < 4 * error

# %% [markdown]
# Which steps it went through, what there is to say, and why pixels are bad, is all in the record, and in the file.

# %%
flagged = reduce(raw, recipe=Recipe(flagging=Flagging(hot=8)))
print(*flagged.history[:-1], sep="\n")
print(*flagged.notes, sep="\n")
print({flag.name: int(np.sum(flagged.pixels.flags & flag != 0)) for flag in Flag})
write(flagged, "reduced.fits")
assert (open_frame("reduced.fits").pixels.flags == flagged.pixels.flags).all()
