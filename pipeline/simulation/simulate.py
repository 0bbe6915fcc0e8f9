"""Edge: a simulated night whose truth is known.  The test bed, and the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from astropy.io import fits

from pipeline.errors import OutputError
from pipeline.records.arrays import Array, same_array, sealed
from pipeline.records.frames import FrameSet, Image
from pipeline.simulation.camera import Chip, Detector, arc_lines, chip_of, expose, spectrum, stars


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


@attrs.frozen(repr=False)
class Night:
    """Raw frames, and what a perfect reduction would make of them.

    ``light`` and ``arc`` are the truth in ADU, (ny, nx) without the overscan; ``sigma`` the standard deviation
    that a good reduction of the lights by plain means has in each pixel; ``hits`` the number of light pixels hit
    by cosmic rays.
    """

    frames: FrameSet
    light: Array = attrs.field(eq=attrs.cmp_using(eq=same_array))
    arc: Array = attrs.field(eq=attrs.cmp_using(eq=same_array))
    sigma: Array = attrs.field(eq=attrs.cmp_using(eq=same_array))
    hits: int

    def __repr__(self) -> str:
        return f"Night({self.frames!r})"


def simulate(
    *,
    seed: int = 1,
    shape: tuple[int, int] = (256, 512),
    scene: Literal["spectrum", "stars"] = "spectrum",
    sky: float = 200.0,
    counts: Counts = Counts(),
    exposures: Exposures = Exposures(),
    detector: Detector = Detector(),  # noqa: B008 - frozen
) -> Night:
    """Simulate a night: a function of its settings alone.

    Bias with column structure and a gradient, overscan with a level that drifts from frame to frame, dark current
    with hot pixels, vignetting, pixel response and dust, sky with a spectrum or stars, arc lines, cosmic rays,
    Poisson and read noise, 16-bit saturation.

    :param shape: rows and columns that see light.
    :param sky: e⁻ per pixel in a light.
    """
    rng = np.random.default_rng(seed)
    chip = chip_of(rng, shape, detector)
    bright = sky + (spectrum(rng, shape) if scene == "spectrum" else stars(rng, shape))
    lamp = np.full(shape, 30_000.0)
    lines = arc_lines(rng, shape)
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
            image, struck = expose(rng, chip, detector, kind, number, electrons, seconds)
            frames.append(image)
            hits += struck if kind == "light" else 0
    return Night(
        frames=FrameSet(frames),
        light=sealed(bright / detector.gain),
        arc=sealed(lines / detector.gain),
        sigma=_expected_sigma(chip, detector, counts, exposures, bright, lamp),
        hits=hits,
    )


def _expected_sigma(
    chip: Chip, detector: Detector, counts: Counts, exposures: Exposures, bright: Array, lamp: Array
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
