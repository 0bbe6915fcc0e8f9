"""``replay``: the command run again from its record."""

from pathlib import Path

import pytest
from skies import write_sky

from pipeline.cli.main import main


def test_lights_on_their_own_are_repeated_from_their_record(night, capsys):
    switches = ["--saxis", "0", "--flat-by", "500", "--record"]
    assert main(["reduce", "night.csv", "--each", "-o", "out", *switches]) == 0
    assert main(["replay", "out/reduced.json"]) == 0
    assert "light3.fits: the same pixels, bit for bit" in capsys.readouterr().out


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_sky("sky.fits")


def test_a_record_holds_no_figures_and_replays(product, capsys):
    Path("night.csv").write_text("light, sky.fits")
    assert main(["reduce", "night.csv", "-o", "r.fits", "--record", "--figure", "r.png", "--report", "r.html"]) == 0
    assert main(["replay", "r.json"]) == 0
    assert "the same pixels" in capsys.readouterr().out


def test_a_record_of_another_command_is_refused_by_name(night, capsys):
    assert main(["combine", "night.csv", "--type", "dark", "-o", "d.fits", "--record"]) == 0
    record = Path("d.json").read_text(encoding="utf-8")
    Path("d.json").write_text(record.replace('"command": "combine"', '"command": "align"'), encoding="utf-8")
    assert main(["replay", "d.json"]) == 1
    assert "a record of the command 'align'; expected reduce or combine" in capsys.readouterr().err
