"""FITS files: opened lazily, read exactly, refused with a reason, written whole or not at all."""

import bz2
import gzip
import io
import os
import re
import resource
import time
import tracemalloc
import warnings
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from strategies import pixels

from pipeline import (
    Cards,
    Flag,
    FrameSet,
    Image,
    MasterBias,
    Pixels,
    attach_header,
    open_frame,
    open_frames,
    read_night,
    write,
)
from pipeline.errors import MOST, FileListError, FrameError, HeaderError, OutputError, PipelineError
from pipeline.fits import integrity as checksums
from pipeline.headers import exposure as dates

NOISE = np.random.default_rng(1).integers(0, 4000, (40, 50)).astype("u2")
TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
NOT_IN_TILES = {"i1", "i8", "u8"}
TILES = ["a_tiles.fits", "a_tiles.fits.gz"]
FORMS = ["a.fits", "a.fit", "a.fts", "a.FITS", "no_suffix", "a.fits.gz", "a.fits.bz2", *TILES]


def save(path, values, **cards):
    """Write an array as it is stored: the cards may say BSCALE, BZERO or BLANK."""
    hdu = fits.PrimaryHDU(values)
    hdu.header.update(cards)
    hdu.writeto(path, overwrite=True)
    return path


def save_as(folder, form, values, **cards):
    """Write an array in one of the forms; give the path and the number of its HDU."""
    tiles = "tiles" in form
    if tiles:
        hdu = fits.CompImageHDU(values, compression_type="GZIP_1", quantize_level=0)
        hdu.header.update(cards)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(folder / "plain.fits", overwrite=True)
    else:
        save(folder / "plain.fits", values, **cards)
    pack = {"gz": gzip.compress, "bz2": bz2.compress}.get(form.split(".")[-1], bytes)
    (folder / form).write_bytes(pack((folder / "plain.fits").read_bytes()))
    return folder / form, int(tiles)


def shown(frame):
    """Give the values of an opened frame."""
    return frame.pixels.values


# ---- what is read ----


@pytest.mark.parametrize(
    ("form", "dtype"),
    [(form, dtype) for form in FORMS for dtype in TYPES if form not in TILES or dtype not in NOT_IN_TILES],
)
def test_every_form_of_a_file_gives_the_same_pixels(tmp_path, form, dtype):
    values = NOISE.astype(dtype)
    frame = open_frame(*save_as(tmp_path, form, values))
    assert frame.shape == values.shape
    np.testing.assert_array_equal(shown(frame), values)
    np.testing.assert_array_equal(shown(frame.rows(7, 9)), values[7:9])


@given(st.data(), st.sampled_from(TYPES), st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_rows_are_what_astropy_reads(tmp_path_factory, data, dtype, shape):
    values = data.draw(arrays.arrays(dtype, shape))
    path = save(tmp_path_factory.getbasetemp() / "rows.fits", values)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, shape[0]), st.integers(0, shape[0]))))
    frame = open_frame(path)
    rows = frame.source.rows(start, stop)
    expected = fits.getdata(path)[start:stop]
    assert rows.values.dtype == frame.source.dtype
    assert rows.values.dtype.isnative
    np.testing.assert_array_equal(rows.values, expected.astype(rows.values.dtype))
    np.testing.assert_array_equal(rows.mask, ~np.isfinite(rows.values))


scalings = st.fixed_dictionaries(
    {},
    optional={
        "BSCALE": st.sampled_from([1.0, 2.0, 0.26, -1.0]),
        "BZERO": st.sampled_from([0.0, 100.0, 8587.25, -3.0]),
        "BLANK": st.sampled_from([3, 7, 200]),
    },
)


@given(st.sampled_from(["u1", "i2", "i4", "i8"]), scalings, st.sampled_from(["a.fits", "a.fits.gz", "a_tiles.fits"]))
def test_scaling_and_blank_are_applied_once(tmp_path_factory, dtype, cards, form):
    form = "a.fits" if dtype in NOT_IN_TILES else form
    stored = np.arange(12, dtype=dtype).reshape(3, 4)
    path, hdu = save_as(tmp_path_factory.getbasetemp(), form, stored, **cards)
    values = shown(open_frame(path, hdu))
    exactly = stored * cards.get("BSCALE", 1.0) + cards.get("BZERO", 0.0)
    exactly[stored == cards.get("BLANK", -1)] = np.nan
    np.testing.assert_array_equal(values, exactly.astype(values.dtype))
    with np.errstate(invalid="ignore"):
        oracle = fits.getdata(path, hdu)
    np.testing.assert_allclose(values, oracle, rtol=1e-6, atol=1e-3)  # astropy computes in float32


