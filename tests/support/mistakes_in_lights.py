"""Mistakes in lights, arcs and spectra."""

import numpy as np
from astropy.io import fits
from spoilt_nights import mistake

ODD = r"light.*(differ|apart|odd|scale)|level|reject|faint|bright"
SATURATED = r"satur|ceiling|plateau|full.?(scale|well)|clipp|65\s?535|16\s?383|4\s?095"
DEAD = r"dead|zero|half|empty|constant|quarter|part|" + ODD
WRAPPED = r"negative|BZERO|wrap|sign|32\s?76\d|65\s?\d\d\d|satur|full.?scale"
MOVED = r"moved|shift|drift|dither|point|align|star|column|row|" + ODD
BITS = r"bit|stuck|values|digit|converter|histogram|gap|step|coarse|round|quanti"
KIND = r"IMAGETYP|image.?typ|kind|(says|header).*(bias|dark|flat)|" + ODD
BYTES = r"byte|swap|endian|(?<!read-)nois|65\s?\d\d\d|satur|wrap|negative|" + ODD
LAMP = r"lamp|no light|arc.*(level|faint|dark|empty|lines|differ|apart)"


# one light that is not like the others


@mistake("light", r"expos|" + ODD)
def one_light_shorter(night):
    """One light of 15 s says 60 s."""
    night.light[2] = night.expose("light", seconds=15.0, cards={"EXPTIME": 60.0})


@mistake("light", r"expos|" + ODD)
def one_light_twice_as_long(night):
    """One light of 150 s says 60 s."""
    night.light[0] = night.expose("light", seconds=150.0, cards={"EXPTIME": 60.0})


@mistake("light", r"expos|" + ODD)
def one_light_of_another_exposure(night):
    """One light of 20 s, and it says so."""
    night.light[1] = night.expose("light", seconds=20.0)
    night.wrong = "combined by exposure"


@mistake("light", r"gain|" + ODD)
def one_light_of_another_gain_untold(night):
    """One light was read with twice the gain, no card tells."""
    night.light[1] = night.expose("light", gain=3.2)


@mistake("light", r"gain|cap|dark|no light|" + ODD)
def dome_shut_in_one_light(night):
    """The dome was shut during one light."""
    night.light[0] = night.expose("light", electrons=0.0)


@mistake("light", r"gain|cap|dark|no light|" + ODD)
def dome_shut_in_one_light_of_two(night):
    """The dome was shut during one light of two."""
    night.light = [night.expose("light", electrons=0.0), night.expose("light")]


@mistake("light", DEAD)
def right_half_of_one_light_dead(night):
    """The right half of one light is zeros."""
    night.light[1].values[:, 40:] = 0


@mistake("light", DEAD)
def quarter_of_one_light_dead(night):
    """A quarter of one light holds nothing but its bias: one amplifier of four."""
    night.light[1].values[32:, 40:] = 900 + night.random.normal(0, 4, (32, 40))


@mistake("light", DEAD)
def one_light_of_zeros(night):
    """One light was not read out: zeros."""
    night.light[1].values[:] = 0


@mistake("light", DEAD + "|negative")
def last_rows_of_one_light_missing(night):
    """The readout of one light was broken off: its last 20 rows are zeros."""
    night.light[2].values[44:] = 0


@mistake("light", MOVED)
def one_light_shifted_by_a_row(night):
    """One light is shifted by a row: readout glitch."""
    night.light[1].alter(lambda v: np.roll(v, 1, axis=0))


@mistake("light", MOVED)
def one_light_shifted_by_two_columns(night):
    """One light is shifted by two columns: readout glitch."""
    night.light[2].alter(lambda v: np.roll(v, -2, axis=1))


@mistake("light", MOVED + "|flip|mirror|turned|rotat|pier|side")
def one_light_turned(night):
    """One light was taken after the meridian: it is turned by 180°, PIERSIDE tells."""
    night.card("PIERSIDE", "EAST", "light")
    night.light[2] = night.expose("light", scene=night.scene[::-1, ::-1], cards={"PIERSIDE": "WEST"})


@mistake("light", "point|dither|moved|OBJCTRA")
def dithers_told_by_an_amateur_s_program(night):
    """Lights are dithered: OBJCTRA and OBJCTDEC tell, there is no RA."""
    night.light = [
        night.expose("light", scene=night.sky(right=5 * n), cards={"OBJCTRA": f"00 47 {28 + 4 * n}"}) for n in range(3)
    ]
    night.card("RA", None)
    night.card("OBJCTDEC", "+05 15 18", "light")


