"""What the folders say others' options are called here is there."""

import argparse
import inspect
import re
from pathlib import Path

import pytest
from faces import FACES, items, section

import pipeline
from pipeline.cli.main import COMMANDS, parser_for

TABLES = {
    "ASPIRED": section("night", "Coming from ASPIRED"),
    "ccdproc": section("stages", "Coming from ccdproc"),
    "IRAF": section("cli", "Coming from IRAF"),
}
ROWS = [tuple(row.split(" → ")) for table in TABLES.values() for row in items(table)]
WORDS = {"mean", "median", "average", "std", "*"}


def switches():
    commands = next(a for a in parser_for(COMMANDS)._actions if isinstance(a, argparse._SubParsersAction)).choices
    return {option for command in commands.values() for option in command._option_string_actions}


def names_in(cell):
    return [name for quoted in re.findall(r"``([^`]+)``", cell) for name in quoted.split()[:1]]


def is_here(name):
    owner, _, rest = name.partition(".")
    methods = vars(pipeline.ReducedImage)
    card = re.fullmatch(r"…?[A-Z][A-Zn]+", name)
    held = hasattr(pipeline, owner) and (not rest or hasattr(getattr(pipeline, owner), rest))
    return name in switches() or held or name in methods or name in WORDS or bool(card)


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[row[0][:50] for row in ROWS])
def test_every_row_names_what_is_here_or_gives_a_reason(theirs, ours):
    names = names_in(ours)
    if "†" in ours:
        assert not names or not all(map(is_here, names)), "it is here now: take the † away"
    else:
        assert [name for name in names if not is_here(name)] == []
    assert names or ours.startswith("none: ") or len(ours) > 3


def test_every_option_that_is_written_about_is_there():
    """In the README and in the reference; what is no option of the command is of a program of ours that measures."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    written = {option for text in (readme, *FACES.values()) for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}
    assert len(written) > 50
    assert written - switches() == set()


def test_the_tables_are_whole():
    text = " ".join(theirs for theirs, _ in ROWS)
    aspired = "saxis combinetype psfmodel heal_pixels cutoff create_bad_pixel_mask save_masks inspect"
    ccdproc = "ccd_process Combiner ccdmask cosmicray_lacosmic rebin wcs_project gain_correct trim_image"
    iraf = "fixpix overscan zerocor darkcor flatcor illumcor fringecor readcor scancor"
    for name in f"{aspired} {ccdproc} {iraf}".split():
        assert name in text


PATTERNS = (
    (r"combinetype_\w+", "combinetype_*"),
    (r"(sigma_clipping|clip_low|clip_high)_\w+", "{}_*"),
    (r"exptime_\w+_keyword", "exptime_*_keyword"),
    (r"exptime_\w+", "exptime_*"),
    (r"set_\w+", "set_*"),
    (r"background_deviation_\w+", "background_deviation_*"),
    (r"[BDF](SIGCLIP|CLIPLOW|CLIPHIG)", "…{}"),
)
"""What several names are written as."""


def told(name, table):
    """Tell whether a table has a name, or what stands for several of its like."""
    alike = ((re.fullmatch(pattern, name), text) for pattern, text in PATTERNS)
    written = [name, *(text.format(*found.groups()) for found, text in alike if found)]
    return any(f"{text}`" in table or f"`{text}." in table for text in written)


def test_every_name_of_aspired_is_told():
    """In the environment of test_twodspec."""
    reduction = pytest.importorskip(
        "aspired.image_reduction", reason="ASPIRED 0.5.1 is not in this environment", exc_type=ImportError
    )
    methods = inspect.getmembers(reduction.ImageReducer, inspect.isfunction)
    names = {name for name, _ in methods if not name.startswith("_")}
    for name, method in methods:
        if not name.startswith("_") or name == "__init__":
            names |= set(inspect.signature(method).parameters) - {"self", "kwargs"}
    source = inspect.getsource(reduction.ImageReducer.create_image_fits)
    cards = {card for card in re.findall(r'keyword=(?:str\()?f?"([A-Za-z]+)', source) if card.isupper()}
    assert len(names) > 80
    assert len(cards) > 25
    assert [name for name in sorted(names | cards) if not told(name, TABLES["ASPIRED"])] == []


def test_every_function_of_ccdproc_is_told():
    ccdproc = pytest.importorskip("ccdproc", reason="ccdproc is not in this environment", exc_type=ImportError)
    names = {name for name in vars(ccdproc) if not name.startswith("_") and callable(getattr(ccdproc, name))}
    names -= {"Conf", "test"}
    assert len(names) > 25
    assert [name for name in sorted(names) if not told(name, TABLES["ccdproc"])] == []


def test_every_switch_of_irafs_ccdproc_is_told():
    """The parameters of noao.imred.ccdred.ccdproc, of IRAF 2.17."""
    switches = """images output ccdtype max_cache noproc fixpix overscan trim zerocor darkcor flatcor illumcor fringecor
        readcor scancor readaxis fixfile biassec trimsec zero dark flat illum fringe minreplace scantype nscan
        interactive function order sample naverage niterate low_reject high_reject grow"""
    names = switches.split()
    assert [name for name in names if not told(name, TABLES["IRAF"])] == []