@pytest.mark.parametrize("form", ["a.fits", "a.fits.gz", "a_tiles.fits"])
def test_blank_of_unsigned_integers_is_the_stored_value(tmp_path, form):
    path, hdu = save_as(tmp_path, form, np.array([[0, 1], [40_000, 65_535]], "u2"), BLANK=-32768)
    np.testing.assert_array_equal(shown(open_frame(path, hdu)), [[np.nan, 1], [40_000, 65_535]])


def test_blank_may_be_0(tmp_path):
    """(astropy takes BLANK = 0 for no BLANK.)"""
    path = save(tmp_path / "a.fits", np.array([[0, 1]], "i2"), BLANK=0)
    np.testing.assert_array_equal(shown(open_frame(path)), [[np.nan, 1]])


@pytest.mark.parametrize("form", ["a.fits", "a_tiles.fits"])
def test_float_images_are_scaled_once_too(tmp_path, form):
    path, hdu = save_as(tmp_path, form, NOISE.astype("f4"), BSCALE=2.0, BZERO=5.0)
    np.testing.assert_array_equal(shown(open_frame(path, hdu)), NOISE * 2.0 + 5.0)


@pytest.mark.parametrize("form", ["a.fits", "a.fits.gz", "a_tiles.fits"])
def test_rows_beyond_the_image_are_no_rows(tmp_path, form):
    source = open_frame(*save_as(tmp_path, form, NOISE)).source
    np.testing.assert_array_equal(source.rows(38, 1000).values, NOISE[38:])
    assert source.rows(5, 3).shape == (0, 50)


@pytest.mark.parametrize("axes", [(1, 3, 4), (3, 1, 4), (1, 1, 3, 4), (1, 3, 1, 4), (1, 1, 4), (1, 4)])
def test_axes_of_length_1_are_squeezed_as_far_as_two_are_left(tmp_path, axes):
    values = np.arange(np.prod(axes), dtype="i2").reshape(axes)
    frame = open_frame(save(tmp_path / "a.fits", values))
    assert frame.shape == (3 if 3 in axes else 1, 4)
    np.testing.assert_array_equal(shown(frame).ravel(), values.ravel())


def test_header_and_exposure_come_from_the_hdu_then_from_the_primary(tmp_path):
    first, second = fits.ImageHDU(NOISE, name="A"), fits.ImageHDU(NOISE, name="B")
    primary = fits.PrimaryHDU()
    primary.header.update(EXPTIME=30.0, OBJECT="M13")
    second.header["EXPTIME"] = 40.0
    fits.HDUList([primary, first, second]).writeto(tmp_path / "a.fits")
    frames = [open_frame(tmp_path / "a.fits", hdu) for hdu in ("a", 2)]
    assert [frame.exposure for frame in frames] == [30.0, 40.0]
    assert all(frame.header.get("OBJECT") == "M13" for frame in frames)


# ---- lazily ----


@pytest.mark.parametrize("form", FORMS)
def test_pixels_of_a_file_changed_since_are_refused(tmp_path, form):
    path, hdu = save_as(tmp_path, form, NOISE)
    frame = open_frame(path, hdu)
    save_as(tmp_path, form, NOISE + 1)
    os.utime(path, ns=(0, 0))  # the clock of a file system may be too coarse to see it
    with pytest.raises(FrameError, match="changed since it was opened"):
        frame.rows(0, 1)


def test_pixels_of_a_file_replaced_since_are_refused(tmp_path):
    frame = open_frame(save(tmp_path / "a.fits", NOISE))
    status = (tmp_path / "a.fits").stat()
    save(tmp_path / "b.fits", NOISE)
    os.utime(tmp_path / "b.fits", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "b.fits").replace(tmp_path / "a.fits")
    with pytest.raises(FrameError, match="changed since"):
        shown(frame)


