"""ccdproc: once as it comes (about the mean, float64), once as its guide has it (about the median) in float32."""

from functools import partial

from benchmarks.peers import python

NAME = "ccdproc"


def missing():
    return python.missing("ccdproc")


def combine(stack, work, method="mean", rule="default", sigma=5):
    return python.script("ccdproc_combine.py", work, method, rule, str(sigma), inputs=stack.paths)


def combining(method):
    return {
        "ccdproc, defaults": partial(combine, method=method),
        "ccdproc, median, float32": partial(combine, method=method, rule="std"),
    }


def rules():
    return {"ccdproc, std": partial(combine, rule="std"), "ccdproc, mad_std": partial(combine, rule="mad_std")}


def usual():
    return {"ccdproc, 3 σ": partial(combine, rule="std", sigma=3)}


def night(listed, work):
    return python.script("ccdproc_night.py", work, inputs=[listed])
