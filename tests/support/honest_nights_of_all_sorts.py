"""More nights in which nothing is wrong: what looks like a mistake, and is the sky, the detector or a custom."""

import numpy as np
from spoilt_nights import Night, honest

from pipeline import Recipe, normalise_flat, reduce_each, subtract_overscan

BY_REDUCE = ("reduce",)


# the sky


@honest("imaging")
def a_galaxy_in_the_middle(night):
    """A galaxy fills the middle, brightest where the optics let most light through."""
    night.scene = night.sky() + 5000 * np.exp(-((night.y - 32) ** 2 + (night.x - 40) ** 2) / 500)
    night.take(light=3)


@honest("imaging")
def a_ring_about_the_middle(night):
    """A planetary nebula: darker in its middle, where the optics let most light through."""
    night.scene = night.sky() + 6000 * np.exp(-((np.hypot(night.y - 32, night.x - 40) - 22) ** 2) / 60)
    night.take(light=3)


@honest("imaging")
def a_bright_star_and_no_sky(night):
    """Short exposures of a bright star: there is no sky, half of the pixels are negative."""
    night.seconds["light"] = 1.0
    night.scene = night.sky(0.02, stars=[(30.0, 38.0, 4e5)])
    night.take(bias=8, dark=6, flat=4, light=4)


@honest("imaging")
def sky_of_bright_twilight(night):
    """Lights of bright twilight, 50,000 electrons of sky."""
    night.scene = night.sky(50_000)
    night.take(light=3)


@honest("imaging")
def stars_up_to_nine_tenths_of_full_scale(night):
    """A star whose peak is at 58,000 ADU, below the ceiling."""
    night.stars[-1] = (30.0, 41.0, 9.2e5)
    night.scene = night.sky()
    night.take(light=3)


@honest("imaging")
def fringes_of_the_sky(night):
    """Fringes of 3 % in the sky of all lights."""
    night.scene = night.sky() + 75 * np.sin(np.hypot(night.y + 20, night.x - 90) / 3)
    night.take(light=3)


@honest("imaging")
def scattered_light_in_columns(night):
    """A bright star outside the frame lights some columns in all lights."""
    night.scene = night.sky() + 800 * np.exp(-((night.x - 20) ** 2) / 8)
    night.take(light=3)


@honest("imaging")
def a_field_with_an_edge(night):
    """A mask of the focal plane covers the left 12 columns, in flats and lights."""
    night.response = np.where(night.x < 12, 1e-6, night.response)
    night.take()


@honest("imaging")
def twelve_lights(night):
    """Twelve lights, their sky wanders by 5 %."""
    skies = 1 + 0.05 * np.sin(np.arange(12))
    night.light = [night.expose("light", scene=night.scene + 2500 * (s - skies.mean())) for s in skies]


@honest("imaging")
def each_light_on_its_own(night):
    """Dithered lights are reduced one by one."""
    night.light = [
        night.expose("light", scene=night.sky(down=d), cards={"DEC": f"+85:15:{18 + d:02d}"}) for d in (0, 7, 14)
    ]
    night.program = lambda frames: reduce_each(frames)[1]
    night.wrong = ""


# the detector


@honest("bias")
def the_bias_wanders_by_an_adu(night):
    """The level wanders by 1 ADU from frame to frame, as levels do."""
    for frame in night.all():
        frame.values = frame.values + night.random.normal(0, 1.0)
    night.wrong = ""


@honest("bias")
def the_first_bias_is_two_adu_high(night):
    """The first bias is 2 ADU higher than the rest, half of its noise."""
    night.bias[0].values += 2.0
    night.wrong = ""


@honest("bias")
def bias_of_three_and_cosmic_rays(night):
    """Three bias frames, each with a cosmic ray."""
    night.take(bias=3)
    for frame in night.bias:
        y, x = night.random.integers(4, 60, 2)
        frame.values[y, x : x + 4] += 3000


@honest("bias")
def noise_in_rows(night):
    """Each row of each frame has a level of its own, 1 ADU of scatter."""
    for frame in night.all():
        frame.values = frame.values + night.random.normal(0, 1.0, (night.shape[0], 1))
    night.wrong = ""