def test_opening_reads_no_pixels_and_rows_read_no_others(tmp_path):
    header = fits.PrimaryHDU(NOISE).header
    header.update(NAXIS1=5000, NAXIS2=5000, EXPTIME=3.0)
    (tmp_path / "a.fits").write_text(header.tostring())
    os.truncate(tmp_path / "a.fits", 2 * 5000**2 + 2880)
    tracemalloc.start()
    frame = open_frame(tmp_path / "a.fits")
    rows = frame.rows(4998, 5000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (frame.shape, frame.exposure, shown(rows).shape) == ((5000, 5000), 3.0, (2, 5000))
    assert peak < 2_000_000  # of 50 MB


# ---- what is refused ----


@pytest.fixture
def mixed(tmp_path):
    """Write a file with HDUs of many kinds."""
    table = fits.BinTableHDU.from_columns([fits.Column("X", "E", array=[1.0])], name="EVENTS")
    cube, line = fits.ImageHDU(np.zeros((2, 3, 4)), name="CUBE"), fits.ImageHDU(np.zeros(5), name="LINE")
    fits.HDUList([fits.PrimaryHDU(), table, cube, line]).writeto(tmp_path / "mixed.fits")
    return tmp_path / "mixed.fits"


CONTENTS = "0 PRIMARY (no data), 1 EVENTS (a table), 2 CUBE (2×3×4), 3 LINE (5)"


@pytest.mark.parametrize(
    ("hdu", "words"),
    [
        (0, f"[0]: holds no data; expected an image; the file has {CONTENTS}"),
        ("EVENTS", f"[1]: holds a table; expected an image; the file has {CONTENTS}"),
        (2, "[2]: is a cube, 2×3×4; expected an image; choose a plane"),
        (3, "[3]: is one-dimensional, 5 values"),
        (4, f": has no HDU 4; it has {CONTENTS}"),
        (-1, f": has no HDU -1; it has {CONTENTS}"),
        ("SCI", f": has no HDU 'SCI'; it has {CONTENTS}"),
    ],
)
def test_an_hdu_that_is_no_image_is_refused_with_what_there_is(mixed, hdu, words):
    with pytest.raises(FrameError) as caught:
        open_frame(mixed, hdu)
    assert f"{mixed}{words}" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"type,path\n", "begins with b'type,p'; expected FITS"),
        (b"SIMPLE", "its header has no END in 6 bytes"),
        (b"SIMPLE  =                    T".ljust(2880), "its header has no END in 2880 bytes"),
        (b"\x1f\x8b\x08", "is cut or damaged inside its packing"),
        (b"BZh9", "is cut or damaged inside its packing"),
        (gzip.compress(b"no FITS", mtime=0), "unpacked it begins with b'no FIT'; expected FITS"),
        (b"PK\x03\x04", "is packed by zip, unpack it first; expected FITS"),
    ],
)
def test_a_file_that_is_no_fits_is_refused(tmp_path, content, words):
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(FrameError) as caught:
        open_frame(tmp_path / "a.fits")
    assert words in str(caught.value)
    assert str(tmp_path / "a.fits") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "is a folder"), ("none.fits", "No such file"), ("a\0.fits", "null byte"), ("a" * 300, "too long")],
)
def test_a_path_that_is_no_file_is_refused(tmp_path, name, words):
    with pytest.raises(FrameError, match=words):
        open_frame(f"{tmp_path}/{name}")


@given(st.sampled_from(["a.fits", "a.fits.gz", "a.fits.bz2", "a_tiles.fits"]), st.floats(0, 1, exclude_max=True))
def test_a_cut_file_never_gives_half_an_image(tmp_path_factory, form, part):
    path, hdu = save_as(tmp_path_factory.getbasetemp(), form, NOISE)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with suppress(FrameError):
        np.testing.assert_array_equal(shown(open_frame(path, hdu)), NOISE)  # only the padding was cut


@pytest.mark.parametrize("form", ["a.fits", "a_tiles.fits"])
def test_a_file_cut_in_its_pixels_is_refused_when_it_is_opened(tmp_path, form):
    path, hdu = save_as(tmp_path, form, NOISE)
    size = path.stat().st_size
    os.truncate(path, size - 2960)
    with pytest.raises(FrameError, match=r"the file is cut, \d+ of \d+ bytes are missing"):
        open_frame(path, hdu)


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


