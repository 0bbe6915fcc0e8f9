"""Faults while reducing: the old product stays whole, the message is clear, nothing is left behind.

Real processes, signals, limits and file systems; what needs root to mount a small disk skips without it.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from folders import files, ramp

from pipeline import open_frame
from pipeline.cli.main import main
from pipeline.errors import FrameError
from pipeline.fits.file_access import OpenFile

resource = pytest.importorskip("resource", reason="this system has no limits and signals of processes")

ROOT = Path(__file__).parents[2]

PYTHON = [sys.executable, "-m", "pipeline"]

FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()

LEVELS = {"bias": 100, "dark": 160, "flat": 3000, "light": 600, "arc": 300}


@pytest.fixture
def night(tmp_path, monkeypatch):
    """A night in the current folder, and an old product and arc of it."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for kind, level in LEVELS.items():
        for number in (1, 2):
            fits.writeto(f"{kind}{number}.fits", ramp(level + number), fits.Header({"EXPTIME": 10.0, "OBJECT": kind}))
            rows.append(f"{kind}, {kind}{number}.fits")
    Path("night.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def disk(tmp_path):
    """Give a function that mounts a disk of so many bytes."""
    mounted = []

    def mount(size, *options):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no disk can be mounted here; it takes root")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("switch", [[], ["--interrupt"]])
def test_a_reduction_that_is_stopped_leaves_whole_files(switch):
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.kills",
        "--times",
        "4",
        "--folder",
        FAST,
        "--seed",
        str(os.getpid()),
        *switch,
    ]
    done = subprocess.run([*command, *switch], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 times all files whole" in done.stdout


def size_of(command):
    """Give the bytes that a command writes."""
    assert main([*command, "-o", "sized/out.fits"]) == 0
    return {name: len(content) for name, content in files("sized").items()}


@pytest.mark.slow
@pytest.mark.parametrize("room", [0.1, 0.6, 0.97])
@pytest.mark.parametrize("old", [True, False])
def test_a_full_disk_costs_nothing(night, disk, capsys, room, old):
    """Whichever of the files it is that has no room: all of the old ones stay."""
    command = ["reduce", "night.csv", "--record", "--overwrite", "--masters"]
    Path("sized").mkdir()
    pages = sum(-(-size // 4096) for size in size_of([*command, "sized"]).values())
    folder = disk(f"{4 * int(pages * (old + room))}k")
    if old:
        shutil.copytree("sized", folder, dirs_exist_ok=True)
    before = files(folder)
    assert main([*command, str(folder), "-o", str(folder / "out.fits")]) == 1
    assert re.search(
        r"disk/\w+\.\w+: cannot be written: (No space left|Not enough space)[^.]*\n", capsys.readouterr().err
    )
    assert files(folder) == before


@pytest.mark.slow
def test_a_report_without_room_leaves_the_old_product(night, disk, capsys):
    folder = disk("1m")
    command = ["reduce", "night.csv", "-o", str(folder / "out.fits")]
    assert main(command) == 0
    before = files(folder)
    drawn = ["--figure", str(folder / "f.png"), "--report", str(folder / "r.html")]
    assert main([*command, "--overwrite", *drawn]) == 1
    said = capsys.readouterr()
    assert "r.html: cannot be written: No space left" in said.err
    assert said.out.count("wrote") == 2  # by the first run
    assert files(folder) == before


@pytest.mark.slow
def test_a_folder_that_is_read_only_is_told_of(night, disk, capsys):
    folder = disk("1m")
    command = ["reduce", "night.csv", "-o", str(folder / "out.fits"), "--overwrite"]
    assert main(command) == 0
    before = files(folder)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    capsys.readouterr()
    assert main(command) == 1
    said = capsys.readouterr()
    assert re.search(r"out\.fits: cannot be written: nothing may be written in the folder .*disk; name", said.err)
    assert "master" not in said.out  # before anything was reduced
    assert files(folder) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_told_of(night, capsys):
    Path("out").mkdir(mode=0o500)
    assert main(["reduce", "night.csv", "-o", "out/out.fits"]) == 1
    assert "cannot be written: nothing may be written in the folder out" in capsys.readouterr().err


def meanwhile(monkeypatch, fault, place="pipeline.cli.reduce.make_masters"):
    """Let something happen once masters are made, before the lights are read."""
    module, _, name = place.rpartition(".")
    make = getattr(importlib.import_module(module), name)

    def made(*args):
        masters = make(*args)
        fault()
        return masters

    monkeypatch.setattr(place, made)


@pytest.mark.parametrize("there", ["nothing", "a folder", "a file"])
def test_what_comes_in_the_way_while_reducing_is_told_of(night, monkeypatch, capsys, there):
    Path("out").mkdir()

    def fault():
        if there == "nothing":
            Path("out").rmdir()
        elif there == "a folder":
            Path("out/out_arc.fits").mkdir()
        else:
            Path("out/out_arc.fits").write_text("mine")

    meanwhile(monkeypatch, fault)
    assert main(["reduce", "night.csv", "-o", "out/out.fits"]) == 1
    words = {"nothing": "there is no folder out", "a folder": "is a folder", "a file": "is there already"}
    assert words[there] in capsys.readouterr().err
    assert files(".").get("out/out_arc.fits") == (b"mine" if there == "a file" else None)
    assert [name for name in files("out") if name != "out_arc.fits"] == [] if Path("out").exists() else True


def test_an_old_product_that_vanishes_while_reducing_is_written_anew(night, monkeypatch):
    assert main(["reduce", "night.csv"]) == 0
    meanwhile(monkeypatch, Path("reduced.fits").unlink)
    assert main(["reduce", "night.csv", "--overwrite"]) == 0
    assert open_frame("reduced.fits").shape == (40, 50)


SPELLINGS = (
    "light1.fits",
    "x/../light1.fits",
    "link.fits",
    "hard.fits",
    "night.csv",
    "folder/light1.fits",
    "mask.fits",
)


@pytest.mark.parametrize("output", SPELLINGS)
@pytest.mark.parametrize("switch", ["-o", "--quality", "--figure", "--report"])
def test_no_output_is_written_over_an_input(night, capsys, switch, output):
    endings = {"--figure": ".html", "--report": ".html"}
    Path("x").mkdir()
    Path("link.fits").symlink_to("bias1.fits")
    Path("hard.fits").hardlink_to("flat1.fits")
    Path("folder").symlink_to(".")
    fits.writeto("mask.fits", np.zeros((40, 50), np.uint8))
    if switch in endings:  # an input may have any name
        named = Path(output).with_name(f"{Path(output).name}.html")
        Path(output).rename(named) if Path(output).is_symlink() else named.hardlink_to(output)
        output = str(named)
    before = files(".")
    command = ["reduce", "night.csv", "--overwrite", "--mask", "mask.fits", switch, output]
    assert main([*command, *([] if switch == "-o" else ["-o", "new.fits"])]) == 1
    assert "is one of the files to be read" in capsys.readouterr().err
    assert files(".") == before


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["reduce", "list.csv", "--overwrite", "--masters", ".", "-o", "x.fits"], "master_bias.fits"),
        (["reduce", "list.csv", "--overwrite", "--record", "-o", "light1.x.fits"], "light1.json"),
        (["reduce", "list.csv", "--overwrite", "-o", "n.fits"], "n_arc.fits"),
        (["reduce", "list.csv", "--overwrite", "--each", "-o", "."], "light1.fits"),
        (["combine", "list.csv", "--overwrite", "--type", "bias", "-o", "light1.fits"], "light1.fits"),
        (["combine", "list.csv", "--overwrite", "--type", "bias", "-o", "list.csv"], "list.csv"),
        (["inspect", "light1.fits", "--overwrite", "-o", "hard.png"], "hard.png"),
        (["reduce", "list.csv", "--overwrite", "--output-dir", "."], "list.fits"),
        (["reduce", "list.csv", "night.csv", "--overwrite", "--output-dir", "."], "night.fits"),
        (["scan", ".", "--overwrite", "-o", "light1.fits"], "light1.fits"),
    ],
)  # fmt: skip
def test_no_command_writes_over_what_it_reads(night, capsys, command, name):
    if not Path(name).exists() and name != "list.csv":
        Path(name).hardlink_to("light1.fits") if name == "hard.png" else shutil.copy("light1.fits", name)
    light = "light1.fits" if name == "list.csv" else name
    Path("list.csv").write_text(f"bias, bias1.fits\nlight, {light}\narc, arc1.fits\n")
    before = files(".")
    assert main(command) == 1
    assert re.search(r"to be read|is read for another night|is a frame by its name", capsys.readouterr().err)
    assert files(".") == before