@mistake("light", "point|dither|moved|CRVAL")
def dithers_told_by_a_solved_plate(night):
    """Lights are dithered: the coordinates of one pixel tell, RA and DEC are those that were asked for."""
    night.light = [
        night.expose("light", scene=night.sky(down=5 * n), cards=_solved(11.8 - 0.001 * n)) for n in range(3)
    ]


def _solved(latitude):
    types = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
    return types | {"CRPIX1": 40.0, "CRPIX2": 32.0, "CRVAL1": 12.1, "CRVAL2": latitude, "CDELT1": -2e-4, "CDELT2": 2e-4}


@mistake("light", BYTES)
def one_light_byte_swapped(night):
    """One light is byte-swapped."""
    night.light[0].alter(lambda v: np.rint(v).astype("uint16").byteswap().astype(float))


@mistake("light", BYTES)
def every_light_byte_swapped(night):
    """All lights are byte-swapped, the calibrations are not."""
    for frame in night.light:
        frame.alter(lambda v: np.rint(v).astype("uint16").byteswap().astype(float))


@mistake("light", DEAD + "|8.?bit|byte|range|BITPIX")
def one_light_of_8_bits(night):
    """One light was exported with 8 bits."""
    night.light[1].values, night.light[1].stored = night.light[1].values / 64, "uint8"


@mistake("light", "8.?bit|negative|below|byte|range|BITPIX")
def every_light_of_8_bits(night):
    """All lights were exported with 8 bits, calibrations have 16."""
    for frame in night.light:
        frame.values, frame.stored = frame.values / 64, "uint8"


@mistake("light", r"smear|shutter|" + ODD)
def one_light_smeared(night):
    """The shutter of one light stayed open while it was read out."""
    night.light[1] = night.expose("light", scene=night.scene + 0.3 * night.scene.mean(axis=0, keepdims=True))


@mistake("light", KIND)
def bias_listed_as_light(night):
    """A bias stands in the list as a light."""
    night.light[1] = night.expose("bias")


@mistake("light", KIND)
def dark_listed_as_light(night):
    """A dark of the lights' exposure stands in the list as a light."""
    night.light[1] = night.expose("dark", seconds=60.0)


@mistake("light", KIND + "|expos|satur")
def flat_listed_as_light(night):
    """A flat stands in the list as a light."""
    night.light[1] = night.expose("flat")


@mistake("light", r"IMAGETYP|kind|focus|expos|" + ODD)
def test_exposure_among_the_lights(night):
    """A test exposure of 0.1 s stands among the lights, and says so."""
    night.light[0] = night.expose("light", seconds=0.1)
    night.wrong = "a test exposure among the lights"


# all lights


@mistake("light", DEAD + "|negative")
def half_of_every_light_dead(night):
    """The lower half of all lights is zeros."""
    for frame in night.light:
        frame.values[:32] = 0


@mistake("light", BITS)
def a_bit_stuck_at_one(night):
    """Bit 128 is always set in the lights."""
    for frame in night.light:
        frame.alter(lambda v: (np.rint(v).astype(int) | 128).astype(float))


@mistake("light", BITS + "|negative|" + ODD)
def a_bit_stuck_at_zero(night):
    """Bit 64 is never set in the lights."""
    for frame in night.light:
        frame.alter(lambda v: (np.rint(v).astype(int) & ~64).astype(float))


@mistake("light", BITS + "|" + ODD)
def a_bit_stuck_in_one_light(night):
    """Bit 256 is always set in one light."""
    night.light[1].alter(lambda v: (np.rint(v).astype(int) | 256).astype(float))


def _bright_stars(night, level=1.0):
    night.stars[-1], night.stars[-2] = (20.0, 50.0, 1.8e6 * level), (47.0, 22.0, 2.4e6 * level)
    night.scene = night.sky()
    night.take(light=3)


@mistake("light", SATURATED)
def cores_of_stars_at_65535(night):
    """The cores of two stars stand at 65535, no SATURATE card."""
    _bright_stars(night)
    night.marked["cores"] = night.scene * night.response / night.gain > 66_000