@honest("bias")
def a_ramp_of_80_adu(night):
    """The bias falls by 80 ADU over the first rows, in every frame."""
    night.pedestal = night.pedestal + 80 * np.exp(-night.y / 6)
    night.take()


@honest("bias")
def quiet_camera_of_coarse_steps(night):
    """Read noise of half an ADU: bias frames have three values, and many equal pixels."""
    night.gain, night.read_noise = 5.0, 2.5
    night.pedestal = 300 + 0 * night.pedestal
    night.lamp, night.scene = 60_000.0, night.sky(6000)
    night.take(bias=8)
    night.take(dark=6, flat=4, light=3)
    night.wrong = ""


@honest("dark")
def dark_current_grows_to_one_side(night):
    """The dark current is three times as strong at the top."""
    night.current = night.current + 0.5 * (1 + 2 * night.y / night.shape[0])
    night.take()


@honest("dark")
def one_dark_of_600_seconds(night):
    """One dark of 600 s, of which only the header tells the noise."""
    night.routes = BY_REDUCE
    night.seconds["dark"] = 600.0
    night.take(dark=1)
    night.wrong = ""


@honest("dark")
def darks_a_little_colder(night):
    """Darks 0.7 K colder than lights, both within a degree of their set-point."""
    night.card("SET-TEMP", -25.0)
    night.card("CCD-TEMP", -25.4, "dark")
    night.card("CCD-TEMP", -24.7, "light", "flat")


@honest("dark")
def light_and_flat_darks_alike(night):
    """Darks whose exposure lies between those of lights and flats."""
    night.seconds["dark"] = 30.0
    night.take(dark=5)


@honest("flat")
def flats_near_full_scale(night):
    """Flats of 58,000 ADU at their brightest, below the ceiling."""
    night.lamp = 88_000.0
    night.take(flat=4)


@honest("flat")
def dome_flats_of_another_illumination(night):
    """The dome's screen is lit by 3 % less on one side than the sky."""
    night.flat = night.several("flat", 4, electrons=28_000 * (1 + 0.03 * (night.x / 80 - 0.5)))
    night.wrong = ""


@honest("flat")
def deep_dust(night):
    """Dust that takes half of the light, near the edge of the frame."""
    night.response = night.response * np.where(night.dust(((3, 5), (60, 76))), 0.5, 1)
    night.take()


@honest("flat")
def a_flat_for_each_hour(night):
    """Flats of evening and morning."""
    night.routes = BY_REDUCE
    night.flat = night.several("flat", 3) + night.several("flat", 3, electrons=21_000.0)
    for frame in night.flat[3:]:
        frame.cards["DATE-OBS"] = "2025-11-20T06:40:00"


@honest("flat")
def response_uneven_from_pixel_to_pixel(night):
    """A thick chip: pixels differ by 5 %."""
    night.grain = night.random.normal(1, 0.05, night.shape)
    night.response = night.optics(((20, 24), (46, 60)))
    night.take()


# spectra


@honest("spectrum")
def a_slit_that_ends_within_the_frame(night):
    """The slit ends within the frame: the rows above and below see no light, in no frame."""
    night.spectrograph()
    lit = (night.y > 9) & (night.y < 55)
    night.response = np.where(lit, night.grain, 1e-6)
    night.take(flat=4, light=3)
    night.arc = night.several("arc", 2, electrons=80 + 8000 * night.lines, cards={"LAMP": "Ne"})


@honest("spectrum")
def orders_of_an_echelle(night):
    """An echelle: orders with gaps between them that no light reaches."""
    night.spectrograph()
    night.response = night.grain * (np.exp(-(((night.y % 16) - 8) ** 2) / 8) + 1e-6)
    night.lamp = 50_000.0
    night.scene = 6000.0 + 2000 * night.lines
    night.take(flat=6, light=3)
    night.arc = night.several("arc", 2, electrons=80 + 8000 * night.lines, cards={"LAMP": "ThAr"})
    night.wrong = ""


@honest("spectrum")
def flats_by_their_lamp(night):
    """A lamp that is red, taken out along the dispersion."""
    night.spectrograph()
    night.recipe, night.wrong = Recipe(normalise=normalise_flat(by="spline")), ""


