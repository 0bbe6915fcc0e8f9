"""Edge: a frame as a static image without a browser: picture, axes, colour bar and title, painted by Pillow."""

from __future__ import annotations

import io
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.figures.blocks import Blocks
from pipeline.figures.colour import MASK_COLOUR, NOTHING, Appearance, Range, colours, stretched, unstretched
from pipeline.figures.figure import limits_of
from pipeline.figures.view import View
from pipeline.records.arrays import Array

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

STATIC_CELLS = 1024
"""An image is painted in at most this number of blocks, squared."""

SMALLEST = 700
"""Pictures less wide are painted with several dots a pixel."""

LEFT, RIGHT, TOP, BOTTOM, BAR = 80, 150, 70, 60, 18
INK, PAPER = (28, 39, 51), (255, 255, 255)
ENCODING = {"png": ("PNG", {"compress_level": 2}), "jpg": ("JPEG", {"quality": 92, "subsampling": 0})}


def painted(view: View, look: Appearance, form: str) -> bytes:
    """Paint a view; give the bytes of a PNG or JPG file.

    :param form: png or jpg.
    """
    from PIL import Image, ImageDraw

    blocks = view.blocks(STATIC_CELLS)
    limits = limits_of(view)[look.limits]
    picture = Image.fromarray(coloured(blocks, limits, look))
    times = max(1, math.ceil(SMALLEST / max(picture.size)))
    picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    width, height = max(picture.width, 320), max(picture.height, 120)
    canvas = Image.new("RGB", (LEFT + width + RIGHT, TOP + height + BOTTOM), PAPER)
    canvas.paste(picture, (LEFT, TOP))
    draw = ImageDraw.Draw(canvas)
    _title(draw, view, blocks, canvas.width)
    _axes(draw, view, picture.size, blocks.size / times)
    _colour_bar(canvas, draw, view, look, limits, LEFT + width + 22, max(picture.height, 120))
    stream = io.BytesIO()
    name, settings = ENCODING[form]
    canvas.save(stream, name, **settings)
    return stream.getvalue()


def coloured(blocks: Blocks, limits: Range, look: Appearance) -> Array:
    """Give the colours of blocks, uint8 (ny, nx, 3), the top row first; grey where there is no value."""
    steps = 1024
    table = colours(look.colours, np.linspace(0, 1, steps + 1))
    place = np.nan_to_num(stretched(blocks.shown, limits, look.stretch))
    colour = table[np.rint(place * steps).astype(np.intp)]
    colour[np.isnan(blocks.shown)] = NOTHING
    if blocks.masked is not None:
        share = np.where(blocks.masked > 0, 0.35 + 0.65 * blocks.masked, 0)[..., None]
        mark = np.array(list(bytes.fromhex(MASK_COLOUR[look.colours][1:])))
        colour = np.rint(colour * (1 - share) + mark * share).astype(np.uint8)
    return np.ascontiguousarray(colour[::-1])


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _title(draw: ImageDraw, view: View, blocks: Blocks, width: int) -> None:
    note = "" if blocks.size == 1 else f" · blocks of {blocks.size}×{blocks.size}: mean, or what stands out by 5 σ"
    for text, size, y in ((view.title, 22, 10), (view.subtitle + note, 14, 40)):
        draw.text((LEFT, y), _cut(text, size, width - LEFT - 10), INK, _font(size))


def _cut(text: str, size: int, width: float) -> str:
    """Write a text with signs that Pillow's font has, as far as there is room."""
    text = text.replace("×", "x").replace("σ", "sigma").replace("−", "-")
    kept = text
    while kept and _font(size).getlength(kept + "...") > width:
        kept = kept[:-1]
    return text if kept == text else f"{kept}..."


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Give round numbers from low to high, about ``count`` of them.

    >>> ticks(-0.5, 1023.5)
    [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * (1 - 1e-9))
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _axes(draw: ImageDraw, view: View, size: tuple[int, int], scale: float) -> None:
    """Draw the axes; ``scale`` is pixels of the frame per dot."""
    wide, tall = size
    font, foot = _font(14), TOP + tall
    draw.rectangle((LEFT - 1, TOP - 1, LEFT + wide, foot), outline=INK)
    height, width = view.shape
    for x in ticks(-0.5, width - 0.5, min(10, max(2, wide // 120))):
        at = LEFT + (x + 0.5) / scale
        draw.line((at, foot, at, foot + 6), INK)
        draw.text((at, foot + 8), f"{x:g}", INK, font, anchor="ma")
    for y in ticks(-0.5, height - 0.5, min(10, max(2, tall // 80))):
        at = foot - (y + 0.5) / scale
        draw.line((LEFT - 7, at, LEFT - 1, at), INK)
        draw.text((LEFT - 10, at), f"{y:g}", INK, font, anchor="rm")
    draw.text((LEFT + wide / 2, foot + 30), "x (column, from 0)", INK, font, anchor="ma")
    _upright(draw, "y (row, from 0)", 8, TOP + tall / 2)


def _upright(draw: ImageDraw, text: str, x: float, middle: float) -> None:
    from PIL import Image, ImageDraw

    font = _font(14)
    label = Image.new("L", (math.ceil(font.getlength(text)) + 2, 20), 0)
    ImageDraw.Draw(label).text((1, 1), text, 255, font)
    turned = label.transpose(Image.Transpose.ROTATE_90)
    draw.bitmap((int(x), int(middle - turned.height / 2)), turned, INK)


def _colour_bar(
    canvas: Picture, draw: ImageDraw, view: View, look: Appearance, limits: Range, left: int, height: int
) -> None:
    """Draw the colours at equal distances and the values they stand for."""
    from PIL import Image

    column = colours(look.colours, np.linspace(1, 0, height))[:, None].repeat(BAR, axis=1)
    canvas.paste(Image.fromarray(np.ascontiguousarray(column)), (left, TOP))
    draw.rectangle((left - 1, TOP - 1, left + BAR, TOP + height), outline=INK)
    values = ticks(limits.low, limits.high, min(10, max(3, height // 50)))
    if look.stretch != "linear":
        places = np.linspace(0, 1, min(10, max(3, height // 70)))
        values = (limits.low + unstretched(places, look.stretch) * (limits.high - limits.low)).tolist()
    font = _font(13)
    for value, place in zip(values, stretched(np.array(values), limits, look.stretch), strict=True):
        at = TOP + (1 - place) * height
        draw.line((left + BAR, at, left + BAR + 5, at), INK)
        draw.text((left + BAR + 8, at), f"{value:.5g}", INK, font, anchor="lm")
    _upright(draw, view.unit or "value", left + BAR + 76, TOP + height / 2)
