"""Make the picture of the README, of a simulated night: ``python .ci/picture.py .github/night.png``."""

import sys

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from pipeline import make_masters, pipe, reduce
from pipeline.figures.colour import Range, colours, stretched
from pipeline.simulation.simulate import simulate

NIGHT = simulate(scene="stars", shape=(256, 256), seed=3)
PANELS = {
    "one of three raw lights": NIGHT.frames.light[1].values,
    "master flat": make_masters(NIGHT.frames).flat.image.values,
    "reduced": pipe(NIGHT.frames, reduce).values,
}
GAP, TITLE = 8, 26


def panel(values: NDArray[np.floating]) -> Picture.Image:
    """Colour values between the percentiles that hold nearly all of them, the first row below."""
    low, high = np.nanpercentile(values, [0.5, 99.7])
    shades = colours("magma", stretched(values, Range(low, high), "asinh"))
    return Picture.fromarray(np.ascontiguousarray(shades[::-1]))


if __name__ == "__main__":
    panels = {title: panel(values) for title, values in PANELS.items()}
    width = sum(picture.width + GAP for picture in panels.values()) - GAP
    canvas = Picture.new("RGB", (width, TITLE + 256), "white")
    left = 0
    for title, picture in panels.items():
        ImageDraw.Draw(canvas).text((left, 2), title, "black", ImageFont.load_default(16))
        canvas.paste(picture, (left, TITLE))
        left += picture.width + GAP
    canvas.quantize(64).save(sys.argv[1], optimize=True)
