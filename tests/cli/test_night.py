"""``night``: from folders to products, by the lists that ``scan`` proposes, and told with what was chosen and why."""

import csv

import numpy as np
import pytest
from astropy.io import fits
from small_nights import contents

from pipeline.cli.main import main

LEVELS = {"bias": (100, 0), "dark": (160, 60), "flat": (1110, 10), "light": (630, 30)}


def write_folder(folder, date="2021-03-02", kinds="bias dark flat light", **cards):
    """Write two frames of each kind: bias 100, dark 1 ADU/s, flat 1000, light 500."""
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(1)
    for kind in kinds.split():
        level, seconds = LEVELS[kind]
        for number in (1, 2):
            told = {"IMAGETYP": kind, "EXPTIME": seconds, "OBJECT": "M1" if kind == "light" else kind, "FILTER": "R"}
            header = fits.Header(told | {"DATE-OBS": f"{date}T20:0{number}:00", "GAIN": 1.5} | cards)
            values = noise.normal(level, 5, (20, 30)).round().astype(np.uint16)
            fits.writeto(folder / f"{kind}{number}.fits", values, header)


def run(*words):
    return main(["night", *map(str, words), "--quiet"])


@pytest.fixture
def raw(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "raw")
    return tmp_path / "raw"


def rows_of(path):
    return [tuple(row.values()) for row in csv.DictReader(path.read_text().splitlines())]


def test_a_night_is_reduced_as_the_list_that_scan_writes_and_is_left_alone_the_second_time(raw, tmp_path, capsys):
    assert run("raw", "-o", "out") == 0
    assert main(["scan", "raw", "-o", "night.csv"]) == main(["reduce", "night.csv", "-o", "by_list.fits"]) == 0
    np.testing.assert_array_equal(fits.getdata("out/M1.fits"), fits.getdata("by_list.fits"))
    np.testing.assert_array_equal(fits.getdata("out/M1.fits", "FLAGS"), fits.getdata("by_list.fits", "FLAGS"))
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "M1: 2 lights of 30 s: light1.fits, light2.fits\n" in report
    assert "  flat: 2 frames, at the same time; equal: gain, filter\n    flat1.fits, flat2.fits\n" in report
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("M1*")}
    capsys.readouterr()
    assert main(["night", "raw", "-o", "out"]) == 0
    assert "out/M1.fits is done already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_dry_run_tells_the_choices_and_makes_nothing_but_the_table(raw, tmp_path, capsys):
    (raw / "what.fits").write_bytes((raw / "bias1.fits").read_bytes().replace(b"'bias    '", b"'hmm     '"))
    assert main(["night", "raw", "-o", "out", "--dry-run", "--csv", "t.csv"]) == 0
    said = capsys.readouterr().out
    assert "  bias: 2 frames, at the same time" in said
    assert "left out: ?, raw/what.fits: hmm?" not in said
    assert "left out: ?, raw/what.fits: " in said
    assert not (tmp_path / "out").exists()
    rows = rows_of(tmp_path / "t.csv")
    assert {row[3] for row in rows if row[:3] == ("raw", "light1.fits", "flat")} == {"flat1.fits", "flat2.fits"}
    assert [row for row in rows if row[1:3] == ("light1.fits", "arc")] == [("raw", "light1.fits", "arc", "")]
    assert {row[2] for row in rows if row[1] == "dark2.fits"} == {"bias"}
    assert run("raw", "--dry-run", "--csv", "t.csv") == 1
    assert "is there already" in capsys.readouterr().err


def test_calibrations_are_taken_across_nights_as_long_as_they_are_valid(raw, tmp_path, capsys):
    write_folder(tmp_path / "next", "2021-03-03", "light")
    write_folder(tmp_path / "late", "2021-12-03", "light")
    (tmp_path / "cloudy").mkdir()
    assert run("raw", "next", "cloudy", "late", "-o", "out", "--csv", "t.csv") == 0
    assert "cloudy: no FITS files in it" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").glob("*.fits")) == [
        f"{n}_M1.fits" for n in sorted(("raw", "next", "late"))
    ]
    rows = rows_of(tmp_path / "t.csv")
    assert {row[3] for row in rows if row[:3] == ("next", "light1.fits", "bias")} == {
        "raw/bias1.fits",
        "raw/bias2.fits",
    }
    assert {row[3] for row in rows if row[:2] == ("late", "light1.fits")} == {""}
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "bias: none: the nearest is raw/bias2.fits: 276 days before, valid for 90 days" in report
    assert fits.getheader(tmp_path / "out" / "next_M1.fits")["BIAS1"] == "bias1.fits"


