"""The cards that scripts written for ASPIRED read hold what was really done."""

from datetime import datetime, timedelta

import attrs
import numpy as np
import pytest
from astropy.nddata import CCDData
from hypothesis import given
from hypothesis import strategies as st
from made_masters import SHAPE, full
from strategies import frames_of

from pipeline import Clip, FrameSet, Image, Pixels, Recipe, attach_header, combine, open_frame, pipe, reduce, write
from pipeline.errors import FileWarning
from pipeline.simulation.simulate import Counts, Exposures, simulate
from pipeline.stages.header import shortest_names

NIGHT = simulate(shape=(16, 24), counts=Counts(bias=4, dark=3, flat=5, light=2), exposures=Exposures(dark=300.0))


def test_how_each_kind_was_combined():
    header = reduce(NIGHT.frames, recipe=Recipe(method="median", clip=Clip("mad", low=4.0, high=6.0))).header
    expected = {"COMBTYPE": "median", "SIGCLIP": True, "CLIPLOW": 4.0, "CLIPHIG": 6.0, "CLIPHIGH": 6.0, "WEIGHT": False}
    expected |= {"XPOSURE": 240.0, "AXPOSURE": 120.0, "DXPOSURE": 900.0, "FXPOSURE": 40.0}
    for letter in "BDF":
        expected |= {f"{letter}COMTYPE": "median", f"{letter}SIGCLIP": True}
        expected |= {f"{letter}CLIPLOW": 4.0, f"{letter}CLIPHIG": 6.0}
    assert {key: header.get(key) for key in expected} == expected
    assert "BXPOSURE" not in header


def test_without_a_clip_it_is_said_that_there_was_none():
    header = reduce(NIGHT.frames, recipe=Recipe(clip=None)).header
    assert [header.get(key) for key in ("SIGCLIP", "BSIGCLIP", "DSIGCLIP", "FSIGCLIP")] == [False] * 4
    assert not {"CLIPLOW", "CLIPHIG", "BCLIPLOW", "DCLIPHIG"} & set(header)


@pytest.mark.parametrize("missing", ["bias", "dark", "flat"])
@pytest.mark.filterwarnings("ignore::pipeline.errors.AssumptionWarning")
def test_of_a_master_that_was_not_used_nothing_is_said(missing):
    frames = FrameSet(frame for frame in NIGHT.frames if frame.kind != missing)
    header = reduce(frames).header
    said = {letter for letter in "BDF" if f"{letter}COMTYPE" in header}
    assert said == set("BDF") - {missing[0].upper()}


def test_what_a_former_product_said_is_not_kept():
    from pipeline import Image, attach_header, combine

    old = {"SIGCLIP": True, "CLIPHIG": 3.0, "DCOMTYPE": "median", "FXPOSURE": 9.0}
    header = attach_header(Image.of(np.ones((2, 2)), header=old)).header
    assert not set(old) & set(header)
    weighed = combine(frames_of(np.ones((3, 2, 2), "u2")), clip=None, weights="exposure")
    assert attach_header(weighed).header.get("WEIGHT") is True


@given(paths=st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map("/".join), min_size=1, max_size=6))
def test_different_paths_get_different_names_and_each_ends_its_path(paths):
    short = shortest_names(paths)
    assert len(set(short)) == len(set(paths))
    assert all(path.endswith(name) for path, name in zip(paths, short, strict=True))
    if len({path.split("/")[-1] for path in paths}) == len(set(paths)):
        assert short == [path.split("/")[-1] for path in paths]


def test_frames_of_one_name_are_told_apart_in_the_header():
    frames = FrameSet(Image.of(np.ones((4, 4)), name=name) for name in ("n1/raw.fits", "n2/raw.fits", "n2/b.fits"))
    header = pipe(frames, combine(clip=None), attach_header).header
    assert [header.get(f"LIGHT{number}") for number in (1, 2, 3)] == ["n1/raw.fits", "n2/raw.fits", "b.fits"]


@pytest.mark.parametrize("unit", ["nonsense", "Corrected DN", "e-/pixel"])
def test_a_unit_that_nobody_knows_is_kept_where_ccddata_does_not_stumble_over_it(unit, tmp_path):
    with pytest.warns(FileWarning, match=f"{unit}.*is no unit that is known"):
        product = attach_header(Image.of(full(3), header={"BUNIT": unit}))
    write(product, tmp_path / "o.fits")
    assert CCDData.read(tmp_path / "o.fits").unit == ""
    again = open_frame(tmp_path / "o.fits")
    assert again.state.unit == unit
    with pytest.warns(FileWarning):
        assert attach_header(again).header.get("BUNITRAW") == unit


