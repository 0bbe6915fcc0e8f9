"""Frames for the cases: scenes of each kind, noise, hits, motion; in memory and in files of every type."""

import zlib
from functools import cache

import numpy as np
from astropy.io import fits

from benchmarks.identical.case import shared_inputs
from benchmarks.identical.tolerance import api

SHAPE = (40, 56)
GAIN, READ_NOISE, BIAS = 1.5, 4.0, 1000.0
SECONDS = {"bias": 0.0, "dark": 600.0, "flat": 8.0, "light": 120.0, "arc": 10.0}
HITS = 4e-3
"""The share of values hit: more than in a frame, since these are small."""


def rng_of(*words):
    """Give random numbers that depend on words alone."""
    return np.random.default_rng(zlib.crc32(" ".join(map(str, words)).encode()))


@cache
def scene(kind, shape=SHAPE, *, seed="scene", shift=(0.0, 0.0), width=1.5):
    """Give what falls on the detector in electrons; the image of lights and arcs may be shifted and blurred."""
    rng, (height, wide) = rng_of(seed, kind, shape), shape
    y, x = np.mgrid[:height, :wide].astype(float)
    if kind == "bias":
        return np.zeros(shape)
    if kind == "dark":
        return np.where(rng.random(shape) < 0.01, rng.uniform(100, 20_000, shape), 8.0)
    if kind == "flat":
        return 30_000 * (1 - 0.3 * ((y / height - 0.5) ** 2 + (x / wide - 0.5) ** 2)) * rng.normal(1, 0.01, shape)
    image = np.full(shape, 300.0 if kind == "light" else 20.0)
    for _ in range(max(3, height * wide // 150)):
        cy, cx = rng.uniform(0, height), rng.uniform(0, wide)
        peak = 10 ** rng.uniform(1.5, 4.3)
        far = ((x - cx - shift[1]) / width) ** 2
        image += peak * np.exp(-0.5 * (far if kind == "arc" else far + ((y - cy - shift[0]) / width) ** 2))
    return image


def exposed(rng, electrons, *, bias=BIAS, gain=GAIN, read_noise=READ_NOISE, hits=HITS):
    """Read electrons out, in ADU with noise and hits, not rounded."""
    counts = rng.poisson(np.maximum(electrons, 0)) + rng.normal(0, read_noise, electrons.shape)
    struck = rng.random(electrons.shape) < hits
    counts += np.where(struck, 10 ** rng.uniform(1.3, 4.3, electrons.shape), 0)
    return bias + counts / gain


STILL = {"shift": lambda _: (0.0, 0.0), "flux": lambda _: 1.0, "sky": lambda _: 0.0, "width": lambda _: 1.5}
MOTIONS = {
    "still": {},
    "drifts": {"shift": lambda i: (0.15 * i, -0.1 * i)},
    "dithered": {"shift": lambda i: (5.0 * (-1) ** i, 3.0 * (i % 3))},
    "fades": {"flux": lambda i: 0.9**i},
    "sky rises": {"sky": lambda i: 40.0 * i},
    "seeing": {"width": lambda i: 1.3 + 0.3 * (i % 3)},
    "moves and fades": {"shift": lambda i: (0.3 * i, 0.0), "flux": lambda i: 1 - 0.08 * i, "sky": lambda i: 15.0 * i},
}
"""What becomes of the image from frame to frame."""


def stack_of(kind, count, shape=SHAPE, *, motion="still", dtype="uint16", seed="", levels=None, **settings):
    """Give the values of frames, (frames, rows, columns); ``levels`` is what each lies above the others."""
    rng, how = rng_of("stack", kind, count, shape, motion, seed), STILL | MOTIONS[motion]
    moves = kind in ("light", "arc")
    frames = []
    for number in range(count):
        moved = {"shift": how["shift"](number), "width": how["width"](number)} if moves else {}
        electrons = how["flux"](number) * scene(kind, shape, **moved) + how["sky"](number)
        level = rng.normal(0, 1.5) if levels is None else levels[number % len(levels)]
        frames.append(exposed(rng, electrons, **settings) + level)
    return typed(np.array(frames), dtype)


def typed(values, dtype):
    """Give values as a type stores them."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return values.astype(dtype)
    info = np.iinfo(dtype)
    return values.round().clip(max(info.min, -(2**31)), min(info.max, 2**31 - 1)).astype(dtype)


def header_of(kind, number=0, seconds=None, **cards):
    """Give the header of a frame."""
    header = fits.Header()
    header.update(
        {
            "OBJECT": f"a {kind}",
            "IMAGETYP": kind,
            "EXPTIME": SECONDS[kind] if seconds is None else seconds,
            "GAIN": (GAIN, "[electron/adu]"),
            "RDNOISE": (READ_NOISE, "[electron]"),
            "SATURATE": (60_000, "[adu]"),
            "DATE-OBS": f"2026-01-01T{number // 60 % 24:02}:{number % 60:02}:00.000",
        }
        | cards
    )
    return header


def in_memory(stack, kind, *, flags=None, variance=None, seconds=None, **cards):
    """Make frames of a stack; ``flags`` and ``variance`` are stacks too, ``seconds`` an exposure for each frame."""
    frames = []
    for number, values in enumerate(stack):
        bits = 0 if flags is None else flags[number]
        pixels = api.Pixels.of(values, bits, None if variance is None else variance[number])
        exposure = SECONDS[kind] if seconds is None else seconds[number]
        header = header_of(kind, number, exposure, **cards)
        raw = values if flags is None and variance is None else pixels
        frames.append(api.Image.of(raw, kind=kind, exposure=exposure, header=header, name=f"{kind}{number}.fits"))
    return api.FrameSet(frames)


@shared_inputs
def files_of(folder, kind, count, dtype="uint16", storage="plain", motion="still"):
    """Write a stack as files; give their paths.  They are plain, ``gz``, ``scaled`` or ``rice``."""
    paths = []
    for number, values in enumerate(stack_of(kind, count, dtype=dtype, motion=motion)):
        header = header_of(kind, number)
        path = folder / f"{kind}{number}.fits{'.gz' if storage == 'gz' else ''}"
        if storage == "rice":
            fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values, header)]).writeto(path)
        else:
            hdu = fits.PrimaryHDU(values, header)
            if storage == "scaled":
                hdu.scale("int16", bscale=0.25, bzero=8000.0)
            hdu.writeto(path)
        paths.append(path)
    return tuple(paths)


def on_disk(kind, count, dtype="uint16", storage="plain", motion="still"):
    """Open the frames of a stack in files."""
    paths = files_of(kind, count, dtype, storage, motion)
    return api.FrameSet(api.open_frame(path, 1 if storage == "rice" else 0, kind=kind) for path in paths)
