"""What a header says of the detector, how it was set, and the kind of the image: many observatories, and traps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from observatories import OBSERVATORIES, text

from pipeline import Cards, Image, flag_saturated
from pipeline.errors import HeaderError, HeaderWarning
from pipeline.headers import keywords
from pipeline.headers.exposure import exposure


def headers(*parts):
    return [Cards(text(part)) for part in parts if part]


@pytest.mark.parametrize(
    ("own", "primary", "seconds", "gain", "noise"),
    [row[1:] for row in OBSERVATORIES],
    ids=[row[0] for row in OBSERVATORIES],
)
def test_other_observatories(own, primary, seconds, gain, noise):
    parts = headers(own, primary)
    assert exposure(*parts) == (seconds if seconds is None else pytest.approx(seconds, rel=1e-12))
    assert keywords.gain(*parts) == (gain if gain is None else pytest.approx(gain))
    assert keywords.read_noise(*parts) == (noise if noise is None else pytest.approx(noise))


@pytest.mark.parametrize(
    ("card", "level"),
    [(60_000, 60_000.0), ("6E4", 60_000.0), (True, None), (0, None), ("high", None), (-1, None), ("NaN", None)],
)
def test_saturation_is_a_number_above_0(card, level):
    assert keywords.saturation(Cards.of({"SATURATE": card})) == level


@pytest.mark.parametrize("card", ["SATURATE= NaN", "SATURATE= -1"])
def test_an_unknown_saturation_is_said_and_flags_nothing(card):
    frame = Image.of(np.ones((2, 2)), header=Cards(card.ljust(80)), name="a.fits")
    with pytest.warns(HeaderWarning, match=rf"a\.fits: {card[:8]} *= .* says no level of saturation"):
        assert not flag_saturated()(frame).pixels.mask.any()


@pytest.mark.parametrize("card", ["SATURATE= '65,000'", "SATLEVEL= 1E400"])
def test_a_saturation_that_cannot_be_read_names_the_file_and_the_way_out(card):
    frame = Image.of(np.ones((2, 2)), header=Cards(card.ljust(80)), name="a.fits")
    with pytest.raises(HeaderError, match=rf"a\.fits: {card[:8]} = .*expected a number above 0; or .*--saturation"):
        flag_saturated()(frame)
    assert flag_saturated(level=1.0)(frame).pixels.mask.all()


@pytest.mark.parametrize("value", ["1,5", "nan", -2.0])
def test_a_gain_that_cannot_be_read_is_refused(value):
    with pytest.raises(HeaderError, match=r"GAIN = .*expected a number above 0"):
        keywords.gain(Cards.of({"GAIN": value}))


@pytest.mark.parametrize(
    ("cards", "kind"),
    [
        ({"IMAGETYP": "Bias Frame"}, "bias"),
        ({"IMAGETYP": "zero"}, "bias"),
        ({"IMAGETYP": "Master Dark", "EXPTIME": 30.0}, "dark"),
        ({"OBSTYPE": "DARK", "EXPTIME": 0}, "bias"),
        ({"IMAGETYP": "Flat Field"}, "flat"),
        ({"IMAGETYP": "LAMPFLAT"}, "flat"),
        ({"IMAGETYP": "DOMEFLAT"}, "flat"),
        ({"OBSTYPE": "LAMP"}, "arc"),
        ({"IMAGETYP": "COMP"}, "arc"),
        ({"IMAGETYP": "Light Frame"}, "light"),
        ({"OBSTYPE": "OBJECT"}, "light"),
        ({"ESO DPR TYPE": "STD"}, "light"),
        ({"IMAGETYP": "???"}, None),
        ({}, None),
    ],
)
def test_types_of_image(cards, kind):
    assert keywords.image_type(Cards.of(cards)) == kind


@pytest.mark.parametrize(
    ("cards", "binning"),
    [
        ({"CCDSUM": "2 4"}, (2, 4)),
        ({"CCDSUM": "1 1"}, (1, 1)),
        ({"XBINNING": 2, "YBINNING": 3}, (2, 3)),
        ({"BINNING": "2x2"}, (2, 2)),
        ({"BINNING": 2}, (2, 2)),
        ({"CCDXBIN": 1.0, "CCDYBIN": 2.0}, (1, 2)),
        ({}, None),
    ],
)
def test_binning(cards, binning):
    assert keywords.binning(Cards.of(cards)) == binning


@pytest.mark.parametrize(
    ("said", "celsius"),
    [(-273.15, -273.15), (-200.0, -200.0), (-274.0, None), (100.0, 100.0), ("-10.5", -10.5), ("cold", None)],
)
def test_a_temperature_is_above_absolute_zero(said, celsius):
    assert keywords.temperature_from(Cards.of({"CCD-TEMP": said}), "CCD-TEMP") == celsius


@given(
    st.integers(0, 400_000).map(lambda n: n / 1000),
    st.sampled_from(["[K] of the chip", "temperature (K)", "in Kelvin"]),
)
def test_a_temperature_in_kelvin_is_told_by_its_comment_or_by_being_above_100(kelvin, comment):
    said = keywords.temperature_from(Cards.of({"CCD-TEMP": (kelvin, comment)}), "CCD-TEMP")
    assert said == (pytest.approx(kelvin - 273.15) if kelvin <= 373.15 else None)
    plain = keywords.temperature_from(Cards.of({"CCD-TEMP": kelvin}), "CCD-TEMP")
    assert plain == (kelvin if kelvin <= 100 else said)


def test_the_filter_and_the_dispersion():
    cards = Cards.of({"FILTER": " V ", "DISPAXIS": 2})
    assert keywords.filter_name(cards) == "V"
    assert keywords.dispersion_axis(cards) == 2
    nothing = Cards.of({"DISPAXIS": 0, "FILTER": ""})
    assert keywords.dispersion_axis(nothing) is None
    assert keywords.filter_name(nothing) is None


@pytest.mark.parametrize(
    ("cards", "spectrum"),
    [
        ({"GRATNG_N": "1200/5000", "SLIT_N": "2.0 arcsec"}, True),
        ({"ESO INS GRIS1 NAME": "Gr4", "ESO INS SLIT1 NAME": "slit1.0"}, True),
        ({"GRATING": "600_SYZY_OLD", "SLIT": 0.45}, True),
        ({"DISPAXIS": 2}, True),
        ({"DISPAXIS": 1, "SLITPOS": "IN", "GRATPOS": "OUT"}, False),
        ({"ALGRNM": "Open_(Lyot)", "ALAPRTNM": "Open"}, False),
        ({"ALGRNM": "Grism_4", "ALAPRTNM": "Open"}, False),
        ({"GRATING": "MIRROR", "MASKNAME": "None"}, False),
        ({"GRISM": "Gr4"}, False),
        ({"APERTURE": "f/8", "FILTER": "V"}, False),
        ({}, False),
    ],
)
def test_a_spectrum_has_a_slit_and_a_disperser_in_the_beam(cards, spectrum):
    assert keywords.is_spectrum(Cards.of(cards)) is spectrum
