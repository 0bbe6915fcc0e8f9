"""What the README says others' options are called here is there."""

import argparse
import re
from pathlib import Path

import pytest

import pipeline
from pipeline.cli import _parser

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## Coming from ASPIRED, ccdproc or IRAF", 1)[1].split("\n## ", 1)[0]
ROWS = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in SECTION.splitlines() if line[:1] == "|"]
ROWS = [row for row in ROWS if row[1] != "here" and not set(row[1]) <= set("-")]
WORDS = {"mean", "median", "average", "std"}


def switches():
    commands = next(a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    return {option for command in commands.values() for option in command._option_string_actions}


def names_in(cell):
    return [name for quoted in re.findall(r"`([^`]+)`", cell) for name in quoted.split()[:1]]


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


def test_the_tables_are_whole():
    text = " ".join(theirs for theirs, _ in ROWS)
    aspired = "saxis combinetype psfmodel heal_pixels cutoff create_bad_pixel_mask save_masks inspect"
    ccdproc = "ccd_process Combiner ccdmask cosmicray_lacosmic rebin wcs_project gain_correct trim_image"
    iraf = "fixpix overscan zerocor darkcor flatcor illumcor fringecor readcor scancor"
    for name in f"{aspired} {ccdproc} {iraf}".split():
        assert name in text
