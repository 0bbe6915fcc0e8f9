"""A sky to draw: noise, a dead column and a bright pixel, from which it is seen which way up a picture is."""

import numpy as np

from pipeline import Image, write
from pipeline.stages.header import attach_header

SKY = np.random.default_rng(4).normal(500, 6, (90, 120)).astype(np.float32)
SKY[:, 40] = 0
SKY[10, 20] = 9000


def write_sky(path):
    """Write it as a product; give the product."""
    image = attach_header(Image.of(SKY, exposure=30.0, header={"OBJECT": "M 31"}))
    write(image, path)
    return image
