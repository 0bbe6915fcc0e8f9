"""``reduce``: what it writes, what it says, and what its options change."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline import errors, reduce
from pipeline.cli.main import main
from pipeline.fits.frame_source import FitsSource
from pipeline.survey import tasks


def test_reduce_writes_lights_and_arcs_and_says_what_it_did(night, capsys):
    assert main(["reduce", "night.csv"]) == 0
    assert (fits.getdata("reduced.fits") == 500).all()
    assert (fits.getdata("reduced_arc.fits") == 50).all()
    said = capsys.readouterr()
    assert said.err == ""
    assert "night.csv: 3 bias (0 s), 3 dark (60 s), 3 flat (10 s), 3 light (30 s), 1 arc (30 s)" in said.out
    assert "light: mean of 3 frames, noise clip 5/5 σ, 0 values rejected; bias out, dark out, flat out" in said.out
    assert "wrote reduced.fits: 20 rows × 30 columns; no pixel flagged" in said.out


def test_the_arc_is_named_after_the_output(night):
    (night / "out").mkdir(exist_ok=True)
    assert main(["reduce", "night.csv", "-o", "out/x.fits.gz"]) == 0
    assert (fits.getdata("out/x_arc.fits.gz") == 50).all()


def test_quiet_prints_nothing(night, capsys):
    assert main(["reduce", "night.csv", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_masters_are_written_and_can_stand_in_for_raw_frames(night):
    assert main(["reduce", "night.csv", "--masters", "m", "-o", "a.fits"]) == 0
    assert sorted(os.listdir("m")) == ["master_bias.fits", "master_dark.fits", "master_flat.fits"]
    assert (fits.getdata("m/master_dark.fits") == 60).all()
    lines = [f"{kind}, m/master_{kind}.fits" for kind in ("bias", "dark", "flat")]
    (night / "again.csv").write_text("\n".join([*lines, *(f"light, light{n}.fits" for n in (1, 2, 3))]))
    assert main(["reduce", "again.csv", "-o", "b.fits"]) == 0
    np.testing.assert_array_equal(fits.getdata("b.fits"), fits.getdata("a.fits"))


@pytest.mark.parametrize(
    ("options", "cards"),
    [
        ([], {"COMBTYPE": "mean", "CLIPTYPE": "noise", "CLIPLOW": 5, "CLIPHIGH": 5}),
        (["--clip", "none"], {"CLIPTYPE": "none"}),
        (["--clip", "mad", "--sigma", "4"], {"CLIPTYPE": "mad", "CLIPLOW": 4, "CLIPHIGH": 4}),
        (["--sigma", "4", "--sigma-high", "3"], {"CLIPLOW": 4, "CLIPHIGH": 3}),
        (["--sigma-low", "9", "--iterations", "2"], {"CLIPLOW": 9, "CLIPHIGH": 5}),
        (["--gain", "2", "--read-noise", "5"], {"CLIPTYPE": "noise"}),
    ],
)
def test_settings_reach_the_header(night, options, cards):
    assert main(["reduce", "night.csv", *options]) == 0
    header = fits.getheader("reduced.fits")
    assert {keyword: header.get(keyword) for keyword in cards} == cards


def test_the_exposure_can_stand_under_another_keyword(night):
    for number in (1, 2, 3):
        fits.setval(f"light{number}.fits", "SHUTTER", value=60)
        fits.setval(f"dark{number}.fits", "SHUTTER", value=60)
    assert main(["reduce", "night.csv", "--exposure-key", "SHUTTER"]) == 0
    assert (fits.getdata("reduced.fits") == 470).all()


def test_saturated_pixels_are_flagged_and_counted(night, capsys):
    data = fits.getdata("light2.fits")
    data[3, 4] = 60_000
    fits.writeto("light2.fits", data, fits.Header({"EXPTIME": 30}), overwrite=True)
    assert main(["reduce", "night.csv", "--saturation", "50000"]) == 0
    assert fits.getdata("reduced.fits", "MASK")[3, 4] == 1
    assert "flagged: 1 saturated" in capsys.readouterr().out


def test_other_delimiters(night):
    (night / "tabs.txt").write_text((night / "night.csv").read_text().replace(", ", "\t"))
    assert main(["reduce", "tabs.txt", "--delimiter", "tab"]) == 0


def test_a_name_in_any_alphabet(night):
    (night / "bias1.fits").rename(night / "bíás.fits")
    (night / "n.csv").write_text("bias, bíás.fits\nlight, light1.fits", encoding="utf-8")
    assert main(["reduce", "n.csv"]) == 0
    assert fits.getheader("reduced.fits")["BIAS1"] == "b??s.fits"


def test_the_same_frame_twice_is_said_and_refused_under_strict(night, capsys):
    (night / "n.csv").write_text("bias, bias1.fits\nlight, light1.fits\nlight, light1.fits")
    assert main(["reduce", "n.csv"]) == 0
    assert "light1.fits: listed 2 times, as light" in capsys.readouterr().err
    assert main(["reduce", "n.csv", "-o", "b.fits", "--strict"]) == 1


def test_an_exposure_key_that_no_frame_has_is_said(night, capsys):
    assert main(["reduce", "night.csv", "--exposure-key", "EXPTYM"]) == 0
    assert "no EXPTYM in the header" in capsys.readouterr().err


def test_a_finished_flat_of_ours_needs_no_dark(night):
    """A response of mean 1 keeps its values whatever darks a later list has."""
    (night / "one.csv").write_text("bias, bias1.fits\nflat, flat1.fits\nlight, light1.fits")
    assert main(["reduce", "one.csv", "--masters", "m"]) == 0
    (night / "two.csv").write_text("bias, bias1.fits\ndark, dark1.fits\nflat, m/master_flat.fits\nlight, light1.fits")
    assert main(["reduce", "two.csv", "-o", "two.fits"]) == 0
    assert (fits.getdata("two.fits") == 500).all()


def bits(folder):
    """The bytes of all HDUs of all products of a folder, but for the time and the sums."""
    found = {}
    for path in sorted(Path(folder).glob("*.fits")):
        with fits.open(path) as hdus:
            for hdu in hdus:
                for keyword in ("DATE", "CHECKSUM", "DATASUM"):
                    hdu.header.pop(keyword, None)
            found[path.name] = [(hdu.header.tostring(), hdu.data.tobytes()) for hdu in hdus]
    return found


def test_each_light_has_a_product_named_after_it_which_is_left_when_it_is_there(night, capsys):
    fits.writeto("light2.fits", np.full((20, 30), 640, np.uint16), fits.Header({"EXPTIME": 30}), overwrite=True)
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 0
    names = ["arc.fits", "light1.fits", "light2.fits", "light3.fits"]
    assert sorted(os.listdir("out")) == sorted([".masters", *names, *(f"{name}.json" for name in names)])
    assert [fits.getdata(f"out/light{n}.fits").mean() for n in (1, 2, 3)] == [500, 510, 500]
    assert [fits.getheader(f"out/light{n}.fits")["LIGHT1"] for n in (1, 2, 3)] == [f"light{n}.fits" for n in (1, 2, 3)]
    assert "LIGHT2" not in fits.getheader("out/light1.fits")
    assert "wrote out/light3.fits" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 0
    assert "4 products are in out already, made of just this: nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in Path("out").iterdir()} == before
    assert main(["reduce", "night.csv", "--each"]) == 0
    assert len(os.listdir("reduced")) == 9


def test_of_each_light_what_is_missing_is_made_with_the_same_bits(night, monkeypatch, capsys):
    command = ["reduce", "night.csv", "--each", "--output-dir", "all", "--masters", "m"]
    command += ["--record", "--figure", "f.png"]
    assert main(command) == 0
    expected = bits("all/night")
    record = json.loads(Path("all/night/reduced.json").read_text())
    opened = []
    monkeypatch.setattr(FitsSource, "rows", lambda *rows: opened.append(rows))
    capsys.readouterr()
    assert main(command) == 0
    assert opened == []
    monkeypatch.undo()
    monkeypatch.chdir(night)
    for name in ("all/night/light2.fits", "all/night/reduced.json", "f_light2.png", "m/master_dark.fits"):
        Path(name).unlink()
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "_master", None)  # all are taken as an earlier run kept them
        assert main(command) == 0
    said = capsys.readouterr().out
    assert said.count("kept from an earlier run") == 3
    assert said.count("wrote all/night/light") == said.count("wrote f_light") == 1
    assert bits("all/night") == expected
    assert json.loads(Path("all/night/reduced.json").read_text())["products"] == record["products"]
    assert Path("m/master_dark.fits").exists()
    Path("f_light1.png").unlink()  # its product is left as it is
    before = Path("all/night/light1.fits").stat().st_mtime_ns
    assert main([*command, "--overwrite"]) == 0  # the record is made anew
    assert Path("f_light1.png").exists()
    assert Path("all/night/light1.fits").stat().st_mtime_ns == before


def test_of_each_light_what_is_out_of_date_is_made_when_asked(night, capsys):
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 0
    fits.writeto("light2.fits", np.full((20, 30), 640, np.uint16), fits.Header({"EXPTIME": 30}), overwrite=True)
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 1
    assert "out/light2.fits: is there already, made from other files; --overwrite makes it" in capsys.readouterr().err
    before = Path("out/light1.fits").stat().st_mtime_ns
    assert main(["reduce", "night.csv", "--each", "-o", "out", "--overwrite"]) == 0
    assert fits.getdata("out/light2.fits").mean() == 510
    assert Path("out/light1.fits").stat().st_mtime_ns == before
    Path("out/light3.fits.json").write_text('{"a": "figure"}')
    Path("out/light3.fits").unlink()
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 1
    assert "is there already, and no record of light3.fits" in capsys.readouterr().err
    assert main(["reduce", "night.csv", "--each", "-o", "out", "--output-dir", "b"]) == 2


def test_figures_and_reports_of_each_light_are_named_after_it(night):
    command = ["reduce", "night.csv", "--each", "-o", "out", "--figure", "f.json", "g.png", "--report", "r.html"]
    assert main([*command, "--quality", "q.csv"]) == 0
    names = {name.format(n) for name in ("f_light{}.json", "g_light{}.png", "r_light{}.html") for n in (1, 2, 3)}
    assert names <= set(os.listdir())
    assert len(Path("q.csv").read_text().splitlines()) == 1 + 13 + 4


def failing_at(number, reduce=reduce):
    """Give a reduction that fails when it is called for so many times."""
    calls = []

    def reduce_or_fail(*arguments, **settings):
        calls.append(settings)
        if len(calls) == number:
            raise errors.StepError("no more")
        return reduce(*arguments, **settings)

    return reduce_or_fail


def test_each_light_is_written_when_it_is_done_and_all_else_together_at_the_end(night, monkeypatch, capsys):
    monkeypatch.setattr("pipeline.survey.tasks.reduce", failing_at(3))
    assert main(["reduce", "night.csv", "--each", "-o", "out", "--masters", "m", "--record"]) == 1
    assert sorted(path.name for path in Path("out").glob("*.fits")) == ["light1.fits", "light2.fits"]
    assert os.listdir("m") == []
    assert capsys.readouterr().out.count("wrote") == 2


def test_one_light_is_written_with_its_arc_or_not_at_all(night, monkeypatch, capsys):
    before = sorted(os.listdir())
    monkeypatch.setattr("pipeline.cli.reduce.reduce", failing_at(2))
    assert main(["reduce", "night.csv", "--masters", "m", "--record"]) == 1
    assert sorted(os.listdir()) == sorted([*before, "m"])
    assert os.listdir("m") == []
    assert "wrote" not in capsys.readouterr().out
