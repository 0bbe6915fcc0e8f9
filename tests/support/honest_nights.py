"""Nights in which nothing is wrong, as they are."""

import numpy as np
from spoilt_nights import honest

from pipeline import Amplifier, Clip, Recipe, subtract_overscan, to_electrons

BY_REDUCE = ("reduce",)


@honest("imaging")
def broad_band(night):
    """Broad-band imaging."""


@honest("imaging")
def one_frame_of_each_kind(night):
    """One bias, dark, flat and light."""
    night.take(bias=1, dark=1, flat=1, light=1)
    night.routes = BY_REDUCE  # which takes the noise from headers


@honest("imaging")
def two_frames_of_each_kind(night):
    """Two of each kind."""
    night.take(bias=2, dark=2, flat=2, light=2)


@honest("imaging")
def no_clip(night):
    """Nothing is left out: clip=None."""
    night.recipe = Recipe(clip=None)
    night.routes = BY_REDUCE


@honest("imaging")
def by_the_median(night):
    """Combined by medians, no variance."""
    night.recipe, night.variance_known, night.routes = Recipe(method="median", variance=None), False, BY_REDUCE


@honest("imaging")
def cirrus(night):
    """Cirrus: 10 % of the light is lost in one light, the sky 6 % brighter."""
    stars = night.scene - 2500
    night.light = [night.expose("light", scene=2500 * s + t * stars) for s, t in ((1, 1), (1.06, 0.95), (0.94, 1.05))]


@honest("imaging")
def moonrise(night):
    """The moon rises: the sky grows by 8 %, more on the right."""
    glow = 2500 * (0.6 + 0.8 * night.x / night.shape[1])
    night.light = [night.expose("light", scene=night.scene + share * glow) for share in (-0.04, 0.0, 0.04)]


@honest("imaging")
def seeing_changes(night):
    """The seeing changes by 15 % between lights, stars are faint."""
    night.stars = [(y, x, f / 20) for y, x, f in night.stars]
    night.scene = night.sky()
    night.light = [night.expose("light", scene=night.sky(fwhm=f)) for f in (2.8, 3.0, 3.2)]


@honest("imaging")
def guided_within_a_fifth_of_a_pixel(night):
    """Guiding wanders by a fifth of a pixel, stars are faint; RA and DEC follow."""
    night.stars = [(y, x, f / 20) for y, x, f in night.stars]
    night.scene = night.sky()
    night.light = [
        night.expose("light", scene=night.sky(down=d, right=-d), cards={"DEC": f"+85:15:{18 + d:05.2f}"})
        for d in (-0.2, 0.0, 0.2)
    ]


@honest("imaging")
def narrow_band_without_light(night):
    """Narrow band: a sky of 4 electrons."""
    night.scene = night.sky(level=4.0, stars=[])
    night.current = np.where(night.current > 1, night.current, 0.01)
    night.take(bias=8, dark=8, flat=4, light=4)


@honest("imaging")
def half_an_electron_of_sky(night):
    """Short exposures of half an electron of sky: half the pixels are negative."""
    night.scene = night.sky(level=0.5, stars=[])
    night.no_darks()
    night.bias = night.several("bias", 12)


@honest("imaging")
def faint_flats(night):
    """Flats of 4,000 electrons."""
    night.lamp = 4000.0
    night.take(flat=6)


@honest("imaging")
def nebula_over_the_frame(night):
    """A bright nebula fills the frame."""
    night.scene = night.sky() + 12_000 * np.exp(-((night.y - 30) ** 2 + (night.x - 45) ** 2) / 700)
    night.take(light=4)


@honest("imaging")
def crowded_field(night):
    """A crowded field: stars everywhere."""
    places = np.geomspace(3e3, 1.5e5, 120)
    night.stars = [(night.random.uniform(0, 64), night.random.uniform(0, 80), flux) for flux in places]
    night.scene = night.sky()
    night.take(light=4)


@honest("imaging")
def dark_nebula(night):
    """A third of the frame is a dark cloud: its sky is half as bright."""
    night.scene = night.sky() * np.where(night.x < 28, 0.5, 1.0)
    night.take(light=3)


