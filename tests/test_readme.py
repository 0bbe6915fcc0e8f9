"""The samples of the README, and of the reference in the folders' faces, run as they stand and do what is said."""

import re
from pathlib import Path

import pytest
from faces import FACES, samples, section

from pipeline import Flag, chain, combine, flag_saturated, open_frame, read_night, reduce, subtract_overscan
from pipeline.cli.main import main

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = {
    name: re.findall(r"^ *ccd-pipeline ([^#\n]*)", text, re.MULTILINE)
    for name, text in {"README": README, **FACES}.items()
}


@pytest.fixture
def demo(tmp_path, monkeypatch, capsys):
    """The folder in which the demonstration has run."""
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    capsys.readouterr()
    return tmp_path


def test_the_chain_is_the_default_reduction_to_the_bit(demo):
    short, written_out = SAMPLES
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
    (sample,) = (sample for sample in samples("survey") if "delayed" in sample)
    exec(sample, names)
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
    assert sum(map(len, COMMANDS.values())) >= 16
    for name, commands in COMMANDS.items():
        for command in commands:
            assert main(command.split()) == 0, (name, command)


def test_every_flag_is_in_the_table():
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", section("records", "Flags"), re.MULTILINE)
    assert [(int(bit), name) for bit, name in rows] == [(flag.value, flag.name) for flag in Flag]


def test_the_front_door_is_no_corridor():
    """What is longer belongs to the folder that it describes."""
    assert len(README.splitlines()) <= 200
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
