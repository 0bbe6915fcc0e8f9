"""The sample of the README that aligns lights by astroalign, turned ones too, and brings them back."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from star_fields import Field, dithers, header

from pipeline import Flag
from pipeline.statistics.sources import find_sources

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
(SAMPLE,) = (
    text for text in re.findall(r"^```py\n(.*?)^```", README, re.MULTILINE | re.DOTALL) if "astroalign" in text
)
SHAPE = (200, 220)


def test_lights_that_are_turned_and_dithered_come_back_aligned_with_errors_and_history(tmp_path, monkeypatch):
    pytest.importorskip("astroalign", reason="astroalign is not installed")
    monkeypatch.chdir(tmp_path)
    rng, stars, shifts = np.random.default_rng(1), Field.drawn(3, 80, SHAPE, fluxes=(1e4, 1e5)), dithers(2, 3, 8)
    for number, shift in enumerate(shifts):
        light = stars.frame(rng, SHAPE, shift=shift, degrees=5.0 * number).round().clip(0, 65535)
        fits.writeto(f"light{number}.fits", light.astype(np.uint16), fits.Header(header(shift)))
        fits.writeto(f"bias{number}.fits", rng.normal(300, 5, SHAPE).round().astype(np.uint16))
    rows = [f"{kind},{kind}{number}.fits\n" for kind in ("bias", "light") for number in range(3)]
    (tmp_path / "night.csv").write_text("".join(rows))
    names = {}
    exec(SAMPLE, names)
    image = names["image"]
    found = find_sources(image.pixels.values)
    away = np.hypot(found.y[:, None] - stars.y, found.x[:, None] - stars.x).min(axis=1)
    assert len(found) > 20
    assert np.median(away) < 0.1
    assert image.pixels.variance is not None
    assert image.header.get("CRPIX1") == 101.0
    assert "subtract_bias" in "".join(image.header.to_header()["HISTORY"])
    assert (names["onto"](*names["lights"][:2]).pixels.flags & Flag.UNCOVERED).any()
