"""The library of masters: what is in it is what its files say, whoever writes, whatever stops them."""

import sqlite3
import subprocess
import sys
import time

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import quick

from pipeline import Image, MasterBias, MasterDark, MasterLibrary, Pixels, StoredMaster, match
from pipeline.errors import FileWarning, FrameError, OutputError
from pipeline.library.master_library import INDEX, expired, superseded


def write_master(path, kind="bias", day=1, frames=5, level=100.0, **cards):
    """Write a master as others make them: a few pixels, and cards."""
    told = {"IMAGETYP": kind, "NCOMBINE": frames, "DATE-OBS": f"2021-03-{day:02d}T20:00:00", "INSTRUME": "CAM"}
    fits.writeto(path, np.full((4, 5), level, np.float32), fits.Header(told | cards), overwrite=True)
    return path


def light(**cards):
    told = {"DATE-OBS": "2021-03-03T22:00:00", "INSTRUME": "CAM", "EXPTIME": 60.0} | cards
    return Image.of(np.ones((4, 5)), header=told, name="light.fits")


@pytest.fixture
def library(tmp_path):
    return MasterLibrary(tmp_path / "library")


def names(library):
    return {one.file for one in library.masters}


def test_a_master_keeps_its_bits_setup_date_and_quality(library, tmp_path):
    pixels = Image.of(np.arange(20.0).reshape(4, 5), kind="bias", header={"DATE-OBS": "2021-03-02T20:00:00"}, name="b")
    bias = MasterBias.of(attrs.evolve(pixels, data=Pixels.of(pixels.values, variance=np.full((4, 5), 4.0))))
    one = library.add(bias)
    assert (one.kind, one.shape, one.error, one.flagged) == ("bias", (4, 5), 2.0, 0.0)
    assert one.day == pytest.approx(59275.8333)
    assert one.file.startswith("bias_2021-03-02_")
    (image,) = library.frames_for([light()])
    np.testing.assert_array_equal(image.values, pixels.values)
    assert library.add(write_master(tmp_path / "f.fits", "flat", frames=9, FILTER="R")).frames == 9
    flat = Image.of(np.ones((4, 5)), kind="flat", header={"IMAGETYP": "light", "NCOMBINE": 3}, name="f")
    dark = library.add(
        MasterDark.of(Image.of(np.ones((4, 5)), kind="dark", exposure=60.0, header=flat.header, name="d"))
    )
    assert (dark.kind, dark.exposure) == ("dark", 60.0)  # though its header says light


