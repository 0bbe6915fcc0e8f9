"""Cases of whole nights: simulated, and reduced by ``reduce`` with every recipe and by the command."""

import io
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.identical.case import Case, shared_inputs
from benchmarks.identical.described import Files
from benchmarks.identical.tolerance import api, module

SHAPE = (48, 80)
COUNTS = {"bias": 5, "dark": 3, "flat": 5, "light": 3, "arc": 2}
MADE = {
    "plain": {},
    "stars": {"scene": "stars", "seed": 5},
    "many": {"bias": 70, "flat": 12, "light": 12},
    "no bias": {"bias": 0},
    "no dark": {"dark": 0},
    "no flat": {"flat": 0},
    "single": dict.fromkeys(COUNTS, 1),
    "pairs": dict.fromkeys(COUNTS, 2),
    "no overscan": {"detector": {"overscan": 0, "cosmic_rays": 2000.0}},
    "noiseless": {"detector": {"noise": False}},
}
"""How a night is simulated otherwise than the plain one."""


@shared_inputs
def night(folder, name="plain"):
    """Write a night; give the path of its list."""
    simulation, made = module("simulate"), MADE.get(name, {})
    settings = {setting: value for setting, value in made.items() if setting in ("seed", "scene")}
    if "detector" in made:
        settings["detector"] = simulation.Detector(**made["detector"])
    counts = simulation.Counts(**(COUNTS | {kind: count for kind, count in made.items() if kind in COUNTS}))
    listed = simulation.write_night(
        simulation.simulate(**({"seed": 3, "shape": SHAPE, "counts": counts} | settings)), folder
    )
    if change := CHANGES.get(name):
        for path in sorted((folder / "raw").glob("*.fits")):
            kind, number = path.stem.split("_")
            with fits.open(path, mode="update", memmap=False) as hdus:
                change(hdus[0], kind, int(number))
    return listed


def _fading(hdu, kind, number):
    """Twilight flats, and lights of two exposures."""
    if kind == "flat":
        hdu.data = (1000 + (hdu.data - 1000.0) * 0.7**number).round().astype("uint16")
    if kind == "light" and number == 2:
        hdu.header["EXPTIME"] = 60.0


def _of_two_lamps(hdu, kind, number):
    if kind == "arc":
        hdu.header["LAMP1"] = "Ne" if number == 1 else "Ar"


def _set_otherwise(hdu, kind, number):
    """Frames that should not go together, and cards that are odd."""
    hdu.header["FILTER"] = "V" if kind == "flat" else "R"
    hdu.header["CCDSUM"] = "1 1"
    hdu.header["CCDTEMP"] = -100.0 if number % 2 else -90.0
    hdu.header["EPOCH"] = 1950.0
    if kind == "light":
        hdu.header["RA"], hdu.header["DEC"] = f"10:0{number}:00", "+20:00:00"
        hdu.header["GAIN"] = 4.5


def _filters(keyword):
    """Frames whose filter stands under an observatory's own keyword: a V flat, an R light."""

    def change(hdu, kind, _):
        hdu.header[keyword] = "V" if kind == "flat" else "R"

    return change


def _done_before(hdu, kind, number):
    """Frames whose headers tell that a step was done already."""
    if kind in ("light", "flat"):
        hdu.header["ZEROCOR"] = f"Zero level correction image is Zero{number}"
    if kind == "dark":
        hdu.header["CALSTAT"] = "B"


def _saturated(hdu, kind, number):
    hdu.header["SATURATE"] = 22_000 if kind == "flat" else 4_000
    if kind == "bias" and number == 1:
        hdu.data[4:7, 9:12] = 60_000


CHANGES = {"fading": _fading, "two lamps": _of_two_lamps, "set otherwise": _set_otherwise}
CHANGES |= {"done before": _done_before, "saturated": _saturated}
CHANGES |= {f"filters by {key}": _filters(key) for key in ("WFFBAND", "INSFILTE", "ESO INS FILT1 NAME", "FILTER1")}
"""What is changed in the files of a night: of each its HDU, kind and number."""


