"""Lights that move, and all that is true of them: what a clip may leave out, and what it must keep."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import attrs
import numpy as np

from pipeline.headers.cards import Cards
from pipeline.records.arrays import Array, BoolArray, FloatArray
from pipeline.records.frames import FrameSet, Image
from pipeline.simulation.camera import FULL_SCALE
from pipeline.simulation.skies import Pointing, Scene, log_even
from pipeline.simulation.strikes import cosmic_rays, trail

GAIN, READ_NOISE, BIAS = 1.5, 5.0, 1000.0
"""Of the camera: e⁻/ADU, e⁻, ADU."""


@attrs.frozen
class Exposed:
    """How one light was exposed, and through what.

    It looks ``shift`` rows and columns aside and is turned by ``degrees``; ``seeing`` and ``transparency`` are
    relative.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    degrees: float = 0.0
    seeing: float = 1.0
    transparency: float = 1.0
    seconds: float = 60.0


def exposed_at(shifts: Array) -> tuple[Exposed, ...]:
    """Expose lights at shifts (frames, 2)."""
    return tuple(Exposed((float(rows), float(columns))) for rows, columns in shifts)


def drifting(rng: np.random.Generator, frames: int, step: float) -> tuple[Exposed, ...]:
    """Let each light look ``step`` px further on than the last, in any direction, about the middle."""
    angle = rng.uniform(0, 2 * math.pi)
    along = step * (np.arange(frames) - (frames - 1) / 2)
    return exposed_at(np.outer(along, (math.sin(angle), math.cos(angle))))


def scattered(rng: np.random.Generator, frames: int, span: float) -> tuple[Exposed, ...]:
    """Let lights look anywhere within ``span`` px: jitter, or dithers."""
    return exposed_at(rng.uniform(-span, span, (frames, 2)))


def some_off(rng: np.random.Generator, frames: int, by: float) -> tuple[Exposed, ...]:
    """Let two of five lights look ``by`` px aside, as those behind an interruption do."""
    off = np.arange(frames) >= frames - max(1, round(0.4 * frames))
    angle = rng.uniform(0, 2 * math.pi)
    return exposed_at(by * np.outer(off, (math.sin(angle), math.cos(angle))))