@honest("spectrum")
def a_long_frame(night):
    """A spectrum of 24 rows and 200 columns."""
    Night.__init__(night, shape=(24, 200))
    night.spectrograph()


@honest("spectrum")
def a_bright_standard(night):
    """A bright star on a faint sky: the trace is 300 times the sky."""
    night.spectrograph(lights=2)
    night.scene = 60 + 20_000 * np.exp(-((night.y - 30) ** 2) / 5)
    night.take(light=2)


@honest("spectrum")
def an_arc_of_few_lines(night):
    """An arc of two lines: nearly all of it is dark."""
    night.spectrograph()
    two = np.exp(-((night.x - 20) ** 2) / 3) + 0.3 * np.exp(-((night.x - 55) ** 2) / 3)
    night.arc = night.several("arc", 2, electrons=2 + 4000 * two, cards={"LAMP": "Hg"})


# cards


@honest("cards")
def gain_as_text(night):
    """GAIN as text in the lights, as a number elsewhere."""
    night.card("GAIN", "1.6", "light")


@honest("cards")
def names_of_a_target_in_two_ways(night):
    """OBJECT is NGC 188 and NGC188."""
    night.light[1].cards["OBJECT"] = "NGC188"


@honest("cards")
def no_temperature_in_darks(night):
    """Darks have no CCD-TEMP."""
    night.card("CCD-TEMP", None, "dark")


@honest("cards")
def no_camera_in_calibrations(night):
    """Bias and darks have neither INSTRUME nor TELESCOP."""
    for keyword in ("INSTRUME", "TELESCOP"):
        night.card(keyword, None, "bias", "dark")


@honest("cards")
def calibrations_of_no_telescope(night):
    """Bias and darks were taken with the camera on a bench: TELESCOP is blank."""
    night.card("TELESCOP", "", "bias", "dark")


@honest("cards")
def pier_side_of_darks(night):
    """PIERSIDE differs between lights and darks, flats and lights agree."""
    night.card("PIERSIDE", "EAST")
    night.card("PIERSIDE", "WEST", "bias", "dark")


@honest("cards")
def rotator_of_darks(night):
    """ROTATOR differs between calibrations that see no light and the rest."""
    night.card("ROTATOR", 12.0)
    night.card("ROTATOR", 271.3, "bias", "dark")


@honest("cards")
def rotator_follows_the_sky(night):
    """A telescope on an altazimuth: ROTSKYPA stays, ROTANGLE turns during the night."""
    for step, frame in enumerate(night.light):
        frame.cards |= {"ROTSKYPA": 90.0, "ROTANGLE": 12.0 + 0.4 * step}


@honest("cards")
def binned_with_sections(night):
    """Binned 2 × 2 with sections in binned pixels."""
    night.add_overscan(jump=50, cards=night.sections() | {"CCDSUM": "2 2"})
    for keyword in ("XBINNING", "YBINNING"):
        night.card(keyword, 2)


@honest("cards")
def one_window_in_all_frames(night):
    """A window of the chip, the same in all frames."""
    for keyword, value in (("XORGSUBF", 300), ("YORGSUBF", 120), ("CCDSEC", "[301:380,121:184]")):
        night.card(keyword, value)


@honest("cards")
def row_order_told_by_all(night):
    """ROWORDER is BOTTOM-UP in all."""
    night.card("ROWORDER", "BOTTOM-UP")


@honest("cards")
def coordinates_on_the_sky(night):
    """Lights with a WCS."""
    for keyword, value in (
        ("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRPIX1", 40.0), ("CRPIX2", 32.0),
        ("CRVAL1", 11.87), ("CRVAL2", 85.26), ("CDELT1", -2e-4), ("CDELT2", 2e-4),
    ):  # fmt: skip
        night.card(keyword, value, "light")


@honest("cards")
def exposures_to_many_digits(night):
    """EXPTIME measured by the shutter: 60.0023 s, 59.9981 s."""
    for frame in night.all("light", "dark", "flat"):
        frame.cards["EXPTIME"] = frame.cards["EXPTIME"] * (1 + night.random.normal(0, 2e-5))
    night.wrong = ""


@honest("cards")
def two_exposures_that_agree(night):
    """EXPTIME and EXPOSURE agree to a millisecond."""
    for frame in night.all():
        frame.cards["EXPOSURE"] = frame.cards["EXPTIME"] + 4e-4


