"""Warnings as an interface: our own categories, one line each, counted at the end, errors under --strict; and logs."""

import inspect
import io
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline import Image, MasterBias, combine, errors, open_frame, read_night, subtract_bias, write
from pipeline.cli.main import main
from pipeline.cli.terminal import notes_told
from pipeline.compose.running import how_to_run, running
from pipeline.compose.telling import advise
from pipeline.errors import AssumptionWarning, FileWarning, PipelineWarning, SkippedWarning
from pipeline.records.note import KINDS, Note
from pipeline.stages.header import attach_header

WARNINGS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, PipelineWarning)]


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Write a night of which several things are said: gains and targets that differ, no exposure, no variance."""
    monkeypatch.chdir(tmp_path)
    cards = {"d": {"EXPTIME": 60, "GAIN": 2.0}, "l": {"OBJECT": "M 33", "GAIN": 3.0}, "m": {"OBJECT": "M 31"}}
    for name, said in cards.items():
        fits.writeto(f"{name}.fits", np.full((6, 8), 100, np.uint16), fits.Header(said))
    Path("night.csv").write_text("dark, d.fits\nlight, l.fits\nlight, m.fits")


def test_every_note_is_one_line_and_all_are_counted(night, capsys):
    assert main(["reduce", "night.csv"]) == 0
    said = capsys.readouterr()
    notes = said.err.splitlines()
    assert len(notes) >= 4
    assert all(note.startswith("ccd-pipeline: note: ") for note in notes)
    *_, summary = said.out.splitlines()
    assert summary.startswith(f"{len(notes)} notes: ")
    assert sum(int(part.split()[0]) for part in summary.split(": ")[1].split(", ")) == len(notes)
    differ = "combined as they lie differ in their headers: target: OBJECT = M 33 (l.fits); M 31 (m.fits)"
    assert any(differ in note for note in notes)


def test_quiet_prints_the_notes_and_does_not_count_them(night, capsys):
    assert main(["reduce", "night.csv", "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "note: " in said.err


def test_strict_refuses_the_first_and_writes_nothing(night, capsys):
    assert main(["reduce", "night.csv", "--strict"]) == 1
    assert "(refused under --strict)" in capsys.readouterr().err
    assert not Path("reduced.fits").exists()


@pytest.mark.parametrize("kind", [kind for kind in WARNINGS if kind is not PipelineWarning])
def test_each_kind_has_its_word_and_its_place(kind):
    assert KINDS[Note("is odd", kind).kind][0] is kind
    assert issubclass(kind, AssumptionWarning) == (kind not in (SkippedWarning, FileWarning))


def test_a_step_that_is_skipped_is_no_assumption():
    image = Image.of(np.ones((2, 2)), header={"ZEROCOR": "done"})
    bias = Image.of(np.ones((2, 2)), kind="bias")
    with warnings.catch_warnings():
        warnings.simplefilter("error", AssumptionWarning)
        with pytest.warns(SkippedWarning, match="subtract_bias skipped, being done already"):
            subtract_bias(image, bias=MasterBias.of(bias))


def test_what_would_break_a_line_or_command_a_terminal_is_left_out():
    with pytest.warns(FileWarning) as caught:
        advise("a\nb \x1b[2Jc", FileWarning)
    assert str(caught[0].message) == "a b  [2Jc"
    with running(quiet=True), warnings.catch_warnings():
        warnings.simplefilter("error")
        advise("nothing", FileWarning)


def test_reading_steps_and_writing_are_logged(night, caplog, tmp_path):
    caplog.set_level(logging.DEBUG, logger="pipeline")
    frames = read_night("night.csv")
    product = attach_header(combine(frames.dark))
    write(product, "a.fits")
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "pipeline"]
    assert told == [
        ("INFO", "night.csv: FrameSet(1 dark, 2 light)"),
        ("DEBUG", "combine() of FrameSet(1 dark)"),
        ("DEBUG", "attach_header() of Image(dark, d.fits, 6×8, 60 s)"),
        ("INFO", "wrote a.fits"),
    ]
    assert open_frame("a.fits").shape == (6, 8)


COMMAND = [sys.executable, "-m", "pipeline", "combine", "night.csv", "--type", "bias", "-o", "bias.fits"]


@pytest.fixture
def biases(tmp_path):
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


@pytest.mark.slow
def test_a_terminal_sees_a_bar(biases):
    assert "combining" in on_a_terminal(COMMAND, biases)


@pytest.mark.slow
def test_a_terminal_sees_none_where_asked_to_be_quiet(biases):
    assert on_a_terminal([*COMMAND, "--quiet"], biases) == ""


@pytest.mark.slow
def test_a_pipe_sees_none(biases):
    done = subprocess.run(COMMAND, cwd=biases, capture_output=True, check=True)
    assert done.stderr == b""


def test_a_reader_that_goes_away_costs_nothing(night, monkeypatch):
    """Neither lines of the report nor the count of notes at its end."""

    class Closed(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["reduce", "night.csv"]) == 0
    monkeypatch.setattr(sys, "stdout", Closed())
    with notes_told(strict=False, summary=True):
        how_to_run().on_note(Note("something", FileWarning))
    assert not isinstance(sys.stdout, Closed)
