"""Fuzzing, short: no bytes get anything but our own errors and warnings.  Long: ``python -m tests.fuzz``."""

import bz2
import gzip
import warnings
from itertools import islice

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from fuzz.__main__ import guarded
from fuzz.mutation import MOVES, mutated
from fuzz.targets import targets
from pipeline import FrameSet, Image, Pixels, attach_header, open_frame, orient, read_mask, reduce, to_electrons, write
from pipeline.errors import FrameError
from pipeline.fits.hdu_index import forward
from pipeline.headers.cards import Cards

pytestmark = pytest.mark.slow
moves = st.lists(st.tuples(st.integers(0, MOVES - 1), st.integers(0, 2**40), st.integers(0, 2**20)), max_size=8)
NAMES = ("filelist", "header", "plain", "gz", "bz2", "packed", "tiles", "product")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def doors(folder):
    return targets(folder)


@pytest.mark.parametrize("name", NAMES)
@examples(15)
@given(st.data())
def test_mutated_files_get_our_own_errors_or_are_read(doors, folder, name, data):
    target = doors[name]
    seed = target.seeds[data.draw(st.integers(0, len(target.seeds) - 1))]
    guarded(target, target.pack(mutated(seed, data.draw(moves))), folder)


@given(data=st.binary(max_size=400))
@examples(30)
def test_any_bytes_get_our_own_errors_or_are_read(doors, folder, data):
    for name in ("filelist", "header", "plain"):
        guarded(doors[name], data, folder)


def test_every_door_is_fuzzed(doors):
    assert set(NAMES) == set(doors)


# ---- what it found ----


def with_card(content, card, place=5, hdu=0):
    """Put a card in the place of another."""
    at = hdu * 5760 + place * 80
    return content[:at] + card.ljust(80).encode() + content[at + 80 :]


def two_images():
    """Give a file of two images, of a block of header and a block of pixels each."""
    hdus = fits.HDUList([fits.PrimaryHDU(np.ones((30, 40), np.int16)), fits.ImageHDU(np.ones((30, 40), np.int16))])
    return b"".join(
        bytes(hdu.header.tostring(), "ascii") + hdu.data.astype(">i2").tobytes().ljust(2880, b"\0") for hdu in hdus
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize(
    "card", ["NAXIS   =           2147483648", "NAXIS   = 99999999999 / axes", "naxis=+0001000000000"]
)
@pytest.mark.parametrize("hdu", [0, 1, "SCI"])
def test_more_axes_than_fits_has_are_not_counted(tmp_path, pack, card, hdu):
    """Astropy looks for each of them, for hours."""
    (tmp_path / "a.fits").write_bytes(pack(with_card(two_images(), card, place=2, hdu=1 if hdu else 0)))
    said = (
        r"a\.fits.*(NAXIS = \d+; expected a whole number from 0 to 999|NAXIS is missing|naxis = \d+; the standard ends)"
    )
    with pytest.raises(FrameError, match=said):
        open_frame(tmp_path / "a.fits", hdu)
    with pytest.raises(FrameError, match=said):
        read_mask(tmp_path / "a.fits")


@pytest.mark.parametrize("hdu", [0, 7, "SCI"])
def test_hdus_whose_sizes_run_backwards_are_read_once(tmp_path, hdu):
    """Astropy goes back by a negative size and reads the same HDU again, for ever."""
    content = with_card(two_images(), "PCOUNT  =                -5760", place=5, hdu=1)
    (tmp_path / "a.fits").write_bytes(with_card(content, "CREATOR = 'ccd-pipeline'"))
    with fits.open(tmp_path / "a.fits") as hdus:
        assert len(list(islice(hdus, 50))) == 50
        assert [number for number, _ in islice(forward(hdus), 50)] == [0, 1]
    if hdu == 0:
        assert open_frame(tmp_path / "a.fits", hdu).shape == (30, 40)
    else:
        with pytest.raises(FrameError, match=r"has no HDU .*; it has 0 PRIMARY \(30×40\), 1"):
            open_frame(tmp_path / "a.fits", hdu)
    assert read_mask(tmp_path / "a.fits").shape == (30, 40)


def test_huge_values_and_errors_pass_without_a_warning_of_numpy(tmp_path):
    values = np.full((20, 30), 1e38, np.float32)
    write(attach_header(Image.of(values, exposure=1.0)), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", mode="update") as hdus:
        errors = np.full((20, 30), 1e38, ">f4")
        errors.view(">u4")[0, 0] = 0x7FA00000  # a NaN that signals
        hdus.append(fits.ImageHDU(errors, name="UNCERT"))
    frame = open_frame(tmp_path / "a.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        product = reduce(FrameSet([frame]))
    assert np.isnan(product.pixels.variance[0, 0])
    assert np.isinf(product.pixels.variance[1:]).all()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_whose_first_header_is_broken_is_read_once(tmp_path, pack):
    """To astropy it has the size 0 - 2880, and comes again behind itself, for ever."""
    (tmp_path / "a.fits").write_bytes(pack(with_card(two_images(), "SIMPLE  = 'a", place=0)))
    with pytest.raises(FrameError, match=r"holds|no standard FITS|cannot be read as FITS"):
        open_frame(tmp_path / "a.fits")
    with pytest.raises(FrameError, match="has no HDU 'SCI'"):
        open_frame(tmp_path / "a.fits", "SCI")


def test_a_level_that_no_card_holds_in_electrons_is_left_out():
    image = Image.of(np.ones((4, 4)), exposure=1.0, header={"SATURATE": 1e308, "BUNIT": "adu"})
    assert "SATURATE" not in to_electrons(image, gain=50.0).header


def test_a_broken_card_of_the_wcs_is_set_aside_before_it_moves():
    text = "CTYPE1  = 'RA---TAN'".ljust(80) + "CRPIX2  \xef\xbb\xbf= 12.0".ljust(80)
    image = Image("light", Pixels.of(np.ones((6, 4))), 1.0, Cards(text), ("a.fits",))
    product = attach_header(orient(image, saxis=0))
    assert product.header.get("CRPIX2") == 5.0
    assert "12.0" in product.header["COMMENT"]


@pytest.mark.parametrize("blank", ["\xa0", "\x85", "\x1f", "\n"])
def test_what_python_takes_for_a_blank_is_none_in_a_card(blank):
    cards = Cards(f"       {blank}    CTYPE1  = 'RA---TAN'".ljust(80) + "EXPTIME = 1.0".ljust(80))
    product = attach_header(Image("light", Pixels.of(np.ones((6, 4))), 1.0, cards, ("a.fits",)))
    assert all(image.isascii() and image.isprintable() for image in product.header.images)