@pytest.mark.parametrize("exposure", ["1,5", "NaN", -1.0, True, "9" * 5000, "a minute"])
def test_an_exposure_that_cannot_be_read_is_refused_with_its_card(tmp_path, exposure):
    path = save(tmp_path / "a.fits", NOISE, EXPTIME=exposure)
    with pytest.raises(HeaderError, match=rf"{re.escape(str(path))}: EXPTIME = .*expected an exposure in seconds"):
        open_frame(path)


@pytest.mark.parametrize(
    ("seconds", "end"), [(60.0, datetime(2018, 8, 10, 0, 1)), (None, datetime(2018, 8, 10)), (1e300, None)]
)
def test_an_exposure_ends_in_the_calendar_or_at_no_time(seconds, end):
    assert dates.end(Cards.of({"DATE-OBS": "2018-08-10T00:00:00"}), seconds) == end


# ---- nights ----


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


# ---- products ----


def product(values=NOISE, flags=0, variance=None):
    return attach_header(Image.of(Pixels.of(values, flags, variance), header={"OBJECT": "M13", "EXPTIME": 3.0}))


@given(pixels())
def test_a_product_comes_back_as_it_was_written(tmp_path_factory, written):
    path = tmp_path_factory.getbasetemp() / "product.fits"
    write(attach_header(Image.of(written, header={"EXPTIME": 3.0})), path, overwrite=True)
    frame = open_frame(path)
    back = frame.pixels
    assert frame.exposure == 3.0
    assert back.values.dtype == written.values.dtype
    np.testing.assert_array_equal(back.values, written.values)
    np.testing.assert_array_equal(back.flags, written.flags)
    assert (back.variance is None) == (written.variance is None)
    if written.variance is not None:
        np.testing.assert_allclose(back.variance, written.variance, rtol=1e-6, atol=1e-40)  # by way of its root


@pytest.mark.parametrize("name", ["product.fits", "product.fits.gz"])
def test_rows_of_a_product_bring_their_flags_and_variance(tmp_path, name):
    flags = np.where(NOISE > 3000, int(Flag.SATURATED), 0)
    write(product(NOISE, flags, NOISE + 4.0), tmp_path / name)
    rows = open_frame(tmp_path / name).rows(10, 20).pixels
    np.testing.assert_array_equal(rows.flags, flags[10:20])
    np.testing.assert_allclose(rows.variance, NOISE[10:20] + 4.0, rtol=1e-6)


def test_what_is_summed_piece_by_piece_is_summed_whole():
    data = np.random.default_rng(1).bytes(2 * checksums.SUMMED_AT_ONCE + 1000)
    assert checksums.sum_of_stream(io.BytesIO(data), 40, len(data)) == checksums.sum_of(data[40:])


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


def test_a_product_whose_flags_do_not_fit_is_refused(tmp_path):
    write(product(), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        hdus["FLAGS"].data = hdus["FLAGS"].data[1:]
        hdus.writeto(tmp_path / "b.fits")
    with pytest.raises(FrameError, match=r"shape \(39, 50\), its image \(40, 50\)"):
        open_frame(tmp_path / "b.fits")


@pytest.mark.parametrize("name", ["MASK", "UNCERT", "FLAGS"])
def test_what_stands_beside_an_image_is_read_by_itself(tmp_path, name):
    write(product(NOISE, NOISE % 2 * int(Flag.HOT), NOISE + 4.0), tmp_path / "a.fits")
    alone = open_frame(tmp_path / "a.fits", name).pixels
    np.testing.assert_array_equal(alone.values, fits.getdata(tmp_path / "a.fits", name))
    assert not alone.flags.any()
    assert alone.variance is None


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


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.fits.bz2"])
def test_loading_twice_is_loading_once(tmp_path, name):
    values = np.random.default_rng(3).integers(0, 65_536, (50, 40)).astype(np.uint16)
    fits.writeto(tmp_path / name, values)
    once = open_frame(tmp_path / name).source.loaded()
    assert once.loaded() == once
    np.testing.assert_array_equal(once.loaded().rows(0, 50).values, values)
