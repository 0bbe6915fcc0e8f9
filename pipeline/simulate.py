"""Edge: a simulated night whose truth is known.  The test bed, and the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from astropy.io import fits

from pipeline.cards import Cards
from pipeline.errors import OutputError
from pipeline.frames import FrameSet, Image
from pipeline.pixels import Array, sealed

FULL_SCALE = 65535


@attrs.frozen
class Counts:
    """How many frames of each kind."""

    bias: int = 7
    dark: int = 5
    flat: int = 7
    light: int = 3
    arc: int = 1


@attrs.frozen
class Exposures:
    """How long each kind is exposed, in seconds."""

    dark: float = 600.0
    flat: float = 8.0
    light: float = 120.0
    arc: float = 10.0


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


@attrs.frozen(repr=False)
class Night:
    """Raw frames, and what a perfect reduction would make of them.

    ``light`` and ``arc`` are the truth in ADU, (ny, nx) without the overscan; ``sigma`` the standard deviation
    that a good reduction of the lights by plain means has in each pixel; ``hits`` the number of light pixels hit
    by cosmic rays.
    """

    frames: FrameSet
    light: Array
    arc: Array
    sigma: Array
    hits: int

    def __repr__(self) -> str:
        return f"Night({self.frames!r})"


@attrs.frozen
class _Chip:
    """One detector's fixed pattern: bias structure in ADU, dark rate in e⁻/s, response of mean 1."""

    bias: Array
    dark_rate: Array
    response: Array


def simulate(
    *,
    seed: int = 1,
    shape: tuple[int, int] = (256, 512),
    scene: Literal["spectrum", "stars"] = "spectrum",
    sky: float = 200.0,
    counts: Counts = Counts(),
    exposures: Exposures = Exposures(),
    detector: Detector = Detector(),
) -> Night:
    """Simulate a night: a function of its settings alone.

    Bias with column structure and a gradient, overscan with a level that drifts from frame to frame, dark current
    with hot pixels, vignetting, pixel response and dust, sky with a spectrum or stars, arc lines, cosmic rays,
    Poisson and read noise, 16-bit saturation.

    :param shape: rows and columns that see light.
    :param sky: e⁻ per pixel in a light.
    """
    rng = np.random.default_rng(seed)
    chip = _chip(rng, shape, detector)
    bright = sky + (_spectrum(rng, shape) if scene == "spectrum" else _stars(rng, shape))
    lamp = np.full(shape, 30_000.0)
    lines = _arc_lines(rng, shape)
    hits = 0
    frames: list[Image] = []
    for kind, count, electrons, seconds in (
        ("bias", counts.bias, 0.0, 0.0),
        ("dark", counts.dark, 0.0, exposures.dark),
        ("flat", counts.flat, lamp * chip.response, exposures.flat),
        ("light", counts.light, bright * chip.response, exposures.light),
        ("arc", counts.arc, lines, exposures.arc),
    ):
        for number in range(count):
            image, struck = _expose(rng, chip, detector, kind, number, electrons, seconds)
            frames.append(image)
            hits += struck if kind == "light" else 0
    return Night(
        frames=FrameSet(frames),
        light=sealed(bright / detector.gain),
        arc=sealed(lines / detector.gain),
        sigma=_expected_sigma(chip, detector, counts, exposures, bright, lamp),
        hits=hits,
    )


def _chip(rng: np.random.Generator, shape: tuple[int, int], detector: Detector) -> _Chip:
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
    return _Chip(bias, dark_rate, response)


def _spectrum(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Give the trace of a star along x, with absorption lines."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    centre = 0.5 * height + 0.02 * height * np.sin(np.pi * x / width)
    continuum = 6000 * np.exp(-(((np.arange(width) / width - 0.55) / 0.35) ** 2))
    for _ in range(8):
        continuum *= 1 - rng.uniform(0.1, 0.6) * np.exp(-(((np.arange(width) - rng.uniform(0, width)) / 2.5) ** 2))
    trace: Array = continuum * np.exp(-(((y - centre) / 2.0) ** 2) / 2)
    return trace


def _stars(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    field = np.zeros(shape)
    for flux in 200 * rng.pareto(1.2, 40).clip(max=300):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        field += flux * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 1.8**2))
    return field


def _arc_lines(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    height, width = shape
    x = np.arange(width)
    lines = np.full(width, 100.0)
    for _ in range(15):
        lines += rng.uniform(500, 40_000) * np.exp(-(((x - rng.uniform(0, width)) / 1.5) ** 2) / 2)
    return np.broadcast_to(lines, (height, width)).copy()


def _expose(
    rng: np.random.Generator,
    chip: _Chip,
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
    cards = {
        "OBJECT": f"simulated {kind}",
        "IMAGETYP": kind,
        "EXPTIME": seconds,
        "GAIN": (detector.gain, "[electron/adu]"),
        "RDNOISE": (detector.read_noise, "[electron]"),
        "SATURATE": (FULL_SCALE, "[adu]"),
        "DATE-OBS": f"2026-01-01T{number // 60 % 24:02d}:{number % 60:02d}:00.000",
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


def _expected_sigma(
    chip: _Chip, detector: Detector, counts: Counts, exposures: Exposures, bright: Array, lamp: Array
) -> Array:
    """Propagate the noise of the night to first order: lights, the bias that light and dark share, dark, flat."""
    read = detector.read_noise**2 + detector.gain**2 / 12

    def counted(electrons: Array | float, seconds: float) -> Array:
        variance: Array = electrons + chip.dark_rate * seconds + read
        return variance

    k = exposures.light / exposures.dark if counts.dark else 0.0
    variance = counted(bright * chip.response, exposures.light) / counts.light
    variance += (1 - k) ** 2 * read / counts.bias if counts.bias else 0.0
    variance += k**2 * counted(0.0, exposures.dark) / counts.dark if counts.dark else 0.0
    if counts.flat:
        relative = counted(lamp * chip.response, exposures.flat) / counts.flat / (lamp * chip.response) ** 2
        variance += (bright * chip.response) ** 2 * relative
    return sealed(np.sqrt(variance) / chip.response / detector.gain)


def write_night(night: Night, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write the raw frames of a night as 16-bit FITS files with their list, night.csv; give the list's path.

    :raises OutputError: the folder holds such files already, or cannot be written to.
    """
    folder = Path(folder)
    path = folder / "night.csv"
    targets = [path, *(folder / "raw" / frame.sources[0] for frame in night.frames)]
    there = [target for target in targets if target.exists()]
    if there and not overwrite:
        raise OutputError(f"{there[0]}: is there already; name another folder, or allow overwriting (--overwrite)")
    try:
        (folder / "raw").mkdir(parents=True, exist_ok=True)
        for frame, target in zip(night.frames, targets[1:], strict=True):
            hdu = fits.PrimaryHDU(frame.pixels.values.astype(np.uint16), frame.header.to_header())
            hdu.writeto(target, overwrite=True)
        rows = [f"{frame.kind}, raw/{frame.sources[0]}" for frame in night.frames]
        path.write_text("\n".join(["# type, path", *rows, ""]), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written to: {error.strerror or error}") from error
    return path