def truncate(path):
    os.truncate(path, 4000)


def change(path):
    with path.open("rb+") as stream:
        stream.seek(4000)
        stream.write(b"x")


def replace(path):
    path.rename("moved.fits")
    shutil.copy("moved.fits", path)


@pytest.mark.parametrize("fault", [truncate, change, replace, Path.unlink])
def test_a_frame_that_changes_while_reducing_is_told_of(night, monkeypatch, capsys, fault):
    meanwhile(monkeypatch, lambda: fault(Path("light2.fits")))
    before = set(files("."))
    assert main(["reduce", "night.csv"]) == 1
    assert re.search(r"light2\.fits: (changed|is gone) since it was opened", capsys.readouterr().err)
    assert set(files(".")) - before <= {"moved.fits"}


@pytest.mark.parametrize("fault", [truncate, change, replace, Path.unlink])
def test_a_frame_of_many_nights_that_changes_is_told_of(night, monkeypatch, capsys, fault):
    meanwhile(monkeypatch, lambda: fault(Path("light2.fits")), "pipeline.survey.tasks.master_bias")
    before = set(files("."))
    assert main(["reduce", "night.csv", "--output-dir", "many"]) == 1
    assert re.search(r"light2\.fits.*(changed since|the file is cut|No such file)", capsys.readouterr().err)
    arc = {"many/night_arc.fits", "many/night_arc.fits.json"}
    assert set(files(".")) - before - {"moved.fits"} == arc


