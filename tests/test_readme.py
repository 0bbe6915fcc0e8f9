"""The samples of the README run as they stand, and do what it says they do."""

import re
from pathlib import Path

import pytest

from pipeline import chain, combine, flag_saturated, open_frame, read_night, reduce, subtract_overscan
from pipeline.cli.main import main

pytestmark = pytest.mark.slow
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^ccd-pipeline ([^#\n]*)", README, re.MULTILINE)


@pytest.fixture
def demo(tmp_path, monkeypatch, capsys):
    """The folder in which the demonstration has run."""
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    capsys.readouterr()
    return tmp_path


def test_the_chain_is_the_default_reduction_to_the_bit(demo):
    short, written_out, _ = SAMPLES
    one, ten = {}, {}
    exec(short, one)
    exec(written_out, ten)
    assert one["image"].pixels == ten["image"].pixels == reduce(read_night("demo/night.csv")).pixels
    assert (demo / "mine.fits").exists()
    body = written_out.split(")\n", 1)[1].strip()  # behind the import
    assert len(body.splitlines()) == 10


def test_the_sample_on_workers_gives_what_one_process_gives(demo):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'ccd-pipeline[distributed]'")
    names = {"__name__": "__main__"}
    exec(SAMPLES[2], names)
    frames = read_night("demo/night.csv")
    ready = chain(flag_saturated(), subtract_overscan())
    assert (
        open_frame(demo / "products" / "night.fits").pixels.values.tobytes() == reduce(frames).pixels.values.tobytes()
    )
    assert [outcome.errors for outcome in names["nights"]] == [()]
    assert names["flat"] == combine(frames.flat)
    assert names["lights"] == [ready(light) for light in frames.light]
    assert names["bias"] == combine(frames.bias, method="median")


def test_the_commands_run_one_after_the_other(demo):
    assert len(COMMANDS) >= 3
    for command in COMMANDS:
        assert main(command.split()) == 0, command
