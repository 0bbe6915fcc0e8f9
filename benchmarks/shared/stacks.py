"""Stacks of frames with hits, whose ideal combination is known."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.io import fits

HIT_FRACTION = 5e-4
HIT_SIGMA = (10, 200)


@dataclass(frozen=True)
class Stack:
    """Frames on disk, frame_00001.fits and on, and what is true of them.

    ``level`` and ``sigma`` are numbers, or arrays (ny, nx); ``hits`` the flat index of the pixels hit, a frame each;
    ``offsets`` what each frame lies above the level.
    """

    folder: Path
    paths: list[Path]
    size: int
    level: np.ndarray | float
    sigma: np.ndarray | float
    offsets: np.ndarray
    hits: list[np.ndarray]

    @property
    def name(self):
        return f"{len(self.paths)} uint16 frames of {self.size}²"

    def values(self, rows=slice(None)):
        """Read rows of all frames: (frames, ny, nx), uint16."""
        return np.stack([_rows(path, rows) for path in self.paths])

    @cached_property
    def hit(self):
        """Tell which values are hit: (frames, ny, nx)."""
        hit = np.zeros((len(self.paths), self.size * self.size), bool)
        for frame, where in zip(hit, self.hits, strict=True):
            frame[where] = True
        return hit.reshape(-1, self.size, self.size)

    @cached_property
    def touched(self):
        """Tell which pixels are hit in any frame: (ny, nx)."""
        return self.hit.any(axis=0)

    @cached_property
    def means(self):
        """Give the plain mean of all values, and of those that are not hit with offsets evened out: the ideal."""
        plain = np.zeros((self.size, self.size))
        good, count = plain.copy(), plain.copy()
        for path, hit, offset in zip(self.paths, self.hit, self.offsets, strict=True):
            values = fits.getdata(path)
            plain += values
            good += np.where(hit, 0.0, values - offset)
            count += ~hit
        return plain / len(self.paths), good / np.maximum(count, 1) + self.offsets.mean()

    @cached_property
    def median(self):
        """Give numpy's median of all values, in bands of rows."""
        bands = [slice(row, row + 128) for row in range(0, self.size, 128)]
        return np.vstack([np.median(self.values(rows), axis=0) for rows in bands])


def _rows(path, rows):
    with fits.open(path) as hdus:
        return hdus[0].section[rows]


def make_stack(folder, count, size, *, level=1000.0, sigma=5.0, offsets=None, hits=HIT_FRACTION, seed=1):
    """Write frames of normal noise with hits of 10 to 200 σ, rounded to uint16."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    offsets = np.zeros(count) if offsets is None else np.asarray(offsets, float)
    level, sigma = (np.asarray(of, np.float32) for of in (level, sigma))
    paths, struck = [], []
    for number, offset in enumerate(offsets, start=1):
        values = rng.standard_normal((size, size), dtype=np.float32)
        values *= sigma
        values += level + np.float32(offset)
        where = np.unique(rng.integers(0, size * size, rng.poisson(hits * size * size)))
        spread = np.broadcast_to(sigma, values.shape).reshape(-1)[where]
        values.reshape(-1)[where] += spread * rng.uniform(*HIT_SIGMA, where.size).astype(np.float32)
        paths.append(folder / f"frame_{number:05}.fits")
        fits.writeto(paths[-1], values.round().clip(0, 65535).astype(np.uint16))
        struck.append(where)
    os.sync()  # nothing is left to be written while others are timed
    return Stack(folder, paths, size, level, sigma, offsets, struck)


def first(stack, count):
    """Give the first frames of a stack, as a stack."""
    return Stack(
        stack.folder, stack.paths[:count], stack.size, stack.level, stack.sigma,
        stack.offsets[:count], stack.hits[:count],
    )  # fmt: skip
