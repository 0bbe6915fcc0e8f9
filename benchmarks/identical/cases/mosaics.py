"""Cases of files with several HDUs: amplifiers of one image, put together, and detectors, each on its own."""

from functools import partial

import numpy as np
from astropy.io import fits

from benchmarks.identical.case import Case, shared_inputs
from benchmarks.identical.cases.frames import SECONDS, header_of, rng_of, scene
from benchmarks.identical.cases.nights import printed
from benchmarks.identical.described import Files
from benchmarks.identical.tolerance import api

HALF = (24, 30)
OVERSCAN = 6
GAINS, NOISES, LEVELS = (1.2, 1.5, 2.1, 1.7), (3.0, 5.0, 4.0, 8.0), (1000.0, 1150.0, 900.0, 1040.0)
COUNTS = {"bias": 5, "dark": 3, "flat": 5, "light": 3, "arc": 1}


@shared_inputs
def mosaic(folder, hdu="*", layout="quarters", gaps=0):
    """Write a night whose files have an HDU for each amplifier of one detector; give the path of its list.

    ``quarters`` are read from the corners, mirrored, in any order; ``row`` side by side as they lie; ``detectors`` lie
    nowhere, and are images of their own.
    """
    rows = []
    for kind, count in COUNTS.items():
        for number in range(count):
            path = folder / f"{kind}{number}.fits"
            _written(path, kind, number, layout, gaps)
            rows.append(f"{kind}, {path.name}" + (f", {hdu}" if hdu else ""))
    listed = folder / "night.csv"
    listed.write_text("\n".join(rows))
    return listed


def _written(path, kind, number, layout, gaps):
    rng, (height, width) = rng_of("mosaic", kind, number, layout), HALF
    across, up = (2, 2) if layout == "quarters" else (4, 1)
    whole = scene(kind, (height * up, width * across))
    hdus = fits.HDUList([fits.PrimaryHDU(header=header_of(kind, number))])
    for at in (2, 0, 3, 1) if layout == "quarters" else range(4):
        row, column = divmod(at, across)
        y, x = row * height, column * width
        counted = rng.poisson(whole[y : y + height, x : x + width]) + rng.normal(0, NOISES[at], HALF)
        counted[rng.random(HALF) < 2e-3] += 3000
        left, down = layout == "quarters" and column == 1, layout == "quarters" and row == 1
        data = (counted / GAINS[at])[:: -1 if down else 1, :: -1 if left else 1]
        strip = rng.normal(0, NOISES[at] / GAINS[at], (height, OVERSCAN))
        raw = (np.hstack([data, strip]) + LEVELS[at] + rng.normal(0, 2)).round().clip(0, 65_535).astype("uint16")
        x, y = x + gaps * column, y + gaps * row
        xs, ys = (x + 1, x + width)[:: -1 if left else 1], (y + 1, y + height)[:: -1 if down else 1]
        cards = {"DATASEC": f"[1:{width},1:{height}]", "BIASSEC": f"[{width + 1}:{width + OVERSCAN},1:{height}]"}
        cards |= {"GAIN": (GAINS[at], "[electron/adu]"), "RDNOISE": (NOISES[at], "[electron]"), "CCDSUM": "1 1"}
        if layout != "detectors":
            cards["DETSEC"] = f"[{xs[0]}:{xs[1]},{ys[0]}:{ys[1]}]"
        hdus.append(fits.ImageHDU(raw, name=f"im{at + 1}"))
        hdus[-1].header.update(cards)
    hdus.writeto(path)


def cases():
    """Give the cases."""
    for name in ("", "electrons", "median"):
        yield Case(f"mosaic in quarters with gaps, {name or 'default'}", partial(reduced, "quarters", 2, name))
    for layout in ("quarters", "row"):
        yield Case(f"mosaic in {layout}, electrons", partial(reduced, layout, 0, "electrons"))
    for kind in SECONDS:
        yield Case(f"mosaic raw {kind}", partial(raw, kind))
    yield Case("mosaic pattern", partial(reduced, "row", 0, "", hdu="im*"))
    for name, arguments in {
        "": [],
        "electrons": ["--electrons", "--gain", "1.2,1.5,2.1,1.7", "--read-noise", "3,5,4,8", "--record"],
        "rows": ["--overscan-order", "rows", "--flat-by", "median", "--masters", "masters"],
    }.items():
        yield Case(f"mosaic by command, {name or 'default'}", partial(by_command, arguments))
    yield Case("detectors, every HDU", every_hdu)
    yield Case("detectors by command", by_every_hdu)


def reduced(layout, gaps, name, hdu="*"):
    """Reduce a night of such files."""
    settings = {
        "": {},
        "electrons": {"electrons": api.to_electrons()},
        "median": {"method": "median", "overscan": api.subtract_overscan(method="median", order=1)},
    }[name]
    recipe, frames = api.Recipe(**settings), api.read_night(mosaic(hdu, layout, gaps))
    masters = api.make_masters(frames, recipe)
    return {"light": api.reduce(frames, recipe=recipe, masters=masters), "bias": masters.bias, "flat": masters.flat}


def raw(kind):
    """Put one raw frame together, and combine those of its kind."""
    path = mosaic("*", "quarters", 2)
    frames = getattr(api.read_night(path), kind)
    return {
        "": frames[0],
        "trimmed": api.subtract_overscan(frames[0]),
        "combined": api.combine(frames, variance="noise"),
    }


def by_command(arguments):
    """Reduce such a night by the command."""
    command = ["reduce", str(mosaic("*", "quarters", 0)), "-o", "out.fits", *arguments]
    return {**printed(command), "files": Files(".")}


def every_hdu():
    """Reduce the night of each detector, and write all into one file."""
    nights = api.read_every_hdu(mosaic("", "detectors", 0))
    products = {name: api.reduce(frames) for name, frames in nights.items()}
    api.write_every_hdu(products, "out.fits")
    return {"products": products, "files": Files(".")}


def by_every_hdu():
    """Do the same by the command."""
    command = ["reduce", str(mosaic("", "detectors", 0)), "-o", "out.fits", "--every-hdu", "--masters", "masters"]
    return {**printed(command), "files": Files(".")}
