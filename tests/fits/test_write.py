"""Products are written whole or not at all, with checksums and the time."""

import time
import warnings
from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.io import fits
from fits_files import NOISE, product, shown

from pipeline import Image, MasterBias, open_frame, write
from pipeline.errors import OutputError


def test_checksums_of_a_product_hold(tmp_path):
    write(product(variance=NOISE), tmp_path / "a.fits")
    with warnings.catch_warnings(action="error"), fits.open(tmp_path / "a.fits", checksum=True) as hdus:
        assert [(hdu.name, hdu.verify_checksum(), hdu.verify_datasum()) for hdu in hdus] == [
            (name, 1, 1) for name in ("PRIMARY", "MASK", "UNCERT", "FLAGS")
        ]
        hdus.verify("exception")


def test_a_product_is_dated_in_utc(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    try:
        write(product(), tmp_path / "a.fits")
    finally:
        monkeypatch.undo()
        time.tzset()
    date = datetime.fromisoformat(fits.getheader(tmp_path / "a.fits")["DATE"]).replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - date).total_seconds()) < 600


def test_masters_are_written_and_read_as_frames(tmp_path):
    write(MasterBias.of(Image.of(NOISE, kind="bias")), tmp_path / "bias.fits")
    np.testing.assert_array_equal(shown(open_frame(tmp_path / "bias.fits", kind="bias")), NOISE)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_existing_file_is_refused_unless_it_may_be_overwritten(tmp_path):
    (tmp_path / "a.fits").write_text("mine")
    with pytest.raises(OutputError, match=r"a\.fits: is there already; .*--overwrite"):
        write(product(), tmp_path / "a.fits")
    assert files(tmp_path) == {"a.fits": b"mine"}
    write(product(), tmp_path / "a.fits", overwrite=True)
    np.testing.assert_array_equal(shown(open_frame(tmp_path / "a.fits")), NOISE)
    assert [*files(tmp_path)] == ["a.fits"]


@pytest.fixture
def small_disk():
    """Let no file of this process grow past 8 kB: the write fails half-way, as on a full disk."""
    resource = pytest.importorskip("resource", reason="this system has no limits of processes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("before", [{}, {"a.fits": b"mine"}])
@pytest.mark.usefixtures("small_disk")
def test_a_write_that_fails_leaves_the_folder_as_it_was(tmp_path, before):
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputError, match=r"a\.fits: cannot be written"):
        write(product(), tmp_path / "a.fits", overwrite=True)
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["", "none/a.fits", "file/a.fits", "a" * 250])
def test_a_place_that_cannot_be_written_to_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError):
        write(product(), tmp_path / name)
    assert files(tmp_path) == {"file": b"mine"}
