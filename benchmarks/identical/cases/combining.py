"""Cases of ``combine``: numbers of frames, kinds, rules, methods, types, motion, weights, variance, amplifiers."""

import itertools
from functools import cache, partial

import numpy as np
from astropy.io import fits

from benchmarks.identical.case import INPUTS, Case
from benchmarks.identical.cases.frames import (
    BIAS,
    GAIN,
    MOTIONS,
    READ_NOISE,
    SECONDS,
    SHAPE,
    header_of,
    in_memory,
    on_disk,
    rng_of,
    stack_of,
    typed,
)  # fmt: skip
from benchmarks.identical.cases.stages import flattened, no_bias, no_dark
from benchmarks.identical.tolerance import api

COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 16, 17, 24, 25, 32, 33, 50, 64, 65, 100, 130)
METHODS = ("mean", "median")
LARGE = (132, 128)
"""A quarter of it, which a thread takes, holds more pixels than sorting is quick for."""

TYPES = ("uint8", "uint16", "int16", "int32", "float32", "float64")
KINDS = tuple(SECONDS)
EXPOSURES = (30.0, 60.0, 120.0, 60.0, 240.0)


def rules():
    """Give the rules of a clip by name."""
    known = api.Noise(a=(READ_NOISE / GAIN) ** 2 - BIAS / GAIN, b=1 / GAIN)  # of frames that hold their bias
    return {
        "noise": api.Clip(),
        "std": api.Clip("std"),
        "mad": api.Clip("mad"),
        "none": None,
        "given": api.Clip(noise=known),
        "counting": api.Clip(counting=known),
    }


def clips():
    """Give clips whose limits and rounds are unusual, by name."""
    return {
        "3 and 7": api.Clip(low=3.0, high=7.0),
        "about the mean": api.Clip(centre="mean"),
        "one round": api.Clip(low=3.0, high=3.0, iterations=1),
        "nothing below": api.Clip(low=np.inf, high=4.0),
        "std 2, twice": api.Clip("std", low=2.0, high=2.0, iterations=2),
        "std about the mean": api.Clip("std", low=1.5, high=2.0, centre="mean"),
        "mad 3 and 4": api.Clip("mad", low=3.0, high=4.0),
        "mad half": api.Clip("mad", low=0.5, high=0.5, iterations=1),
        "given, moving": api.Clip(noise=api.Noise(a=20.7, b=0.5, c=0.01, d=0.3, base=90.0)),
    }


def combined(frames, rule="noise", **settings):
    """Combine frames, and give the image and the header of its product."""
    image = api.combine(frames, clip=rules()[rule], **settings)
    return {"": image, "product": api.attach_header(image).header}


def cases():
    """Give the cases."""
    yield from numbers()
    yield from large()
    yield from kinds()
    yield from types()
    yield from moving()
    yield from weights()
    yield from carried()
    yield from mapped()
    yield from variances()
    yield from flagged()
    yield from amplifiers()
    yield from ways()


def stacked(kind, count, *, method="mean", rule="noise", stack=None, frames=None, **settings):
    """Combine a stack in memory."""
    values = stack_of(kind, count, **(stack or {}))
    return combined(in_memory(values, kind, **(frames or {})), rule, method=method, **settings)


def numbers():
    """Give cases of every number of frames, from files of 16 bits and in memory."""
    for rule in ("noise", "std", "mad", "none"):
        for count, method in itertools.product(COUNTS if rule == "noise" else COUNTS[2::4], METHODS):
            yield Case(f"combine {count} bias, {rule}, {method}", partial(filed, "bias", count, rule, method=method))
    for count, method in itertools.product((1, 2, 3, 10, 33, 70), METHODS):
        yield Case(f"combine {count} bias in memory, {method}", partial(stacked, "bias", count, method=method))


