"""The command flags masks, hot and dead pixels and their neighbours, and says what is wrong."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from made_masks import at

from pipeline import Flag, Mask, write
from pipeline.cli.main import main


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Bias 100, dark 1 ADU/s with a hot pixel, flat with a dead one; columns 1 to 4 are overscan."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for kind, seconds, level in (("bias", 0, 0), ("dark", 60, 0), ("flat", 10, 9000), ("light", 10, 500)):
        values = np.full((20, 24), 100 + seconds + level, np.uint16)
        values[:, :4] = 100
        values[5, 6] += 10 * seconds
        values[7, 8] -= np.uint16(0.8 * level)
        cards = {"EXPTIME": seconds, "BIASSEC": "[1:4,1:20]", "TRIMSEC": "[5:24,1:20]"}
        fits.writeto(f"{kind}.fits", values, fits.Header(cards))
        rows.append(f"{kind}, {kind}.fits")
    (tmp_path / "night.csv").write_text("\n".join(rows))
    return tmp_path


def product_flags(*options):
    assert main(["reduce", "night.csv", "-o", "p.fits", "--overwrite", "--quiet", *options]) == 0
    found = fits.getdata("p.fits", "FLAGS")
    return {(int(y), int(x)): int(found[y, x]) for y, x in np.argwhere(found)}


def test_the_command_flags_defects_masks_and_neighbours(night):
    assert product_flags() == {}
    assert product_flags("--hot", "8", "--dead", "0.5") == {(5, 2): Flag.HOT, (7, 4): Flag.DEAD}
    raw, trimmed = at((3, 4), shape=(20, 24)), at((3, 0), shape=(20, 20))
    for name, mask in (("raw", raw), ("trimmed", trimmed)):
        write(Mask.of(mask), f"{name}.fits")
        assert product_flags("--mask", f"{name}.fits") == {(3, 0): Flag.BAD}
    edge = {(2, 0): 64, (3, 0): 64, (4, 0): 64, (3, 1): 64}
    assert product_flags("--mask", "raw.fits", "--grow", "1", "--no-diagonals") == edge
    assert product_flags("--mask", "raw.fits", "--grow", "1") == edge | {(2, 1): 64, (4, 1): 64}
    Path("p.fits").rename("earlier.fits")
    assert product_flags("--mask", "earlier.fits", "--mask-hdu", "MASK") == edge | {(2, 1): 64, (4, 1): 64}
    assert product_flags("--mask", "earlier.fits", "--mask-hdu", "1") == edge | {(2, 1): 64, (4, 1): 64}
    assert product_flags("--mask", "earlier.fits") == edge | {(2, 1): 64, (4, 1): 64}


def test_the_command_flags_noisy_pixels_of_bias_and_dark_frames(night, capsys):
    """Six frames of each tell together what neither would."""
    rng = np.random.default_rng(1)
    rows = (night / "night.csv").read_text().replace("bias, bias.fits", "").replace("dark, dark.fits", "")
    for kind, count in (("bias", 6), ("dark", 6)):
        for number in range(count):
            values, header = fits.getdata(f"{kind}.fits", header=True)
            noise = np.where(at((5, 10), shape=values.shape), 60, 3)
            values = (values + rng.normal(0, noise)).round().astype(np.uint16)
            fits.writeto(f"{kind}{number}.fits", values, header)
            rows += f"\n{kind}, {kind}{number}.fits"
    (night / "night.csv").write_text(rows)
    assert (5, 6) not in product_flags()
    assert product_flags("--noisy", "4")[5, 6] == Flag.NOISY
    assert fits.getheader("p.fits", "FLAGS")["FLAG9"] == "NOISY"
    capsys.readouterr()
    assert main(["reduce", "night.csv", "-o", "p.fits", "--overwrite", "--noisy", "2"]) == 0
    assert "it takes 39 bias frames" in capsys.readouterr().err


def test_what_is_flagged_is_replayed(night):
    write(Mask.of(at((3, 4), shape=(20, 24))), "m.fits")
    options = ["--mask", "m.fits", "--hot", "8", "--dead", "0.5", "--grow", "1", "--no-diagonals", "--raw", "dark"]
    assert main(["reduce", "night.csv", "-o", "p.fits", "--record", "--quiet", *options]) == 0
    assert main(["replay", "p.json"]) == 0


def test_the_command_combines_with_a_mask(night):
    write(Mask.of(at((3, 4), shape=(20, 24))), "m.fits")
    assert main(["combine", "night.csv", "--type", "flat", "-o", "f.fits", "--mask", "m.fits"]) == 0
    assert np.argwhere(fits.getdata("f.fits", "MASK")).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        (["--mask", "absent.fits"], 1, "absent.fits: cannot be read"),
        (["--mask", "small.fits"], 1, "mask small.fits (2, 2)"),
        (["--mask-hdu", "1"], 2, "--mask-hdu without --mask"),
        (["--hot", "-1"], 2, "expected a positive number"),
        (["--dead", "2"], 2, "expected a number above 0 and below 1"),
        (["--noisy", "1"], 2, "expected a number from 1.5"),
        (["--grow", "-1"], 2, "expected a whole number"),
        (["--saturated-fraction", "0"], 2, "expected a number above 0"),
        (["--mask", "small.fits", "-o", "small.fits", "--overwrite"], 1, "is one of the files to be read"),
    ],
)
def test_mistakes_in_what_is_flagged(night, capsys, options, status, word):
    fits.writeto("small.fits", np.zeros((2, 2), np.uint8))
    assert main(["reduce", "night.csv", *options]) == status
    assert word in capsys.readouterr().err