def recipes():
    """Give recipes by name."""
    bad = np.zeros((SHAPE[0], SHAPE[1] + 16), bool)
    bad[10:13, 20:60] = True
    given = api.Noise.of(gain=1.5, read_noise=4.0)
    return {
        "median": {"method": "median"},
        "median, no clip": {"method": "median", "clip": None},
        "std": {"clip": api.Clip("std", low=2.0, high=2.0)},
        "mad": {"clip": api.Clip("mad")},
        "counting": {"clip": api.Clip(counting=given), "noise": given},
        "no variance": {"variance": None},
        "scatter": {"variance": "scatter"},
        "noise said": {"noise": given},
        "overscan line": {"overscan": api.subtract_overscan(order=1, method="median")},
        "overscan rows": {"overscan": api.subtract_overscan(order=None)},
        "untrimmed": {"overscan": None},
        "electrons": {"electrons": api.to_electrons()},
        "electrons, turned": {"electrons": api.to_electrons(gain=1.4), "orient": api.orient(saxis=0)},
        "spline": {"normalise": api.normalise_flat(by="spline")},
        "polynomial": {"normalise": api.normalise_flat(by="polynomial", order=3)},
        "flat by median of a region": {"normalise": api.normalise_flat(by="median", region="[10:70,5:40]")},
        "flagging": {"flagging": api.Flagging(hot=6.0, dead=0.9, grow=1, diagonals=False)},
        "mask": {"flagging": api.Flagging(mask=api.Mask.of(bad, name="mask")), "healing": api.heal()},
        "saturation": {"saturation": 21_500.0, "flagging": api.Flagging(fraction=0.5)},
        "linearity": {"linearity": api.linearise(coefficients=(1.0, 1e-6), pedestal=1000.0)},
        "declared": {"declared": (("flat", "raw"), ("light", "raw"))},
        "bias in the dark": {"dark_has_bias": True},
    }


def cases():
    """Give the cases."""
    for name in MADE | CHANGES:
        yield Case(f"night {name}", partial(reduced, name))
    for name in ("stars", "many", "pairs", "fading"):
        yield Case(f"night {name}, median", partial(reduced, name, "median"))
    for name in recipes():
        yield Case(f"recipe {name}", partial(reduced, "plain", name))
    for name in ("electrons, turned", "flagging", "no variance", "saturation"):
        yield Case(f"recipe {name}, fading", partial(reduced, "fading", name))
        yield Case(f"recipe {name}, saturated", partial(reduced, "saturated", name))
    yield Case("recipe cosmic rays", partial(reduced, "no overscan", cosmic=True), needs=("astroscrappy",))
    yield Case("recipe each light", each_light)
    yield Case("recipe without lights", partial(refused, "no lights"), refused=True)
    yield Case("recipe of lights that differ, no bias", partial(refused, "fading"), refused=True)
    for name, (listed, arguments) in commands().items():
        yield Case(f"command {name}", partial(run, listed, arguments))
    yield Case("lists that are read", read)
    yield Case("lists that are refused", unread)
    yield Case("command replay", replayed)
    yield Case("command reduce, many nights", many)


def reduced(name, recipe="", cosmic=False):
    """Reduce the lights and the arcs of a night."""
    settings = recipes()[recipe] if recipe else {}
    if cosmic:
        settings["cosmics"] = api.clean_cosmic_rays(gain=1.5, read_noise=4.0)
    chosen, frames = api.Recipe(**settings), api.read_night(night(name))
    masters = api.make_masters(frames, chosen)
    light = api.reduce(frames, recipe=chosen, masters=masters)
    return {"light": light, "arc": api.reduce(frames, recipe=chosen, kind="arc")} | {
        kind: getattr(masters, kind) for kind in ("bias", "dark", "flat")
    }


def each_light():
    """Reduce each light of a night on its own."""
    return list(api.reduce_each(api.read_night(night())))


def refused(name):
    """Reduce what cannot be: a night without lights, or lights of several exposures that hold their bias."""
    frames = api.read_night(night("plain" if name == "no lights" else name))
    kept = frames.bias if name == "no lights" else frames.light
    return api.reduce(kept, recipe=api.Recipe(overscan=None))


