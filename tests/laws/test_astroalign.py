"""The stage of the examples that aligns lights by astroalign, turned ones too, on a whole night from disk."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from star_fields import Field, dithers, header

from pipeline import Flag, attach_header, combine, pipe, read_night, reduce_each
from pipeline.statistics.sources import find_sources

EXAMPLE = Path(__file__).parents[1] / "examples" / "turned_lights_by_astroalign.py"
_, STAGE, *_ = re.split(r"^# %%\n", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
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
    names = {"__name__": "example"}
    exec(STAGE, names)
    lights = [product.to_image() for product in reduce_each(read_night("night.csv"))]
    step = names["onto"](first=lights[0].values, header=lights[0].header)
    image = pipe(map(step, lights), combine, attach_header)
    found = find_sources(image.pixels.values)
    away = np.hypot(found.y[:, None] - stars.y, found.x[:, None] - stars.x).min(axis=1)
    assert len(found) > 20
    assert np.median(away) < 0.1
    assert image.pixels.variance is not None
    assert image.header.get("CRPIX1") == 101.0
    assert "subtract_bias" in "".join(image.header.to_header()["HISTORY"])
    assert (step(lights[1]).pixels.flags & Flag.UNCOVERED).any()