def large():
    """Give cases of frames so large that whole frames are compared, pixel by pixel at once."""
    for count, method in itertools.product((9, 16, 17, 32, 33, 50, 64, 65, 100, 130), METHODS):
        yield Case(f"combine {count} large bias, {method}", partial(large_stack, "bias", count, method=method))
    for count, rule in itertools.product((12, 41, 80), ("std", "mad", "none")):
        yield Case(f"combine {count} large bias, {rule}", partial(large_stack, "bias", count, rule, method="median"))
    for kind, count in itertools.product(("flat", "light"), (3, 12, 41, 80)):
        yield Case(f"combine {count} large {kind}s", partial(large_stack, kind, count, variance="noise"))
    for count, dtype in itertools.product((12, 41, 80), ("int16", "int32", "float32", "float64")):
        yield Case(
            f"combine {count} large {dtype}, median", partial(large_stack, "bias", count, method="median", dtype=dtype)
        )
    for dtype in ("uint16", "int16", "int32"):
        yield Case(f"combine 50 constant {dtype}", partial(large_stack, "constant", 50, "none", dtype, method="median"))


def large_files(kind, count, dtype):
    """Give the paths of large frames, writing those that are not there yet."""
    folder = INPUTS / f"large-{kind}-{dtype}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{kind}{number}.fits" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            header = header_of("bias" if kind == "constant" else kind, number)
            fits.writeto(path, typed(large_frames(kind)[number], dtype), header)
    return paths


@cache
def large_frames(kind):
    """Give the values of many large frames; constant ones differ by 1 at most."""
    if kind == "constant":
        return np.floor(rng_of("constant").uniform(100, 101.3, (50, *LARGE)))
    return stack_of(kind, 130, LARGE, dtype="float64")


def large_stack(kind, count, rule="noise", dtype="uint16", **settings):
    """Combine large frames."""
    said = "bias" if kind == "constant" else kind
    return combined(
        api.FrameSet(api.open_frame(path, kind=said) for path in large_files(kind, count, dtype)), rule, **settings
    )


def kinds():
    """Give cases of every kind, rule and method, from files of 16 bits."""
    for kind in KINDS:
        for rule in ("noise", "std", "mad", "none", "given", "counting"):
            for method in METHODS:
                yield Case(f"combine {kind} files, {rule}, {method}", partial(filed, kind, 6, rule, method=method))
    for name in ("3 and 7", "about the mean", "one round", "nothing below", "std 2, twice", "std about the mean",
                 "mad 3 and 4", "mad half", "given, moving"):  # fmt: skip
        for method in METHODS:
            yield Case(f"combine clip {name}, {method}", partial(unusual, name, method))


def filed(kind, count, rule, method="mean", dtype="uint16", storage="plain", **settings):
    """Combine a stack in files."""
    return combined(on_disk(kind, count, dtype, storage), rule, method=method, **settings)


def unusual(name, method):
    """Combine by a clip that is unusual."""
    return api.combine(on_disk("light", 12), clip=clips()[name], method=method)


def types():
    """Give cases of every type of values, in memory and in files."""
    for dtype in TYPES:
        settings = {"bias": 100.0, "levels": (0,)} if dtype == "uint8" else {}
        for rule in ("noise", "std", "none"):
            yield Case(
                f"combine {dtype} in memory, {rule}",
                partial(stacked, "bias", 9, rule=rule, stack={"dtype": dtype, **settings}),
            )
        if dtype != "uint8":
            for method in METHODS:
                yield Case(
                    f"combine {dtype} files, {method}", partial(filed, "flat", 7, "noise", method=method, dtype=dtype)
                )
    for storage in ("gz", "scaled", "rice"):
        for rule in ("noise", "mad"):
            yield Case(f"combine {storage} files, {rule}", partial(filed, "light", 7, rule, storage=storage))


def moving():
    """Give cases of lights and arcs that move, fade and differ."""
    for motion in MOTIONS:
        for count in (2, 3, 5, 10):
            for method in METHODS if count in (3, 10) else METHODS[:1]:
                yield Case(
                    f"combine {count} lights, {motion}, {method}",
                    partial(stacked, "light", count, method=method, variance="noise", stack={"motion": motion}),
                )
    for motion in ("drifts", "fades", "moves and fades"):
        yield Case(f"combine 5 arcs, {motion}", partial(stacked, "arc", 5, variance="noise", stack={"motion": motion}))
        yield Case(
            f"combine 7 lights without gain, {motion}",
            partial(stacked, "light", 7, variance="noise", stack={"motion": motion}, frames={"GAIN": "high"}),
        )


