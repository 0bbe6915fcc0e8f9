"""Figures as JSON: strict, and right in every reader."""

import json
from pathlib import Path

import numpy as np
import pytest
from skies import SKY, write_sky

from pipeline import FigureFile, export_figure
from pipeline.figures.plotly_json import as_json


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_sky("sky.fits")


@pytest.mark.parametrize("form", [FigureFile(), FigureFile(compact=True)], ids=["lists", "compact"])
def test_json_is_strict_and_its_values_are_right(product, form):
    values = SKY.astype(np.float64)
    values[3, 4], values[5, 6] = np.nan, np.inf
    export_figure(values, "x.json", form=form)
    spec = json.loads(Path("x.json").read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(word))
    picture = spec["data"][0]
    z = picture["z"]
    if form.compact:
        import base64

        z = np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(90, 120)
        np.testing.assert_array_equal(z, np.where(np.isfinite(values), values, np.nan))
    else:
        assert z[3][4] is z[5][6] is None
        z = np.array(z, float)
        assert np.nanmax(np.abs(z - np.where(np.isfinite(values), values, np.nan))) < 6 / 1000
    assert (picture["x0"], picture["dx"], picture["y0"], picture["dy"]) == (0, 1, 0, 1)
    assert spec["config"]["showSendToCloud"] is False


def test_json_holds_at_most_1024_squared_blocks_unless_full(product):
    big = np.zeros((1030, 1030), np.float32)
    for form, rows in ((FigureFile(), 515), (FigureFile(full=True), 1030)):
        export_figure(big, "big.json", form=form, overwrite=True)
        assert len(json.loads(Path("big.json").read_text())["data"][0]["z"]) == rows


def test_plotly_reads_the_json_back(product):
    import plotly.io

    export_figure(product, "x.json")
    assert len(plotly.io.from_json(Path("x.json").read_text(encoding="utf-8")).data) == 3


def test_strict_json_of_anything():
    assert (
        as_json([np.float32(1.5), float("nan"), (np.int64(2), "a"), np.array([1, 2], ">i2")])
        == '[1.5,null,[2,"a"],[1,2]]'
    )
