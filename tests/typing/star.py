"""Must type-check: all public names at once."""
# ruff: noqa: F403, F405

from pipeline import *

image: ReducedImage = pipe("night.csv", read_night, reduce)
step: Step[Image, Image] = subtract_bias(bias=None)
with running(threads=2):
    lists: dict[str, str] = propose_filelists("raw")