@honest("imaging")
def big_galaxy_in_a_corner(night):
    """A galaxy, as bright as ten skies, in a corner."""
    night.scene = night.sky() + 25_000 * np.exp(-np.hypot(night.y - 8, night.x - 10) / 9)
    night.take(light=3)


@honest("imaging")
def saturated_star_with_its_card(night):
    """A star is saturated, SATURATE tells: flagged."""
    night.stars[-1] = (30.0, 40.0, 2e6)
    night.scene = night.sky()
    night.take(light=3)
    night.card("SATURATE", 64_000)


@honest("imaging")
def satellite_through_one_light(night):
    """A satellite flares in one light of five."""
    night.take(light=5)
    trail = 20_000 * np.exp(-((night.y - 30.0) ** 2)) * ((night.x > 30) & (night.x < 60))
    night.light[1] = night.expose("light", scene=night.scene + trail)


@honest("imaging")
def cosmic_rays(night):
    """Cosmic rays on all lights and darks."""
    for frame in night.all("light", "dark"):
        hit = night.random.random(night.shape) < 2e-3
        frame.values = frame.values + hit * night.random.uniform(500, 20_000, night.shape)


@honest("imaging")
def an_asteroid_moves(night):
    """An asteroid moves by 5 pixels from light to light."""
    night.take(light=5)
    night.light = [
        night.expose("light", scene=night.scene + night.sky(0.0, stars=[(30.0, 12.0 + 5 * step, 2e4)]))
        for step in range(5)
    ]


@honest("imaging")
def glow_and_pattern_in_the_bias(night):
    """The bias has columns 60 ADU high and glows in a corner."""
    night.pedestal = night.pedestal + 60 * (night.x % 8 < 2) + 400 * np.exp(-np.hypot(night.y, night.x - 79) / 9)
    night.take(bias=8, dark=4, flat=4, light=3)


@honest("imaging")
def amplifiers_glow_in_darks(night):
    """The amplifier glows in darks and lights, a CMOS camera."""
    night.current = night.current + 4 * np.exp(-np.hypot(night.y - 60, night.x - 75) / 12)
    night.take()


@honest("imaging")
def many_warm_pixels(night):
    """An uncooled CMOS camera: one pixel in ten is warm."""
    warm = night.random.random(night.shape) < 0.1
    night.current = np.where(warm, night.random.exponential(6.0, night.shape), 0.2)
    night.take()


@honest("imaging")
def bad_columns(night):
    """A dead column and a hot one, in every frame."""
    night.response = np.where(night.x == 33, 1e-6, night.response)
    night.current = np.where(night.x == 51, 30.0, night.current)
    night.take()


@honest("imaging")
def telegraph_pixels(night):
    """One pixel in 300 blinks by 40 ADU from frame to frame, as random telegraph noise does."""
    blinking = night.random.random(night.shape) < 1 / 300
    for frame in night.all():
        frame.values = frame.values + 40 * blinking * (night.random.random(night.shape) < 0.3)


@honest("imaging")
def narrow_field_uneven_light(night):
    """Vignetting to a third of the light in the corners."""
    night.response = night.optics(((20, 24), (46, 60)), vignetting=0.67)
    night.take()


# temperatures and other cards


@honest("cards")
def set_point_and_noise_of_the_sensor(night):
    """CCD-TEMP wanders by 0.3 K about SET-TEMP."""
    for frame in night.all():
        frame.cards |= {"CCD-TEMP": round(-25 + night.random.uniform(-0.3, 0.3), 1), "SET-TEMP": -25.0}


@honest("cards")
def temperature_as_text(night):
    """CCD-TEMP as text with its unit."""
    night.card("CCD-TEMP", "-25.0 C")


@honest("cards")
def temperature_in_kelvin(night):
    """CCD-TEMP in K, its comment tells."""
    night.card("CCD-TEMP", (248.15, "[K] detector"))


