"""The orientation: dispersion along x, wherever the detector put it."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np

from pipeline.compose.stage import stage
from pipeline.detector.mosaic import without_sections
from pipeline.errors import HeaderError
from pipeline.headers.colour_mosaic import mosaic_turned
from pipeline.headers.keywords import dispersion_axis
from pipeline.headers.status import Done
from pipeline.headers.wcs import turned
from pipeline.records.frames import Image

QUARTER = "Turned by 90 degrees, x' = y, y' = NAXIS1 + 1 - x"


@stage(does="turned")
def orient(image: Image, *, saxis: Literal[0, 1], force: bool = False) -> Image:
    """Lay the dispersion along x, which is what extracting a spectrum takes for granted.

    >>> import numpy as np
    >>> from pipeline import Image, orient
    >>> orient(Image.of(np.ones((2, 3))), saxis=0).shape
    (3, 2)

    :param saxis: the axis of the array along which the dispersion runs: 1 is x, and nothing moves; 0 is y, and the
        image is turned as by numpy.rot90, values, flags, errors and WCS alike.  This is ASPIRED's ``saxis``.
    :param force: turn it even if the header says that the dispersion runs along x (DISPAXIS = 1).
    :raises SettingError: ``saxis`` is neither.
    :raises HeaderError: the header says that the dispersion runs along x already.
    """
    along = ("DISPAXIS", 1, "dispersion runs along x")
    if saxis == 1:
        return attrs.evolve(image, added=(*image.added, along))
    if dispersion_axis(image.header) == 1 and not force:
        raise HeaderError(
            f"{image.name}: its header (DISPAXIS = 1) says that the dispersion runs along x, and saxis=0 that it does "
            "not; leave saxis out, or say force=True"
        )
    columns = image.shape[1]
    cards = mosaic_turned(turned(without_sections(image.header), columns=columns), columns=columns)
    return attrs.evolve(
        image,
        data=image.pixels.moved(np.rot90),
        header=cards,
        state=attrs.evolve(image.state, turned=Done(QUARTER)),
        added=(*image.added, ("TURNED", QUARTER, ""), along),
    )