def weights():
    """Give cases of frames that are weighed and scaled."""
    for kind in ("dark", "flat", "light"):
        for scale in ("exposure", "level"):
            for method in METHODS:
                yield Case(f"combine {kind} scaled by {scale}, {method}", partial(unequal, kind, scale, method=method))
    for weight in ("exposure", "variance"):
        for scale in ("exposure", "level"):
            yield Case(
                f"combine scaled by {scale}, weighed by {weight}",
                partial(unequal, "light", scale, weights=weight, variance="noise"),
            )
    for count in (2, 3, 5, 12):
        yield Case(f"combine {count} weighed by variance", partial(weighed, count))
        yield Case(f"combine {count} carried, weighed by variance", partial(weighed, count, carried=True))
    yield Case("combine weighed by variance, std", partial(weighed, 30, rule="std"))


def unequal(kind, scale, **settings):
    """Combine frames of several exposures, their bias out, scaled."""
    values = [
        stack_of(kind, 1, bias=0.0, seed=number, dtype="float32")[0] * seconds / SECONDS[kind] + 3.0
        for number, seconds in enumerate(EXPOSURES)
    ]
    frames = in_memory(values, kind, seconds=EXPOSURES, ZEROCOR="Zero level correction image is Zero")
    return combined(frames, scale=scale, **settings)


def weighed(count, rule="noise", carried=False):
    """Combine frames of which some are noisier, weighed by their variance."""
    noises = [2.0 + 3.0 * (number % 3) for number in range(count)]
    values = np.array(
        [stack_of("bias", 1, read_noise=noise, seed=i, dtype="float32")[0] for i, noise in enumerate(noises)]
    )
    variance = [np.full(SHAPE, (noise / GAIN) ** 2) for noise in noises] if carried else None
    return combined(in_memory(values, "dark", variance=variance), rule, weights="variance", variance="noise")


def carried():
    """Give cases of frames that carry variance, some of it shared."""
    for count, rule in itertools.product((1, 2, 3, 5, 10, 25), ("noise", "std", "none")):
        yield Case(f"combine {count} carried, {rule}", partial(with_variance, count, rule))
    for rule in ("mad", "given", "counting"):
        yield Case(f"combine 7 carried, {rule}", partial(with_variance, 7, rule))
    for rule in ("noise", "std", "none"):
        yield Case(f"combine 9 carried, {rule}, median", partial(with_variance, 9, rule, method="median"))
    for count, method in itertools.product((2, 5), METHODS):
        yield Case(f"combine {count} calibrated each, {method}", partial(calibrated, count, method))
    yield Case("combine 5 calibrated each, one by another bias", partial(calibrated, 5, "mean", other=True))


def mapped():
    """Give cases that count what is left out of each pixel."""
    for count, rule, method in itertools.product((3, 10, 70), ("noise", "std", "mad", "none"), METHODS):
        yield Case(
            f"combine {count} map_left_out, {rule}, {method}",
            partial(stacked, "bias", count, rule=rule, method=method, map_left_out=True),
        )
    for count, rule in itertools.product((5, 20), ("noise", "std", "none")):
        yield Case(
            f"combine {count} map_left_out, carried, {rule}", partial(with_variance, count, rule, map_left_out=True)
        )


def with_variance(count, rule, **settings):
    """Combine frames that carry variance, of which a few pixels know none."""
    values = stack_of("bias", count, dtype="float32")
    rng = rng_of("variance", count)
    variance = rng.uniform(0.8, 1.2, values.shape) * (READ_NOISE / GAIN) ** 2
    variance[rng.random(values.shape) < 0.01] = np.nan
    return combined(in_memory(values, "bias", variance=variance), rule, **settings)


def calibrated(count, method, *, other=False):
    """Combine lights from which bias, dark and flat are out, each with the errors that they share."""
    after = api.chain(api.estimate_variance(), no_dark(), flattened())
    by = [no_bias()] * count
    if other:
        by[0] = api.subtract_bias(bias=api.MasterBias.of(api.combine(on_disk("bias", 4), variance="noise")))
    lights = zip(by, on_disk("light", count), strict=True)
    return combined(api.FrameSet(after(without(light)) for without, light in lights), method=method)


def variances():
    """Give cases of where the variance comes from."""
    for kind in KINDS:
        for source in ("noise", "scatter", "given"):
            for rule in ("noise", "none"):
                yield Case(f"variance of {kind} by {source}, {rule}", partial(told, kind, source, rule))
    for rule in ("std", "mad", "given"):
        for method in METHODS:
            yield Case(f"variance with {rule}, {method}", partial(told, "flat", "noise", rule, method=method))


