"""Warnings as an interface: our own categories, one line each, counted at the end, errors under --strict; and logs."""

import inspect
import io
import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from astropy.io import fits

from pipeline import Image, MasterBias, combine, errors, open_frame, read_night, subtract_bias, write
from pipeline.cli import terminal
from pipeline.cli.main import main
from pipeline.cli.terminal import StatusLine, _Task, notes_told
from pipeline.compose.running import at_work, how_to_run, running
from pipeline.compose.telling import advise
from pipeline.errors import AssumptionWarning, FileWarning, PipelineWarning, SkippedWarning
from pipeline.records.note import KINDS, Note
from pipeline.simulation.simulate import Counts, simulate, write_night
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


def on_a_terminal(command, folder, columns=80, term="xterm"):
    """Run a command on a terminal; give what it drew there."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    termios = pytest.importorskip("termios", reason="there are no terminals here")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    drawn = b""
    named = os.environ | {"TERM": term}
    with subprocess.Popen(command, cwd=folder, stderr=theirs, stdout=theirs, env=named) as process:
        os.close(theirs)
        with suppress(OSError):  # where the other end is closed
            while some := os.read(ours, 2**16):
                drawn += some
    os.close(ours)
    assert process.returncode == 0, drawn
    return drawn.decode()


def lines_left(drawn):
    """Give the lines that a terminal shows in the end: what comes after a carriage return is written over the line."""
    lines = []
    for line in drawn.replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def showing(*words, after=0):
    """Give a command that shows often what it does, after some seconds."""
    often = f"terminal.QUIET_SECONDS, terminal.DRAWN_EVERY = {after}, 4e-3"
    code = f"from pipeline.cli import main, terminal\n{often}\nraise SystemExit(main.main({list(words)!r}))"
    return [sys.executable, "-c", code]


@pytest.mark.slow
def test_a_terminal_sees_what_is_being_done_and_is_left_with_the_lines_of_the_report(tmp_path):
    write_night(simulate(shape=(100, 120)), tmp_path)
    (tmp_path / "night.csv").write_text((tmp_path / "night.csv").read_text() + "dark, raw/dark_01.fits\n")  # noted
    command = ["reduce", "night.csv", "--report", "r.html", "--figure", "f.html", "f.json", "--record"]
    drawn = on_a_terminal(showing(*command), tmp_path)
    for words in ("reading frame 1", "combine 7 bias", "%|", "of 3: ", "measuring image", "drawing", "writing"):
        assert words in drawn
    *lines, last = lines_left(drawn)
    assert last == ""
    said = r"(ccd-pipeline: note|master \w+|light|arc|wrote \S+|night.csv|1 notes?): .*|wrote .*"
    assert [line for line in lines if not re.fullmatch(said, line) or "[00:" in line] == []
    assert any(line.startswith("ccd-pipeline: note: ") for line in lines)


@pytest.mark.slow
def test_a_terminal_sees_which_light_and_which_night_it_is(tmp_path):
    write_night(simulate(shape=(64, 80), counts=Counts(arc=0)), tmp_path)
    assert "light 2 of 3" in on_a_terminal(showing("reduce", "night.csv", "--each"), tmp_path)
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text((tmp_path / "night.csv").read_text())
    lists = ["0.csv", "1.csv", "2.csv"]
    many = on_a_terminal(showing("reduce", *lists, "--output-dir", "many", "--workers", "2"), tmp_path)
    assert "looking at night 2 of 3" in many
    assert "night 1 of 3" in many
    assert not [line for line in lines_left(many) if " of 3" in line]


@pytest.mark.slow
@pytest.mark.parametrize(("quiet", "after", "term"), [([], 600, "xterm"), (["--quiet"], 0, "xterm"), ([], 0, "dumb")])
def test_a_terminal_sees_nothing_of_what_is_quickly_done_or_is_to_be_quiet_or_cannot_be_drawn(
    biases, quiet, after, term
):
    drawn = on_a_terminal(showing(*COMMAND[3:], *quiet, after=after), biases, term=term)
    assert "\r" not in drawn.replace("\r\n", "")
    assert bool(drawn) != bool(quiet)


class Terminal(io.StringIO):
    """Stands for a terminal without a size."""

    def fileno(self):
        raise OSError


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ([("night", 12), ("combine", 0)], "night 1 of 12: combine [00:00]"),
        ([("working", 0), ("combine", 0)], "combine [00:00]"),
        ([("reading frame", 4)], "reading frame 3 of 4  50%|##########          | [00:00]"),
        ([("\x1b[2Jx\ny", 0)], "\\x1b[2Jx y [00:00]"),
        ([("a" * 200, 0)], "a" * 79),
    ],
)
def test_what_is_being_done_in_words(told, shown):
    tasks = [_Task(*one) for one in told]
    tasks[-1].tell(2)
    assert StatusLine(Terminal())._words_of(*tasks) == shown


def test_no_thread_is_left_when_nothing_is_being_done():
    """A process is forked without one, whose locks would stay locked."""
    status = StatusLine(Terminal())
    with running(doing=status.doing):
        for _ in range(2):
            with at_work("something"), at_work("within"):
                assert threading.active_count() == 2
            assert threading.active_count() == 1


def test_a_terminal_that_goes_away_costs_nothing(monkeypatch):
    monkeypatch.setattr(terminal, "QUIET_SECONDS", 0)
    monkeypatch.setattr(terminal, "DRAWN_EVERY", 1e-3)
    stream = Terminal()
    status = StatusLine(stream)
    with status.doing("something", 0):
        while not stream.getvalue():
            sleep(1e-3)
        stream.close()
        sleep(0.01)
    with status.out_of_the_way():
        pass


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
    print("gone")
    assert not hasattr(sys.stdout, "name")  # no file, which somebody would have to close
