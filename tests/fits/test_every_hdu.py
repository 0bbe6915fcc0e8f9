"""Files of several detectors, each in an HDU of its own: read as so many nights, written into one product."""

import re

import numpy as np
import pytest
from astropy.io import fits
from two_detectors import write_detectors

from pipeline import open_frame, read_every_hdu, reduce, write_every_hdu
from pipeline.cli.main import main
from pipeline.errors import FileListError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_detectors(tmp_path_factory.mktemp("detectors"))


@pytest.mark.slow
def test_in_python_each_night_is_its_own_and_masters_serve_later_lists(folder, tmp_path):
    nights = read_every_hdu(folder / "both.csv")
    assert {name: frames.light[0].shape for name, frames in nights.items()} == {"RED": (20, 46), "BLUE": (24, 34)}
    products = {name: reduce(frames) for name, frames in nights.items()}
    write_every_hdu(products, tmp_path / "p.fits")
    assert open_frame(tmp_path / "p.fits", "BLUE").pixels.values.tobytes() == products["BLUE"].pixels.values.tobytes()
    for way in ("both", "bare"):
        out = str(tmp_path / f"{way}.fits")
        masters = ["--masters", str(tmp_path / way)]
        assert main(["reduce", str(folder / f"{way}.csv"), "-o", out, "--every-hdu", *masters, "--quiet"]) == 0
        lights = [line for line in (folder / f"{way}.csv").read_text().splitlines() if line.startswith("light")]
        later = folder / f"{way}_later.csv"
        later.write_text("\n".join([*lights, *(f"{k}, {tmp_path / way}/master_{k}.fits" for k in ("bias", "flat"))]))
        again = str(tmp_path / f"{way}_later.fits")
        assert main(["reduce", str(later), "-o", again, "--every-hdu", "--quiet"]) == 0
        for number in (1, 5):
            np.testing.assert_array_equal(fits.getdata(again, number), fits.getdata(out, number))


def test_what_does_not_fit_is_told_by_line(folder):
    other = folder / "other.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((3, 4)), name="GREEN")]).writeto(other, overwrite=True)
    fits.PrimaryHDU().writeto(folder / "none.fits", overwrite=True)
    rows = (folder / "both.csv").read_text().splitlines()
    (folder / "bad.csv").write_text(
        "\n".join([rows[0], "bias, other.fits", f"{rows[1]}, RED", "flat, none.fits", "x", "flat, y.fits"])
    )
    with pytest.raises(FileListError) as error:
        read_every_hdu(folder / "bad.csv")
    _, *lines = str(error.value).splitlines()
    expected = (
        r"line 2: .*has the image HDUs GREEN, the first file RED, BLUE", r"line 3: names HDU 'RED'",
        r"line 4: .*no HDU holds an image", r"line 5: 1 column", r"line 6: .*cannot be read: No such file",
    )  # fmt: skip
    assert [bool(re.search(words, line)) for words, line in zip(expected, lines, strict=True)] == [True] * 5
