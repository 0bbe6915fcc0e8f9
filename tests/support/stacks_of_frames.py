"""Frames of a kind as a camera gives them, to be spoilt one by one, and what is said of them."""

import numpy as np
from hypothesis import strategies as st

from pipeline.checks.damaged_readout import damage_notes
from pipeline.checks.levels import Compared, level_notes
from pipeline.statistics.amplifier_noise import Sampled

SEEDS = st.integers(0, 2**31)
SHAPE = (60, 120)


class Camera:
    """A camera with a bias, hot pixels and a field of stars, whose frames are whole numbers of ADU."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        self.bias = 1000 + self.rng.normal(0, 1, SHAPE)
        self.hot = np.where(self.rng.random(SHAPE) < 0.015, self.rng.uniform(400, 2000, SHAPE), 0.0)
        self.places = self.rng.uniform(5, 55, 14), self.rng.uniform(5, 115, 14)
        self.distances = [(y - cy) ** 2 + (x - cx) ** 2 for cy, cx in zip(*self.places, strict=True)]
        self.x = x

    def field(self, sky=2000.0, stars=1.0, width=1.6):
        stars_there = zip(np.geomspace(2e3, 8e4, 14), self.distances, strict=True)
        shapes = (flux * np.exp(-distance / 2 / width**2) / width**2 for flux, distance in stars_there)
        return sky + stars * sum(shapes)

    def frame(self, electrons=0.0, noise=4.0):
        lit = self.rng.poisson(np.broadcast_to(electrons, SHAPE) + self.hot)
        return np.rint(self.bias + lit + self.rng.normal(0, noise, SHAPE))

    def biases(self, count=5):
        hot, self.hot = self.hot, 0 * self.hot
        frames = [self.frame() for _ in range(count)]
        self.hot = hot
        return frames

    def lights(self, count=3):
        return [self.frame(self.field()) for _ in range(count)]


def said(kind, frames):
    """Give what is said of frames of which all pixels are sampled."""
    sampled = Sampled([np.stack(frames)], [np.arange(SHAPE[0])], np.arange(SHAPE[1]))
    compared = Compared.of(kind, [f"{number}" for number in range(len(frames))], sampled)
    damage = damage_notes(compared) if compared else ()
    return (*damage, *level_notes(compared, damage)) if compared else ()


def checked(kind, spoil, fact, which, seed):
    """See that what a function spoils in a stack is said, as a fact of some frames."""
    camera = Camera(seed)
    frames = camera.biases() if kind == "bias" else camera.lights()
    spoil(camera, frames)
    note = {note.fact: note for note in said(kind, frames)}[f"{kind} frames: {fact}"]
    assert note.is_assumption
    assert "".join(note.frames) == which