def told(kind, source, rule, **settings):
    """Combine frames with their variance."""
    known = api.Noise.of(gain=GAIN, read_noise=READ_NOISE) if source == "given" else source
    return combined(on_disk(kind, 8), rule, variance=known, **settings)


def flagged():
    """Give cases of values that are flagged, infinite, or not there."""
    for count in (2, 3, 10, 70):
        for rule in ("noise", "std", "mad", "none"):
            yield Case(f"combine {count} with flags, {rule}", partial(with_flags, count, rule))
    for method in METHODS:
        yield Case(f"combine saturated files, {method}", partial(saturated, method))
    yield Case("combine with flags and variance", partial(with_flags, 8, "noise", variance="noise", map_left_out=True))


def with_flags(count, rule, **settings):
    """Combine frames with NaN, infinities, hot pixels, and pixels that are bad in all of them."""
    rng, values = rng_of("flags", count), stack_of("light", count, dtype="float32")
    reasons = np.array(
        [0] * 30 + [int(flag) for flag in api.Flag if flag < 256], np.uint16
    )  # those that every checkout has
    flags = rng.choice(reasons, values.shape)
    values[rng.random(values.shape) < 0.02] = np.nan
    values[rng.random(values.shape) < 0.005] = np.inf
    flags[:, 5, 3:9] = int(api.Flag.BAD)
    values[:, 7, 3:9] = np.nan
    return combined(in_memory(values, "light", flags=flags), rule, **settings)


def saturated(method):
    """Combine files some of whose values are saturated: read as they are stored."""
    frames = api.each(api.flag_saturated(level=1012))(on_disk("bias", 12))
    return combined(frames, method=method, variance="noise")


def amplifiers():
    """Give cases of detectors whose amplifiers differ in noise."""
    for layout in ("halves", "quarters", "bands"):
        for kind in ("bias", "flat", "light"):
            yield Case(f"amplifiers in {layout}, {kind}", partial(of_several, layout, kind))
    yield Case("amplifiers in halves, median", partial(of_several, "halves", "bias", method="median"))
    yield Case("amplifiers in halves, three frames", partial(of_several, "halves", "bias", count=3))


def of_several(layout, kind, count=10, **settings):
    """Combine frames with a read noise for each amplifier."""
    shape = (96, 128)
    y, x = np.mgrid[: shape[0], : shape[1]]
    noise = {
        "halves": np.where(x < 64, 3.0, 9.0),
        "quarters": np.where(x < 64, 3.0, 9.0) * np.where(y < 48, 1.0, 2.0),
        "bands": 3.0 + 4.0 * (y * 3 // shape[0]),
    }[layout]
    values = stack_of(kind, count, shape, read_noise=noise)
    return combined(in_memory(values, kind), variance="noise", **settings)


def ways():
    """Give cases of other shapes, memory and threads."""
    for shape in ((1, 300), (300, 1), (2, 2), (3, 700), (700, 3), (150, 200)):
        for count in (3, 20):
            yield Case(
                f"combine {count} of {shape[0]}x{shape[1]}",
                partial(stacked, "light", count, stack={"shape": shape}, variance="noise"),
            )
    for name, how in (("little memory", {"memory": 2**16}), ("one thread", {"threads": 1, "memory": 2**14})):
        for rule in ("noise", "std"):
            for method in METHODS:
                yield Case(f"combine with {name}, {rule}, {method}", partial(run_so, how, rule, method))
    for count in (3, 12):
        cut_off = {"bias": 0.0, "read_noise": 3.0, "levels": (0.0,)}
        yield Case(
            f"combine {count} without a pedestal", partial(stacked, "bias", count, stack=cut_off, variance="noise")
        )
    yield Case("combine on workers", on_workers, needs=("distributed",))
    yield Case("measure_noise", measured)


def run_so(how, rule, method):
    """Combine files under other settings of memory and threads."""
    with api.running(**how):
        return combined(on_disk("light", 20), rule, method=method, variance="noise")


def measured():
    """Measure the noise of stacks of each kind."""
    return {kind: api.measure_noise(on_disk(kind, 6)) for kind in KINDS}


def on_workers():
    """Combine files in blocks of rows on a worker of Dask."""
    with api.workers(1) as client, api.combine_on(client):
        return combined(on_disk("light", 12), variance="noise", map_left_out=True)
