"""Static images: right way up, in the colours of the map, as large as asked for, with the axes that are asked for."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image as Pillow
from skies import SKY, write_sky

from pipeline import Appearance, FigureFile, Image, export_figure
from pipeline.cli.main import main
from pipeline.errors import OutputError, SettingError
from pipeline.figures.static_image import BOTTOM, GAP, HISTOGRAM, LEFT, RIGHT, WIDE

LINEAR = Appearance("zscale", "linear")
HEIGHT, WIDTH = SKY.shape


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_sky("sky.fits")


def colour_at(name, x, y, form=FigureFile()):
    """Give the colour of the middle of a pixel, of a picture as wide as there is room."""
    picture = Pillow.open(name).convert("RGB")
    scale = (WIDE - LEFT - RIGHT) / WIDTH
    across = LEFT + (x + 0.5) * scale
    up = BOTTOM + (HISTOGRAM + GAP if form.histogram else 0) + (y + 0.5) * scale
    return picture.getpixel((round(across * form.dpi), picture.height - 1 - round(up * form.dpi)))


def test_a_picture_is_right_way_up_in_the_maps_colours(product):
    export_figure(product, "x.png", look=LINEAR)
    assert colour_at("x.png", 20, 10) == (0xFD, 0xE7, 0x25)
    assert colour_at("x.png", 40, 80) == (0x44, 0x01, 0x54)
    plain = FigureFile(title=False, histogram=False, axes="pixel", dpi=100)
    export_figure(product, "x.jpg", look=LINEAR, form=plain)
    assert np.abs(np.subtract(colour_at("x.jpg", 20, 10, plain), (0xFD, 0xE7, 0x25))).max() < 20


def test_masked_pixels_are_drawn_in_their_own_colour(product):
    export_figure(np.ma.masked_greater(SKY, 8000), "m.png", look=LINEAR)
    assert colour_at("m.png", 20, 10) == (0xBB, 0x00, 0xFF)


@pytest.mark.parametrize("size", [(6.0, 4.0), (3.5, 3.0)])
def test_a_figure_is_as_large_as_asked_for_and_the_same_bytes_each_time(size, product):
    wide, tall = size
    form = FigureFile(size=size, dpi=60)
    for kind in ("png", "svg", "pdf"):
        for name in ("a", "b"):
            export_figure(product, f"{name}.{kind}", form=form)
        assert Path(f"a.{kind}").read_bytes() == Path(f"b.{kind}").read_bytes()
    with Pillow.open("a.png") as drawn:
        assert drawn.size == (60 * wide, 60 * tall)
    box = re.search(rb"MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", Path("a.pdf").read_bytes())
    assert [float(number) for number in box.groups()] == [72 * wide, 72 * tall]
    assert f'viewBox="0 0 {72 * wide:g} {72 * tall:g}"' in Path("a.svg").read_text(encoding="utf-8")


def test_a_figure_too_small_for_a_picture_is_refused(product):
    """Before there is anything to draw; what the message asks for is enough."""
    with pytest.raises(SettingError, match="1×1 inches have no room for a picture") as why:
        FigureFile(size=(1, 1))
    least = tuple(map(float, re.search(r"ask for ([\d.]+) by ([\d.]+)", str(why.value)).groups()))
    export_figure(product, "x.png", form=FigureFile(size=least))
    assert Path("x.png").exists()
    assert FigureFile(size=(2, 1.1), title=False, histogram=False)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (300, 2)])
def test_frames_of_any_shape_and_name_have_a_figure(shape, tmp_path):
    """A name that matplotlib would take for a formula, in letters that its font has not."""
    export_figure(np.zeros(shape), tmp_path / "x.png", name="$x_{1 木", form=FigureFile(dpi=40))
    assert (tmp_path / "x.png").stat().st_size > 1000


def on_the_sky(degrees):
    """Give a frame whose sky is turned."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [202.5, 47.2], [60, 45]
    angle = np.deg2rad(degrees)
    wcs.wcs.cd = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / 3600
    return wcs


def words_of(name):
    """Give the words of an SVG that has its text as text."""
    return re.findall(r"<text.*?>(.*?)</text>", Path(name).read_text(encoding="utf-8"))


def test_axes_count_from_0_or_from_1_or_lie_on_the_sky(product, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")
    record = Image.of(SKY, header=on_the_sky(0).to_header(), name="m51.fits")
    told = {}
    for axes in ("index", "pixel", "sky"):
        export_figure(record, f"{axes}.svg", form=FigureFile(axes=axes, title=False, histogram=False))
        told[axes] = words_of(f"{axes}.svg")
    assert {"x (column, from 0)", "y (row, from 0)"} <= set(told["index"])
    assert {"x (column, from 1)", "y (row, from 1)"} <= set(told["pixel"])
    assert told["index"].count("0") == 2 + told["pixel"].count("0")  # one may be of the colour bar
    assert {"RA", "Dec"} <= set(told["sky"])
    assert any("°" in word for word in told["sky"])


def test_axes_on_the_sky_need_one(product):
    with pytest.raises(OutputError, match="no celestial WCS in its header"):
        export_figure(SKY, "x.png", form=FigureFile(axes="sky"))


def test_the_command_refuses_what_cannot_be_before_it_works(product, capsys):
    fits.writeto("light.fits", SKY.astype(np.float32))
    Path("night.csv").write_text("light, light.fits\n")
    reduced = ["reduce", "night.csv", "-o", "r.fits", "--figure", "r.png"]
    for words, said in (
        (["--axes", "sky"], "light.fits: no celestial WCS"),
        (["--figure-size", "six"], "expected inches up to 200, such as 6x4, found 'six'"),
        (["--figure-size", "6x-4"], "expected inches up to 200, such as 6x4, found '6x-4'"),
        (["--dpi", "5000"], "dpi=5000; expected"),
    ):
        try:
            assert main([*reduced, *words]) in (1, 2)
        except SystemExit as ended:
            assert ended.code == 2
        assert said in capsys.readouterr().err
        assert not Path("r.fits").exists()
    asked = ["--figure-size", "3x3", "--dpi", "50", "--no-title", "--no-histogram", "--colour-map", "grey"]
    assert main([*reduced, *asked, "--axes", "pixel"]) == 0
    with Pillow.open("r.png") as drawn:
        assert drawn.size == (150, 150)