@honest("cards")
def bias_before_it_was_cold(night):
    """Bias taken while the camera still cooled: their temperature does not matter."""
    for step, frame in enumerate(night.bias):
        frame.cards["CCD-TEMP"] = -18.0 - step


@honest("cards")
def few_cards(night):
    """Headers of exposure, gain and read noise only."""
    for frame in night.all():
        frame.cards = {key: frame.cards[key] for key in ("EXPTIME", "GAIN", "RDNOISE")}


@honest("cards")
def no_gain(night):
    """Neither gain nor read noise in headers, and no variance asked for."""
    night.card("GAIN", None)
    night.card("RDNOISE", None)
    night.recipe, night.variance_known = Recipe(variance=None), False


@honest("cards")
def gain_as_the_number_of_a_setting(night):
    """A CMOS camera: GAIN 120 is a setting, EGAIN its e-/ADU, OFFSET 30, all alike."""
    night.card("GAIN", 120)
    night.card("EGAIN", 1.6)
    night.card("OFFSET", 30)


@honest("cards")
def no_exposure_in_bias(night):
    """Bias frames without EXPTIME."""
    night.card("EXPTIME", None, "bias")


@honest("cards")
def shortest_exposure_of_the_bias(night):
    """Bias frames of 32 µs, as CMOS cameras have them."""
    night.card("EXPTIME", 3.2e-5, "bias")


@honest("cards")
def lower_case_filters(night):
    """Filters in small letters, a clear second wheel."""
    night.card("FILTER", "r", "flat", "light")
    night.card("FILTER2", "Clear", "flat", "light")


@honest("cards")
def filters_that_say_nothing(night):
    """Several wheels: those that are not in the beam say CLEAR in flats, OPEN in lights."""
    night.card("FILTER", None)
    night.card("FILTER1", "R", "flat", "light")
    night.card("FILTER2", "CLEAR", "flat")
    night.card("FILTER2", "OPEN", "light")


@honest("cards")
def filters_of_darks(night):
    """Bias and darks say another filter: the one that stood in the beam."""
    night.card("FILTER", "B", "bias", "dark")


@honest("cards")
def hierarch_cards(night):
    """ESO's cards for filter, gain and read noise."""
    for keyword in ("FILTER", "GAIN", "RDNOISE", "CCD-TEMP"):
        night.card(keyword, None)
    for keyword, value in (("ESO DET OUT1 CONAD", 1.6), ("ESO DET OUT1 RON", 6.0), ("ESO DET CHIP1 TEMP", 153.2)):
        night.card(keyword, value)
    night.card("ESO INS FILT1 NAME", "R_SPECIAL", "flat", "light")


@honest("cards")
def bias_taken_with_lights_pointing_elsewhere(night):
    """Calibrations have the pointing and the object of the park position."""
    night.card("OBJECT", "park", "bias", "dark", "flat")
    night.card("RA", "12:00:00.0", "bias", "dark", "flat")
    night.card("DEC", "-10:00:00", "bias", "dark", "flat")


@honest("cards")
def gain_of_two_digits(night):
    """GAIN rounded in some frames: 1.6 and 1.600."""
    night.card("GAIN", 1.6004, "light")


@honest("cards")
def image_types_of_other_programs(night):
    """IMAGETYP in MaxIm's words."""
    words = {"bias": "Bias Frame", "dark": "Dark Frame", "flat": "Flat Field", "light": "Light Frame"}
    for kind, type_of_image in words.items():
        night.card("IMAGETYP", type_of_image, kind)


@honest("cards")
def same_image_type_everywhere(night):
    """A program that writes IMAGETYP = 'object' into every frame."""
    night.card("IMAGETYP", "object")


@honest("cards")
def no_dates(night):
    """No dates."""
    night.card("DATE-OBS", None)


@honest("cards")
def pedestal_of_maxim(night):
    """PEDESTAL 0 in all frames, as MaxIm writes it, with its SWCREATE."""
    night.card("PEDESTAL", 0)
    night.card("SWCREATE", "MaxIm DL Version 6.20")


@honest("cards")
def overscan_is_off(night):
    """OVERSCAN = 'OFF' and TRIM = F in raw frames of no overscan."""
    night.card("OVERSCAN", "OFF")
    night.card("TRIM", False)


