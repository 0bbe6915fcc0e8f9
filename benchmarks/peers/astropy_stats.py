"""astropy.stats.sigma_clip, and the mean or median of what it keeps."""

from functools import partial

from benchmarks.peers import python


def missing():
    return None  # we depend on it ourselves


def combine(stack, work, method="mean", rule="std", sigma=5):
    return python.script("astropy_combine.py", work, method, rule, str(sigma), inputs=stack.paths)


def combining(method):
    return {"astropy sigma_clip": partial(combine, method=method)}


def rules():
    return {f"astropy, {rule}": partial(combine, rule=rule) for rule in ("std", "mad_std")}


def usual():
    return {"astropy, 3 σ": partial(combine, sigma=3)}
