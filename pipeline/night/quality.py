"""Quality numbers: what to look at before believing a frame, or a product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import numpy as np

from pipeline.compose.running import one_by_one
from pipeline.compose.settings import checked_call
from pipeline.records.arrays import Array, BoolArray, FloatArray
from pipeline.records.frames import FrameSet, Image
from pipeline.records.pixels import Flag
from pipeline.stages.header import ReducedImage
from pipeline.statistics.robust import MAD_TO_SIGMA, WILD

if TYPE_CHECKING:
    from astropy.table import Table

BLOCKS = 8
"""A gradient is fitted to the medians of this many blocks along each axis."""


@attrs.frozen
class Quality:
    """The quality numbers of one image, by its name, kind and exposure in s; NaN where no pixel is good.

    ``level`` is the median of the good pixels, ``noise`` the standard deviation from pixel to pixel, without what
    changes slowly along rows; ``gradient_x`` and ``gradient_y`` how much higher the right and upper edges are than
    the left and lower ones; all in ``unit``.  ``saturated`` and ``flagged`` count pixels, ``rejected`` the values
    that combining left out of this frame, or in all; None where it was not combined.  ``dark`` is the factor, by
    exposures or fitted, by which the dark was scaled that was taken out of a product (its card DARKSCL); None for none.

    >>> import numpy as np
    >>> from pipeline import Image, Quality, measure_quality
    >>> quality = measure_quality(Image.of(np.arange(12.0).reshape(3, 4), name="a.fits"))
    >>> isinstance(quality, Quality), quality.level, quality.flagged
    (True, 5.5, 0)
    """

    name: str
    kind: str
    exposure: float | None
    unit: str
    level: float = attrs.field(eq=repr)  # NaN is as good as NaN
    noise: float = attrs.field(eq=repr)
    gradient_x: float = attrs.field(eq=repr)
    gradient_y: float = attrs.field(eq=repr)
    saturated: int
    flagged: int
    rejected: int | None
    dark: float | None = None


@checked_call
def measure_quality(image: Image | ReducedImage | Array, *, rejected: int | None = None) -> Quality:
    """Measure the quality numbers of an image.

    >>> import numpy as np
    >>> from pipeline import Image, measure_quality
    >>> measure_quality(Image.of(np.full((3, 4), 7.0), name="a.fits")).level
    7.0

    :param rejected: the values that combining left out of it; by default what its own combination says.
    :raises ShapeError: it is no image.
    """
    if not isinstance(image, Image | ReducedImage):
        image = Image.of(image)
    pixels, found = image.pixels, image.found
    good = ~pixels.mask & np.isfinite(pixels.values)
    values = pixels.values.astype(np.float64)
    x, y = _gradient(values, good=good)
    if isinstance(image, Image):
        name, exposure, dark = image.name, image.exposure, None
    else:
        name = f"product of {len(image.sources)} {image.kind}"
        exposure, dark = image.header.get("EXPTIME"), image.header.get("DARKSCL")
    return Quality(
        name=name,
        kind=image.kind,
        exposure=None if exposure is None else float(exposure),
        unit=image.state.unit,
        level=float(np.median(values[good])) if good.any() else float("nan"),
        noise=_noise(values, good=good),
        gradient_x=x,
        gradient_y=y,
        saturated=int(np.count_nonzero(pixels.flags & Flag.SATURATED)),
        flagged=int(pixels.mask.sum()),
        rejected=sum(found.rejected) if rejected is None and found is not None else rejected,
        dark=None if dark is None else float(dark),
    )


def quality_table(rows: Iterable[Quality]) -> Table:
    """Give the quality numbers of images as an astropy Table, one row each.

    >>> import numpy as np
    >>> from pipeline import Image, measure_quality, quality_table
    >>> rows = [measure_quality(Image.of(np.full((3, 4), level), name="a.fits")) for level in (7.0, 8.0)]
    >>> list(quality_table(rows)["level"])
    [np.float64(7.0), np.float64(8.0)]
    """
    from astropy.table import MaskedColumn, Table

    listed = list(rows)
    columns = {}
    for field in attrs.fields(Quality):
        column = [getattr(row, field.name) for row in listed]
        unknown = [value is None for value in column]
        filled = [0 if value is None else value for value in column]
        columns[field.name] = MaskedColumn(filled, mask=unknown) if any(unknown) else filled
    return Table(columns)


def rejected_from(products: Sequence[Image | ReducedImage]) -> dict[str, int]:
    """Give by name how many values combining left out of each frame."""
    return {
        name: count
        for product in products
        if product.found is not None and len(product.found.rejected) == len(product.sources)
        for name, count in zip(product.sources, product.found.rejected, strict=True)
    }


def quality_of(frames: FrameSet, products: Sequence[ReducedImage], masters: Sequence[Image] = ()) -> list[Quality]:
    """Measure prepared frames, read one by one, and the products made of them.

    :param masters: what else was combined of the frames, which knows what was left out of them.
    """
    rejected = rejected_from([*masters, *products])
    images = [*frames, *products]
    counts = [rejected.get(frame.name) for frame in frames] + [None] * len(products)
    together = list(zip(images, counts, strict=True))
    return [measure_quality(image, rejected=count) for image, count in one_by_one(together, "measuring image")]


def _noise(values: FloatArray, *, good: BoolArray) -> float:
    """Give the scatter of the differences of neighbours in rows, over √2, without the wild ones."""
    both = good[:, 1:] & good[:, :-1]
    steps = (values[:, 1:] - values[:, :-1])[both]
    if not steps.size:
        return float("nan")
    off = steps - np.median(steps)
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(off)))
    if sigma < 1 and not (steps % 1).any():
        sigma = 1.0  # quiet whole numbers
    return float(off[np.abs(off) <= WILD * sigma].std() / np.sqrt(2))


def _gradient(values: FloatArray, *, good: BoolArray) -> tuple[float, float]:
    """Fit a plane to the medians of blocks; give how much it rises over the image along x and y."""
    height, width = values.shape
    rows, columns = (np.linspace(0, size, min(BLOCKS, size) + 1).astype(int) for size in (height, width))
    points = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            block = values[top:bottom, left:right][good[top:bottom, left:right]]
            if block.size:
                points.append((1.0, (left + right) / 2 / width, (top + bottom) / 2 / height, float(np.median(block))))
    if not points:
        return float("nan"), float("nan")
    table = np.array(points)
    fitted = np.linalg.lstsq(table[:, :3], table[:, 3], rcond=None)[0]
    return float(fitted[1]), float(fitted[2])
