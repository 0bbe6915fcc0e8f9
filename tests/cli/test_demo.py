"""``demo``: a simulated night, reduced and compared with the truth."""

import re

import pytest

from pipeline.cli.main import main


@pytest.mark.slow
def test_the_demo_reduces_a_simulated_night_and_compares_it_with_the_truth(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert (tmp_path / "demo" / "reduced.fits").exists()
    said = capsys.readouterr().out
    mean, scatter = re.search(r"truth is ([+-][\d.]+) σ on average with a scatter of ([\d.]+) σ", said).groups()
    assert abs(float(mean)) < 0.05
    assert abs(float(scatter) - 1) < 0.05
    assert main(["demo"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["demo", "--overwrite"]) == 0
