"""Figures in files, from Python and from the command."""

import re
import sys
from pathlib import Path

import pytest
from skies import write_sky

from pipeline import FigureFile, export_figure
from pipeline.errors import OutputError, SettingError
from pipeline.figures.export import check_figure


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_sky("sky.fits")


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


@pytest.mark.parametrize("kind", ["png", "jpg", "svg", "pdf"])
def test_what_is_not_installed_is_said_with_what_to_do_before_anything_is_drawn(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for ask in (lambda: export_figure(None, f"x.{kind}"), lambda: check_figure(Path(f"x.{kind}"))):
        with pytest.raises(OutputError, match=r"not installed.*pip install 'ccd-pipeline\[static\]'"):
            ask()
    check_figure(Path("x.html"))


def test_several_records_take_a_name_each_and_are_one_at_least(product):
    with pytest.raises(SettingError, match="1 names for 2 records"):
        export_figure([product, product], "x.html", name=["a.fits"])
    with pytest.raises(SettingError, match="is empty"):
        export_figure([], "x.html")


def test_names_and_files_that_cannot_be(product):
    with pytest.raises(OutputError, match="end the name in"):
        export_figure(product, "x.gif")
    Path("there.html").write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        export_figure(product, "there.html")
    assert Path("there.html").read_text(encoding="utf-8") == "mine"
    with pytest.raises(SettingError, match="plotlyjs"):
        FigureFile(plotlyjs="inline")
    with pytest.raises(SettingError, match=r"200×200 inches at 2400 dpi are more than 1e\+08 dots"):
        FigureFile(size=(200, 200), dpi=2400)