@attrs.frozen
class Defects:
    """What is fixed to the detector: ``dark`` e⁻ in 60 s, the ``response`` of pixels; each a number, or (ny, nx)."""

    dark: FloatArray | float = 0.0
    response: FloatArray | float = 1.0

    @classmethod
    def hot(cls, rng: np.random.Generator, shape: tuple[int, int], share: float = 0.01) -> Defects:
        """Make a share of the pixels hot: 30 to 30,000 e⁻."""
        return cls(dark=np.where(rng.random(shape) < share, log_even(rng, 30, 3e4, shape), 0.0))

    @classmethod
    def with_bad_columns(cls, rng: np.random.Generator, shape: tuple[int, int]) -> Defects:
        """Let one column in fifty be bad: half of them bright, half of them half blind."""
        bad = rng.choice(shape[1], max(2, shape[1] // 50), replace=False)
        dark, response = np.zeros(shape), np.ones(shape)
        dark[:, bad[::2]] = rng.uniform(200, 5000, bad[::2].size)
        response[:, bad[1::2]] = 0.5
        return cls(dark, response)

    def sound(self, shape: tuple[int, int]) -> BoolArray:
        """Tell where there is no defect."""
        sound: BoolArray = np.broadcast_to((self.dark == 0) & (self.response == 1), shape)
        return sound


@attrs.frozen(repr=False)
class Lights:
    """Lights, and what is true of them: arrays are (frames, ny, nx), in ADU with the bias.

    ``clean`` are the frames without anything that struck them, to the photon; ``expected`` these without noise,
    ``sigma`` their noise.  ``hits`` is what cosmic rays left, ``trail`` what satellites did.  ``sky`` is the level of
    each frame where nothing else is; ``sound`` tells where the detector has no defect (ny, nx).
    """

    clean: Array
    expected: FloatArray
    sigma: FloatArray
    hits: FloatArray
    trail: FloatArray
    sky: FloatArray
    sound: BoolArray
    exposed: tuple[Exposed, ...]
    told: bool = True
    kind: str = "light"

    @property
    def unequal(self) -> bool:
        """Whether they were exposed for several times."""
        return len({one.seconds for one in self.exposed}) > 1

    @property
    def values(self) -> Array:
        """The frames as they are read out, uint16."""
        return _read_out(self.clean + self.hits + self.trail)

    @property
    def blank(self) -> BoolArray:
        """Where no frame sees anything but sky, to half a σ: (ny, nx)."""
        blank: BoolArray = np.logical_and.reduce(np.abs(self.expected - self.sky[:, None, None]) < 0.5 * self.sigma)
        return blank & self.sound

    @property
    def untouched(self) -> BoolArray:
        """Where nothing struck any frame, to a hundredth of a σ: (ny, nx)."""
        untouched: BoolArray = np.logical_and.reduce(self.hits + self.trail < 0.01 * self.sigma)
        return untouched

    def frames(self, values: Array | None = None) -> FrameSet:
        """Give the lights as a night has them; or such lights of other values."""
        told = {"GAIN": (GAIN, "[electron/adu]"), "RDNOISE": (READ_NOISE, "[electron]")} if self.told else {}
        images = []
        for number, (image, one) in enumerate(
            zip(self.values if values is None else values, self.exposed, strict=True)
        ):
            begun = datetime(2026, 1, 1) + number * timedelta(minutes=2)
            cards = {"EXPTIME": one.seconds, "DATE-OBS": begun.isoformat()} | told
            name = f"{self.kind}_{number + 1:02}.fits"
            images.append(Image.of(image, kind=self.kind, exposure=one.seconds, header=Cards.of(cards), name=name))
        return FrameSet(images)


def lights(
    rng: np.random.Generator,
    exposed: tuple[Exposed, ...],
    scene: Scene | None,
    *,
    shape: tuple[int, int] = (300, 300),
    fwhm: float = 3.0,
    sky: float = 200.0,
    fixed: Scene | None = None,
    detector: Defects = Defects(),
    hits: float = 2e-3,
    trails: tuple[float, ...] = (),
    told: bool = True,
    kind: str = "light",
) -> Lights:
    """Expose a scene, which moves, with sky and what is ``fixed``, which do not.

    :param scene: what it and the sky send in 60 s; None for nothing.
    :param fwhm: of the seeing, px.
    :param sky: e⁻ in each pixel.
    :param hits: the share of a frame's pixels that cosmic rays hit with more than 10 σ, about.
    :param trails: peaks of the trails of satellites in the last frame, in σ of the sky.
    :param told: whether headers tell gain and read noise.
    :param kind: ``"light"`` or ``"arc"``.
    """
    seconds = np.array([one.seconds for one in exposed])
    levels = sky * seconds / 60
    noise = np.sqrt(levels + READ_NOISE**2) / GAIN
    electrons, struck, trailed = np.zeros((3, len(exposed), *shape))
    for number, one in enumerate(exposed):
        view = Pointing(fwhm * one.seeing, one.shift, one.degrees)
        electrons[number] = sky
        if scene is not None:
            electrons[number] += one.transparency * scene.light(shape, view)
        if fixed is not None:
            electrons[number] += fixed.light(shape, attrs.evolve(view, shift=(0.0, 0.0), degrees=0.0))
        tracks = rng.poisson(hits * shape[0] * shape[1] / PIXELS_OF_A_TRACK)
        struck[number] = noise[number] * cosmic_rays(rng, shape, tracks)
    for peak in trails:
        trailed[-1] += noise[-1] * trail(rng, shape, peak, fwhm=fwhm)
    electrons = (electrons * detector.response + detector.dark) * seconds[:, None, None] / 60
    read = READ_NOISE * rng.standard_normal(electrons.shape)
    return Lights(
        clean=_read_out((rng.poisson(electrons) + read) / GAIN + BIAS),
        expected=electrons / GAIN + BIAS,
        sigma=np.sqrt(electrons + READ_NOISE**2 + GAIN**2 / 12) / GAIN,
        hits=struck,
        trail=trailed,
        sky=levels / GAIN + BIAS,
        sound=detector.sound(shape),
        exposed=exposed,
        told=told,
        kind=kind,
    )


PIXELS_OF_A_TRACK = 6.0
"""That are hit by more than 10 σ, on average."""


def _read_out(values: Array) -> Array:
    return values.round().clip(0, FULL_SCALE).astype(np.uint16)
