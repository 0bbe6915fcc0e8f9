"""Combine with astropy.stats.sigma_clip, 5 σ about the median to convergence: OUT METHOD RULE FRAME ..."""

import sys

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clip

out, method, rule, *paths = sys.argv[1:]
stack = np.stack([fits.getdata(path).astype(np.float32) for path in paths])
kept = sigma_clip(stack, sigma=5, maxiters=None, cenfunc="median", stdfunc=rule, axis=0, masked=False, copy=False)
result = np.nanmean(kept, axis=0, dtype=np.float64) if method == "mean" else np.nanmedian(kept, axis=0)
fits.writeto(out, result.astype(np.float32))