# times


@honest("time")
def flats_of_the_evening(night):
    """Flats of the evening, bias and darks of the next day's noon."""
    night.card("DATE-OBS", "2025-11-19T17:05:00", "flat")
    night.card("DATE-OBS", "2025-11-20T12:00:00", "bias", "dark")


@honest("time")
def library_of_darks(night):
    """Bias and darks of a library of six weeks ago."""
    night.card("DATE-OBS", "2025-10-08T12:00:00", "bias", "dark")


@honest("time")
def lights_out_of_order(night):
    """The list names lights in another order than they were taken."""
    night.light = night.light[::-1]


@honest("time")
def lights_round_midnight(night):
    """Lights round midnight."""
    for minute, frame in zip((56, 58, 60), night.light, strict=True):
        frame.cards["DATE-OBS"] = "2025-11-20T00:00:00" if minute == 60 else f"2025-11-19T23:{minute}:00"


@honest("time")
def dates_without_time(night):
    """DATE-OBS without a time in calibrations."""
    night.card("DATE-OBS", "2025-11-20", "bias", "dark", "flat")


@honest("time")
def one_date_for_a_series(night):
    """A series of bias frames, each with the DATE-OBS of the series, to the second: 0 s each."""
    night.card("DATE-OBS", "2025-11-20T00:58:00", "bias")


@honest("time")
def mjd_beside_the_date(night):
    """MJD-OBS beside DATE-OBS, to five digits."""
    from astropy.time import Time

    for frame in night.all():
        frame.cards["MJD-OBS"] = round(Time(frame.cards["DATE-OBS"]).mjd, 5)


@honest("time")
def frames_back_to_back(night):
    """Lights follow each other at once, DATE-OBS is rounded to seconds."""
    for step, frame in enumerate(night.light):
        frame.cards["DATE-OBS"] = f"2025-11-20T02:{step:02d}:00"


# flats and darks


@honest("twilight")
def twilight_flats_fade(night):
    """Twilight flats that fade by a factor of 3, EXPTIME is the same."""
    night.routes = BY_REDUCE
    night.flat = [night.expose("flat", electrons=40_000 * 0.76**step) for step in range(5)]


@honest("twilight")
def twilight_flats_of_growing_exposure(night):
    """Twilight flats of 2 to 12 s at nearly one level."""
    night.routes = BY_REDUCE
    shares = ((2, 1.1), (4, 1.0), (7, 0.93), (12, 1.05))
    night.flat = [night.expose("flat", electrons=26_000 * share, seconds=float(s)) for s, share in shares]


@honest("twilight")
def twilight_flats_with_stars(night):
    """Twilight flats with faint stars, moved between frames."""
    night.routes = BY_REDUCE
    stars = [(y, x, f / 15) for y, x, f in night.stars]
    skies = [night.sky(30_000 * 0.85**n, down=9 * n - 20, right=11 * n - 20, stars=stars) for n in range(6)]
    night.flat = [night.expose("flat", electrons=sky) for sky in skies]


@honest("twilight")
def twilight_flats_with_a_gradient(night):
    """The gradient of the twilight sky, 2 % over the frame, is the same in all flats."""
    night.flat = night.several("flat", 4, electrons=28_000 * (1 + 0.002 * (night.x / 80 - 0.5)))


@honest("twilight")
def flats_of_two_lamps(night):
    """Dome flats of two levels, 9,000 and 36,000 electrons."""
    night.routes = BY_REDUCE
    night.flat = night.several("flat", 3, electrons=9000.0) + night.several("flat", 3, electrons=36_000.0)


@honest("twilight")
def lamp_wanders(night):
    """The lamp wanders by 5 %."""
    night.flat = [night.expose("flat", electrons=28_000 * share) for share in (0.97, 1.0, 1.02, 0.99)]


@honest("dark")
def darks_of_several_exposures(night):
    """Darks of 60, 120 and 300 s."""
    night.routes = BY_REDUCE
    night.dark = [night.expose("dark", seconds=s) for s in (60.0, 60.0, 120.0, 120.0, 300.0)]
    night.wrong = ""


