"""Figures in files, from Python and from the command."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import chromium

from pipeline import FigureFile, Image, export_figure, write
from pipeline.cli.main import main
from pipeline.errors import OutputError, SettingError
from pipeline.figures.plotly_json import as_json
from pipeline.figures.static_image import ticks
from pipeline.stages.header import attach_header

SKY = np.random.default_rng(4).normal(500, 6, (90, 120)).astype(np.float32)
SKY[:, 40] = 0
SKY[10, 20] = 9000


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = attach_header(Image.of(SKY, exposure=30.0, header={"OBJECT": "M 31"}))
    write(image, "sky.fits")
    return image


def colour_at(name, x, y):
    """Give the colour of the middle of a pixel; pictures under 700 dots are painted larger."""
    from PIL import Image as Pillow

    from pipeline.figures.static_image import LEFT, SMALLEST, TOP

    times = -(-SMALLEST // 120)
    picture = Pillow.open(name).convert("RGB")
    return picture.getpixel((LEFT + x * times + times // 2, TOP + (89 - y) * times + times // 2))


def test_a_painted_picture_is_right_way_up_in_the_maps_colours(product):
    export_figure(product, "x.png")
    assert colour_at("x.png", 20, 10) == (0xFD, 0xE7, 0x25)
    assert colour_at("x.png", 40, 80) == (0x44, 0x01, 0x54)
    export_figure(product, "x.jpg")
    assert np.abs(np.subtract(colour_at("x.jpg", 20, 10), (0xFD, 0xE7, 0x25))).max() < 20


def test_masked_pixels_are_painted_in_their_own_colour(product):
    export_figure(np.ma.masked_greater(SKY, 8000), "m.png")
    assert colour_at("m.png", 20, 10) == (0xBB, 0x00, 0xFF)


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


def test_an_iframe_is_one_ascii_element_without_reach(product):
    export_figure(product, "x.iframe.html")
    text = Path("x.iframe.html").read_text(encoding="ascii")
    assert re.fullmatch(r'<iframe [^>]*sandbox="allow-scripts allow-downloads" srcdoc="[^"]*"></iframe>\n', text)


def test_plotly_js_is_put_beside_a_page_once(product):
    form = FigureFile(plotlyjs="directory")
    export_figure(product, "a.html", form=form)
    export_figure(product, "b.html", form=form)
    assert '<script src="plotly.min.js">' in Path("b.html").read_text(encoding="utf-8")
    Path("plotly.min.js").write_text("another")
    with pytest.raises(OutputError, match="another version"):
        export_figure(product, "c.html", form=form)


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_svg_and_pdf_come_through_a_browser(kind, product):
    chromium()
    pytest.importorskip("kaleido")
    export_figure(product, f"x.{kind}")
    assert Path(f"x.{kind}").read_bytes().startswith({"svg": b"<svg", "pdf": b"%PDF"}[kind])


@pytest.mark.parametrize(("module", "name"), [("PIL", "x.png"), ("kaleido", "x.svg")])
def test_what_is_not_installed_is_said_with_what_to_do(module, name, product, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OutputError, match=r"not installed.*pip install"):
        export_figure(product, name)


def test_names_and_files_that_cannot_be(product):
    with pytest.raises(OutputError, match="end the name in"):
        export_figure(product, "x.gif")
    Path("there.html").write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        export_figure(product, "there.html")
    assert Path("there.html").read_text(encoding="utf-8") == "mine"
    with pytest.raises(SettingError, match="plotlyjs"):
        FigureFile(plotlyjs="inline")


def test_ticks_are_round_and_inside():
    assert ticks(-0.5, 0.5) == pytest.approx([-0.4, -0.2, 0, 0.2, 0.4])
    assert ticks(840.3, 977.2, 5) == pytest.approx([850, 900, 950])


def test_inspect_draws_a_file(product, capsys):
    assert (
        main(["inspect", "sky.fits", "-o", "a.html", "a.png", "a.json", "--stretch", "log", "--colours", "grey"]) == 0
    )
    said = capsys.readouterr()
    assert "sky.fits: 90 rows × 120 columns; no pixel flagged" in said.out
    assert said.out.count("wrote") == 3
    assert "M 31" in Path("a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["sky.fits", "-o", "x.gif"], 1, "no kind of figure"),
        (["none.fits", "-o", "x.png"], 1, "cannot be read"),
        (["sky.fits", "-o", "x.png", "--hdu", "9"], 1, "has no HDU 9"),
    ],
)
def test_inspect_says_what_is_wrong(arguments, status, message, product, capsys):
    assert main(["inspect", *arguments]) == status
    assert message in capsys.readouterr().err


def test_reduce_draws_its_product(product, capsys):
    Path("night.csv").write_text("light, sky.fits")
    assert main(["reduce", "night.csv", "-o", "r.fits", "--figure", "r.html", "r.png"]) == 0
    assert "wrote r.png" in capsys.readouterr().out
    assert main(["reduce", "night.csv", "-o", "s.fits", "--figure", "s.gif"]) == 1
    assert "no kind of figure" in capsys.readouterr().err


def test_a_record_holds_no_figures_and_replays(product, capsys):
    Path("night.csv").write_text("light, sky.fits")
    assert main(["reduce", "night.csv", "-o", "r.fits", "--record", "--figure", "r.png", "--report", "r.html"]) == 0
    assert main(["replay", "r.json"]) == 0
    assert "the same pixels" in capsys.readouterr().out
