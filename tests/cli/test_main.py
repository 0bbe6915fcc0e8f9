"""The command, as its users meet it: what it writes, what it prints, its exit status."""

import os
import subprocess
import sys

import pytest

from pipeline.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["reduce", "absent.csv"], 1, "absent.csv: cannot be read"),
        (["reduce", "night.csv", "-o", "no/folder/x.fits"], 1, "no/folder/x.fits: cannot be written"),
        (["reduce", "night.csv", "--sigma", "-1"], 2, "expected a positive number"),
        (["reduce", "night.csv", "--gain", "2"], 2, "go together"),
        (["reduce", "night.csv", "--iterations", "0"], 2, "whole number"),
        (["reduce", "night.csv", "--saturation", "-5"], 2, "positive number"),
        (["reduce", "night.csv", "--delimiter", "ab"], 2, "one character"),
        (["combine", "lights.csv", "--type", "bias", "-o", "b.fits"], 1, "no bias frames"),
        (["reduce", "arcs.csv"], 1, "no light frames"),
    ],
)
def test_mistakes_get_a_message_and_a_status_and_leave_nothing(night, capsys, arguments, status, word):
    (night / "lights.csv").write_text("light, light1.fits")
    (night / "arcs.csv").write_text("arc, arc1.fits")
    before = sorted(os.listdir())
    assert main(arguments) == status
    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("arguments", [[], ["reduce"], ["reduce", "x.csv", "--method", "average"], ["frobnicate"]])
def test_a_wrong_command_line_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_bug_of_ours_is_status_70_and_asks_for_a_report(night, monkeypatch, capsys):
    monkeypatch.setattr("pipeline.cli.reduce.make_masters", lambda *_: 1 / 0)
    assert main(["reduce", "night.csv"]) == 70
    assert "please report" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reader_that_goes_away_does_not_cost_the_reduction(night):
    command = f"{sys.executable} -m pipeline reduce night.csv | head -0"
    assert subprocess.run(["bash", "-o", "pipefail", "-c", command], check=False).returncode == 0
    assert (night / "reduced.fits").exists()


@pytest.mark.slow
def test_a_terminal_that_knows_no_greek_gets_its_report(night):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "pipeline", "reduce", "night.csv"]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
