"""Damaged files and headers: an image or a clear mistake, never half of one; and sums of 32-bit words."""

import io
import warnings
from contextlib import suppress

import numpy as np
from fits_files import NOISE, save, save_as, shown
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline import open_frame
from pipeline.errors import FrameError, PipelineError
from pipeline.fits import integrity


@given(st.sampled_from(["a.fits", "a.fits.gz", "a.fits.bz2", "a_tiles.fits"]), st.floats(0, 1, exclude_max=True))
def test_a_cut_file_never_gives_half_an_image(tmp_path_factory, form, part):
    path, hdu = save_as(tmp_path_factory.getbasetemp(), form, NOISE)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with suppress(FrameError):
        np.testing.assert_array_equal(shown(open_frame(path, hdu)), NOISE)  # only the padding was cut


SHAPE_CARDS = ["SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "EXTEND", "GROUPS", "PCOUNT", "GCOUNT", "END"]

VALUE_CARDS = ["BSCALE", "BZERO", "BLANK", "EXPTIME", "CREATOR", "DATE-OBS", "OVERSCAN", "ZEROCOR", "L1STATFL", "BUNIT"]

CARDS = [*SHAPE_CARDS, *VALUE_CARDS, "CONTINUE", "HIERARCH", "LONGSTR", "OBJECT"]

MISTAKEN = ["", "T", "'abc", "'abc&'", "1", "-32", "0", "-5", "9" * 20, "1e999", "nan", "(1,2)", "1,5", "ÿ"]


def with_card(content, keyword, text):
    """Put a card in the place of the one with its keyword, or of OBJECT."""
    card = f"{keyword:8}{text}".ljust(80).encode("latin-1")
    starts = {content[at : at + 8].decode().strip(): at for at in range(0, 2880, 80)}
    at = starts.get(keyword, starts["OBJECT"])
    return content[:at] + card + content[at + 80 :]


@given(st.sampled_from(CARDS), st.sampled_from(["= ", "  "]), st.sampled_from(MISTAKEN))
def test_any_mistaken_card_gives_an_image_or_a_clear_mistake(tmp_path_factory, keyword, sign, value):
    assume(keyword != "NAXIS" or len(value) < 20)  # astropy would count as far
    path = tmp_path_factory.getbasetemp() / "card.fits"
    save(path, NOISE, OBJECT="a", LONGSTR="b" * 90, CREATOR="ccd-pipeline")
    path.write_bytes(with_card(path.read_bytes(), keyword, sign + value))
    with warnings.catch_warnings(action="error"), suppress(PipelineError):
        assert shown(open_frame(path)).ndim == 2


def test_what_is_summed_piece_by_piece_is_summed_whole():
    data = np.random.default_rng(1).bytes(2 * integrity.SUMMED_AT_ONCE + 1000)
    assert integrity.sum_of_stream(io.BytesIO(data), 40, len(data)) == integrity.sum_of(data[40:])
