"""Must not type-check: each line marked so is a wrong chain."""

import pipeline
from pipeline import FrameSet, Image, MasterBias, attach_header, combine, divide, pipe, read_night, subtract_bias
from pipeline import MasterDark, normalise_flat, scale_dark, each

frames: FrameSet = read_night("night.csv")
bias: MasterBias = pipe(frames.bias, combine, MasterBias.of)
image: Image = combine(frames.light)

pipe(frames.light, combine, divide(flat=bias))  # wrong: a bias is no flat
pipe(frames.light, divide(flat=None))  # wrong: each forgotten
pipe(frames.light, combine, subtract_bias)  # wrong: which bias?
pipe(frames.light, combine, attach_header, subtract_bias(bias=bias))  # wrong: after the end
subtract_bias(image, bais=bias)  # wrong: misspelt
subtract_bias()  # wrong: forgotten
combine(image)  # wrong: one image is no FrameSet
combine(frames.light, method="average")  # wrong: no such method
pipe(frames.dark, combine, scale_dark(exposure=10.0))  # wrong: an image is no MasterDark
pipe(image, each(subtract_bias(bias=bias)))  # wrong: each is for FrameSets
divide(image, flat=normalise_flat)  # wrong: a stage is no flat
MasterDark.of(frames)  # wrong: a FrameSet is no image
pipeline.combin  # wrong: no such name
combine("a.fits")  # wrong: a path is no list of frames
subtract_bias([image], bias=None)  # wrong: a list of frames is no image
combine([image], method="average")  # wrong: no such method, of a list neither
combine([image], weights="exposures")  # wrong: no such weights
image + 1  # wrong: header, flags and history would be lost
frames.group_by(3)  # wrong: a number is no card
