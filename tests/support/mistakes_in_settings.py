"""Mistakes in how the camera was set, and in what headers say of it and of exposures."""

import numpy as np
from spoilt_nights import mistake

# filters


def _flats_of(night, keyword, flat, light, **also):
    """Give flats and lights each their filter under a keyword; dust lies elsewhere in the flats."""
    dusty = night.dusty
    if flat != light:
        night.flat = night.several("flat", 4, response=night.optics(((34, 14), (14, 62))))
        night.dusty = dusty
    night.card("FILTER", None)
    for other, value in also.items():
        night.card(other, value, "flat", "light")
    night.card(keyword, flat, "flat")
    night.card(keyword, light, "light")


@mistake("filter", "filter")
def flats_of_another_filter(night):
    """Flats in V, lights in R: FILTER."""
    _flats_of(night, "FILTER", "V", "R")


@mistake("filter", "filter")
def flats_of_another_filter_in_the_second_wheel(night):
    """Flats in Ha, lights in OIII: FILTER2, while FILTER1 is clear."""
    _flats_of(night, "FILTER2", "Ha", "OIII", FILTER1="CLEAR")


@mistake("filter", "filter")
def flats_of_another_filter_in_the_third_wheel(night):
    """Flats in g, lights in i: FILTER3, while FILTER1 and FILTER2 say air."""
    _flats_of(night, "FILTER3", "g", "i", FILTER1="air", FILTER2="air")


@mistake("filter", "filter")
def flats_of_a_second_filter_beside_the_same_first(night):
    """FILTER is clear in all, FILTER2 is U in flats, B in lights."""
    _flats_of(night, "FILTER2", "U", "B", FILTER="clear")


@mistake("filter", "filter|FILT")
def flats_of_another_filter_at_calar_alto(night):
    """Flats in V, lights in R: HIERARCH CAHA INS FILT2 NAME."""
    _flats_of(night, "CAHA INS FILT2 NAME", "V", "R")


@mistake("filter", "filter|FILT")
def flats_of_another_filter_at_eso(night):
    """Flats in V, lights in R: HIERARCH ESO INS FILT2 NAME, FILT1 is free."""
    _flats_of(night, "ESO INS FILT2 NAME", "V", "R", **{"ESO INS FILT1 NAME": "FREE"})


@mistake("filter", "filter")
def flats_of_another_system(night):
    """Flats in r (Sloan), lights in R (Bessell)."""
    _flats_of(night, "FILTER", "r", "R")


@mistake("filter", "filter")
def flats_of_another_width(night):
    """Flats in Ha of 3 nm, lights in Ha of 7 nm."""
    _flats_of(night, "FILTER", "Ha 3nm", "Ha 7nm")


@mistake("filter", "filter")
def flats_of_another_place_in_the_wheel(night):
    """Flats through filter 2, lights through filter 4, by number."""
    _flats_of(night, "FILTER", 2, 4)


@mistake("filter", "filter")
def flats_without_a_filter(night):
    """Flats without a filter, which says so: CLEAR; lights in R."""
    _flats_of(night, "FILTER", "CLEAR", "R")


@mistake("filter", "filter")
def one_flat_of_another_filter(night):
    """One flat of four in V."""
    night.flat[2] = night.expose("flat", response=night.optics(((34, 14),)), cards={"FILTER": "V"})
    night.wrong = "flat of two filters"


@mistake("filter", "filter")
def one_light_of_another_filter(night):
    """One light of three in V."""
    night.light[1] = night.expose("light", scene=1.3 * night.scene, cards={"FILTER": "V"})


# settings of the camera


@mistake("camera", "gain")
def lights_of_another_gain_setting(night):
    """A CMOS camera: GAIN 100 in calibrations, 250 in lights; EGAIN follows."""
    night.card("GAIN", 100)
    night.card("EGAIN", 1.6)
    night.light = night.several("light", 3, gain=0.8, cards={"GAIN": 250, "EGAIN": 0.8})


@mistake("camera", "gain")
def lights_of_another_gain_setting_egain_does_not_follow(night):
    """A driver that writes one EGAIN for every GAIN: 100 in calibrations, 250 in lights."""
    night.card("GAIN", 100)
    night.card("EGAIN", 1.6)
    night.light = night.several("light", 3, gain=0.8, cards={"GAIN": 250, "EGAIN": 1.6})


@mistake("camera", "gain")
def darks_of_another_gain(night):
    """Darks at GAIN 3.2, the rest at 1.6."""
    night.dark = night.several("dark", 4, gain=3.2, cards={"GAIN": 3.2})