@settings(max_examples=4)
@given(order=st.permutations(range(5)), again=st.integers(0, 4))
def test_adding_twice_or_in_another_order_changes_nothing_and_the_index_made_anew_is_equal(
    tmp_path_factory, order, again
):
    folder = tmp_path_factory.mktemp("orders")
    given_masters = [
        write_master(folder / f"{n}.fits", day=1 + n // 2, frames=3 + n, level=float(n), DATE=f"2022-01-0{1 + n}")
        for n in range(4)
    ]
    given_masters.append(
        write_master(folder / "4.fits", day=1, frames=3, level=0.0, DATE="2021-01-01")
    )  # 0, made before
    found = []
    for turn in (range(5), [*order, again]):
        library = MasterLibrary(folder / str(len(found)))
        for number in turn:
            library.add(given_masters[number])
        found.append(library.masters)
        library.rebuild()
        assert library.masters == found[-1]
        (library.folder / INDEX).unlink()
        assert library.masters == found[-1]
    assert found[0] == found[1]
    assert len(found[0]) == 4


def test_a_better_master_of_a_night_is_taken_and_the_change_is_told(library, tmp_path):
    few = library.add(write_master(tmp_path / "few.fits", frames=3))
    with pytest.warns(FileWarning, match=r"superseded by bias_2021-03-01_\w+\.fits: of 9 frames, where this is of 3"):
        many = library.add(write_master(tmp_path / "many.fits", frames=9))
    assert superseded(library.masters) == {few.file: many.file}
    assert [one.file for one in library.masters_for([light()])] == [many.file]
    nearer = library.add(write_master(tmp_path / "nearer.fits", day=3, frames=2))
    (chosen,) = match([light(), *library.frames_for([light()])])[0]["bias"].frames
    assert chosen.name.endswith(nearer.file)
    assert names(library) == {few.file, many.file, nearer.file}


def test_what_is_not_valid_any_more_is_told_and_removed_only_when_asked(library, tmp_path):
    old, new = (library.add(write_master(tmp_path / "m.fits", day=day)) for day in (1, 30))
    assert expired(library.masters, new.day + 70) == {old.file: pytest.approx(99)}
    library.remove([old])
    assert names(library) == {new.file}


masters = st.builds(
    StoredMaster,
    st.uuids().map(str),
    st.just(0),
    st.just("dark"),
    st.just((4, 5)),
    st.sampled_from("ab"),
    st.none() | st.integers(1, 12).map(lambda day: 59273.0 + day),
    temperature=st.none() | st.integers(-14, -6).map(float),
)
"""Of the first days of March 2021."""


@quick
@given(st.lists(masters, max_size=12), st.integers(1, 14), st.integers(-14, -6))
def test_of_those_left_out_none_is_nearer_in_time_and_temperature(found, day, warm):
    """So that what is chosen among those that are opened is what is chosen among all."""
    library = _Listed("nowhere", found)
    cards = {"DATE-OBS": f"2021-03-{day:02d}T00:00:00", "CCD-TEMP": float(warm)}
    asked = Image.of(np.ones((4, 5)), header=cards, name="light.fits")
    passed = superseded(found)
    kept = set(library.masters_for([asked]))
    assert kept <= set(found)

    def apart(one):
        kelvin = abs(one.temperature - warm) if one.temperature is not None else 0.0
        return abs(one.day - 59273 - day), kelvin if kelvin > 1 else 0.0

    for one in set(found) - kept:
        if one.file not in passed:
            at_least = [k for k in kept if k.setup == one.setup and k.day is not None]
            assert any(all(a <= b for a, b in zip(apart(k), apart(one), strict=True)) for k in at_least)


@attrs.frozen
class _Listed(MasterLibrary):
    masters: list[StoredMaster] = attrs.field(factory=list)


def test_a_master_without_overscan_fits_lights_that_have_it_still(library, tmp_path):
    library.add(write_master(tmp_path / "b.fits"))
    cards = {"DATE-OBS": "2021-03-03T22:00:00", "INSTRUME": "CAM"}
    wide = Image.of(np.ones((4, 8)), header=cards | {"DATASEC": "[1:5,1:4]"}, name="w")
    assert len(match([wide, *library.frames_for([wide])])[0]["bias"].frames) == 1
    unknown = Image.of(np.ones((4, 8)), header=cards, name="w")
    assert match([unknown, *library.frames_for([wide])])[0]["bias"].why.startswith("none: the nearest")


def test_files_put_into_the_folder_or_taken_out_by_hand_are_seen(library, tmp_path):
    one = library.add(write_master(tmp_path / "b.fits"))
    write_master(library.folder / "by_hand.fits", day=20)
    (library.folder / "notes.fits").write_text("none")
    with pytest.warns(FileWarning, match="is in the library, and is no master"):
        assert names(library) == {one.file, "by_hand.fits"}
    (library.folder / one.file).unlink()
    assert names(library) == {"by_hand.fits"}


def test_a_damaged_index_is_made_anew_and_one_that_cannot_be_written_costs_nothing(library, tmp_path):
    one = library.add(write_master(tmp_path / "b.fits"))
    (library.folder / INDEX).write_bytes(b"no index at all, and long enough to be read as one" * 100)
    with pytest.warns(FileWarning, match="is damaged"):
        assert names(library) == {one.file}
    assert names(library) == {one.file}
    (library.folder / INDEX).unlink()
    (library.folder / INDEX).mkdir()
    with pytest.warns(FileWarning, match="the files are read instead"):
        assert names(library) == {one.file}
    (library.folder / INDEX).rmdir()
    with sqlite3.connect(library.folder / INDEX) as older:
        older.execute("CREATE TABLE masters (name)")
    assert names(library) == {one.file}


def test_what_is_no_master_is_refused(library, tmp_path):
    with pytest.raises(FrameError, match="is no master of bias, dark or flat frames, but a single bias"):
        library.add(write_master(tmp_path / "b.fits", frames=1))
    with pytest.raises(FrameError, match="no type of image"):
        library.add(write_master(tmp_path / "what.fits", "hmm"))
    assert library.add(tmp_path / "what.fits", kind="bias").kind == "bias"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made a library"):
        MasterLibrary(tmp_path / "file").add(tmp_path / "what.fits", kind="bias")
    assert MasterLibrary(tmp_path / "none").masters == ()


ADDING = """
import sys
from pathlib import Path
from pipeline import MasterLibrary
for path in sorted(Path(sys.argv[1]).glob(sys.argv[3])):
    MasterLibrary(sys.argv[2]).add(path)
"""


@pytest.mark.slow
def test_two_writers_and_one_that_is_killed_leave_what_all_have_added(library, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(12):
        write_master(raw / f"{number % 2}_{number:02d}.fits", day=1 + number)

    def writer(pattern):
        return subprocess.Popen([sys.executable, "-c", ADDING, raw, library.folder, pattern], stderr=subprocess.PIPE)

    killed, *writers = writer("*.fits"), writer("0_*.fits"), writer("1_*.fits")
    while not list(library.folder.glob("*.fits")):
        time.sleep(0.01)
    killed.kill()
    assert [one.communicate()[1] for one in writers] == [b"", b""]
    killed.communicate()
    found = library.masters
    assert len(found) == 12
    library.rebuild()
    assert library.masters == found
