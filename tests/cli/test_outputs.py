"""Which files the command writes, how they are called, and over which it never writes."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline import Image
from pipeline.cli.main import main
from pipeline.fits.write import product_name


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
    assert not Path("out").exists()


def test_a_light_is_not_written_over_by_its_product(night, capsys):
    assert main(["reduce", "night.csv", "--each", "-o", ".", "--overwrite"]) == 1
    assert "light1.fits: is one of the files to be read" in capsys.readouterr().err
