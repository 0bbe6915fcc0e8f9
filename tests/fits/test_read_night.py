"""A frame that a list names more than once is known, whatever its path."""

import os

import pytest
from astropy.io import fits
from made_masters import full

from pipeline import read_night
from pipeline.errors import AssumptionWarning, FileListError


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
