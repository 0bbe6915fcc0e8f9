"""``reduce`` of many nights: what it says of each, and which switches go together."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from small_nights import contents, write_nights

from pipeline.cli.main import main
from pipeline.version import CREATOR


@pytest.fixture
def nights(tmp_path):
    return write_nights(tmp_path, 3)


def test_what_an_earlier_version_made_is_made_again_by_force_and_that_is_said(nights, tmp_path, capsys):
    command = ["reduce", *map(str, nights[:2]), "--output-dir", str(tmp_path / "out")]
    assert main(command) == 0
    expected = contents(tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.json"):
        old = {"creator": "ccd-pipeline 0.1.0", "address": "5e1f" * 8}  # its keys were made of other names
        path.write_text(json.dumps(json.loads(path.read_text()) | old))
    capsys.readouterr()
    reason = f"made by ccd-pipeline 0.1.0, this is {CREATOR}"
    assert main(command) == 1
    assert capsys.readouterr().err.count(f"is there already, {reason}; --overwrite makes it again") == 2
    assert main([*command, "--force"]) == 0
    said = capsys.readouterr()
    assert said.err.count(f"is there already, {reason}; made again") == 2  # light and arc of a night are one note
    assert "4 products written, 0 done already" in said.out
    assert contents(tmp_path / "out") == expected
    assert main([*command, "--force"]) == 0
    assert "made again" not in capsys.readouterr().err


def test_the_command_reduces_many_nights_and_counts_them(nights, tmp_path, capsys):
    nights[1].write_text("light, none.fits\n")
    lists = [str(filelist) for filelist in nights]
    assert main(["reduce", *lists, "--output-dir", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "[3/3]" in said.out
    assert "3 nights: 4 products written, 0 done already, 1 night bad" in said.out
    assert said.err.startswith("ccd-pipeline: of 3 nights, these could not be reduced:\n")
    assert f"  {nights[1]}: " in said.err
    assert "none.fits: cannot be read" in said.err
    assert main(["reduce", lists[0], lists[2], "--output-dir", str(tmp_path / "out")]) == 0
    assert "2 nights: 0 products written, 4 done already, 0 nights bad" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        (["-o", "x.fits"], "-o goes with one night"),
        (["--masters", "m"], "--masters goes with one night"),
        (["--record"], "--record goes with one night"),
        (["--figure", "x.html"], "--figure goes with one night"),
        (["--workers", "0"], "--workers 0; expected one or more"),
    ],
)
def test_switches_that_do_not_go_together_are_refused(nights, capsys, switches, words):
    assert main(["reduce", str(nights[0]), str(nights[1]), *switches]) == 2
    assert words in capsys.readouterr().err


def test_no_workers_are_refused_for_one_night_too(nights, capsys):
    assert main(["reduce", str(nights[0]), "--workers", "0"]) == 2
    assert "--workers 0; expected one or more" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_of_dask_is_imported_unless_asked_for(nights, tmp_path):
    words = ["reduce", "--output-dir", str(tmp_path / "out"), "--quiet", str(nights[0]), str(nights[1])]
    code = (
        f"import sys, pipeline; from pipeline.cli.main import main; main({words}); "
        "print([name for name in sys.modules if name.split('.')[0] in ('dask', 'distributed')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
    assert sorted(os.listdir(tmp_path / "out")) == ["n00", "n01"]


def test_without_dask_the_command_says_what_to_install(nights, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["reduce", str(nights[0]), "--cluster", "tcp://127.0.0.1:1"]) == 2
    assert "pip install 'ccd-pipeline[distributed]'" in capsys.readouterr().err


def test_each_pixel_of_a_mask_counts_and_the_mask_is_not_written_over(nights, tmp_path, capsys):
    mask = tmp_path / "mask.fits"
    bad = np.zeros((24, 40), np.uint8)
    bad[3, 4] = 1
    fits.writeto(mask, bad)
    words = ["reduce", str(nights[0]), str(nights[1]), "--output-dir", str(tmp_path), "--mask", str(mask), "--quiet"]
    assert main(words) == 0
    assert fits.getdata(tmp_path / "n00" / "night.fits", "MASK")[3, 4] == 1
    assert main(words) == 0
    bad[5, 6] = 1
    fits.writeto(mask, bad, overwrite=True)
    assert main(words) == 1
    assert "with other settings" in capsys.readouterr().err
    nights[0].rename(nights[0].with_name("mask.csv"))
    words = ["reduce", str(nights[0].with_name("mask.csv")), "--output-dir", str(tmp_path), "--mask", str(mask)]
    assert main([*words, "--force"]) == 1
    assert "is to be read for the recipe" in capsys.readouterr().err
