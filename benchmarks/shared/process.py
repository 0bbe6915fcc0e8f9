"""Whole processes, timed."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Usage:
    """What a run cost: seconds of CPU (user and system, with all children), seconds on the wall, peak bytes."""

    cpu: float
    wall: float
    peak: float


@dataclass(frozen=True)
class Job:
    """A command that writes one image, ready to run again and again.

    ``work`` is its own folder; ``stdin`` what it reads; ``clear`` what earlier runs left and would make this one
    cheaper; ``scale`` brings its image to ADU.
    """

    command: list[str]
    work: Path
    out: Path
    stdin: Path | str = os.devnull
    clear: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    scale: float = 1.0


class RunError(Exception):
    """A run failed."""


def run(job):
    """Run a job once, in a process of its own, and give what it cost."""
    for path in (job.out, *job.clear):
        path.unlink(missing_ok=True)
    log = job.work / "log.txt"
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(log), str(job.stdin), *job.command]
    done = subprocess.run(
        command, cwd=job.work, env=os.environ | job.environment, stdout=subprocess.PIPE, text=True, check=True
    )
    usage = json.loads(done.stdout)
    if usage.pop("status") != 0 or not job.out.exists():
        said = log.read_text(errors="replace").strip().splitlines()
        raise RunError(f"{job.command[0]} wrote no {job.out.name}: {said[-1] if said else 'and said nothing'}")
    return Usage(**usage)


def image(job):
    """Read what a job wrote: the first HDU that holds an image, in ADU."""
    with fits.open(job.out) as hdus:
        return next(hdu.data for hdu in hdus if hdu.data is not None).astype(np.float64) * job.scale


def folder(parent, name):
    """Make the folder of a job."""
    made = parent / "".join(letter if letter.isalnum() else "_" for letter in name)
    made.mkdir(parents=True, exist_ok=True)
    return made
