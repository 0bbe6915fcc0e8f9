"""Unusual and broken files of other projects: each is read as its makers meant it, or refused with the reason."""

import csv
import re
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from unusual_files import FILES, READ

from pipeline import attach_header, open_frame, running, write
from pipeline.cli.main import main
from pipeline.errors import FileWarning, FrameError, PipelineError

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="the unusual files are not beside the project")
REFUSED = [
    # file, HDU, what the message says
    ("double_ext.fits", 0, r"holds no data; .* 1 ccd00 \(5×5\)"),
    ("history_header.fits", 0, "holds no data"),
    ("verify.fits", 0, "holds no data"),
    ("comp_hcompress_gzip.fits", 0, r"holds no data; .* 1 COMPRESSED_IMAGE \(300×440\)"),
    ("compressed_float_bzero.fits", 1, "is one-dimensional, 3 values"),
    ("compressed_image.fits", 0, r"holds no data; .* 1 COMPRESSED_IMAGE \(10×10\)"),
    ("group_invalid.fits", 0, "random groups"),
    ("memtest.fits", 0, r"holds no data; .* 1 AXAF_CCDM \(a table\)"),
    ("memtest.fits", 1, "holds a table"),
    ("theap-gap.fits", 0, r"holds no data; .* 1 \(a table\)"),
    ("theap-gap.fits", 1, "holds a table"),
    ("lzw.fits.Z", 0, r"is packed by compress \(\.Z\), unpack it first; expected FITS"),
    ("arange_3d.fits", 0, "is a cube, 7×10×11; .*choose a plane"),
    ("aspired_fake_cube.fits", 0, "is a cube, 2×254×1024; .*choose a plane"),
    ("test0_mef_wfpc2.fits", 0, r"holds no data; .* 1 SCI \(40×40\)"),
    ("test0_mef_wfpc2.fits", 5, "has no HDU 5; it has 0 PRIMARY"),
    ("o4sp040b0_stis_raw.fits", "ERR", r"\[2\]: holds no data; .* 1 SCI \(44×62\)"),
    ("header_with_time.fits", 0, "no standard FITS"),
    ("dist_lookup.fits.gz", 0, r"holds no data; .* 1 SCI \(100×100\), 2 D2IMARR \(1×4096\)"),
    ("not_actually_fits.fits", 0, "is a web page, perhaps an error in place of a download"),
    ("issue49test.fits", 0, r"holds no data; .* 1 Data \(a table\)"),
    ("issue49test.fits", 1, "holds a table"),
    ("flat-mef.fits", 0, r"holds no data; .* 1 \(10×10\)"),
    ("science-mef.fits", 0, r"holds no data; .* 1 \(10×10\)"),
    ("floyds_crcleaned_named_fits_is_fz.fits", 0, r"holds no data; .* 1 SCI \(512×2079\)"),
    ("derived_truncated_data.fits", 0, "the file is cut, 237472 of 537472 bytes are missing"),
    ("derived_truncated_header.fits", 0, "header has no END"),
    ("derived_zero_bytes.fits", 0, "the file is empty"),
]


@pytest.fixture(autouse=True)
def _no_warning_gets_out():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", FileWarning)
        warnings.simplefilter("ignore", ResourceWarning)  # frames that are unpacked wait in a file without a name
        warnings.filterwarnings("ignore", ".*(are all named (SCI|ERR);|floyds.*(CHECKSUM is false|data sum up to))")
        yield


def read_by_astropy(path, hdu):
    """Give astropy's values, and the rounding of its float32 sums."""
    with warnings.catch_warnings(action="ignore"), fits.open(path) as hdus:
        rounding = 2e-7 * abs(hdus[hdu].header.get("BZERO", 0))
        return np.squeeze(hdus[hdu].data), rounding


def test_every_file_of_the_index_is_here():
    with (FILES / "index.csv").open() as lines:
        listed = {row["file"] for row in csv.DictReader(lines)}
    assert {name for name, *_ in [*READ, *REFUSED]} == listed


@pytest.mark.parametrize(("name", "hdu", "shape", "exposure"), READ)
def test_values_are_those_of_astropy(name, hdu, shape, exposure):
    frame = open_frame(FILES / name, hdu)
    values = frame.pixels.values
    assert (frame.shape, frame.exposure) == (shape, exposure)
    expected, rounding = read_by_astropy(FILES / name, hdu)
    np.testing.assert_allclose(np.squeeze(values), expected, rtol=2e-7, atol=rounding)
    np.testing.assert_array_equal(frame.pixels.mask, ~np.isfinite(values))


def without_infinities(values):
    return np.where(np.isinf(values), np.nan, values)


@pytest.mark.parametrize(("name", "hdu", "words"), REFUSED)
def test_what_is_no_image_is_refused_with_the_reason(name, hdu, words):
    with pytest.raises(FrameError, match=re.escape(name) + r".*" + words):
        open_frame(FILES / name, hdu)