@mistake("light", SATURATED)
def cores_of_stars_at_16383(night):
    """The cores of two stars stand at 16383, a camera of 14 bits, no SATURATE card."""
    _bright_stars(night, 0.25)
    for frame in night.light:
        frame.alter(lambda v: np.minimum(v, 16383))
    night.marked["cores"] = night.scene * night.response / night.gain > 16_700


@mistake("light", SATURATED)
def cores_of_stars_at_65520(night):
    """The cores of two stars stand at 65520: 12 bits, the last four empty, no SATURATE card."""
    _bright_stars(night)
    for frame in night.light:
        frame.alter(lambda v: np.minimum(np.rint(v / 16) * 16, 65520))
    night.marked["cores"] = night.scene * night.response / night.gain > 66_000


@mistake("light", SATURATED)
def stars_saturated_in_the_deepest_light_only(night):
    """A star is saturated in one light of three, of better seeing, no SATURATE card."""
    _bright_stars(night, 0.2)
    sharp = night.sky(fwhm=1.5)
    night.light[1] = night.expose("light", scene=sharp)
    night.marked["cores"] = sharp * night.response / night.gain > 66_000
    night.check = lambda products: "" if products["light"].pixels.mask[night.marked["cores"]].all() else "unflagged"


@mistake("light", WRAPPED)
def lights_lost_their_bzero(night):
    """Values above 32767 turned negative in the lights: int16 without BZERO."""
    night.scene = night.sky(level=50_000)
    night.take(light=3)
    for frame in night.light:
        frame.alter(lambda v: np.rint(v).astype("uint16").view("int16").astype(float))
        frame.stored = "int16"


@mistake("light", WRAPPED)
def one_light_lost_its_bzero(night):
    """Values above 32767 turned negative in one light."""
    night.scene = night.sky(level=50_000)
    night.take(light=3)
    night.light[2].alter(lambda v: np.rint(v).astype("uint16").view("int16").astype(float))
    night.light[2].stored = "int16"


@mistake("light", WRAPPED)
def lights_wrapped_below_zero(night):
    """Lights whose overscan is out were stored unsigned: faint pixels near 65535."""
    night.scene, night.pedestal = night.sky(level=3, stars=[]), night.pedestal - 900
    night.take()
    for frame in night.all():
        frame.stored = "int32"
    for frame in night.light:
        frame.alter(lambda v: np.rint(v) % 65536)


@mistake("light", r"round|quanti|integer|step|coarse|digit|(?<!read-)nois")
def rates_rounded_to_integers(night):
    """Finished lights in electrons per second were rounded to integers: a sky of 1.3."""
    night.bias, night.dark, night.flat = [], [], []
    done = {"BUNIT": "electron/s", "BIASCORR": True, "DARKCORR": "done", "FLATCORR": "done"}
    for frame in night.light:
        frame.values, frame.stored = np.rint(night.random.poisson(78.0, night.shape) / 60 + 0.0), "int16"
        frame.cards |= done
    night.check = lambda products: f"mean {products['light'].pixels.values.mean():.3g} in place of 1.3"


@mistake("light", r"negative|already|twice|below|finished|pedestal|bias")
def lights_calibrated_already(night):
    """Bias and dark are out of the lights, which no card tells, and come out again."""
    for frame in night.light:
        frame.values = np.maximum(frame.values - night.pedestal - night.current * 60 / night.gain, 0)


@mistake("light", r"negative|already|twice|below|finished|pedestal|bias")
def lights_calibrated_already_as_floats(night):
    """Bias and dark are out of faint lights, floats, which no card tells, and come out again."""
    night.scene = night.sky(level=300, stars=[])
    night.take(light=3)
    for frame in night.light:
        frame.values, frame.stored = frame.values - night.pedestal - night.current * 60 / night.gain, "float32"


@mistake("light", r"unit|scale|range|0\.\.1|normali|negative|level|below")
def lights_from_0_to_1(night):
    """Lights stored as fractions of full scale, calibrations in ADU."""
    for frame in night.light:
        frame.values, frame.stored = frame.values / 65535, "float32"


@mistake("light", r"gain")
def every_light_of_another_gain(night):
    """The lights were read with another gain, GAIN tells."""
    night.light = night.several("light", 3, gain=3.2, cards={"GAIN": 3.2})


@mistake("light", r"target|OBJECT")
def one_light_of_another_target(night):
    """One light is of another target: OBJECT and stars tell."""
    elsewhere = night.sky(stars=[(50.0, 20.0, 2e5), (12.0, 60.0, 1.5e5)])
    night.light[2] = night.expose("light", scene=elsewhere, cards={"OBJECT": "M 37"})