@pytest.mark.parametrize("unit", ["adu", "Counts", "e-/s", "MJy/sr", "Jy"])
def test_a_unit_that_is_known_is_written(unit):
    product = attach_header(Image.of(full(3), header={"BUNIT": unit, "GAIN": 1.0, "RDNOISE": 1.0}))
    assert str(product.to_ccddata().unit)
    assert "BUNITRAW" not in product.header
    assert not product.notes


def test_a_pixel_whose_error_nobody_knows_is_flagged_and_its_error_is_not_infinite():
    variance = np.full(SHAPE, 4.0, np.float32)
    variance[1, 2] = np.inf
    product = attach_header(Image.of(Pixels.of(full(3), variance=variance)))
    assert product.pixels.mask.sum() == product.pixels.mask[1, 2] == 1
    sigma = product.to_hdulist()["UNCERT"].data
    assert np.isnan(sigma[1, 2])
    assert (np.delete(sigma.ravel(), 7) == 2).all()
    assert np.isnan(product.to_ccddata().uncertainty.array[1, 2])
    exact = attach_header(Image.of(Pixels.of(full(3), variance=np.full(SHAPE, 4.0))))
    assert not exact.pixels.mask.any()


@pytest.mark.filterwarnings("error")
def test_long_words_do_not_make_astropy_speak():
    image = Image.of(full(3), header={"OBJECT": "an object of a long name; " * 5 + "."}, name="a" * 55 + ".fits")
    product = attrs.evolve(image, added=(("FLATCOR", "Flat field image is " + "x" * 45, "of which more is said here"),))
    header = attach_header(product).to_hdu().header
    assert header["OBJECT"] == "an object of a long name; " * 5 + "."
    assert header["FLATCOR"].endswith("xxx")
    assert header["LONGSTRN"] == "OGIP 1.0"


def lights_of(*dates, **cards):
    """Give lights of 60 s, each with an epoch in several forms."""
    frames = []
    for i, date in enumerate(dates):
        days = (datetime.fromisoformat(date) - datetime(1858, 11, 17)) / timedelta(days=1) if date else 0.0
        header = {"EXPTIME": 60.0, "DATE-OBS": date, "MJD-OBS": days, "MJD-AVG": days + 30 / 86400, "HJD": days} | cards
        frames.append(Image.of(np.full((2, 2), 100.0 + i), header=header, name=f"{i}.fits"))
    return FrameSet(frames)


@pytest.mark.parametrize("reverse", [False, True])
def test_every_form_of_an_epoch_follows_a_combination(reverse):
    dates = ["2026-01-14T03:00:00", "2026-01-14T03:10:00", "2026-01-14T03:20:00"]
    header = attach_header(combine(lights_of(*dates[:: -1 if reverse else 1]))).header
    assert [header.get(key) for key in ("DATE-BEG", "DATE-AVG", "DATE-END")] == [
        "2026-01-14T03:00:00.000",
        "2026-01-14T03:10:30.000",
        "2026-01-14T03:21:00.000",
    ]
    middle = (datetime(2026, 1, 14, 3, 10, 30) - datetime(1858, 11, 17)) / timedelta(days=1)
    assert header.get("MJD-AVG") == pytest.approx(middle, abs=1e-8)
    assert header.get("MJD-OBS") == pytest.approx(middle - 630 / 86400, abs=1e-8)
    assert str(header.get("DATE-OBS")).startswith("2026-01-14T03:00:00")
    assert "HJD" not in header


def test_one_exposure_keeps_its_epoch_in_every_form():
    frames = lights_of("2026-01-14T03:00:00")
    header = attach_header(combine(frames)).header
    assert [header.get(key) for key in ("MJD-AVG", "HJD")] == [frames[0].header.get(key) for key in ("MJD-AVG", "HJD")]


@pytest.mark.filterwarnings("ignore::pipeline.errors.FileWarning")
def test_a_combination_whose_epoch_is_not_known_says_none():
    header = attach_header(combine(lights_of("2026-01-14T03:00:00", ""))).header
    assert not {"DATE-BEG", "DATE-AVG", "DATE-END", "MJD-AVG"} & set(header)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_product_holds_nan_where_its_frames_were_infinite(frames):
    stack = np.full((frames, 3, 4), 100.0)
    stack[:, 0, 1], stack[:, 2, 2] = np.inf, -np.inf
    pixels = attach_header(combine(frames_of(stack), clip=None)).pixels
    assert np.argwhere(np.isnan(pixels.values)).tolist() == np.argwhere(pixels.mask).tolist() == [[0, 1], [2, 2]]
