"""What a simulated camera is pointed at, in electrons: a spectrum, stars, the lines of an arc lamp."""

from __future__ import annotations

import numpy as np

from pipeline.records.pixels import Array


def spectrum(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Give the trace of a star along x, with absorption lines."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    centre = 0.5 * height + 0.02 * height * np.sin(np.pi * x / width)
    continuum = 6000 * np.exp(-(((np.arange(width) / width - 0.55) / 0.35) ** 2))
    for _ in range(8):
        continuum *= 1 - rng.uniform(0.1, 0.6) * np.exp(-(((np.arange(width) - rng.uniform(0, width)) / 2.5) ** 2))
    trace: Array = continuum * np.exp(-(((y - centre) / 2.0) ** 2) / 2)
    return trace


def stars(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Give forty stars of all brightnesses."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    field = np.zeros(shape)
    for flux in 200 * rng.pareto(1.2, 40).clip(max=300):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        field += flux * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 1.8**2))
    return field


def arc_lines(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Give the lines of an arc lamp, across all rows."""
    height, width = shape
    x = np.arange(width)
    lines = np.full(width, 100.0)
    for _ in range(15):
        lines += rng.uniform(500, 40_000) * np.exp(-(((x - rng.uniform(0, width)) / 1.5) ** 2) / 2)
    return np.broadcast_to(lines, (height, width)).copy()
