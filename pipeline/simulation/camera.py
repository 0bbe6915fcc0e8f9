"""A simulated camera: what it is pointed at, its electronics, the fixed pattern of its chip, one exposure with it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import attrs
import numpy as np

from pipeline.headers.cards import Cards
from pipeline.records.arrays import Array
from pipeline.records.frames import Image


def spectrum(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Give the trace of a star along x, with absorption lines."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    centre = 0.5 * height + 0.02 * height * np.sin(np.pi * x / width)
    continuum = 6000 * np.exp(-(((np.arange(width) / width - 0.55) / 0.35) ** 2))
    for _ in range(8):
        continuum *= 1 - rng.uniform(0.1, 0.6) * np.exp(-(((np.arange(width) - rng.uniform(0, width)) / 2.5) ** 2))
    trace: Array = continuum * np.exp(-(((y - centre) / 2.0) ** 2) / 2)
    return trace


def stars(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Give forty stars of all brightnesses."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    field = np.zeros(shape)
    for flux in 200 * rng.pareto(1.2, 40).clip(max=300):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        field += flux * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 1.8**2))
    return field


def arc_lines(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Give the lines of an arc lamp, across all rows."""
    height, width = shape
    x = np.arange(width)
    lines = np.full(width, 100.0)
    for _ in range(15):
        lines += rng.uniform(500, 40_000) * np.exp(-(((x - rng.uniform(0, width)) / 1.5) ** 2) / 2)
    return np.broadcast_to(lines, (height, width)).copy()


FULL_SCALE = 65535
READ_OUT = 20.0
"""Seconds between the end of an exposure and the next."""


@attrs.frozen
class Detector:
    """A CCD: its electronics and its defects.

    ``gain`` e⁻/ADU, ``read_noise`` e⁻, ``bias`` ADU, ``dark_current`` e⁻/s, ``hot_pixels`` a fraction of all,
    ``cosmic_rays`` hits per frame and million pixels and 100 s, ``overscan`` columns at the right edge (0: none).
    ``structure`` is the strength of what the bias differs by from pixel to pixel, ``unevenness`` that of the response:
    0 for none.
    """

    gain: float = 1.5
    read_noise: float = 4.0
    bias: float = 1000.0
    dark_current: float = 0.02
    hot_pixels: float = 1e-3
    cosmic_rays: float = 200.0
    overscan: int = 16
    noise: bool = True
    structure: float = 1.0
    unevenness: float = 1.0


@attrs.frozen
class Chip:
    """One detector's fixed pattern: bias structure in ADU, dark rate in e⁻/s, response of mean 1."""

    bias: Array
    dark_rate: Array
    response: Array


def chip_of(rng: np.random.Generator, shape: tuple[int, int], detector: Detector) -> Chip:
    """Give a chip with structure in its bias, hot pixels, vignetting, pixel response and dust."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    structure = rng.normal(0, 1.0, width) + 3.0 * y / height + 2.0 * np.sin(2 * np.pi * x / width)
    bias = detector.bias + detector.structure * structure
    dark_rate = np.full(shape, float(detector.dark_current))
    hot = rng.random(shape) < detector.hot_pixels
    dark_rate[hot] += rng.uniform(1, 40, int(hot.sum()))
    radius2 = ((y / height - 0.5) ** 2 + (x / width - 0.5) ** 2) / 0.5
    response = (1 - 0.25 * radius2) * rng.normal(1, 0.01, shape)
    for _ in range(6):
        cy, cx, size = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(4, 9)
        ring = np.hypot(y - cy, x - cx) / size
        response *= 1 - 0.08 * np.exp(-((ring - 1) ** 2) / 0.1)
    response = 1 + detector.unevenness * (response / response.mean() - 1)
    return Chip(bias, dark_rate, response)


def expose(
    rng: np.random.Generator,
    chip: Chip,
    detector: Detector,
    kind: str,
    number: int,
    electrons: Array | float,
    seconds: float,
) -> tuple[Image, int]:
    """Read one frame out; give it, and how many of its pixels were hit."""
    height, width = chip.bias.shape
    collected = electrons + chip.dark_rate * seconds
    hit = np.zeros(chip.bias.shape)
    if detector.noise:
        collected = rng.poisson(collected).astype(float)
        hit = _cosmic_rays(rng, chip.bias.shape, detector.cosmic_rays * (seconds + 10) / 100)
    counts = chip.bias + (collected + hit) / detector.gain
    strip = np.full((height, detector.overscan), detector.bias)
    raw = np.hstack([counts, strip])
    if detector.noise:
        drift = rng.normal(0, 1.5) if detector.overscan else 0.0
        raw += drift + rng.normal(0, detector.read_noise / detector.gain, raw.shape)
        raw = raw.round().clip(0, FULL_SCALE)
    begun = datetime(2026, 1, 1) + number * timedelta(minutes=math.ceil((seconds + READ_OUT) / 60))
    cards = {
        "OBJECT": f"simulated {kind}",
        "IMAGETYP": kind,
        "EXPTIME": seconds,
        "GAIN": (detector.gain, "[electron/adu]"),
        "RDNOISE": (detector.read_noise, "[electron]"),
        "SATURATE": (FULL_SCALE, "[adu]"),
        "DATE-OBS": begun.isoformat(timespec="milliseconds"),
    }
    if detector.overscan:
        cards["BIASSEC"] = f"[{width + 1}:{width + detector.overscan},1:{height}]"
        cards["DATASEC"] = f"[1:{width},1:{height}]"
    values = raw.astype(np.uint16) if detector.noise else raw
    name = f"{kind}_{number + 1:02d}.fits"
    image = Image.of(values, kind=kind, exposure=seconds, header=Cards.of(cards), name=name)
    return image, int((hit > 0).sum())


def _cosmic_rays(rng: np.random.Generator, shape: tuple[int, int], per_million: float) -> Array:
    """Give the electrons of straight tracks of one to eight pixels."""
    height, width = shape
    hit = np.zeros(shape)
    for _ in range(rng.poisson(per_million * height * width / 1e6)):
        length, angle = int(rng.integers(1, 9)), rng.uniform(0, np.pi)
        y = (rng.uniform(0, height) + np.arange(length) * np.sin(angle)).astype(int)
        x = (rng.uniform(0, width) + np.arange(length) * np.cos(angle)).astype(int)
        inside = (y < height) & (x >= 0) & (x < width)
        hit[y[inside], x[inside]] += rng.uniform(300, 8000)
    return hit
