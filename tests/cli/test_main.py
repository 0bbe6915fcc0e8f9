"""The command, as its users meet it: what it writes, what it prints, its exit status."""

import os
import re
import subprocess
import sys

import pytest

from pipeline.cli.main import COMMANDS, EXAMPLES, main, parser_for


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
        (["reduce", "night.csv", "-o", "q.txt"], 2, "q.txt: a product is a FITS file; end its name in .fits"),
        (["combine", "night.csv", "--type", "bias", "-o", "b.png"], 2, "b.png: a product is a FITS file"),
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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "are required: COMMAND, one of demo, reduce, .*; see ccd-pipeline --help"),
        ("reduce", "are required: FILELIST; see ccd-pipeline reduce --help"),
        ("reduc x.csv", "did you mean reduce?"),
        ("reduce x.csv --method meen", "did you mean mean?"),
        ("reduce x.csv --clip sdt", "did you mean std?"),
        ("reduce x.csv --sigma abc", "--sigma: expected a number, found 'abc'; see ccd-pipeline reduce --help"),
        ("reduce x.csv --iterations 2.5", "--iterations: expected a whole number, found '2.5'"),
        ("reduce x.csv --sigmaa 3", "--sigmaa is no option of ccd-pipeline reduce; did you mean --sigma?"),
        ("inspect x.fits --hue=3", "--hue is no option of ccd-pipeline inspect"),
        ("scan raw --sigma 5", "--sigma is no option of ccd-pipeline scan; it belongs to reduce and combine; see"),
        ("scan raw flats", "flats is one too many; ccd-pipeline scan \\[options\\] DIRECTORY; see"),
        ("library", "are required: WHAT, one of add, list, prune; see ccd-pipeline library --help"),
        ("reduce x.csv --each=yes", "--each: it takes no value, found 'yes'"),
        ("inspect x.fits --figure-size 0x3", "--figure-size: expected inches up to 200, such as 6x4, found '0x3'"),
        (
            "reduce raw/a.fits raw/b.fits.gz",
            "raw/a.fits is a frame by its name, .* scan raw proposes one, .* night raw ",
        ),
        ("combine x.csv --type bias", "are required: -o/--output"),
    ],
)
def test_a_wrong_command_line_is_status_2_and_one_line_that_says_what_to_do(line, words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(line.split())
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert re.search(words.replace("?", "\\?"), said.err)
    assert (said.out, said.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal_and_shows_options_in_groups_and_examples(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    said = capsys.readouterr().out
    assert stop.value.code == 0
    assert said.startswith(f"usage: ccd-pipeline {command} [options]")
    assert max(map(len, said.splitlines())) <= 80
    assert (f"\nexamples:\n  ccd-pipeline {command} " in said) == (command in EXAMPLES)
    for line in EXAMPLES.get(command, ()):
        parser_for([command]).parse_args(re.sub(" > .*", "", line).split())
    if command == "reduce":
        titles = ("input", "combining", "calibration", "flags", "noise", "output", "figures", "many nights", "examples")
        places = [said.index(f"\n{title}:\n") for title in titles]
        assert places == sorted(places)


def test_a_shell_completes_commands_and_options(capsys, monkeypatch):
    pytest.importorskip("shtab", reason="shtab is not installed: pip install 'ccd-pipeline[completion]'")
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", "bash"])
    said = capsys.readouterr().out
    assert stop.value.code == 0
    assert "--sigma-low" in said
    assert "complete -o" in said
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", "bash"])
    assert stop.value.code == 2
    assert "pip install 'ccd-pipeline[completion]'" in capsys.readouterr().err


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
