"""Combine with ccdproc: OUT METHOD RULE SIGMA FRAME ..."""

import sys

import ccdproc
import numpy as np
from astropy.stats import mad_std

out, method, rule, sigma, *paths = sys.argv[1:]
settings = {"method": "average" if method == "mean" else "median", "unit": "adu"}
clip = {"sigma_clip": True, "sigma_clip_low_thresh": float(sigma), "sigma_clip_high_thresh": float(sigma)}
if rule != "default":
    deviation = {"std": np.ma.std, "mad_std": mad_std}[rule]
    clip |= {"sigma_clip_func": np.ma.median, "sigma_clip_dev_func": deviation, "dtype": np.float32}
ccdproc.combine(paths, output_file=out, **settings, **clip)
