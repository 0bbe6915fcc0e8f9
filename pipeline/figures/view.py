"""What a figure shows of a record: its values, which of them are flagged and why, and what to call it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from pipeline.errors import HeaderError, ShapeError
from pipeline.figures.blocks import Blocks, block_size, in_blocks, noise_map
from pipeline.headers.cards import Cards
from pipeline.headers.status import State
from pipeline.records.arrays import BoolArray, FloatArray, IntArray
from pipeline.records.frames import Image
from pipeline.records.pixels import Pixels
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage


@attrs.frozen(slots=False, eq=False)
class View:
    """Values (ny, nx), the flags of their pixels, their unit, a title and a line below it."""

    values: FloatArray
    flags: IntArray
    unit: str
    title: str
    subtitle: str

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
    return View(pixels.values, pixels.flags, state.unit, title, _subtitle(header, kind, sources, pixels.shape))


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
