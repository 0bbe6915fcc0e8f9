"""Which colour a value gets: limits, stretches and colour maps, and a record of which are asked for.

Values stay physical; only colours are stretched.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs
import numpy as np

from pipeline.compose.settings import checked
from pipeline.errors import SettingError
from pipeline.records.arrays import Array

Stretch: TypeAlias = Literal["linear", "asinh", "log"]
Limits: TypeAlias = Literal["zscale", "percentile", "minmax"]

STRETCHES: tuple[Stretch, ...] = ("linear", "asinh", "log")
LIMITS: tuple[Limits, ...] = ("zscale", "percentile", "minmax")

MAPS = {
    "viridis": "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
    "cividis": "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838",
    "magma": "000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf",
    "grey": "000000 ffffff",
}
"""Colours at equal distances: perceptually even, and even without one of the three cones (van der Walt and Smith's
viridis and magma, 2015; Nuñez, Anderton and Renslow's cividis, 2018)."""

MASK_COLOUR = {"viridis": "#bb00ff", "cividis": "#cc00ff", "magma": "#88eeff", "grey": "#ff7711"}
"""The colour of masked pixels on each map: far from every colour in it, for normal and for colour-blind eyes."""

NOTHING = (214, 219, 225)
"""The colour, red, green and blue, of pixels without a value."""

PERCENT = 99.5
"""How much of the good pixels lies between the limits called percentile."""

LOG_SPAN, ASINH_BEND = 1000.0, 0.1
"""Of astropy's LogStretch and AsinhStretch: log(1 + 1000 t), and asinh(t / 0.1)."""

SAMPLE = 1_000_000
STOPS = 32


@attrs.frozen
class Range:
    """From the value that gets the first colour to the value that gets the last; first < last."""

    low: float
    high: float


def ranges(values: Array, lowest: float, highest: float) -> dict[Limits, Range]:
    """Give the limits by each rule, of good values in any order; ``lowest`` and ``highest`` are all pixels'.

    ZScale is IRAF's, as astropy has it; the percentiles are of an even sample of at most a million values.
    """
    from astropy.visualization import ZScaleInterval

    if not values.size:
        return dict.fromkeys(LIMITS, Range(0.0, 1.0))
    sample = values[:: max(1, values.size // SAMPLE)]
    low, high = ZScaleInterval(n_samples=10_000).get_limits(sample)
    tail = (100 - PERCENT) / 2
    return {
        "zscale": _widened(low, high),
        "percentile": _widened(*np.percentile(sample, [tail, 100 - tail])),
        "minmax": _widened(lowest, highest),
    }


def _widened(low: float, high: float) -> Range:
    """Keep a range from being empty: a frame of one value has that value in the middle."""
    low, high = float(low), float(high)
    if low < high:
        return Range(low, high)
    half = max(abs(low) * 1e-6, 0.5)
    return Range(low - half, low + half)


def stretched(values: Array, limits: Range, stretch: Stretch) -> Array:
    """Give where in the colour map each value lies, 0 to 1; what is below or above gets the first or last colour.

    log(1 + 1000 t)/log(1001), asinh(10 t)/asinh(10), where t goes from 0 to 1 between the limits: no value is too
    low for either.
    """
    t = np.clip((values - limits.low) / (limits.high - limits.low), 0, 1)
    if stretch == "log":
        return np.asarray(np.log1p(LOG_SPAN * t) / np.log1p(LOG_SPAN))
    return np.asarray(np.arcsinh(t / ASINH_BEND) / np.arcsinh(1 / ASINH_BEND)) if stretch == "asinh" else t


def unstretched(places: Array, stretch: Stretch) -> Array:
    """Give t for a place in the colour map: the inverse of :func:`stretched`."""
    if stretch == "log":
        return np.asarray(np.expm1(places * np.log1p(LOG_SPAN)) / LOG_SPAN)
    return np.asarray(np.sinh(places * np.arcsinh(1 / ASINH_BEND)) * ASINH_BEND) if stretch == "asinh" else places


def colours(name: str, places: Array) -> Array:
    """Give the colours, uint8 (..., 3), at some places of a map.

    :raises SettingError: there is no such map.
    """
    if name not in MAPS:
        raise SettingError(f"colours={name!r}; expected one of {', '.join(MAPS)}")
    stops = np.array([list(bytes.fromhex(stop)) for stop in MAPS[name].split()], float)
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(places, at, stops[:, i]) for i in range(3)], axis=-1).round().astype(np.uint8)


def colour_scale(name: str, stretch: Stretch) -> list[tuple[float, str]]:
    """Give a plotly colour scale, from 0 to 1 in value, whose colours are stretched.

    The stops lie at equal distances in colour, so that the map stays smooth where the stretch is steep; they are few,
    as plotly.js looks a colour up among them for each pixel.
    """
    places = np.linspace(0, 1, len(MAPS[name].split()) if stretch == "linear" else STOPS)
    at = unstretched(places, stretch)
    at[-1] = 1.0
    return [
        (round(float(t), 7), "rgb({},{},{})".format(*rgb)) for t, rgb in zip(at, colours(name, places), strict=True)
    ]


@checked
@attrs.frozen
class Appearance:
    """How a picture is to look: limits and stretch to begin with, and the colour map.

    ``limits`` are ``"zscale"``, ``"percentile"`` or ``"minmax"``; ``stretch`` is ``"linear"``, ``"asinh"`` or
    ``"log"``; ``colours`` are viridis, cividis, magma or grey.

    Most of a frame is sky, and its light spans many times the noise of that: asinh between percentiles shows both.

    >>> from pipeline import Appearance
    >>> Appearance(limits="minmax", stretch="log").colours
    'viridis'

    :raises SettingError: there are no such limits, or no such stretch or map.
    """

    limits: Limits = "percentile"
    stretch: Stretch = "asinh"
    colours: Literal["viridis", "cividis", "magma", "grey"] = "viridis"