@pytest.mark.parametrize("name", sorted({name for name, *_ in REFUSED}))
def test_no_hdu_of_a_refused_file_breaks_the_reader(name):
    for hdu in (*range(5), "SCI", "", -1):
        with suppress(PipelineError):
            assert open_frame(FILES / name, hdu).pixels.values.ndim == 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "hdu", "shape", "exposure"), READ)
def test_a_product_of_each_keeps_pixels_and_exposure(tmp_path, name, hdu, shape, exposure):
    """What is written is valid and says the same, whatever the first header was like."""
    frame = open_frame(FILES / name, hdu)
    with running(quiet=True):  # of one there is no good pixel
        write(attach_header(frame), tmp_path / "a.fits")
        back = open_frame(tmp_path / "a.fits")
    assert (back.shape, back.exposure) == (shape, exposure)
    np.testing.assert_array_equal(back.pixels.values, without_infinities(frame.pixels.values))
    np.testing.assert_array_equal(back.pixels.flags, frame.pixels.flags)
    with fits.open(tmp_path / "a.fits", checksum=True) as hdus:
        hdus.verify("exception")


@pytest.mark.parametrize("name", ["m13_gzip.fits", "m13_rice.fits"])
def test_lossless_tiles_give_the_pixels_of_the_plain_file(name):
    plain, tiles = open_frame(FILES / "m13.fits").pixels, open_frame(FILES / name, 1).pixels
    assert tiles == plain


def test_quantised_tiles_are_within_their_quantisation():
    plain, tiles = open_frame(FILES / "m13.fits").pixels, open_frame(FILES / "m13real_rice.fits", 1).pixels
    assert 0 < np.abs(plain.values - tiles.values).max() < plain.values.std() / 16


def test_cards_of_every_sort_are_kept():
    eso = open_frame(FILES / "fixed-1890.fits").header
    assert sum(keyword.startswith("ESO ") for keyword in eso.to_header()) > 100
    sip = open_frame(FILES / "sip-wcs.fit").header
    assert {"CTYPE1", "A_ORDER", "BP_ORDER"} <= set(sip)


# ---- by the command, as light and as bias ----


@pytest.fixture
def reduced(tmp_path, monkeypatch, capsys):
    """Reduce rows of a list; give the status, the product's values and what was said."""
    monkeypatch.chdir(tmp_path)

    def run(*rows):
        Path("night.csv").write_text("\n".join(rows))
        status = main(
            [
                "reduce",
                "night.csv",
                "-o",
                "out.fits",
                "--variance",
                "none",
                "--raw",
                "light",
                "--raw",
                "bias",
                "--overwrite",
            ]
        )
        values = fits.getdata("out.fits") if Path("out.fits").exists() else None
        return status, values, capsys.readouterr().err

    return run


def quoted(name, hdu):
    return f'"{FILES / name}", {hdu}'


@pytest.mark.slow
@pytest.mark.parametrize(("name", "hdu", "shape", "exposure"), READ)
def test_what_is_read_is_reduced_as_light_and_as_bias(reduced, name, hdu, shape, exposure):
    frame = open_frame(FILES / name, hdu)
    raw = frame.pixels
    status, values, error = reduced(f"light, {quoted(name, hdu)}")
    assert status == 0, error
    if raw.mask.all():
        assert (status, "no pixel of the light is good" in error) == (0, True)
    assert (status, values.shape, "Traceback" in error) == (0, shape, False)
    np.testing.assert_array_equal(values, without_infinities(raw.values))
    light = np.where(np.isfinite(raw.values), raw.values, 0).astype(np.float64) + 5
    fits.writeto("light.fits", light, fits.Header({"BUNIT": frame.state.unit}))
    Path("out.fits").unlink()
    status, values, error = reduced(f"bias, {quoted(name, hdu)}", "light, light.fits")
    if raw.mask.all():
        assert (status, values, "no good pixel in the bias" in error) == (1, None, True)
    else:
        good = ~raw.mask
        assert status == 0, error
        np.testing.assert_allclose(values[good], 5, atol=1e-3 * (1 + np.abs(raw.values[good]).max()) * 1e-3)


@pytest.mark.parametrize(("name", "hdu", "words"), REFUSED)
def test_what_is_refused_is_refused_as_light_and_as_bias(reduced, name, hdu, words):
    fits.writeto("light.fits", np.ones((4, 4), np.float32))
    for rows in ([f"light, {quoted(name, hdu)}"], [f"bias, {quoted(name, hdu)}", "light, light.fits"]):
        status, values, error = reduced(*rows)
        assert (status, values, "Traceback" in error) == (1, None, False)
        assert re.search(f"night.csv: line 1: .*{re.escape(name)}.*{words}", error)
