"""Combine with astropy.stats.sigma_clip, about the median to convergence: OUT METHOD RULE SIGMA FRAME ..."""

import sys

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clip

out, method, rule, sigma, *paths = sys.argv[1:]
stack = np.stack([fits.getdata(path).astype(np.float32) for path in paths])
settings = {"maxiters": None, "cenfunc": "median", "stdfunc": rule, "axis": 0}
kept = sigma_clip(stack, sigma=float(sigma), masked=False, copy=False, **settings)
result = np.nanmean(kept, axis=0, dtype=np.float64) if method == "mean" else np.nanmedian(kept, axis=0)
fits.writeto(out, result.astype(np.float32))
