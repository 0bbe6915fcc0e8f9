"""Cases of single stages: with their settings, on raw frames of one image each, and in chains."""

from functools import cache, partial

import numpy as np

from benchmarks.identical.case import Case
from benchmarks.identical.cases.frames import (
    BIAS,
    GAIN,
    READ_NOISE,
    SHAPE,
    header_of,
    in_memory,
    on_disk,
    rng_of,
    scene,
    stack_of,
)  # fmt: skip
from benchmarks.identical.tolerance import api

FULL = (SHAPE[0], SHAPE[1] + 8)
SECTIONS = {"DATASEC": f"[1:{SHAPE[1]},1:{SHAPE[0]}]", "BIASSEC": f"[{SHAPE[1] + 1}:{FULL[1]},1:{SHAPE[0]}]"}
SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 20.5, "CRPIX2": 11.0, "CRVAL1": 150.1, "CRVAL2": 2.2,
    "CD1_1": -1e-4, "CD1_2": 2e-6, "CD2_1": 2e-6, "CD2_2": 1e-4, "LTV1": 0.0, "LTM1_1": 1.0,
}  # fmt: skip
DISTORTED = {
    "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "A_2_0": 1e-5, "A_1_1": 2e-6, "B_ORDER": 2,
    "B_0_2": 3e-5, "B_1_1": -1e-6, "LTV2": 3.0, "LTM2_2": 0.5, "CTYPE1P": "LINEAR", "CRVAL1P": 4.0, "CDELT1P": 2.0,
    "CROTA2": 30.0, "EQUINOX": 2000.0,
}  # fmt: skip
"""A sky that is bent, and a description of the same pixels by other numbers."""


def cases():
    """Give the cases."""
    for name, run in {**of_raw_frames(), **of_calibration(), **of_flags(), **of_products()}.items():
        yield Case(f"stage {name}", run)
    for name, settings in {
        "median": {}, "convolve": {"fsmode": "convolve", "psfmodel": "gaussxy", "psffwhm": 3.0}, "once": {"niter": 1},
    }.items():  # fmt: skip
        yield Case(f"stage clean_cosmic_rays, {name}", partial(cleaned, settings), needs=("astroscrappy",))
    for name, run in refusals().items():
        yield Case(f"stage refused: {name}", run, refused=True)


def framed(**cards):
    """Give a raw light with an overscan, and a sky."""
    rng = rng_of("framed")
    values = np.full(FULL, BIAS) + rng.normal(0, 3, FULL) + np.linspace(0, 5, FULL[0])[:, None]
    values[:, : SHAPE[1]] += scene("light") / GAIN
    header = header_of("light", **(SECTIONS | SKY | cards))
    return api.Image.of(
        values.round().astype("uint16"), kind="light", exposure=120.0, header=header, name="framed.fits"
    )


def light(number=0, variance=False):
    """Give a light without bias."""
    values = stack_of("light", number + 1, dtype="float32", bias=0.0)[number]
    pixels = api.Pixels.of(values, 0, np.full(SHAPE, 9.0) if variance else None)
    return api.Image.of(pixels, kind="light", exposure=120.0, header=header_of("light", **SKY), name="light.fits")


@cache
def masters():
    """Give bias and dark of files, and their flat before it is normalised."""
    stack = api.combine(variance="noise")
    bias = api.pipe(on_disk("bias", 6), stack, api.MasterBias.of)
    dark = api.pipe(on_disk("dark", 6), stack, api.subtract_bias(bias=bias), api.MasterDark.of)
    flat = api.pipe(on_disk("flat", 6), stack, api.subtract_bias(bias=bias), api.subtract_dark(dark=dark))
    return bias, dark, flat


def no_bias():
    """Give the step that takes the bias out."""
    return api.subtract_bias(bias=masters()[0])


def no_dark():
    """Give the step that takes the dark out."""
    return api.subtract_dark(dark=masters()[1])


def flattened():
    """Give the step that divides by the flat."""
    return api.divide(flat=api.normalise_flat(masters()[2]))