@mistake("light", r"point|dither|RA|moved")
def dithered_lights_combined(night):
    """Lights dithered by pixels are combined as they lie: RA and DEC tell."""
    night.light = [
        night.expose("light", scene=night.sky(down=d), cards={"DEC": f"+85:15:{18 + d:02d}"}) for d in (0, 7, 14)
    ]


@mistake("light", r"moved|shift|drift|dither|point|align|star")
def lights_moved_untold(night):
    """Stars moved by 4 pixels from light to light, headers are alike."""
    night.light = [night.expose("light", scene=night.sky(right=d)) for d in (0, 4, 8)]


# spectra


@mistake("spectrum", SATURATED)
def lines_of_the_arcs_saturated(night):
    """Lines of the arcs stand at 65535, no SATURATE card."""
    night.spectrograph()
    night.arc = night.several("arc", 2, electrons=80 + 1.8e5 * night.lines, cards={"LAMP": "Ne"})
    night.check = lambda products: "" if products["arc"].pixels.mask[10:50, 29].all() else "lines are not flagged"


@mistake("spectrum", LAMP)
def lamp_off_in_all_arcs(night):
    """The lamp was off during the arcs."""
    night.spectrograph()
    night.arc = night.several("arc", 2, electrons=0.0)
    night.wrong = "arcs without lines"


@mistake("spectrum", LAMP + "|level|differ|apart")
def lamp_off_in_one_arc(night):
    """The lamp was off during one arc of two."""
    night.spectrograph()
    night.arc[1] = night.expose("arc", electrons=0.0, cards={"LAMP": "Ne"})
    night.wrong = "arc of half the light"


@mistake("spectrum", r"wave|grating|CENWAVE|GRATANGL|angle")
def arcs_of_another_grating_angle(night):
    """The arcs were taken at another angle of the grating: CENWAVE tells."""
    night.spectrograph()
    night.card("CENWAVE", 5200.0, "flat", "light")
    night.card("CENWAVE", 6100.0, "arc")
    night.wrong = "arcs of other wavelengths"


@mistake("spectrum", r"grating|grism|disperser")
def arcs_of_another_grism(night):
    """The arcs were taken with another grism: GRISM tells."""
    night.spectrograph()
    night.card("GRISM", "G600", "flat", "light")
    night.card("GRISM", "G300", "arc")
    night.wrong = "arcs of other wavelengths"


@mistake("spectrum", r"slit|aperture")
def flats_of_another_slit(night):
    """The flats were taken through another slit: SLIT tells."""
    night.spectrograph()
    night.card("SLIT", "1.0", "light", "arc")
    night.card("SLIT", "5.0", "flat")
    night.wrong = "flats of another slit"


@mistake("spectrum", r"moved|shift|nod|trace|point|align|light.*(differ|apart|odd)|reject")
def target_nodded_along_the_slit(night):
    """The target was nodded along the slit between lights, no card tells."""
    night.spectrograph()
    night.light = [night.expose("light", scene=np.roll(night.scene, d, axis=0)) for d in (0, 10, 0)]


# times


def _header(products):
    return products["light"].header.to_header()


@mistake("time", r"date|DATE-OBS|year|time|clock")
def clock_of_one_light_at_1970(night):
    """The clock had been reset for one light: 1970."""
    night.light[1].cards["DATE-OBS"] = "1970-01-01T00:05:00"
    night.wrong = "DATE-BEG of another year"


@mistake("time", r"date|DATE-OBS|year|time|clock|future")
def every_frame_of_1970(night):
    """The clock had been reset before the night: all frames of 1970."""
    for frame in night.all():
        frame.cards["DATE-OBS"] = frame.cards["DATE-OBS"].replace("2025-11-20", "1970-01-01")
    night.wrong = "DATE-BEG of another year"


@mistake("time", r"date|DATE-OBS|year|time|clock|future")
def clock_of_one_light_in_the_future(night):
    """One light is dated 2065."""
    night.light[2].cards["DATE-OBS"] = "2065-11-20T02:00:00"
    night.wrong = "DATE-END of another year"


@mistake("time", r"date|DATE-OBS|night|days|time|clock")
def one_light_a_month_later(night):
    """One light is dated a month after the others."""
    night.light[2].cards["DATE-OBS"] = "2025-12-21T02:00:00"
    night.wrong = "lights of two nights, a month apart"


