"""What a figure shows of a record: values, errors, flags and sky coordinates of its pixels, and what to call it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from pipeline.errors import HeaderError, ShapeError
from pipeline.figures.blocks import Blocks, block_size, in_blocks, noise_map
from pipeline.headers.cards import Cards
from pipeline.headers.status import State
from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.records.interop import sigma_of, wcs_of
from pipeline.records.pixels import Pixels
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage

if TYPE_CHECKING:
    from collections.abc import Callable

    Coordinates = Callable[[FloatArray, FloatArray], FloatArray]

FINE = 0.02
"""Interpolated coordinates are as near as this, in pixels, to those of the WCS, or there are MOST_CELLS²."""

MOST_CELLS = 64

CELESTIAL = {"RA": ("RA", "Dec"), "GLON": ("l", "b"), "ELON": ("λ", "β"), "SLON": ("SGL", "SGB")}
"""What coordinates are called whose CTYPE begins so."""


@attrs.frozen
class SkyGrid:
    """World coordinates at nodes over a frame, between which a page interpolates along both axes.

    The nodes are the corners of n×n equal cells, from the outer edges of the first pixels to those of the last:
    ``nodes`` is (3, n + 1, n + 1) of directions for longitude and latitude, else (1, n + 1, n + 1).  Directions end
    in the plane that touches the sky at the middle of the frame, where all of it lies before that plane, so that
    between nodes those of a TAN projection are exact.  ``digits`` tell a tenth of a pixel, in seconds of arc or in
    ``unit``, which is the frame of reference of a direction; ``error`` is that of the interpolation, in pixels.
    """

    names: tuple[str, ...]
    unit: str
    digits: int
    nodes: FloatArray
    error: float


def sky_grids(header: Cards, shape: tuple[int, int]) -> list[SkyGrid]:
    """Give the coordinates that the WCS of a header tells: those of the sky, of wavelength, or none.

    :raises HeaderError: the WCS cannot be read.
    """
    wcs = wcs_of(header)
    if wcs is None:
        return []

    def world(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.asarray(wcs.all_pix2world(np.stack([x.ravel(), y.ravel()], -1), 0)).T.reshape(2, *x.shape)

    sky = (wcs.wcs.lng, wcs.wcs.lat)
    if min(sky) >= 0:
        prefix = wcs.wcs.ctype[sky[0]].split("-")[0]
        return [_celestial(lambda x, y: world(x, y)[list(sky)], shape, prefix, wcs.wcs.radesys)]
    return [
        _along(axis, world, shape, name.split("-")[0], str(wcs.wcs.cunit[axis]), header)
        for axis, name in enumerate(wcs.wcs.ctype)
        if name not in ("", "LINEAR", "PIXEL")
    ]


def _along(axis: int, world: Coordinates, shape: tuple[int, int], name: str, unit: str, header: Cards) -> SkyGrid:
    """Give one coordinate in the unit of its card: astropy gives wavelengths in metres."""
    from astropy.units import Unit

    asked = Unit(str(header.get(f"CUNIT{axis + 1}", unit)), parse_strict="silent")
    factor = Unit(unit).to(asked) if unit and asked.is_equivalent(unit) else 1.0
    return _gridded(
        lambda x, y: factor * world(x, y)[[axis]], shape, (name,), asked.to_string() if factor != 1 else unit
    )


def _celestial(degrees: Coordinates, shape: tuple[int, int], prefix: str, reference: str) -> SkyGrid:
    def directions(x: FloatArray, y: FloatArray) -> FloatArray:
        longitude, latitude = np.deg2rad(degrees(x, y))
        return np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])

    height, width = shape
    middle = directions(np.array([(width - 1) / 2]), np.array([(height - 1) / 2]))[:, 0]

    def in_the_plane(x: FloatArray, y: FloatArray) -> FloatArray:
        towards = directions(x, y)
        return towards / np.tensordot(middle, towards, 1)

    ahead = np.tensordot(middle, directions(*_nodes(8, shape)), 1)
    names = CELESTIAL.get(prefix, (prefix.replace("LN", " longitude"), "latitude"))
    arcsec = 3600 * 180 / np.pi
    return _gridded(in_the_plane if np.min(ahead) > 0.2 else directions, shape, names, reference, per_unit=arcsec)


def _gridded(
    at: Coordinates, shape: tuple[int, int], names: tuple[str, ...], unit: str, per_unit: float = 1.0
) -> SkyGrid:
    """Halve the cells until what lies between their nodes is told."""
    height, width = shape
    here = at(width / 2 + np.array([0.0, 1.0, 0.0]), height / 2 + np.array([0.0, 0.0, 1.0]))
    step = float(np.max(np.linalg.norm(here[:, 1:] - here[:, :1], axis=0)))
    digits = min(9, max(0, int(np.ceil(1 - np.log10(step * per_unit))))) if step > 0 else 3
    cells = 1
    while True:
        fine = at(*_nodes(2 * cells, shape))
        nodes = fine[:, ::2, ::2]
        along = (nodes[:, :, :-1] + nodes[:, :, 1:]) / 2
        up = (nodes[:, :-1] + nodes[:, 1:]) / 2
        across = (along[:, :-1] + along[:, 1:]) / 2
        off = [fine[:, ::2, 1::2] - along, fine[:, 1::2, ::2] - up, fine[:, 1::2, 1::2] - across]
        error = max(
            float(np.max(np.linalg.norm(part, axis=0), initial=0.0, where=np.isfinite(part[0]))) for part in off
        )
        if error <= FINE * step or cells == MOST_CELLS:
            return SkyGrid(names, unit, digits, nodes, error / step if step > 0 else 0.0)
        cells *= 2


def _nodes(cells: int, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    height, width = shape
    x, y = np.meshgrid(np.linspace(-0.5, width - 0.5, cells + 1), np.linspace(-0.5, height - 0.5, cells + 1))
    return x, y


@attrs.frozen(slots=False, eq=False)
class View:
    """Pixels (ny, nx), their header and unit, a title and a line below it."""

    pixels: Pixels
    header: Cards
    unit: str
    title: str
    subtitle: str

    @property
    def values(self) -> FloatArray:
        """The values (ny, nx)."""
        return self.pixels.values

    @property
    def flags(self) -> IntArray:
        """The flags of the values."""
        return self.pixels.flags

    @cached_property
    def sigma(self) -> FloatArray | None:
        """The standard deviation of each value, NaN where it is not known; None where none is."""
        variance = self.pixels.total_variance
        return None if variance is None else sigma_of(variance)

    @cached_property
    def sky(self) -> list[SkyGrid]:
        """The world coordinates of the pixels, where the header has a WCS that can be read."""
        try:
            return sky_grids(self.header, self.shape)
        except HeaderError:  # a figure is no place to complain of it: what uses the WCS does
            return []

    @property
    def origin(self) -> tuple[float, float]:
        """What trimming took off on the left and below, as −LTV tells; 0 of a frame that is binned or turned."""
        moved = [_number_said(self.header, key) for key in ("LTV1", "LTV2", "LTM1_1", "LTM2_2")]
        return (moved[0] or 0.0, moved[1] or 0.0) if moved[2] in (None, 1.0) and moved[3] in (None, 1.0) else (0.0, 0.0)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        height, width = self.values.shape
        return height, width

    @cached_property
    def masked(self) -> BoolArray | None:
        """True where a pixel is flagged; None where none is."""
        mask = self.flags != 0
        return mask if mask.any() else None

    @cached_property
    def good(self) -> FloatArray:
        """The values of the pixels that are not flagged, or of all finite ones where all are."""
        values = self.values if self.masked is None else self.values[~self.masked]
        good = values[np.isfinite(values)] if not np.isfinite(values).all() else values.ravel()
        return good if good.size else self.values[np.isfinite(self.values)]

    @cached_property
    def noise(self) -> FloatArray:
        """The noise in squares of the image."""
        return noise_map(self.values)

    def blocks(self, cells: int) -> Blocks:
        """Give the view in at most ``cells``² blocks."""
        return in_blocks(self.values, block_size(self.shape, cells), masked=self.masked, noise=self.noise)


def view_of(record: Any, name: str = "") -> View:
    """Look at a ReducedImage, a master, an Image, Pixels, or an array, HDU or CCDData.

    :param name: what to call it, where its header does not say.
    :raises ShapeError: it is no two-dimensional array of real numbers.
    """
    header, state, kind = Cards(), State(unit=""), ""
    sources: tuple[str, ...] = ()
    if isinstance(record, MasterBias | MasterFlat):
        record = record.image
    elif isinstance(record, MasterDark):
        record = record.product
    elif not isinstance(record, Image | ReducedImage | Pixels):
        record = Image.of(record, name=name)
        record = record if record.header.text else record.pixels
    if isinstance(record, Image | ReducedImage):
        header, state, kind, sources = record.header, record.state, record.kind, record.sources
    pixels = record if isinstance(record, Pixels) else record.pixels
    if not pixels.values.size:
        raise ShapeError(f"an image of the shape {pixels.shape} has nothing to show")
    title = _said(header, "OBJECT") or name or (sources[0] if sources else "") or "an array"
    return View(pixels, header, state.unit, title, _subtitle(header, kind, sources, pixels.shape))


def _subtitle(header: Cards, kind: str, sources: tuple[str, ...], shape: tuple[int, int]) -> str:
    exposure = re.sub(r"\.0*$", "", _said(header, "EXPTIME"))
    words = [
        f"{kind} of {len(sources)} frames" if len(sources) > 1 else kind,
        f"{exposure} s" if exposure else "",
        _said(header, "DATE-OBS"),
        " ".join(dict.fromkeys(filter(None, (_said(header, "TELESCOP"), _said(header, "INSTRUME"))))),
        f"{shape[1]} × {shape[0]} pixels",
    ]
    return " · ".join(filter(None, words))


def _said(header: Cards, keyword: str) -> str:
    try:
        return str(header.get(keyword, "")).strip()
    except HeaderError:  # a title is no place to complain of a card that it could have used
        return ""


def _number_said(header: Cards, keyword: str) -> float | None:
    try:
        return float(header.get(keyword, ""))
    except (HeaderError, TypeError, ValueError):
        return None