def of_raw_frames():
    """Give what is done to raw frames: linearity, overscan, orientation, gain, what a user declares."""
    amplifiers = (
        api.Amplifier(data="[1:28,*]", overscan="[57:60,*]"),
        api.Amplifier(data="[29:56,*]", overscan="[61:64,*]"),
    )
    settings = {
        "": {},
        "median": {"method": "median"},
        "line": {"order": 1},
        "rows": {"order": None},
        "amplifiers": {"amplifiers": amplifiers},
        "amplifiers, curve": {"amplifiers": amplifiers, "order": 3, "method": "median"},
        "not trimmed": {"trim": False},
    }
    found = {
        f"subtract_overscan, {name}": partial(lambda how: product(api.subtract_overscan(framed(), **how)), how)
        for name, how in settings.items()
    }
    letters = {"BIASSECA": "[57:60,1:40]", "DATASECA": "[1:28,1:40]", "BIASSECB": "[61:64,1:40]"}
    letters |= {"DATASECB": "[29:56,1:40]", "GAINA": 1.2, "GAINB": 3.4, "RDNOISEA": 3.0, "RDNOISEB": 6.0}
    found["subtract_overscan, letters"] = lambda: product(
        api.to_electrons(api.subtract_overscan(framed(BIASSEC="", DATASEC="", **letters)))
    )
    found["orient"] = lambda: product(api.orient(api.subtract_overscan(framed()), saxis=0))
    found["orient, saxis 1"] = lambda: product(api.orient(framed(), saxis=1))
    found["linearise"] = lambda: product(api.linearise(framed(), coefficients=(1.0, 2e-6, 1e-11), pedestal=BIAS))
    found["to_electrons"] = lambda: product(api.to_electrons(light(variance=True)))
    found["to_electrons, given"] = lambda: product(api.to_electrons(light(), gain=2.5))
    ports = {f"DET OUT{n} {key}": value for n, x in ((1, 1), (2, 64)) for key, value in
             {"X": x, "Y": 1, "NX": 24, "NY": 40, "PRSCX": 4, "PRSCY": 0, "OVSCX": 4, "OVSCY": 0}.items()}  # fmt: skip
    found["subtract_overscan, ESO"] = lambda: product(
        api.subtract_overscan(framed(BIASSEC="", DATASEC="", **{f"ESO {key}": value for key, value in ports.items()}))
    )
    found["orient, distorted"] = lambda: product(api.orient(framed(**DISTORTED), saxis=0))
    for state in ("raw", "finished"):
        found[f"declare {state}"] = partial(
            lambda state: product(api.subtract_bias(api.declare(framed(ZEROCOR="done"), state=state), bias=None)), state
        )
    return found


def product(image):
    """Give an image, and the header of its product."""
    return {"": image, "product": api.attach_header(image).header}


def of_calibration():
    """Give what is done with masters."""

    def calibrated(*steps):
        return product(api.pipe(api.combine(on_disk("light", 5), variance="noise"), *(step() for step in steps)))

    def response(**settings):
        return api.normalise_flat(masters()[2], **settings)

    without_bias = partial(api.subtract_bias, bias=None), partial(api.subtract_dark, dark=None)
    found = {
        "masters": masters,
        "subtract_bias": lambda: calibrated(no_bias),
        "subtract_bias, subtract_dark, divide": lambda: calibrated(no_bias, no_dark, flattened),
        "subtract_dark, said to have no bias": lambda: calibrated(
            lambda: api.subtract_dark(dark=api.MasterDark.of(api.combine(on_disk("dark", 6)), has_bias=False))
        ),
        "scale_dark": lambda: api.scale_dark(masters()[1], exposure=77.0),
        "nothing subtracted": lambda: calibrated(*without_bias, partial(api.divide, flat=None)),
        "skipped": lambda: product(api.subtract_bias(framed(ZEROCOR="done by IRAF"), bias=None)),
        "estimate_variance": lambda: product(api.estimate_variance(light())),
        "estimate_variance, given": lambda: product(
            api.estimate_variance(light(), noise=api.Noise.of(gain=2.0, read_noise=5.0))
        ),
        "correct_median": calibrated_median,
        "subtract_fringe": lambda: product(api.subtract_fringe(light(), fringe=fringes())),
        "subtract_fringe, scale": lambda: product(api.subtract_fringe(light(), fringe=fringes(), scale=0.7)),
        "add_images": lambda: product(
            api.add_images(api.FrameSet([api.combine(on_disk("arc", n), variance="noise") for n in (2, 3)]))
        ),
    }
    for by in ("mean", "median", 2.5, "polynomial", "spline"):
        found[f"normalise_flat by {by}"] = partial(response, by=by)
    found["normalise_flat, region"] = partial(response, region="[5:40,3:30]")
    found["normalise_flat, spline along y"] = partial(response, by="spline", order=3, saxis=0)
    return found


def calibrated_median():
    """Give a median of lights that is brought up to their mean."""
    image = api.combine(on_disk("light", 6), method="median", variance="noise")
    return product(api.pipe(image, no_bias(), api.correct_median))