@mistake("time", r"date|DATE-OBS|overlap|clock|begin|same time")
def a_light_begins_in_another(night):
    """The second light begins 20 s after the first, which takes 60 s."""
    night.light[1].cards["DATE-OBS"] = night.light[0].cards["DATE-OBS"][:-2] + "20"
    night.wrong = "exposures overlap"


@mistake("time", r"date|DATE-OBS|overlap|clock|begin|same time|stopped")
def all_lights_begin_at_once(night):
    """The clock stood still: all lights have one DATE-OBS."""
    night.card("DATE-OBS", night.light[0].cards["DATE-OBS"], "light")
    night.wrong = "exposures overlap"


@mistake("time", r"MJD|JD|date|disagree")
def mjd_and_date_a_day_apart(night):
    """MJD-OBS lies a day before DATE-OBS in the lights."""
    for frame in night.light:
        frame.cards["MJD-OBS"] = _mjd(frame) - 1
    night.check = lambda products: _epochs_apart(_header(products))


def _mjd(frame):
    from astropy.time import Time

    return Time(frame.cards["DATE-OBS"]).mjd


def _epochs_apart(header):
    """Say which numbers of a header tell another middle, begin or end than its dates do."""
    from astropy.time import Time

    pairs = (("MJD-AVG", "DATE-AVG"), ("MIDJD", "DATE-AVG"), ("MJD-END", "DATE-END"), ("MJD-OBS", "DATE-BEG"),
             ("MJD-BEG", "DATE-BEG"), ("JD-MID", "DATE-AVG"))  # fmt: skip
    for number, date in pairs:
        if number in header and date in header:
            when = Time(header[date])
            seconds = 86400 * abs((when.jd if header[number] > 2e6 else when.mjd) - header[number])
            if seconds > 1.5:
                return f"{number} {seconds:.0f} s from {date}"
    return ""


@mistake("time", r"MJD|JD|date|time")
def middle_of_the_first_light_kept(night):
    """MJD-AVG, MJD-END and MIDJD of the first light beside dates of all."""
    for frame in night.light:
        begin = _mjd(frame)
        frame.cards |= {"MJD-AVG": begin + 30 / 86400, "MJD-END": begin + 60 / 86400,
                        "MIDJD": begin + 30 / 86400 + 2400000.5}  # fmt: skip
    night.check = lambda products: _epochs_apart(_header(products))


@mistake("time", r"date|DATE-OBS|TIME-OBS|UT")
def date_and_ut_apart(night):
    """DATE-OBS has the date, UT the time."""
    for frame in night.all():
        frame.cards["DATE-OBS"], frame.cards["UT"] = frame.cards["DATE-OBS"].split("T")
    night.check = _right_dates


def _right_dates(products):
    average = str(_header(products).get("DATE-AVG", ""))
    return "" if not average or average.startswith("2025-11-20T01:") else f"DATE-AVG {average}"


@mistake("time", r"date|DATE-OBS|epoch")
def dates_in_the_old_form(night):
    """DATE-OBS in the form of before 2000, and TIME-OBS."""
    for frame in night.all():
        time = frame.cards["DATE-OBS"].split("T")[1]
        frame.cards |= {"DATE-OBS": "20/11/25", "TIME-OBS": time}
    night.check = _right_dates


@mistake("time", r"date|DATE-OBS|epoch|unreadable")
def date_that_is_none(night):
    """DATE-OBS of one light is no date."""
    night.light[1].cards["DATE-OBS"] = "not available"
    night.check = lambda products: "DATE-AVG of two lights" if "DATE-AVG" in _header(products) else ""


# two that lie in files


@mistake("file", r"sum|damag|DATASUM|changed")
def one_light_damaged(night):
    """A light was damaged on the disk: DATASUM disagrees."""

    def damage(path):
        values, header = fits.getdata(path), fits.getheader(path)
        fits.PrimaryHDU(values, header).writeto(path, overwrite=True, checksum=True)
        whole = bytearray(path.read_bytes())
        whole[-6000:-5800] = bytes(200)
        path.write_bytes(whole)

    night.light[1].damage = damage


@mistake("file", "trunc|short|bytes|ends|cut|damag|incomplete|missing")
def one_light_cut_short(night):
    """A light was cut short in its data."""
    night.light[1].damage = lambda path: path.write_bytes(path.read_bytes()[:9000])