@pytest.mark.parametrize("fault", [truncate, change])
def test_a_frame_that_changes_while_it_is_read_is_told_of(night, fault):
    """After looking whether it has changed, and before reading."""

    class Late(OpenFile):
        def read_into(self, memory, place):
            fault(Path("light1.fits"))
            return super().read_into(memory, place)

    array = open_frame("light1.fits").source.values.over(Late("light1.fits"))
    with pytest.raises(FrameError, match=r"light1\.fits: changed since it was opened"):
        array.read(0, 40)


def limited(command, **limits):
    """Run a command within limits of the system."""

    def limit():
        for name, most in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))

    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)


LONG = pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "long", reason="takes long; HYPOTHESIS_PROFILE=long")


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "most"), [(250, 32), pytest.param(1000, 64, marks=LONG)])
def test_many_frames_need_few_open_files(night, frames, most):
    header = fits.PrimaryHDU(ramp(7, (8, 8))).header.tostring().encode()
    pixels = ramp(7, (8, 8))
    for number in range(frames):
        Path(f"t{number}.fits").write_bytes(header + (pixels + number % 3).astype(">i2").tobytes().ljust(2880, b"\0"))
    Path("t.csv").write_text("\n".join(f"light, t{number}.fits" for number in range(frames)))
    done = limited([*PYTHON, "reduce", "t.csv", "--quiet"], NOFILE=most)
    assert done.returncode == 0, done.stderr
    assert fits.getheader("reduced.fits")["NCOMBINE"] == frames


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "side", "most"), [(64, 2048, 400e6), pytest.param(60, 4096, 600e6, marks=LONG)])
def test_a_stack_may_be_larger_than_memory(tmp_path, frames, side, most):
    """Files with holes: 0.5 GB in 0.4 GB of memory, 2 GB in 0.6."""
    header = fits.PrimaryHDU(np.zeros((1, 1), np.uint16)).header
    header["NAXIS1"], header["NAXIS2"] = side, side
    start = header.tostring().encode()
    for number in range(frames):
        with (tmp_path / f"{number}.fits").open("wb") as file:
            file.write(start)
            file.seek(len(start) + 2 * side * (number * 7919 % side))
            file.write(np.random.default_rng(number).bytes(2 * side))
            file.truncate(len(start) + 2 * side * side)
    (tmp_path / "n.csv").write_text("\n".join(f"light, {number}.fits" for number in range(frames)))
    done = limited([*PYTHON, "reduce", str(tmp_path / "n.csv"), "-o", str(tmp_path / "o.fits")], DATA=int(most))
    assert done.returncode == 0, done.stderr
    assert 2 * frames * side**2 > 1.2 * most


def test_memory_that_is_not_there_is_told_of(night, monkeypatch, capsys):
    meanwhile(monkeypatch, lambda: np.empty(2**58))
    assert main(["reduce", "night.csv"]) == 1
    assert "not enough memory: Unable to allocate" in capsys.readouterr().err
