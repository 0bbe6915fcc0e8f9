"""A frame that a list names more than once is known, whatever its path."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from fits_files import NOISE, save, shown
from made_masters import full

from pipeline import FrameSet, open_frame, open_frames, read_night
from pipeline.errors import MOST, AssumptionWarning, FileListError


@pytest.fixture
def listed(tmp_path):
    fits.writeto(tmp_path / "a.fits", full(1))
    fits.HDUList([fits.PrimaryHDU(full(1)), fits.ImageHDU(full(2), name="TWO")]).writeto(tmp_path / "b.fits")

    def read(*rows):
        (tmp_path / "n.csv").write_text("\n".join(rows))
        return read_night(tmp_path / "n.csv")

    return tmp_path, read


@pytest.mark.parametrize("again", ["a.fits", "./a.fits", "x/../a.fits", "link.fits", "hard.fits", "{folder}/a.fits"])
def test_a_frame_is_known_whatever_its_path(listed, again):
    folder, read = listed
    (folder / "x").mkdir()
    (folder / "link.fits").symlink_to("a.fits")
    os.link(folder / "a.fits", folder / "hard.fits")
    with pytest.warns(AssumptionWarning, match="listed 2 times, as light; counts once"):
        assert len(read("light, a.fits", f"light, {again.format(folder=folder)}", "light, b.fits")) == 2


def test_frames_are_named_without_steps_up_again_where_that_is_the_same_folder(tmp_path, monkeypatch):
    """A list in another folder: people read in notes raw/a.fits.  Behind a link a step up leads elsewhere."""
    monkeypatch.chdir(tmp_path)
    for folder in ("raw", "lists", "elsewhere/raw", "elsewhere/lists"):
        Path(folder).mkdir(parents=True)
    for number, folder in enumerate(("raw", "elsewhere/raw"), 1):
        fits.writeto(f"{folder}/a.fits", full(number))
        Path(folder, "../lists/n.csv").write_text("light, ../raw/a.fits")
    Path("link").symlink_to("elsewhere/lists")
    for path, name, level in (("lists/n.csv", "raw/a.fits", 1), ("link/n.csv", "link/../raw/a.fits", 2)):
        (frame,) = read_night(path)
        assert (frame.name, frame.short_name) == (name, "a.fits")
        np.testing.assert_array_equal(shown(frame), full(level))


def test_the_hdus_of_a_file_are_frames_of_their_own(listed):
    _, read = listed
    assert len(read("light, b.fits", "light, b.fits, 1")) == 2
    with pytest.warns(AssumptionWarning, match="listed 2 times"):
        assert len(read("light, b.fits, 1", "light, b.fits, TWO")) == 1


def test_every_repeat_that_cannot_be_is_named_by_its_line(listed):
    _, read = listed
    with pytest.raises(FileListError) as caught:
        read("light, a.fits", "bias, b.fits", "bias, a.fits", "dark, b.fits", "flat, gone.fits")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["line 3", "line 4", "line 5"]


def test_a_night_is_read_relative_to_its_list(tmp_path):
    save(tmp_path / "b.fits", NOISE)
    save(tmp_path / "a.fits", NOISE, EXPTIME=5.0)
    (tmp_path / "night.csv").write_bytes(b"\xef\xbb\xbftype;path\r\nLight;a.fits\r\nbias;b.fits # \xc3\xa4\r\n")
    for path in (tmp_path / "night.csv", str(tmp_path / "night.csv")):
        night = read_night(path, delimiter=";")
        assert repr(night) == "FrameSet(1 bias, 1 light)"
        assert night.light.frames[0].exposure == 5.0
        np.testing.assert_array_equal(shown(night.bias.frames[0]), NOISE)


def test_problems_of_the_list_and_of_its_files_come_together_in_order(mixed):
    save(mixed.parent / "good.fits", NOISE)
    save(mixed.parent / "bad.fits", NOISE, EXPTIME="1,5")
    rows = ["light,good.fits", "bias,none.fits", "ligth,good.fits", "dark,mixed.fits", "flat,good.fits,-1"]
    path = mixed.parent / "night.csv"
    path.write_text("\n".join([*rows, "arc,bad.fits", *(["#"] * 5), "light,none.fits"]))
    with pytest.raises(FileListError) as caught:
        read_night(path)
    words = ["No such file", "unknown type", "holds no data", "whole number", "EXPTIME = '1,5'", "No such file"]
    assert caught.value.where == str(path)
    for problem, line, word in zip(caught.value.problems, [2, 3, 4, 5, 6, 12], words, strict=True):
        assert problem.startswith(f"line {line}: ")
        assert word in problem


def test_folders_are_searched_for_no_more_than_the_problems_that_are_shown(tmp_path):
    (tmp_path / "night.csv").write_text("".join(f"light,none{number}.fits\n" for number in range(MOST + 2)))
    with pytest.raises(FileListError) as caught:
        read_night(tmp_path / "night.csv")
    told = ["relative paths are relative to the file list" in problem for problem in caught.value.problems]
    assert told == [True] * MOST + [False] * 2


def test_frames_of_one_kind_that_differ_in_shape_are_refused_last(tmp_path):
    save(tmp_path / "a.fits", NOISE)
    save(tmp_path / "line 1.fits", NOISE[1:])
    (tmp_path / "night.csv").write_text("light,a.fits\nlight,line 1.fits\nbias,none.fits\n")
    with pytest.raises(FileListError) as caught:
        read_night(tmp_path / "night.csv")
    missing, shapes = caught.value.problems
    assert missing.startswith("line 3: ")
    assert "40 rows × 50 columns" in shapes
    assert "39 rows × 50 columns" in shapes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"light,\xff.fits", "line 1: byte 0xFF is not UTF-8"),
        (b"SIMPLE  =", "is a FITS file"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(tmp_path, content, words):
    if content is not None:
        (tmp_path / "night.csv").write_bytes(content)
    with pytest.raises(FileListError, match=words):
        read_night(tmp_path / "night.csv")


def test_opening_frames_twice_changes_nothing(tmp_path):
    frames = open_frames(FrameSet([open_frame(save(tmp_path / "a.fits", NOISE))]))
    assert open_frames(frames) == frames