@honest("dark")
def darks_that_match_and_no_bias(night):
    """Darks of the lights' exposure, no bias, no flats."""
    night.bias, night.flat, night.seconds["dark"] = [], [], 60.0
    night.take(dark=4)
    night.recipe = Recipe(dark_has_bias=True)


@honest("dark")
def no_darks(night):
    """A cooled CCD without dark current, no darks."""
    night.no_darks()


@honest("dark")
def dark_below_the_noise(night):
    """Darks of a cooled CCD: no current to be seen, a few warm pixels."""
    night.current = np.where(night.current > 15, 8.0, 0.0005)
    night.take()


@honest("dark")
def darks_much_longer(night):
    """Darks of 900 s for lights of 10 s."""
    night.seconds |= {"dark": 900.0, "light": 10.0}
    night.take()


@honest("dark")
def strong_dark_current(night):
    """An uncooled camera: the dark is as strong as the sky."""
    night.current = night.current + 30.0
    night.take(dark=8, flat=4, light=3)


# overscan, amplifiers, other cameras


@honest("overscan")
def overscan_that_jumps(night):
    """Overscan by BIASSEC and TRIMSEC, levels jump by 100 ADU."""
    night.add_overscan(jump=100)


@honest("overscan")
def overscan_by_datasec(night):
    """Overscan by BIASSEC and DATASEC, levels jump by 20 ADU."""
    sections = night.sections()
    night.add_overscan(jump=20, cards={"BIASSEC": sections["BIASSEC"], "DATASEC": sections["TRIMSEC"]})


@honest("overscan")
def overscan_row_by_row(night):
    """The overscan is taken out row by row."""
    night.add_overscan(jump=100, columns=24)
    night.recipe = Recipe(overscan=subtract_overscan(order=1))


@honest("overscan")
def whole_frame_in_datasec(night):
    """DATASEC is the whole frame."""
    night.card("DATASEC", "[1:80,1:64]")
    night.card("TRIMSEC", "[1:80,1:64]")


@honest("overscan")
def trimmed_by_the_camera(night):
    """BIASSEC says 'none': the camera trims."""
    night.card("BIASSEC", "[0:0,0:0]")


@honest("amplifiers")
def two_amplifiers(night):
    """Two amplifiers side by side, their levels 300 ADU apart and jumping, gains alike."""
    left = night.x < 40
    for frame in night.all():
        low, high = night.random.normal([0, 300], 60)
        noise = night.read_noise / night.gain
        strips = [night.random.normal(900 + level, noise, (night.shape[0], 8)) for level in (low, high)]
        frame.values = np.hstack([frame.values + np.where(left, low, high), *strips])
    amplifiers = (Amplifier("[1:40,*]", "[81:88,*]"), Amplifier("[41:80,*]", "[89:96,*]"))
    night.recipe = Recipe(overscan=subtract_overscan(amplifiers=amplifiers))


@honest("amplifiers")
def a_step_between_amplifiers_in_the_bias(night):
    """Two amplifiers without overscan: a step of 250 ADU in every frame."""
    night.pedestal = night.pedestal + np.where(night.x < 40, 0, 250)
    night.take()


@honest("unusual")
def floats_of_a_high_pedestal(night):
    """Float frames, a pedestal of 12,000."""
    night.pedestal = night.pedestal + 11_000
    night.take()
    for frame in night.all():
        frame.stored = "float32"


@honest("unusual")
def integers_of_32_bits(night):
    """Frames of 32-bit integers."""
    for frame in night.all():
        frame.stored = "int32"


@honest("unusual")
def signed_integers(night):
    """Frames of signed 16-bit integers about a bias of 0."""
    night.pedestal = night.pedestal - 900
    night.take()
    for frame in night.all():
        frame.stored = "int16"


@honest("unusual")
def types_mixed(night):
    """Calibrations as floats, lights as integers."""
    for frame in night.all("bias", "dark", "flat"):
        frame.stored = "float32"


