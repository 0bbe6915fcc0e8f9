"""``inspect``, and the figures that ``reduce`` draws."""

from pathlib import Path

import pytest
from skies import write_sky

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