@honest("cards")
def ascom_header(night):
    """A header as ASCOM's programs write it: GAIN -1 is unknown, EGAIN tells."""
    night.card("GAIN", -1)
    night.card("EGAIN", 1.6)
    night.card("READOUTM", "Normal")
    night.card("SET-TEMP", -25.0)
    night.card("SWCREATE", "N.I.N.A. 3.1")


@honest("cards")
def sections_of_the_whole_chip(night):
    """CCDSEC of a larger chip, DETSIZE and TRIMSEC of the frame itself."""
    night.card("DETSIZE", "[1:4096,1:4096]")
    night.card("CCDSEC", "[1:80,1:64]")
    night.card("TRIMSEC", "[1:80,1:64]")


# times


@honest("time")
def fractions_of_a_second(night):
    """DATE-OBS with milliseconds, and a Z."""
    for frame in night.all():
        frame.cards["DATE-OBS"] += ".217Z"


@honest("time")
def begins_rounded_to_seconds(night):
    """Lights follow each other at once; rounding has the next begin 0.6 s early."""
    for step, frame in enumerate(night.light):
        frame.cards["DATE-OBS"] = f"2025-11-20T02:{step:02d}:00" if step % 2 == 0 else "2025-11-20T02:00:59.4"


@honest("time")
def begin_and_end(night):
    """DATE-BEG, DATE-END and MJD-END beside DATE-OBS, all of one time."""
    from astropy.time import Time, TimeDelta

    for frame in night.light:
        begin = Time(frame.cards["DATE-OBS"])
        end = begin + TimeDelta(60.0, format="sec")
        frame.cards |= {"DATE-BEG": begin.isot, "DATE-END": end.isot, "MJD-OBS": begin.mjd, "MJD-END": end.mjd}


@honest("time")
def lights_of_two_nights(night):
    """Lights of two nights in a row, of one target."""
    night.light[2].cards["DATE-OBS"] = "2025-11-21T01:40:00"


@honest("time")
def julian_dates_of_the_middle(night):
    """JD of the middle of the exposure, beside DATE-OBS of its begin."""
    from astropy.time import Time

    for frame in night.all():
        middle = Time(frame.cards["DATE-OBS"]).jd + frame.cards["EXPTIME"] / 2 / 86400
        frame.cards["JD"] = round(middle, 6)


@honest("time")
def local_time_beside(night):
    """DATE-LOC, an hour from DATE-OBS, and the date of the night."""
    for frame in night.all():
        frame.cards |= {"DATE-LOC": frame.cards["DATE-OBS"].replace("T01", "T02"), "NIGHT": "2025-11-19"}


@honest("time")
def darks_of_the_year_before(night):
    """A library of darks and bias frames, eleven months old."""
    night.card("DATE-OBS", "2024-12-14T12:00:00", "bias", "dark")


# overscan, files


@honest("overscan")
def overscan_and_no_bias(night):
    """Overscan takes out all of the bias, which is even: no bias frames, no darks."""
    night.pedestal = 900.0 + 0 * night.pedestal
    night.no_darks()
    night.bias = []
    night.add_overscan(jump=30)


@honest("overscan")
def overscan_at_both_ends(night):
    """Prescan and overscan: BIASSEC is the overscan, TRIMSEC lies between them."""
    night.add_overscan(jump=60)
    for frame in night.all():
        frame.values = np.hstack([frame.values[:, -6:], frame.values])
        frame.cards |= {"BIASSEC": "[87:98,1:64]", "TRIMSEC": "[7:86,1:64]"}


@honest("overscan")
def overscan_rows(night):
    """The overscan lies above the frame: rows."""
    for frame in night.all():
        level = night.random.normal(0, 50)
        strip = night.random.normal(900 + level, night.read_noise / night.gain, (10, night.shape[1]))
        frame.values = np.vstack([frame.values + level, strip])
        frame.cards |= {"BIASSEC": "[1:80,65:74]", "TRIMSEC": "[1:80,1:64]"}
    night.pedestal = night.pedestal + 0


@honest("overscan")
def overscan_by_its_median(night):
    """The overscan's level is a median."""
    night.add_overscan(jump=60)
    night.recipe = Recipe(overscan=subtract_overscan(method="median"))