def test_one_group_that_fails_stops_no_other_and_the_status_says_so(raw, tmp_path, capsys):
    write_folder(tmp_path / "raw" / "v", kinds="flat light", FILTER="V", OBJECT="M2")
    for number in (1, 2):  # a flat without light
        fits.writeto(
            raw / "v" / f"flat{number}.fits",
            np.full((20, 30), 90, np.uint16),
            fits.getheader(raw / "v" / "flat1.fits"),
            overwrite=True,
        )
    assert run("raw", "-o", "out") == 1
    error = capsys.readouterr().err
    assert "of 2 nights, these could not be reduced" in error
    assert "Traceback" not in error
    assert [path.name for path in (tmp_path / "out").glob("*.fits")] == ["M1.fits"]
    report = (tmp_path / "out" / "report.txt").read_text()
    assert "  wrote out/M1.fits" in report
    assert "  error: " in report


def test_what_is_in_the_folder_of_products_is_no_frame_of_the_night(raw, tmp_path):
    assert run("raw", "-o", "raw/out") == 0
    expected = contents(raw / "out")
    assert run("raw", "-o", "raw/out", "--force") == 0
    assert contents(raw / "out") == expected
    assert "out/" not in (raw / "out" / "report.txt").read_text().partition("wrote")[0]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["none"], 1, "none: is no folder"),
        (["raw", "raw"], 2, "is given twice"),
        (["calibrations"], 1, "no light frames; nothing to reduce"),
        (["raw", "-o", "theirs"], 1, "report.txt: is there already, and was not written by this command"),
        (["raw", "--policy", "bad.toml"], 2, "bad.toml: Policy has no setting 'dark_dys'; did you mean 'dark_days'?"),
        (["raw", "--policy", "raw/bias1.fits"], 2, "is no TOML"),
        (["raw", "--recipe", "none.toml"], 1, "none.toml: cannot be read"),
    ],
)
def test_mistakes_are_told_in_a_line_and_leave_nothing(raw, tmp_path, capsys, words, status, said):
    write_folder(tmp_path / "calibrations", kinds="bias")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "report.txt").write_text("mine")
    (tmp_path / "bad.toml").write_text("dark_dys = 400")
    assert run(*words) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "products").exists()
    assert (tmp_path / "theirs" / "report.txt").read_text() == "mine"


@pytest.mark.slow
def test_real_nights_equal_their_lists_to_the_bit(shared_data, tmp_path, monkeypatch):
    """Kast as by hand; SPRAT as scan lists it, and as by hand where its dark of 13 months later is admitted."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide.toml").write_text("dark_days = 400\nsilent = true\nscale_without_bias = true\n")
    kast, sprat = shared_data / "kast_blue", shared_data / "lt_sprat"
    assert run(kast, "-o", "kast") == run(sprat, "-o", "sprat") == 0
    assert run(sprat, "-o", "wide", "--policy", "wide.toml") == 0
    assert main(["scan", str(sprat), "-o", "s.csv", "--quiet"]) == 0
    report = (tmp_path / "sprat" / "report.txt").read_text()
    assert "none: the nearest is raw/v_dark_1.fits.gz: gain not said, for 2.45; 600 s for 120 s" in report
    assert "differs: grating position blue for red" in report
    pairs = {
        "kast/J1217p3905": kast / "filelist.csv",
        "sprat/LHS6328": "s_LHS6328.csv",
        "wide/LHS6328": sprat / "filelist.csv",
    }
    for name, filelist in pairs.items():
        assert main(["reduce", str(filelist), "-o", "by_list.fits", "--overwrite", "--quiet"]) == 0
        with fits.open(f"{name}.fits") as ours, fits.open("by_list.fits") as theirs:
            assert [hdu.name for hdu in ours] == [hdu.name for hdu in theirs]
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one.data, other.data)