@honest("unusual")
def region_of_nan(night):
    """Two lights have a region of NaN."""
    for frame in night.light[:2]:
        frame.values[5:15, 30:50], frame.stored = np.nan, "float32"


@honest("unusual")
def nan_outside_a_circle(night):
    """All frames are NaN outside a circle."""
    outside = (night.y - 32) ** 2 + (night.x - 40) ** 2 > 36**2
    wanted, everywhere = night.wanted, night.response
    night.wanted = lambda: _with_response(night, np.where(outside, np.nan, everywhere), wanted)
    for frame in night.all():
        frame.values, frame.stored = np.where(outside, np.nan, frame.values), "float32"


def _with_response(night, response, wanted):
    whole, night.response = night.response, response
    try:
        return wanted()
    finally:
        night.response = whole


@honest("unusual")
def coarse_converter(night):
    """A converter of 12 e-/ADU: frames of few values."""
    night.gain, night.read_noise = 12.0, 14.0
    night.pedestal = np.round(night.pedestal / 4)
    night.lamp = 80_000.0
    night.scene = night.sky(level=4000)
    night.take()


@honest("unusual")
def twelve_bits_shifted_left(night):
    """A camera of 12 bits whose values are multiples of 16."""
    night.gain = 0.6
    night.take()
    for frame in night.all():
        frame.alter(lambda v: np.rint(v / 16) * 16)
    night.card("GAIN", 0.6)
    night.wrong = ""


@honest("unusual")
def in_electrons(night):
    """The product in electrons."""
    night.recipe, night.routes = Recipe(electrons=to_electrons(gain=1.6)), BY_REDUCE
    wanted = night.wanted
    night.wanted = lambda: tuple(1.6 * part for part in wanted())


@honest("unusual")
def stronger_clip(night):
    """A clip at 8 σ."""
    night.recipe, night.routes = Recipe(clip=Clip(low=8.0, high=8.0)), BY_REDUCE


@honest("colour")
def colour_camera(night):
    """A colour camera, flats of its own colours."""
    night.mosaic_of_colours()


@honest("spectrum")
def long_slit(night):
    """A long slit with arcs."""
    night.spectrograph()


@honest("spectrum")
def one_standard_star(night):
    """One light of a standard star, one arc, no darks."""
    night.spectrograph(lights=1, arcs=1)
    night.no_darks()
    night.take(light=1)


@honest("spectrum")
def arcs_of_two_brightnesses(night):
    """The lamp warms up: the second arc is 15 % brighter."""
    night.spectrograph()
    night.arc = [
        night.expose("arc", electrons=80 + level * night.lines, cards={"LAMP": "Ne"}) for level in (8000, 9200)
    ]


@honest("spectrum")
def grating_angle_to_a_digit(night):
    """GRATANGL read back from an encoder: it differs in its last digits."""
    night.spectrograph()
    for frame in night.all("flat", "light", "arc"):
        frame.cards["GRATANGL"] = 23.45 + night.random.uniform(-2e-4, 2e-4)


@honest("list")
def calibrations_finished_elsewhere(night):
    """Library masters of 20 frames each, as floats: bias, dark without its bias, flat of mean 1, with our cards."""
    read = night.read_noise / night.gain / np.sqrt(20)
    noise = lambda s: night.random.normal(0, s, night.shape)  # noqa: E731
    bias, dark, flat = night.expose("bias"), night.expose("dark"), night.expose("flat")
    bias.values = night.pedestal + noise(read)
    dark.values = night.current * 120 / night.gain + noise(read)
    flat.values = night.response / night.response.mean() * (1 + noise(0.002))
    dark.cards["ZEROCOR"] = flat.cards["ZEROCOR"] = "Zero level correction image is z"
    flat.cards["DARKCOR"] = "Dark count correction image is d"
    for frame in (bias, dark, flat):
        frame.stored = "float32"
        frame.cards["NCOMBINE"] = 20
    night.bias, night.dark, night.flat = [bias], [dark], [flat]
    night.recipe, night.variance_known = Recipe(variance=None), False
    night.wrong = ""
