"""Ours, by the command."""

import sys
from functools import partial

from benchmarks.shared.process import Job

NAME = "ours"
COMMAND = [sys.executable, "-m", "pipeline"]
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # as an installed program is, and its peers are


def combine(stack, work, method="mean", rule="noise"):
    listed, out = work / "night.csv", work / "out.fits"
    listed.write_text("".join(f"bias, {path}\n" for path in stack.paths))
    settings = ["--type", "bias", "--method", method, "--clip", rule, "--quiet", "-o", str(out)]
    return Job([*COMMAND, "combine", str(listed), *settings], work, out, environment=COMPILED)


def combining(method):
    return {"ours": partial(combine, method=method), "ours, std clip": partial(combine, method=method, rule="std")}


def rules():
    return {f"ours, {rule}": partial(combine, rule=rule) for rule in ("noise", "std", "mad")}


def night(listed, work):
    out = work / "out.fits"
    return Job([*COMMAND, "reduce", str(listed), "--quiet", "-o", str(out)], work, out, environment=COMPILED)
