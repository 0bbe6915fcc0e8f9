"""Reduce a night with ccdproc, the chain of its guide, 5 σ, its own rules of spread: OUT LIST."""

import sys
from pathlib import Path

import astropy.units as u
import ccdproc
import numpy as np
from astropy.nddata import CCDData

out, listed = sys.argv[1:]
raw = Path(listed).parent / "raw"
clip = {"sigma_clip": True, "sigma_clip_low_thresh": 5, "sigma_clip_high_thresh": 5}
exposure = {"exposure_time": "EXPTIME", "exposure_unit": u.second, "scale": True}


def frames(kind):
    return [CCDData.read(path, unit="adu") for path in sorted(raw.glob(f"{kind}_*.fits"))]


def combined(images, **settings):
    return ccdproc.combine(images, method="average", **clip, **settings)


def over_median(image):
    return 1 / np.ma.median(image)


bias = combined(frames("bias"))
dark = combined([ccdproc.subtract_bias(image, bias) for image in frames("dark")])


def calibrated(image):
    return ccdproc.subtract_dark(ccdproc.subtract_bias(image, bias), dark, **exposure)


flat = combined([calibrated(image) for image in frames("flat")], scale=over_median)
lights = [ccdproc.flat_correct(calibrated(image), flat) for image in frames("light")]
combined(lights).write(out)