def fringes():
    """Give a fringe frame."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return api.MasterFringe.of(
        api.Image.of(12 * np.sin(x / 4 + 3 * np.sin(y / 20)), header=header_of("light"), name="fringe.fits")
    )


def of_flags():
    """Give what is flagged, and healed."""
    bad = rng_of("mask").random(SHAPE) < 0.03

    def flagged():
        return api.flag_bad(light(variance=True), mask=api.Mask.of(bad, name="bad.fits"))

    found = {
        "flag_saturated": lambda: product(api.flag_saturated(framed(), level=2000.0)),
        "flag_saturated by header": lambda: product(api.flag_saturated(framed(SATURATE=1500))),
        "flag_bad": lambda: product(flagged()),
        "flag_hot": lambda: product(api.flag_hot(api.combine(on_disk("dark", 4)), sigma=6.0)),
        "flag_dead": lambda: product(api.flag_dead(masters()[2], below=0.9)),
        "grow_flags": lambda: product(api.grow_flags(flagged(), by=2, diagonals=False)),
        "drop_rare_saturation": lambda: list(
            api.drop_rare_saturation(api.each(api.flag_saturated(level=2500.0))(on_disk("light", 5)), fraction=0.5)
        ),
    }
    for by in ("nearest", "along", "across"):
        found[f"heal {by}"] = partial(lambda by: product(api.heal(flagged(), by=by)), by)
    found["heal within 1"] = lambda: product(api.heal(flagged(), by="along", saxis=0, reach=1))
    return found


def of_products():
    """Give what is done with products: quality, conversions, files."""

    def reduced():
        return api.attach_header(api.combine(on_disk("light", 5), variance="noise"))

    def written():
        bias, dark, flat = masters()
        made = {"light": reduced(), "bias": bias, "dark": dark, "flat": api.normalise_flat(flat)}
        made["mask"] = api.Mask.of(np.eye(7))
        for name, one in made.items():
            api.write(one, f"{name}.fits")
        again = {name: api.open_frame(f"{name}.fits", kind=name) for name in ("light", "bias", "dark", "flat")}
        return again | {"mask": api.read_mask("mask.fits").flags, "files": made["light"].to_hdulist()}

    def converted():
        made = reduced()
        ccd = made.to_ccddata()
        return {
            "filled": made.to_hdu(fill=np.nan).data, "again": api.Image.of(made), "of CCDData": api.Image.of(ccd),
            "values": ccd.data, "mask": ccd.mask, "sigma": ccd.uncertainty.array, "unit": str(ccd.unit),
        }  # fmt: skip

    return {
        "quality": lambda: api.quality_table(api.measure_quality(one) for one in (reduced(), *on_disk("light", 3))),
        "write": written,
        "to_ccddata": converted,
        "steps as text": lambda: [repr(step) for step in (
            api.combine(method="median"), api.chain(api.subtract_bias(bias=None), api.orient(saxis=0)),
            api.each(api.flag_saturated(level=5.0)), api.Recipe(), api.Clip("mad"),
        )],
    }  # fmt: skip


def cleaned(settings):
    """Clean a light of cosmic rays, by its noise and by the variance that it carries."""
    by = api.LACosmic(**settings)
    plain = api.clean_cosmic_rays(light(), gain=GAIN, read_noise=READ_NOISE, by=by)
    return {"": plain, "carried": product(api.clean_cosmic_rays(light(variance=True), gain=1.5, read_noise=4.0, by=by))}


def refusals():
    """Give what is refused."""
    bias = api.MasterBias.of
    return {
        "no frames": lambda: api.combine(api.FrameSet()),
        "kinds mixed": lambda: api.combine(api.FrameSet([*on_disk("bias", 2), *on_disk("flat", 2)])),
        "unknown setting": lambda: api.combine(methd="mean"),
        "unknown method": lambda: api.combine(on_disk("bias", 2), method="sum"),
        "weights with a median": lambda: api.combine(on_disk("light", 2), method="median", weights="exposure"),
        "a dark with its bias": lambda: api.subtract_dark(
            light(), dark=api.MasterDark.of(api.combine(on_disk("dark", 6)), has_bias=True)
        ),
        "bias twice": lambda: api.pipe(
            api.combine(on_disk("light", 2)), *[api.subtract_bias(bias=bias(api.combine(on_disk("bias", 3))))] * 2
        ),
        "a light as bias": lambda: bias(api.combine(on_disk("light", 2))),
        "adding none": lambda: api.add_images(api.FrameSet()),
        "declared late": lambda: api.declare(api.subtract_overscan(framed()), state="raw"),
        "frames instead of an image": lambda: api.subtract_bias(on_disk("light", 2), bias=None),
        "a dark flat": lambda: api.normalise_flat(
            in_memory(stack_of("bias", 1, bias=-5.0, dtype="float64"), "flat")[0]
        ),
    }