def commands():
    """Give command lines by name: the night, and what is said of it; what is written goes into this folder."""
    out = ["-o", "out.fits"]
    return {
        "reduce": ("plain", ["reduce", *out]),
        "reduce, masters and record": ("plain", ["reduce", *out, "--masters", "masters", "--record"]),
        "reduce, median": ("stars", ["reduce", *out, "--method", "median", "--clip", "mad", "--sigma", "4"]),
        "reduce, no clip": ("plain", ["reduce", *out, "--clip", "none", "--variance", "none"]),
        "reduce, each": ("plain", ["reduce", "-o", "out", "--each", "--record"]),
        "reduce, electrons": ("plain", ["reduce", *out, "--electrons", "--gain", "1.5", "--saxis", "0"]),
        "reduce, flat": ("plain", ["reduce", *out, "--flat-by", "spline", "--overscan-order", "1"]),
        "reduce, flags": (
            "saturated",
            [
                "reduce",
                *out,
                "--hot",
                "6",
                "--dead",
                "0.8",
                "--grow",
                "1",
                "--saturated-fraction",
                "0.5",
                "--heal",
                "x",
            ],
        ),
        "reduce, noise": ("plain", ["reduce", *out, "--gain", "1.5", "--read-noise", "4", "--sigma-low", "7"]),
        "reduce, linearity": ("plain", ["reduce", *out, "--linearity", "1,1e-6", "--pedestal", "1000", "--record"]),
        "reduce, quality": ("plain", ["reduce", *out, "--quality", "quality.csv"]),
        "reduce, set otherwise": ("set otherwise", ["reduce", *out]),
        "reduce, two lamps": ("two lamps", ["reduce", *out, "--record"]),
        "reduce, fading": ("fading", ["reduce", *out, "--iterations", "3"]),
        "reduce, done before": ("done before", ["reduce", *out]),
        "reduce, raw": ("done before", ["reduce", *out, "--raw", "light", "--raw", "flat", "--record"]),
        "reduce, finished": ("plain", ["reduce", *out, "--finished", "flat"]),
        "reduce, strict": ("set otherwise", ["reduce", *out, "--strict"]),
        "reduce, amplifiers": (
            "plain",
            ["reduce", *out, "--amplifier", "[1:40,*]", "[81:88,*]", "--amplifier", "[41:80,*]", "[89:96,*]"],
        ),
        "reduce, no overscan": ("plain", ["reduce", *out, "--no-overscan", "--quiet"]),
        "reduce, a wrong switch": ("plain", ["reduce", *out, "--gain", "1.5"]),
        "reduce, no such list": ("", ["reduce", "nowhere.csv", *out]),
        **{f"combine {kind}": ("plain", ["combine", "--type", kind, *out, "--record"]) for kind in COUNTS},
        "combine, many": ("many", ["combine", "--type", "bias", *out, "--method", "median", "--clip", "std"]),
        "combine, saturated": ("saturated", ["combine", "--type", "bias", *out, "--saturated-fraction", "0.5"]),
        "scan": ("", ["scan", "../inputs/night-plain/raw", "-o", "found.csv"]),
        "help": ("", ["--help"]),
        "help of reduce": ("", ["reduce", "--help"]),
    }


def read():
    """Read lists in every form."""
    lists = {
        "quotes": api.parse_filelist('# night\nbias , "a, b.fits" , 0 # said\n\nFLAT,c.fits,"SCI,2"\n'),
        "spaces": api.parse_filelist("light a.fits  1\narc b.fits", delimiter=" "),
        "rows": api.parse_filelist([("light", "a.fits"), ["dark", "b.fits", 1]]),
    }
    return {name: [f"{frame.kind} {frame.name}" for frame in frames] for name, frames in lists.items()}


LISTS = {
    "unknown type": "ligth, a.fits\n, b.fits\nb.fits, bias\nobject, c.fits",
    "columns": "light\nlight; a.fits\nlight, a, b, c",
    "quotes": "light, \"a.fits\nlight, 'b.fits'",
    "HDU": "light, a.fits, 1.5\nlight, a.fits[1]",
    "paths": "light, ~/a.fits\nlight, $HOME/a.fits\nlight, *.fits\nlight, night.CSV\nlight, http://a/b.fits",
    "folder": "light, d/a.fits\nlight, ../inputs",
    "nothing": "# none",
}


def unread():
    """Read lists that are refused, each in its own words."""
    found = {}
    for name, text in LISTS.items():
        Path("night.csv").write_text(text)
        found[name] = printed(["reduce", "night.csv"])
    return found


def run(name, arguments):
    """Run the command; give its exit status, what it printed, and the files it wrote."""
    night()  # whatever a command reads without naming a night
    command, *rest = arguments
    return {**printed([command, *([str(night(name))] if name else []), *rest]), "files": Files(".")}


def printed(arguments):
    """Run a command line in this process; give its exit status and what it printed."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            status = module("command").main(arguments)
        except SystemExit as end:  # of the command line's parser
            status = end.code
    return {"status": str(status), "stdout": out.getvalue(), "stderr": errors.getvalue()}


def replayed():
    """Repeat a reduction from its record."""
    first = printed(["reduce", str(night("two lamps")), "-o", "out.fits", "--record", "--quiet"])
    return {"reduce": first, "replay": printed(["replay", "out.json"])}


def many():
    """Reduce many nights, and again: what is there is left."""
    lists = [str(night(name)) for name in ("plain", "no dark", "stars")]
    command = ["reduce", *lists, "--output-dir", "products"]
    return {"first": printed(command), "again": printed(command), "files": Files("products")}
