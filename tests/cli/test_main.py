"""The command, as its users meet it: what it writes, what it prints, its exit status."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits

from pipeline import Image, MasterDark, open_frame, scale_dark, write
from pipeline.cli import reduce as reducing
from pipeline.cli.main import main
from pipeline.cli.outputs import product_name


@pytest.fixture
def night(tmp_path, monkeypatch):
    """A small night in the current folder, written by hand: bias 100, dark 1 ADU/s, flat 1000, light 500."""
    monkeypatch.chdir(tmp_path)
    level = {"bias": (100, 0), "dark": (160, 60), "flat": (1110, 10), "light": (630, 30), "arc": (180, 30)}
    rows = []
    for kind, (value, seconds) in level.items():
        for number in (1, 2, 3) if kind != "arc" else (1,):
            name = f"{kind}{number}.fits"
            header = fits.Header({"EXPTIME": seconds, "OBJECT": f"a {kind}"})
            fits.writeto(name, np.full((20, 30), value, np.uint16), header)
            rows.append(f"{kind}, {name}")
    (tmp_path / "night.csv").write_text("\n".join(rows))
    return tmp_path


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


def test_combine_combines_and_does_no_more(night, capsys):
    assert main(["combine", "night.csv", "--type", "dark", "-o", "d.fits", "--method", "median"]) == 0
    assert (fits.getdata("d.fits") == 160).all()
    header = fits.getheader("d.fits")
    assert (header["NCOMBINE"], header["COMBTYPE"], header["XPOSURE"], header["DARK3"]) == (
        3,
        "median",
        180,
        "dark3.fits",
    )
    assert "ZEROCOR" not in header


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


def test_nothing_is_overwritten_unasked(night, capsys):
    (night / "reduced.fits").write_text("mine")
    assert main(["reduce", "night.csv"]) == 1
    assert (night / "reduced.fits").read_text() == "mine"
    assert "allow overwriting" in capsys.readouterr().err
    assert main(["reduce", "night.csv", "--overwrite"]) == 0


def test_an_input_is_never_an_output(night, capsys):
    before = (night / "light1.fits").read_bytes()
    assert main(["reduce", "night.csv", "-o", "light1.fits", "--overwrite"]) == 1
    assert "is one of the files to be read" in capsys.readouterr().err
    assert (night / "light1.fits").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["reduce", "absent.csv"], 1, "absent.csv: cannot be read"),
        (["reduce", "night.csv", "-o", "no/folder/x.fits"], 1, "no/folder/x.fits: cannot be written"),
        (["reduce", "night.csv", "--sigma", "-1"], 2, "expected a positive number"),
        (["reduce", "night.csv", "--gain", "2"], 2, "go together"),
        (["reduce", "night.csv", "--iterations", "0"], 2, "whole number"),
        (["reduce", "night.csv", "--saturation", "-5"], 2, "positive level"),
        (["reduce", "night.csv", "--delimiter", "ab"], 2, "one character"),
        (["combine", "lights.csv", "--type", "bias", "-o", "b.fits"], 1, "no bias frames"),
        (["reduce", "arcs.csv"], 1, "no light frames"),
    ],
)
def test_mistakes_get_a_message_and_a_status_and_leave_nothing(night, capsys, arguments, status, word):
    (night / "lights.csv").write_text("light, light1.fits")
    (night / "arcs.csv").write_text("arc, arc1.fits")
    before = sorted(os.listdir())
    assert main(arguments) == status
    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("arguments", [[], ["reduce"], ["reduce", "x.csv", "--method", "average"], ["frobnicate"]])
def test_a_wrong_command_line_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_bug_of_ours_is_status_70_and_asks_for_a_report(night, monkeypatch, capsys):
    monkeypatch.setattr(reducing, "make_masters", lambda *_: 1 / 0)
    assert main(["reduce", "night.csv"]) == 70
    assert "please report" in capsys.readouterr().err


def test_ctrl_c_that_breaks_a_lock_of_python_is_no_bug_of_ours(night, monkeypatch, capsys):
    def interrupted(*_):
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("release unlocked lock")  # as threading does, interrupted at the wrong moment

    monkeypatch.setattr(reducing, "make_masters", interrupted)
    assert main(["reduce", "night.csv"]) == 130
    assert capsys.readouterr().err == "ccd-pipeline: interrupted; nothing half-written is left\n"


def test_ctrl_c_is_status_130_and_leaves_nothing(tmp_path):
    """A real interrupt of a real process, in the middle of combining."""
    rng = np.random.default_rng(1)
    for number in range(12):
        fits.writeto(tmp_path / f"{number}.fits", rng.poisson(1000, (1500, 1500)).astype(np.uint16))
    (tmp_path / "n.csv").write_text("\n".join(f"light, {number}.fits" for number in range(12)))
    command = [sys.executable, "-m", "pipeline", "reduce", "n.csv"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    hearing = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 - a shell's background hears none
    process = subprocess.Popen(command, cwd=tmp_path, preexec_fn=hearing, **pipes)
    process.stdout.readline()  # the list is read
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted" in error
    assert "Traceback" not in error
    assert not [name for name in os.listdir(tmp_path) if "reduced" in name]


def test_the_demo_reduces_a_simulated_night_and_compares_it_with_the_truth(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert (tmp_path / "demo" / "reduced.fits").exists()
    said = capsys.readouterr().out
    mean, scatter = re.search(r"truth is ([+-][\d.]+) σ on average with a scatter of ([\d.]+) σ", said).groups()
    assert abs(float(mean)) < 0.05
    assert abs(float(scatter) - 1) < 0.05
    assert main(["demo"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["demo", "--overwrite"]) == 0


def test_a_raw_arc_is_never_written_over(night):
    (night / "out_arc.fits").write_bytes((night / "arc1.fits").read_bytes())
    (night / "n.csv").write_text("light, light1.fits\narc, out_arc.fits")
    before = (night / "out_arc.fits").read_bytes()
    assert main(["reduce", "n.csv", "-o", "out.fits", "--overwrite"]) == 1
    assert (night / "out_arc.fits").read_bytes() == before


def test_a_file_named_with_its_hdu_is_an_input_too(night):
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((4, 4), np.float32))])
    hdus.writeto(night / "mef.fits")
    (night / "n.csv").write_text("light, mef.fits, 1")
    before = (night / "mef.fits").read_bytes()
    assert main(["reduce", "n.csv", "-o", "mef.fits", "--overwrite"]) == 1
    assert (night / "mef.fits").read_bytes() == before


@pytest.mark.parametrize("output", [".", "", "folder", "fifo"])
def test_only_plain_files_are_written_over(night, capsys, output):
    (night / "folder").mkdir()
    os.mkfifo(night / "fifo")
    assert main(["reduce", "night.csv", "-o", output, "--overwrite"]) == 1
    assert "name a file" in (error := capsys.readouterr().err) or "no plain file" in error


def test_products_of_one_name_are_refused(night, capsys):
    assert main(["reduce", "night.csv", "--masters", "m", "-o", "m/master_bias.fits"]) == 1
    assert "two products" in capsys.readouterr().err


def test_masters_need_a_folder(night, capsys):
    assert main(["reduce", "night.csv", "--masters", "night.csv"]) == 1
    assert "cannot be made a folder" in capsys.readouterr().err


def test_a_reader_that_goes_away_does_not_cost_the_reduction(night):
    command = f"{sys.executable} -m pipeline reduce night.csv | head -0"
    assert subprocess.run(["bash", "-o", "pipefail", "-c", command], check=False).returncode == 0
    assert (night / "reduced.fits").exists()


def test_a_terminal_that_knows_no_greek_gets_its_report(night):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "pipeline", "reduce", "night.csv"]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


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


def test_a_scaled_dark_is_written_as_it_is_scaled(tmp_path):
    dark = MasterDark.of(Image.of(np.full((4, 4), 60.0), kind="dark", exposure=600), has_bias=False)
    write(scale_dark(dark, exposure=60), tmp_path / "d.fits")
    again = MasterDark.of(open_frame(tmp_path / "d.fits", kind="dark"))
    assert (again.exposure, again.has_bias) == (60, False)
    np.testing.assert_array_equal(again.pixels.values, 6)


def test_a_finished_flat_of_ours_needs_no_dark(night):
    """A response of mean 1 keeps its values whatever darks a later list has."""
    (night / "one.csv").write_text("bias, bias1.fits\nflat, flat1.fits\nlight, light1.fits")
    assert main(["reduce", "one.csv", "--masters", "m"]) == 0
    (night / "two.csv").write_text("bias, bias1.fits\ndark, dark1.fits\nflat, m/master_flat.fits\nlight, light1.fits")
    assert main(["reduce", "two.csv", "-o", "two.fits"]) == 0
    assert (fits.getdata("two.fits") == 500).all()


# geometry, flats, gain, each


def test_each_light_has_a_product_named_after_it(night, capsys):
    fits.writeto("light2.fits", np.full((20, 30), 640, np.uint16), fits.Header({"EXPTIME": 30}), overwrite=True)
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 0
    assert sorted(os.listdir("out")) == ["arc.fits", "light1.fits", "light2.fits", "light3.fits"]
    assert [fits.getdata(f"out/light{n}.fits").mean() for n in (1, 2, 3)] == [500, 510, 500]
    assert [fits.getheader(f"out/light{n}.fits")["LIGHT1"] for n in (1, 2, 3)] == [f"light{n}.fits" for n in (1, 2, 3)]
    assert "LIGHT2" not in fits.getheader("out/light1.fits")
    assert "wrote out/light3.fits" in capsys.readouterr().out
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 1  # nothing is written over
    assert main(["reduce", "night.csv", "--each"]) == 0
    assert len(os.listdir("reduced")) == 4


def test_lights_on_their_own_are_repeated_from_their_record(night, capsys):
    switches = ["--saxis", "0", "--flat-by", "500", "--record"]
    assert main(["reduce", "night.csv", "--each", "-o", "out", *switches]) == 0
    assert main(["replay", "out/reduced.json"]) == 0
    assert "light3.fits: the same pixels, bit for bit" in capsys.readouterr().out


def test_names_of_products_follow_file_and_hdu():
    names = {
        "raw/b27.fits.gz": "b27.fits",
        "a.b.FIT": "a.b.fits",
        "m.fits.fz[2]": "m_2.fits",
        "x[SCI,1]": "x_SCI_1.fits",
    }
    for raw, name in names.items():
        assert product_name(Image.of(np.ones((1, 1)), name=raw)) == name


def test_two_lights_of_one_name_are_not_written_over_each_other(night, capsys):
    (night / "two").mkdir()
    fits.writeto("two/light1.fits", np.full((20, 30), 630, np.uint16), fits.Header({"EXPTIME": 30}))
    (night / "night.csv").write_text("light, light1.fits\nlight, two/light1.fits")
    assert main(["reduce", "night.csv", "--each", "-o", "out"]) == 1
    assert "light1.fits: two products would have this name" in capsys.readouterr().err
    assert os.listdir("out") == []


def test_a_light_is_not_written_over_by_its_product(night, capsys):
    assert main(["reduce", "night.csv", "--each", "-o", ".", "--overwrite"]) == 1
    assert "light1.fits: is one of the files to be read" in capsys.readouterr().err


def test_amplifiers_come_from_the_command_line(night):
    """Levels of 30 and 10 in the last columns: 630 becomes 600 and 620; the list has nothing else."""
    frame = np.full((20, 34), 630, np.uint16)
    frame[:, 30:32], frame[:, 32:] = 30, 10
    fits.writeto("k.fits", frame)
    (night / "k.csv").write_text("light, k.fits")
    amplifiers = ["--amplifier", "[1:15,*]", "[31:32,*]", "--amplifier", "[16:30,*]", "[33:34,*]"]
    for more in ([], ["--overscan", "median", "--overscan-order", "1"], ["--overscan-order", "rows"]):
        assert main(["reduce", "k.csv", "-o", "k_out.fits", "--overwrite", *amplifiers, *more]) == 0
        values = fits.getdata("k_out.fits")
        assert values.shape == (20, 30)
        np.testing.assert_allclose(values[:, :15], 600, atol=1e-3)
        np.testing.assert_allclose(values[:, 15:], 620, atol=1e-3)


def test_electrons_and_orientation_come_last(night, capsys):
    assert main(["reduce", "night.csv", "--electrons", "--gain", "2", "--saxis", "0"]) == 0
    for name, value in (("reduced.fits", 1000), ("reduced_arc.fits", 100)):
        values, header = fits.getdata(name, header=True)
        assert values.shape == (30, 20)
        assert (values == value).all()
        assert (header["BUNIT"], header["DISPAXIS"]) == ("electron", 1)
    assert "flat out, in electrons, dispersion along x" in capsys.readouterr().out


def test_a_flat_is_divided_by_what_was_asked_for(night):
    assert main(["reduce", "night.csv", "--flat-by", "500", "--masters", "m"]) == 0
    assert (fits.getdata("m/master_flat.fits") == 2).all()
    assert fits.getheader("m/master_flat.fits")["FLATNORM"] == "500.0"
    assert (fits.getdata("reduced.fits") == 250).all()
    (night / "again.csv").write_text(
        "light, light1.fits\n" + "\n".join(f"{k}, m/master_{k}.fits" for k in ("bias", "dark", "flat"))
    )
    assert main(["reduce", "again.csv", "-o", "again.fits"]) == 0
    assert (fits.getdata("again.fits") == 250).all()
    for more in (["median"], ["median", "--flat-region", "[1:9,1:9]"], ["spline", "--flat-order", "3"], ["polynomial"]):
        assert main(["reduce", "night.csv", "--overwrite", "--flat-by", *more]) == 0
        np.testing.assert_allclose(fits.getdata("reduced.fits"), 500, rtol=1e-5)


@pytest.mark.parametrize(
    ("switches", "status", "words"),
    [
        (["--flat-by", "mode"], 2, "--flat-by mode; expected mean"),
        (["--flat-order", "3"], 2, "--flat-order is for"),
        (["--flat-region", "[1:2]"], 2, "expected a section"),
        (["--overscan-order", "x"], 2, "--overscan-order x; expected"),
        (["--amplifier", "1:5", "[6:7,*]"], 2, "expected a section"),
        (["--amplifier", "[1:50,*]", "[6:7,*]"], 1, "lies outside its 20 rows"),
        (["--electrons"], 1, "no gain in e-/ADU"),
        (["--electrons", "--gain", "-1"], 2, "positive gain"),
        (["--gain", "2"], 2, "go together"),
    ],
)
def test_switches_that_make_no_sense_are_refused(night, capsys, switches, status, words):
    assert main(["reduce", "night.csv", *switches]) == status
    assert words in capsys.readouterr().err
    assert not (night / "reduced.fits").exists()
