"""How long it takes to match a night against a library of many masters: ``python -m benchmarks.library``.

The masters are tiny files: what is measured, in CPU seconds, is the index and the choice, not pixels.  They are of
1,250 nights: a bias, darks of two exposures, flats of five filters, at temperatures that drift.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline import Image, MasterLibrary, match

FILTERS = ("U", "B", "V", "R", "I")
FIRST_NIGHT = np.datetime64("2018-01-01T20:00:00")


def main():
    parser = argparse.ArgumentParser(description="How long a library of many masters takes to be matched.")
    parser.add_argument("--nights", type=int, default=1250, help="eight masters each (default: 1250)")
    parser.add_argument("--lights", type=int, default=50, help="in the night that is matched (default: 50)")
    parser.add_argument("--runs", type=int, default=5, help="the median counts (default: 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_masters(Path(folder), options.nights)
        library = MasterLibrary(folder)
        masters, entered = timed(lambda: library.masters)
        print(f"{len(masters)} masters entered in the index in {entered:.1f} s")
        lights = [light(number, options.nights // 2) for number in range(options.lights)]
        runs = [timed(lambda: match([*lights, *library.frames_for(lights)])) for _ in range(options.runs)]
        groups, opened = runs[0][0], len(library.frames_for(lights))
        print(f"{len(lights)} lights matched against them in {np.median([seconds for _, seconds in runs]):.2f} s")
        print(f"{opened} of them opened; {len(groups)} groups, the first:\n{groups[0]}")


def timed(call):
    began = time.process_time()
    result = call()
    return result, time.process_time() - began


def cards(night, kind, minutes=0, **more):
    warm = -10 + 0.4 * np.sin(night) + 0.001 * night
    date = str(FIRST_NIGHT + np.timedelta64(night * 1440 + minutes, "m"))
    told = {"INSTRUME": "CAM", "IMAGETYP": kind, "DATE-OBS": date, "CCD-TEMP": round(float(warm), 2), "GAIN": 1.5}
    return told | more


def light(number, night):
    band = FILTERS[number % len(FILTERS)]
    told = cards(night, "light", 300 + number, FILTER=band, EXPTIME=300.0, OBJECT=f"field {number % 10}")
    return Image.of(np.ones((2, 3)), header=told, name=f"light{number}.fits")


def write_masters(folder, nights):
    """Write the masters of so many nights, each a file of 2×3 pixels."""
    pixels = np.ones((2, 3), ">f4").tobytes().ljust(2880, b"\0")
    for night in range(nights):
        told = [cards(night, "bias", NCOMBINE=10)]
        told += [cards(night, "dark", NCOMBINE=10, EXPTIME=seconds) for seconds in (60.0, 300.0)]
        told += [cards(night, "flat", NCOMBINE=10, FILTER=band, EXPTIME=5.0) for band in FILTERS]
        for number, each in enumerate(told):
            layout = {"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 3, "NAXIS2": 2}
            header = fits.Header([*layout.items(), *each.items()])
            name = f"{each['IMAGETYP']}_{each['DATE-OBS'][:10]}_{8 * night + number:016x}.fits"
            (folder / name).write_bytes(header.tostring().encode() + pixels)


if __name__ == "__main__":
    main()
