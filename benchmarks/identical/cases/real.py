"""Cases of real frames and headers that lie beside the checkout; left out where they are absent."""

from functools import partial

import numpy as np

from benchmarks.identical.case import Case, LeftOutError
from benchmarks.identical.cases.nights import printed
from benchmarks.identical.described import Files
from benchmarks.identical.tolerance import api, module

KAST = ["--amplifier", "[1:1024,*]", "[2049:2080,*]", "--amplifier", "[1025:2048,*]", "[2081:2112,*]"]
NIGHTS = {
    "lt_sprat": ("lt_sprat/filelist.csv", []),
    "lt_sprat, median": ("lt_sprat/filelist.csv", ["--method", "median", "--clip", "none"]),
    "lt_sprat, electrons": ("lt_sprat/filelist.csv", ["--electrons", "--gain", "2.4", "--read-noise", "8", "--record"]),
    "lt_sprat, raw flat": ("lt_sprat/filelist.csv", ["--raw", "flat"]),
    "lt_sprat standard": ("lt_sprat/filelist_standard.csv", ["--flat-by", "spline"]),
    "kast_blue": ("kast_blue/filelist.csv", ["--masters", "masters", "--record"]),
    "kast_blue, amplifiers": ("kast_blue/filelist.csv", [*KAST, "--saxis", "1", "--heal", "nearest"]),
    "kast_blue, mad": (
        "kast_blue/filelist.csv",
        ["--clip", "mad", "--method", "median", "--hot", "8", "--dead", "0.5"],
    ),
}


def cases(data):
    """Give the cases: those of nights by name, and one for each header and file that is there."""
    for name, (listed, arguments) in NIGHTS.items():
        yield Case(f"real {name}", partial(reduced, data, listed, arguments))
    yield Case("real scan", partial(scanned, data))
    yield Case("real headers", partial(headers, data))
    yield Case("real unusual files", partial(unusual, data))


def there(path):
    """Give a path that has to be there."""
    if not path.exists():
        raise LeftOutError(f"{path.name} is looked for in {path.parent}, and is not there")
    return path


def reduced(data, listed, arguments):
    """Reduce a real night by the command."""
    return {**printed(["reduce", str(there(data / listed)), "-o", "out.fits", *arguments]), "files": Files(".")}


def scanned(data):
    """Propose lists for real frames."""
    return api.propose_filelists(there(data / "kast_blue"))


def headers(data):
    """Make a product of each header."""
    found = {}
    for path in sorted(there(data / "headers").glob("*.txt")):
        found[path.name] = tried(partial(_with_header, path.read_text(errors="replace")))
    return found


def _with_header(text):
    """Give an image with a header of lines of cards, as a product tells it."""
    cards = "".join(line[:80].ljust(80) for line in text.splitlines() if line.strip() and not line.startswith("###"))
    image = api.Image.of(np.ones((4, 5), "float32"), header=api.Cards(cards), name="frame.fits")
    return {"exposure": image.exposure, "state": str(image.state.unit), "": api.attach_header(image)}


def tried(make):
    """Give what is made, or the error of ours that it ends in."""
    try:
        return make()
    except module("errors").PipelineError as error:
        return f"{type(error).__name__}: {error}"


def unusual(data):
    """Open the first HDUs of files that are unusual or broken."""
    found = {}
    for path in sorted(there(data / "unusual_fits").glob("*.f*")):
        for hdu in (0, 1):
            found[f"{path.name}[{hdu}]"] = tried(partial(_opened, path, hdu))
    return found


def _opened(path, hdu):
    return api.attach_header(api.open_frame(path, hdu))
