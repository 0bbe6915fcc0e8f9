"""The bar of the command: on a terminal, and nowhere else."""

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

COMMAND = [sys.executable, "-m", "pipeline", "combine", "night.csv", "--type", "bias", "-o", "bias.fits"]


@pytest.fixture
def night(tmp_path):
    rng = np.random.default_rng(1)
    for number in range(3):
        fits.writeto(tmp_path / f"{number}.fits", rng.normal(1000, 5, (64, 50)).astype(np.uint16))
    (tmp_path / "night.csv").write_text("".join(f"bias,{number}.fits\n" for number in range(3)))
    return tmp_path


def on_a_terminal(command, folder):
    """Run a command whose standard error is a terminal; give what it drew there."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    termios = pytest.importorskip("termios", reason="there are no terminals here")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    try:
        subprocess.run(command, cwd=folder, stderr=theirs, stdout=subprocess.PIPE, check=True)
        os.set_blocking(ours, False)
        return os.read(ours, 100_000).decode()
    except BlockingIOError:
        return ""
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_sees_a_bar(night):
    pytest.importorskip("tqdm", reason="tqdm (the extra 'progress') is not installed")
    assert "combining" in on_a_terminal(COMMAND, night)


def test_a_terminal_sees_none_where_asked_to_be_quiet(night):
    assert on_a_terminal([*COMMAND, "--quiet"], night) == ""


def test_a_pipe_sees_none(night):
    done = subprocess.run(COMMAND, cwd=night, capture_output=True, check=True)
    assert done.stderr == b""
