"""``library``: masters added, listed, deleted only where that is asked; and ``night``, which takes and keeps them."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.cli.main import main
from pipeline.library.master_library import MasterLibrary


@pytest.fixture
def masters(tmp_path, monkeypatch):
    """Two masters of one night, of which one is better, and one of another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "masters").mkdir()
    for name, day, frames in (("few", 1, 3), ("many", 1, 9), ("next", 2, 5)):
        header = fits.Header({"IMAGETYP": "bias", "NCOMBINE": frames, "DATE-OBS": f"2021-03-0{day}T20:00:00"})
        fits.writeto(tmp_path / "masters" / f"{name}.fits", np.full((4, 5), frames, np.float32), header)
    return tmp_path


def library(*words):
    return main(["library", *words])


def files(folder):
    return [one.file for one in MasterLibrary(folder).masters]


def test_masters_are_added_once_listed_and_deleted_when_asked(masters, capsys):
    assert library("add", "lib", "masters") == library("add", "lib", "masters/few.fits") == 0
    said = capsys.readouterr()
    assert said.out.count("added as bias_2021-03-0") == 3
    assert "masters/few.fits: is there already, as bias_2021-03-01" in said.out
    assert "of 9 frames, where this is of 3" in said.err
    assert library("list", "lib") == 0
    said = capsys.readouterr().out
    assert "5x4 pixels, 9 frames, error not known, 0.00% flagged, expired: " in said
    assert "3 masters, 3 of them superseded or expired" in said
    assert library("prune", "lib") == 0
    assert "nothing was deleted of 3; --delete does it" in capsys.readouterr().out
    assert library("prune", "lib", "--only", "superseded", "--delete") == 0
    assert "deleted bias_2021-03-01" in capsys.readouterr().out
    assert len(files("lib")) == 2
    (masters / "long.toml").write_text("bias_days = 1e9")
    assert library("prune", "lib", "--delete", "--policy", "long.toml", "--quiet") == 0
    assert len(files("lib")) == 2
    assert library("prune", "lib", "--delete", "--quiet") == 0
    assert files("lib") == []


def test_mistakes_are_told_and_stop_no_other_master(masters, capsys):
    fits.writeto("single.fits", np.ones((4, 5)), fits.Header({"IMAGETYP": "bias"}))
    assert library("add", "lib", "single.fits", "masters/few.fits", "none.fits") == 1
    error = capsys.readouterr().err
    assert "  single.fits: is no master of bias, dark or flat frames, but a single bias" in error
    assert "  none.fits: cannot be read" in error
    assert len(files("lib")) == 1
    assert library("list", "nowhere") == 1
    assert "nowhere: is no folder" in capsys.readouterr().err
    (masters / "empty").mkdir()
    assert library("add", "lib", "empty") == 1
    assert "empty: no FITS files in it" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_masters_made_for_one_night_are_taken_for_later_ones(folder, tmp_path):
    """Of which they are the only calibrations; the first night, reduced again, is left alone."""
    lib = tmp_path / "lib"
    first = ["night", "raw", "-o", str(tmp_path / "first"), "--library", str(lib), "--quiet"]
    assert main(first) == 0
    assert [name.partition("_")[0] for name in files(lib)] == ["bias", "dark", "flat"]
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.fits")}
    assert main(first) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.fits")} == times
    (tmp_path / "next").mkdir()
    for path in (folder / "raw").glob("light*"):
        (tmp_path / "next" / path.name).write_bytes(path.read_bytes())
    second = ["night", str(tmp_path / "next"), "-o", str(tmp_path / "second"), "--library", str(lib), "--quiet"]
    assert main([*second, "--csv", str(tmp_path / "t.csv")]) == 0
    assert str(lib / "bias_") in (tmp_path / "t.csv").read_text()
    assert "bias: a master" in (tmp_path / "second" / "report.txt").read_text()
    (one,), (other,) = ([p for p in (tmp_path / n).glob("*.fits") if "_arc" not in p.name] for n in ("first", "second"))
    np.testing.assert_allclose(fits.getdata(other), fits.getdata(one), rtol=1e-5)
    assert len(files(lib)) == 3
