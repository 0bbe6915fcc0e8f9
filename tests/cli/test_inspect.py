"""``inspect``, and the figures that ``reduce`` draws."""

from pathlib import Path

import numpy as np
import pytest
from skies import write_sky

from pipeline import Image, Note, attach_header, write
from pipeline.cli.main import main


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_sky("sky.fits")


def test_inspect_draws_a_file(product, capsys):
    assert (
        main(["inspect", "sky.fits", "-o", "a.html", "a.png", "a.json", "--stretch", "log", "--colours", "grey"]) == 0
    )
    said = capsys.readouterr()
    assert "sky.fits: 90 rows × 120 columns; no pixel flagged" in said.out
    assert said.out.count("wrote") == 3
    assert "M 31" in Path("a.html").read_text(encoding="utf-8")


def test_inspect_draws_a_page_beside_the_file_where_no_name_is_given(product, tmp_path, monkeypatch, capsys):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["inspect", "../sky.fits"]) == 0
    assert "M 31" in (tmp_path / "sky.html").read_text(encoding="utf-8")
    assert main(["inspect", "../sky.fits"]) == 1
    assert "sky.html: is there already" in capsys.readouterr().err


def test_inspect_shows_several_files_in_one_page_of_a_name_that_is_given(product, capsys):
    Path("raw.fits").write_bytes(Path("sky.fits").read_bytes())
    assert main(["inspect", "raw.fits", "sky.fits", "-o", "both.html"]) == 0
    text = Path("both.html").read_text(encoding="utf-8")
    assert (text.count('<figure class="frame"'), "<h2>raw.fits</h2>" in text) == (2, True)
    assert main(["inspect", "raw.fits", "sky.fits"]) == 2
    assert "add -o FILE.html" in capsys.readouterr().err
    assert main(["inspect", "raw.fits", "sky.fits", "-o", "both.png"]) == 2
    assert "in a page only" in capsys.readouterr().err


def test_inspect_tells_each_note_of_a_product_once_and_counts_them(tmp_path, capsys):
    noted = Image.of(np.ones((9, 9)), name="a.fits").noted([Note("is dark", frames=("a.fits", "b.fits"))])
    write(attach_header(noted), tmp_path / "product.fits")
    assert main(["inspect", str(tmp_path / "product.fits"), "-o", str(tmp_path / "a.html")]) == 0
    said = capsys.readouterr()
    assert said.out.count("1 note: 1 of assumptions") == 1
    assert (said.out + said.err).count("a.fits and 1 more: is dark") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["sky.fits", "-o", "x.gif"], 2, "no kind of figure"),
        (["sky.fits", "-o", "x.png", "--figure-size", "0.2x0.2"], 2, "(--figure-size), or leave out title"),
        (["sky.fits", "-o", "x.png", "--dpi", "3"], 2, ": dpi=3; expected a whole number from 30 to 2400"),
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
    assert main(["reduce", "night.csv", "-o", "s.fits", "--figure", "s.gif"]) == 2
    assert "no kind of figure" in capsys.readouterr().err