@honest("unusual")
def frames_of_20_by_24(night):
    """Small frames."""
    Night.__init__(night, shape=(24, 32))
    night.dusty = np.zeros(night.shape, bool)
    night.response = night.grain
    night.stars = [(12.0, 16.0, 5e4)]
    night.scene = night.sky()
    night.take()


@honest("unusual")
def bias_of_ten_and_one_light(night):
    """Ten bias frames, one light, no flat."""
    night.take(bias=10, light=1)
    night.flat = []
    night.routes = BY_REDUCE


@honest("unusual")
def lights_only_finished(night):
    """Lights that were calibrated elsewhere, and say so, are combined."""
    night.bias, night.dark, night.flat = [], [], []
    done = {"BIASCORR": True, "DARKCORR": True, "FLATCORR": True}
    for frame in night.light:
        frame.values = night.random.poisson(night.scene) / night.gain + night.random.normal(0, 3.75, night.shape)
        frame.stored = "float32"
        frame.cards |= done
    night.wrong = ""


@honest("unusual")
def doubles(night):
    """All frames as 64-bit floats, not rounded."""
    for frame in night.all():
        frame.stored = "float64"


@honest("unusual")
def unsigned_8_bits(night):
    """A camera of 8 bits: all frames."""
    night.gain, night.read_noise, night.pedestal = 60.0, 60.0, 10.0 + 0 * night.pedestal
    night.lamp, night.scene, night.current = 11_000.0, night.sky(4000, stars=[]), 0 * night.current
    night.take(bias=6, dark=4, flat=8, light=4)
    for frame in night.all():
        frame.stored = "uint8"
    night.wrong = ""


@honest("cards")
def plates_solved_at_other_pixels(night):
    """Lights with coordinates of another pixel each, as a solver gives them: they point alike."""
    for step, frame in enumerate(night.light):
        frame.cards |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -2e-4, "CDELT2": 2e-4, "CRVAL1": 12.1}
        frame.cards |= {"CRPIX1": 40.0, "CRPIX2": 32.0 + 50 * step, "CRVAL2": 11.8 + 0.01 * step}


@honest("dark")
def lights_whose_dark_is_out(night):
    """Bias and dark were taken out of the lights elsewhere, and IRAF's cards say so."""
    for frame in night.light:
        frame.values = frame.values - night.pedestal - night.current * 60 / night.gain
        frame.stored = "float32"
        frame.cards |= {"ZEROCOR": "Zero level correction image is z", "DARKCOR": "Dark count correction image is d"}


@honest("unusual")
def columns_of_zeros(night):
    """The camera's program fills the last 12 columns of all frames with zeros."""
    filled = night.x >= 68
    night.response = np.where(filled, np.nan, night.response)
    for frame in night.all():
        frame.values = np.where(filled, 0.0, frame.values)


@honest("imaging")
def ten_of_each_kind(night):
    """Ten frames of each kind."""
    night.take(bias=10, dark=10, flat=10, light=10)


@honest("unusual")
def steps_of_four(night):
    """A camera of 14 bits whose values are multiples of 4, at a low read noise, with its settings in its header."""
    night.gain, night.read_noise, night.lamp = 0.5, 2.0, 20_000.0
    night.stars = [(y, x, flux / 30) for y, x, flux in night.stars]
    night.scene = night.sky(level=1500.0)
    night.take()
    for frame in night.all():
        frame.alter(lambda v: np.minimum(np.rint(v / 4) * 4, 65532))
        frame.cards |= {"GAIN": 120, "EGAIN": 0.5, "OFFSET": 50, "SET-TEMP": -25.0, "RDNOISE": 2.0}


@honest("twilight")
def flats_of_two_twilights(night):
    """Two flats, one of half the light of the other."""
    night.routes = ("reduce",)
    night.flat = [night.expose("flat", electrons=level) for level in (40_000.0, 20_000.0)]


@honest("spectrum")
def faint_lines_of_an_arc(night):
    """One arc of faint lines, 400 electrons."""
    night.spectrograph(arcs=1)
    night.arc = [night.expose("arc", electrons=5 + 400 * night.lines, cards={"LAMP": "Ne"})]
