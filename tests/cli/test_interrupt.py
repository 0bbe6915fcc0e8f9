"""Ctrl-C: one line and status 130, at every moment, in every process; and nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from folders import files
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.interrupt import came_of_ctrl_c, interruptible, leave_at_once, leave_on_ctrl_c
from pipeline.cli.main import main

PYTHON = [sys.executable, "-m", "pipeline"]
SCRIPT = Path(sys.executable).with_name("ccd-pipeline")


@given(errors=st.lists(st.sampled_from([ValueError, RuntimeError, OSError, KeyboardInterrupt]), max_size=6))
def test_an_error_came_of_ctrl_c_where_one_stands_anywhere_before_it(errors):
    last = None
    for kind in errors:
        error = kind()
        error.__context__, last = last, error
    assert came_of_ctrl_c(last) == (KeyboardInterrupt in errors)


@pytest.fixture
def handler():
    """Give a function that sets what hears Ctrl-C; what heard it before hears it again afterwards."""
    before = signal.getsignal(signal.SIGINT)
    yield lambda to: signal.signal(signal.SIGINT, to)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("theirs", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "caught"])
def test_who_hears_ctrl_c_already_is_left_alone(handler, theirs):
    handler(theirs)
    leave_on_ctrl_c()
    with interruptible():
        assert signal.getsignal(signal.SIGINT) is theirs
    assert signal.getsignal(signal.SIGINT) is theirs


def test_ctrl_c_raises_within_the_block_and_leaves_at_once_around_it(handler):
    handler(signal.default_int_handler)
    leave_on_ctrl_c()
    assert signal.getsignal(signal.SIGINT) is leave_at_once
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is leave_at_once


def test_ctrl_c_that_breaks_a_lock_of_python_is_no_bug_of_ours(night, monkeypatch, capsys):
    def interrupted(*_):
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("release unlocked lock")  # as threading does, interrupted at the wrong moment

    monkeypatch.setattr("pipeline.cli.reduce.make_masters", interrupted)
    assert main(["reduce", "night.csv"]) == 130
    assert capsys.readouterr().err == "ccd-pipeline: interrupted; nothing half-written is left\n"


def hearing():
    """Hear Ctrl-C, which a shell keeps from what runs in its background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_ctrl_c_is_status_130_and_leaves_nothing(tmp_path):
    """A real interrupt of a real process, in the middle of combining."""
    rng = np.random.default_rng(1)
    for number in range(12):
        fits.writeto(tmp_path / f"{number}.fits", rng.poisson(1000, (1500, 1500)).astype(np.uint16))
    (tmp_path / "n.csv").write_text("\n".join(f"light, {number}.fits" for number in range(12)))
    command = [*PYTHON, "reduce", "n.csv"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=tmp_path, preexec_fn=hearing, **pipes)
    process.stdout.readline()  # the list is read
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted" in error
    assert "Traceback" not in error
    assert not [name for name in os.listdir(tmp_path) if "reduced" in name]


def gone(group, seconds):
    """Tell whether the processes of a group end within some time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_too(night):
    """Interrupted as a terminal does it: every process of the group gets the signal."""
    rng = np.random.default_rng(1)
    for number in range(6):
        fits.writeto(f"big{number}.fits", rng.poisson(1000, (1200, 1200)).astype(np.uint16))
    Path("big.csv").write_text("\n".join(f"light, big{number}.fits" for number in range(6)))
    command = [*PYTHON, "reduce", "big.csv", "night.csv", "--output-dir", "out", "--workers", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=hearing, **pipes)
    until = time.monotonic() + 60
    while time.monotonic() < until and not Path("out").exists() and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error == "ccd-pipeline: interrupted; nothing half-written is left\n"
    assert not [name for name in files("out") if name.startswith(".")]
    assert gone(process.pid, 30)


SCRIPT = Path(sys.executable).with_name("ccd-pipeline")


@pytest.mark.slow
@pytest.mark.parametrize("command", [PYTHON[1:], [str(SCRIPT)]], ids=["module", "script"])
@pytest.mark.parametrize("after", ["argparse", "numpy", "astropy.io.fits", "pipeline.cli.main"])
def test_ctrl_c_is_heard_before_all_is_imported(night, command, after):
    """Interrupted when a module has been imported, which Python tells of by itself."""
    if command == [str(SCRIPT)] and not SCRIPT.exists():
        pytest.skip("ccd-pipeline is not installed beside this Python")
    telling = [sys.executable, "-X", "importtime", *command, "reduce", "night.csv"]
    with subprocess.Popen(telling, preexec_fn=hearing, stderr=subprocess.PIPE, text=True) as process:
        before = next(line for line in process.stderr if line.split("|")[-1].strip() == after)
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert process.returncode == 130, before + error
    lines = [line for line in error.splitlines() if not line.startswith("import time:")]
    assert lines == ["ccd-pipeline: interrupted; nothing half-written is left"]
    assert not Path("reduced.fits").exists()
