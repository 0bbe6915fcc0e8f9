"""``combine``: the frames of one type, combined and no more."""

import numpy as np
import pytest
from astropy.io import fits
from star_fields import Field, dithers, header

from pipeline import align, combine, each, flag_saturated, read_night
from pipeline.cli.main import main


def test_combine_combines_and_does_no_more(night, capsys):
    assert main(["combine", "night.csv", "--type", "dark", "-o", "d.fits", "--method", "median"]) == 0
    assert (fits.getdata("d.fits") == 160).all()
    cards = fits.getheader("d.fits")
    assert (cards["NCOMBINE"], cards["COMBTYPE"], cards["XPOSURE"], cards["DARK3"]) == (
        3,
        "median",
        180,
        "dark3.fits",
    )
    assert "ZEROCOR" not in cards


@pytest.fixture
def dithered(tmp_path, monkeypatch):
    """A folder with lights of one field, shifted, and their list."""
    monkeypatch.chdir(tmp_path)
    shifts, rng, stars = dithers(2, 3, 8), np.random.default_rng(1), Field.drawn(3, 60, (140, 160), fluxes=(5e3, 5e4))
    for number, shift in enumerate(shifts):
        values = stars.frame(rng, (140, 160), shift=shift).round().clip(0, 65535).astype(np.uint16)
        fits.writeto(f"l{number}.fits", values, fits.Header(header(shift)))
    (tmp_path / "night.csv").write_text("".join(f"light,l{number}.fits\n" for number in range(3)))
    return shifts


@pytest.mark.parametrize("by", [[], ["sources"], ["correlation"], ["wcs"]])
@pytest.mark.parametrize("command", [["combine", "--type", "light"], ["reduce"]])
def test_lights_are_aligned_before_they_are_combined(dithered, command, by):
    assert main([*command, "night.csv", "-o", "a.fits", "--quiet", "--align", *by]) == 0
    expected = combine(align(each(flag_saturated)(read_night("night.csv").light), by=by[0] if by else "sources"))
    np.testing.assert_array_equal(fits.getdata("a.fits"), expected.pixels.values)
    assert f"align(by={expected.found.aligned})" in "".join(fits.getheader("a.fits")["HISTORY"])


def test_an_aligned_combination_can_be_repeated_from_its_record(dithered):
    assert main(["combine", "night.csv", "--type", "light", "-o", "a.fits", "--align", "--record"]) == 0
    assert main(["replay", "a.json"]) == 0


def test_what_cannot_be_aligned_is_refused(dithered, capsys):
    assert main(["reduce", "night.csv", "--each", "--align"]) == 2
    assert "--align is for lights that are combined" in capsys.readouterr().err
    fits.writeto(
        "l1.fits",
        np.random.default_rng(1).poisson(300, (140, 160)).astype(np.uint16),
        fits.Header(header()),
        overwrite=True,
    )
    assert main(["reduce", "night.csv", "--align"]) == 1
    assert "l1.fits: too few sources" in capsys.readouterr().err