@mistake("camera", "offset|black.?level|pedestal")
def lights_of_another_offset(night):
    """OFFSET 10 in calibrations, 30 in lights."""
    night.card("OFFSET", 10)
    night.light = night.several("light", 3, pedestal=night.pedestal + 160, cards={"OFFSET": 30})


@mistake("camera", "offset|black.?level|pedestal|BLKLEVEL|level")
def one_bias_of_another_black_level(night):
    """BLKLEVEL 10 in all frames but one bias, of 40."""
    night.card("BLKLEVEL", 10)
    night.bias[0] = night.expose("bias", pedestal=night.pedestal + 90, cards={"BLKLEVEL": 40})


@mistake("camera", "offset|black.?level|pedestal")
def lights_with_a_pedestal_added(night):
    """PEDESTAL -100 in lights: a program has added 100 to them."""
    night.card("PEDESTAL", 0)
    for frame in night.light:
        frame.values = frame.values + 100
        frame.cards["PEDESTAL"] = -100


@mistake("camera", "instrume|camera|detector")
def bias_of_another_instrument(night):
    """Bias and darks of another camera: INSTRUME."""
    pedestal = 1000 + night.random.normal(0, 40, night.shape)
    for kind in ("bias", "dark"):
        setattr(night, kind, night.several(kind, 4, pedestal=pedestal, cards={"INSTRUME": "GUIDER"}))


@mistake("camera", "detector|chip|CCD")
def bias_of_another_chip(night):
    """Bias and darks of another chip of the camera: CCDNAME."""
    night.card("CCDNAME", "E2V-2")
    pedestal = 1000 + night.random.normal(0, 40, night.shape)
    for kind in ("bias", "dark"):
        setattr(night, kind, night.several(kind, 4, pedestal=pedestal, cards={"CCDNAME": "E2V-1"}))


@mistake("camera", "serial|camera|detector|SERNO|SERIAL")
def bias_of_another_serial_number(night):
    """Two cameras of one model: DETSER tells."""
    night.card("DETSER", "A-1027")
    pedestal = 1000 + night.random.normal(0, 40, night.shape)
    for kind in ("bias", "dark"):
        setattr(night, kind, night.several(kind, 4, pedestal=pedestal, cards={"DETSER": "A-1031"}))


@mistake("camera", "telescop")
def flats_of_another_telescope(night):
    """Flats of the same camera at another telescope: TELESCOP."""
    dusty = night.dusty
    night.flat = night.several("flat", 4, response=night.optics(((34, 14), (14, 62))), cards={"TELESCOP": "1.5m"})
    night.dusty = dusty


@mistake("camera", "rotat|ROTANG|angle|orient")
def flats_of_another_angle_of_the_rotator(night):
    """The rotator stood at 90° for flats, at 0° for lights: ROTANG tells."""
    dusty = night.dusty
    night.card("ROTANG", 0.0, "light")
    night.flat = night.several("flat", 4, response=night.optics(((34, 14), (14, 62))), cards={"ROTANG": 90.0})
    night.dusty = dusty


@mistake("camera", "binning|BIN")
def bias_of_another_binning(night):
    """Bias and darks binned 2 × 2 of a larger window, of the same shape: XBINNING."""
    for kind in ("bias", "dark"):
        frames = night.several(kind, 4, pedestal=night.pedestal + 90, cards={"XBINNING": 2, "YBINNING": 2})
        setattr(night, kind, frames)


@mistake("camera", "section|window|region|XORGSUBF|subframe")
def flats_of_another_window(night):
    """Flats of another window of the chip: XORGSUBF and YORGSUBF."""
    night.card("XORGSUBF", 100)
    night.card("YORGSUBF", 200)
    dusty = night.dusty
    night.flat = night.several(
        "flat", 4, response=night.optics(((34, 14), (14, 62))), cards={"XORGSUBF": 400, "YORGSUBF": 200}
    )
    night.dusty = dusty


@mistake("camera", "section|window|region|DETSEC")
def bias_of_another_section(night):
    """Bias of another section of the chip: DETSEC."""
    night.card("DETSEC", "[1:80,1:64]")
    night.bias = night.several(
        "bias", 4, pedestal=night.pedestal + 40 * (night.y > 30), cards={"DETSEC": "[1:80,513:576]"}
    )


@mistake("camera", "readout mode|READOUTM|mode|speed")
def bias_of_another_readout_mode(night):
    """Bias of another mode: READOUTM of MaxIm."""
    night.card("READOUTM", "Monochrome")
    night.bias = night.several("bias", 4, pedestal=night.pedestal + 50, cards={"READOUTM": "Fast"})


