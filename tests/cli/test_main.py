"""The command, as its users meet it: what it writes, what it prints, its exit status."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits

from pipeline.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["reduce", "absent.csv"], 1, "absent.csv: cannot be read"),
        (["reduce", "night.csv", "-o", "no/folder/x.fits"], 1, "no/folder/x.fits: cannot be written"),
        (["reduce", "night.csv", "--sigma", "-1"], 2, "expected a positive number"),
        (["reduce", "night.csv", "--gain", "2"], 2, "go together"),
        (["reduce", "night.csv", "--iterations", "0"], 2, "whole number"),
        (["reduce", "night.csv", "--saturation", "-5"], 2, "positive level"),
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


def test_ctrl_c_that_breaks_a_lock_of_python_is_no_bug_of_ours(night, monkeypatch, capsys):
    def interrupted(*_):
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("release unlocked lock")  # as threading does, interrupted at the wrong moment

    monkeypatch.setattr("pipeline.cli.reduce.make_masters", interrupted)
    assert main(["reduce", "night.csv"]) == 130
    assert capsys.readouterr().err == "ccd-pipeline: interrupted; nothing half-written is left\n"


@pytest.mark.slow
def test_ctrl_c_is_status_130_and_leaves_nothing(tmp_path):
    """A real interrupt of a real process, in the middle of combining."""
    rng = np.random.default_rng(1)
    for number in range(12):
        fits.writeto(tmp_path / f"{number}.fits", rng.poisson(1000, (1500, 1500)).astype(np.uint16))
    (tmp_path / "n.csv").write_text("\n".join(f"light, {number}.fits" for number in range(12)))
    command = [sys.executable, "-m", "pipeline", "reduce", "n.csv"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    hearing = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 - a shell's background hears none
    process = subprocess.Popen(command, cwd=tmp_path, preexec_fn=hearing, **pipes)
    process.stdout.readline()  # the list is read
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted" in error
    assert "Traceback" not in error
    assert not [name for name in os.listdir(tmp_path) if "reduced" in name]


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