@mistake("camera", "readout|speed|RDSPEED|READ-SPD|READOUT")
def darks_of_another_readout_speed(night):
    """Darks read out at another speed: RDSPEED in kHz."""
    night.card("RDSPEED", 100)
    night.dark = night.several("dark", 4, pedestal=night.pedestal + 50, cards={"RDSPEED": 500})


@mistake("camera", "row.?order|orient|flip|mirror|upside")
def bias_upside_down(night):
    """Bias and darks of a program that begins at the top: ROWORDER."""
    night.pedestal = night.pedestal + 2 * night.y
    night.take()
    night.card("ROWORDER", "BOTTOM-UP")
    night.card("ROWORDER", "TOP-DOWN", "bias", "dark")
    for frame in night.all("bias", "dark"):
        frame.alter(lambda v: v[::-1])


# exposures


@mistake("exposure", "expos|EXPTIME|0 s")
def lights_of_zero_seconds(night):
    """EXPTIME of the lights is 0."""
    night.card("EXPTIME", 0.0, "light")


@mistake("exposure", "expos|EXPTIME")
def lights_without_exposure(night):
    """The lights have no EXPTIME."""
    night.card("EXPTIME", None, "light")


@mistake("exposure", "expos|EXPTIME")
def darks_without_exposure(night):
    """The darks have no EXPTIME."""
    night.card("EXPTIME", None, "dark")


@mistake("exposure", "expos|EXPTIME|negative")
def lights_of_negative_seconds(night):
    """EXPTIME of the lights is -1: the camera did not know."""
    night.card("EXPTIME", -1.0, "light")


@mistake("exposure", "expos|minute|EXPTIME")
def exposures_in_minutes(night):
    """EXPTIME in minutes, its comment tells."""
    for frame in night.all("light", "dark"):
        frame.cards["EXPTIME"] = (frame.cards["EXPTIME"] / 60, "exposure in minutes")


@mistake("exposure", "expos|EXPTIME|ms")
def lights_in_milliseconds(night):
    """EXPTIME of the lights in ms, its comment tells."""
    night.card("EXPTIME", (60_000, "[ms]"), "light")


@mistake("exposure", "expos|EXPTIME|text|word")
def exposure_in_words(night):
    """EXPTIME of the lights is text with its unit."""
    night.card("EXPTIME", "60 s", "light")


@mistake("exposure", "expos|EXPTIME")
def exposure_that_is_no_number(night):
    """EXPTIME of the lights is 'unknown'."""
    night.card("EXPTIME", "unknown", "light")


@mistake("exposure", "EXPTIME|EXPOSURE")
def exposures_that_disagree(night):
    """EXPTIME and EXPOSURE of the darks disagree."""
    night.card("EXPOSURE", 12.0, "dark")
    night.wrong = "one of two exposures was taken"


@mistake("exposure", "expos|EXPTIME|absurd|bias")
def bias_of_absurd_exposure(night):
    """EXPTIME of the bias is -999: it does not matter."""
    night.card("EXPTIME", -999.0, "bias")


# arcs and gratings


@mistake("camera", "grating|grism|disperser|GRATNAM")
def flats_of_another_grating(night):
    """Flats of another grating: GRATING."""
    night.spectrograph()
    night.card("GRATING", "600/4310", "light", "arc")
    night.card("GRATING", "300/7500", "flat")
    night.wrong = "flats of other wavelengths"


@mistake("camera", "wave|grating|angle|GRATANGL|tilt")
def flats_of_another_tilt(night):
    """Flats at another angle of the grating: GRATANGL."""
    night.spectrograph()
    night.card("GRATANGL", 21.3, "light", "arc")
    night.card("GRATANGL", 24.9, "flat")
    night.wrong = "flats of other wavelengths"


@mistake("camera", "slit|aperture")
def arcs_of_another_slit(night):
    """Arcs through another slit: SLITNAME."""
    night.spectrograph()
    night.card("SLITNAME", "long_0.7", "light", "flat")
    night.card("SLITNAME", "long_2.0", "arc")
    night.wrong = "arcs of broader lines"


@mistake("camera", "filter|order")
def flats_of_another_order_blocker(night):
    """A spectrograph's flats through another blocking filter."""
    night.spectrograph()
    night.lamp = night.lamp * np.where(night.x < 30, 0.5, 1.0)
    night.card("FILTER", "GG495", "light")
    night.card("FILTER", "free", "flat")
    night.wrong = "flats of another filter"
