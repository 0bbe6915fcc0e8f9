"""Mistakes in bias, dark and flat frames."""

import numpy as np
from spoilt_nights import mistake

LIT_BIAS = r"shutter|light.?leak|bias.*(level|lit|bright|apart|higher|odd|off)|level.*(apart|differ|higher|jump)"
LEVEL = r"level|bright|apart|odd|drift|jump|higher|lower"
NEGATIVE = (
    r"negative|below zero|below (the )?(its |their )?bias|(bias|dark).*(above|higher|brighter|more than)"
    r"|(dark|light|flat).*(below|lower|less)"
)
SCALE = r"scale|unit|range|0\.\.1|normali|level|wrap"
WRAPPED = r"65\s?[45]\d\d|wrap|unsigned|satur|full.?scale|negative|two levels|spread|(?<!read-)nois|32\s?76\d"
PATTERN = r"pattern|column|row|structure|imprint|residual|differ"
SATURATED = r"satur|ceiling|plateau|full.?(scale|well)|clipp|65\s?535|16\s?383|4\s?095"


# bias


@mistake("bias", LIT_BIAS)
def one_bias_lit(night):
    """The shutter was open in one bias of four."""
    night.bias[1] = night.expose("bias", electrons=800.0)


@mistake("bias", LIT_BIAS)
def one_bias_lit_of_two(night):
    """The shutter was open in one bias of two."""
    night.bias = [night.expose("bias", electrons=500.0), night.expose("bias")]


@mistake("bias", LIT_BIAS + "|" + PATTERN)
def one_bias_with_gradient(night):
    """One bias of four holds light that falls off along x."""
    night.bias[3] = night.expose("bias", electrons=np.linspace(0, 900, night.shape[1])[None])


@mistake("bias", LIT_BIAS + "|" + NEGATIVE + "|uneven|structure")
def every_bias_lit(night):
    """Light leaks into every bias, more at the top."""
    night.bias = night.several("bias", 4, electrons=np.linspace(200, 700, night.shape[0])[:, None])


@mistake("bias", LEVEL)
def first_bias_after_power_up(night):
    """The first bias after power-up is 150 ADU high."""
    night.bias[0].values += 150


@mistake("bias", LEVEL)
def last_bias_low(night):
    """The last bias is 120 ADU low."""
    night.bias[-1].values -= 120


@mistake("bias", LEVEL)
def bias_drifts(night):
    """The bias drifts by 50 ADU from frame to frame, and nothing else tells."""
    for step, frame in enumerate(night.bias):
        frame.values += 50 * step


@mistake("bias", LEVEL + "|zero|constant|even|dead")
def one_bias_of_zeros(night):
    """One bias was not read out: zeros."""
    night.bias[2].values[:] = 0


@mistake("bias", LEVEL + "|half|part|amplifier|step")
def half_of_one_bias_jumped(night):
    """Half of one bias is 200 ADU high: one amplifier jumped."""
    night.bias[2].values[:, 40:] += 200


@mistake("bias", NEGATIVE)
def bias_above_the_lights(night):
    """The bias is of a mode whose level lies above the lights."""
    night.no_darks()
    night.bias = night.several("bias", 4, pedestal=night.pedestal + 4000)


@mistake("bias", NEGATIVE + "|" + LEVEL)
def bias_of_another_camera(night):
    """Bias of another camera, 220 ADU higher, no card tells: darks lie below it."""
    night.bias = night.several("bias", 4, pedestal=1120 + night.random.normal(0, 2, night.shape))


@mistake("bias", "noise|scatter|readout|mode")
def one_bias_of_another_mode(night):
    """One bias has three times the noise of the others: another readout mode."""
    night.bias[1] = night.expose("bias", read_noise=18.0)


@mistake("bias", SCALE)
def bias_from_0_to_1(night):
    """Bias stored as fractions of full scale, the rest in ADU."""
    night.no_darks()
    for frame in night.bias:
        frame.values, frame.stored = frame.values / 65535, "float32"


@mistake("bias", SCALE + "|bias.*(low|below|fraction)|bits|left|pedestal")
def bias_of_12_bits(night):
    """Bias stored with 12 bits, a sixteenth of the scale of the rest."""
    night.no_darks()
    for frame in night.bias:
        frame.values = frame.values / 16


@mistake("bias", SCALE + "|bits|BITPIX|pedestal|left")
def bias_of_8_bits(night):
    """Bias frames were exported with 8 bits, the rest with 16."""
    for frame in night.bias:
        frame.values, frame.stored = frame.values / 64, "uint8"


@mistake("bias", WRAPPED)
def bias_wrapped(night):
    """A bias about 0 stored unsigned: half of it lies near 65535."""
    night.pedestal = night.pedestal - 900
    night.take()
    for frame in night.bias:
        frame.alter(lambda v: np.rint(v) % 65536)
    for frame in night.all("dark", "flat", "light"):
        frame.stored = "int32"


@mistake("bias", NEGATIVE + "|" + WRAPPED + "|level|pedestal|BZERO|signed")
def bias_without_bzero(night):
    """The bias lost its BZERO: 32768 too low."""
    night.no_darks()
    for frame in night.bias:
        frame.values, frame.stored = frame.values - 32768, "int16"


@mistake("bias", "bias|pedestal|overscan")
def no_bias_at_all(night):
    """Neither bias nor darks: flat and lights keep their pedestal."""
    night.bias, night.dark = [], []


@mistake("bias", "bias|pedestal|overscan")
def pedestal_and_a_finished_flat(night):
    """Lights keep their pedestal and are divided by a finished flat of mean 1."""
    night.bias, night.dark = [], []
    night.flat = night.flat[:1]
    night.flat[0].values, night.flat[0].stored = night.response / night.response.mean(), "float32"


@mistake("bias", PATTERN)
def columns_of_the_bias_moved(night):
    """The bias and dark have a pattern of columns that the lights do not have."""
    with_pattern = night.pedestal + 50 * (night.x % 6 < 2)
    night.bias, night.dark = (night.several(kind, 4, pedestal=with_pattern) for kind in ("bias", "dark"))
    night.marked["columns"] = night.x % 6 < 2


@mistake("bias", PATTERN)
def rows_of_the_bias_moved(night):
    """The bias and dark have a pattern of rows that the lights do not have."""
    with_pattern = night.pedestal + 60 * (night.y % 10 < 3)
    night.bias, night.dark = (night.several(kind, 4, pedestal=with_pattern) for kind in ("bias", "dark"))
    night.marked["rows"] = night.y % 10 < 3


@mistake("bias", "expos|EXPTIME|dark|IMAGETYP|second")
def darks_listed_as_bias(night):
    """Darks of 120 s are listed as bias, beside darks."""
    night.bias = night.several("dark", 4, current=4 * night.current)
    for frame in night.bias:
        frame.cards["IMAGETYP"] = "dark"


@mistake("bias", "twice|same|duplicate|identical|copies|copy|pixels")
def the_same_bias_four_times(night):
    """One bias was copied under three other names."""
    night.bias = [night.bias[0]] * 4


# dark


@mistake("dark", "temp")
def darks_warmer(night):
    """Darks 8 K warmer, CCD-TEMP tells."""
    night.dark = night.several("dark", 4, current=2.5 * night.current, cards={"CCD-TEMP": -17.0})


@mistake("dark", "temp")
def one_dark_warmer(night):
    """One dark of four 8 K warmer, CCD-TEMP tells."""
    night.dark[2] = night.expose("dark", current=2.5 * night.current, cards={"CCD-TEMP": -17.0})


@mistake("dark", "temp")
def darks_warmer_in_words(night):
    """Darks warmer, told by DET-TEMP as text with a unit."""
    night.card("CCD-TEMP", None)
    night.dark = night.several("dark", 4, current=3 * night.current)
    night.card("DET-TEMP", "-25.0 C")
    night.card("CCD-TEMP", None)
    night.card("DET-TEMP", "-15.0 C", "dark")


@mistake("dark", "temp")
def darks_warmer_in_kelvin(night):
    """Darks warmer, told by ESO's card in K."""
    night.dark = night.several("dark", 4, current=3 * night.current)
    night.card("CCD-TEMP", None)
    night.card("ESO DET CHIP1 TEMP", 153.0)
    night.card("ESO DET CHIP1 TEMP", 160.0, "dark")


@mistake("dark", "temp|set.?point")
def darks_of_another_set_point(night):
    """Darks of another set-point: SET-TEMP tells, CCD-TEMP is missing."""
    night.dark = night.several("dark", 4, current=3 * night.current)
    night.card("CCD-TEMP", None)
    night.card("SET-TEMP", -25.0)
    night.card("SET-TEMP", -15.0, "dark")


@mistake("dark", "temp|set.?point")
def darks_warmer_that_missed_their_set_point(night):
    """Cooling failed in the darks: CCD-TEMP −10, SET-TEMP −25 as everywhere."""
    night.dark = night.several("dark", 4, current=4 * night.current, cards={"CCD-TEMP": -10.0})
    night.card("SET-TEMP", -25.0)


WRONG_DARK = r"temp|(hot|warm) pixel|negative|dark.*(strong|much|too|fit|warm|scale|weak|little)|holes"


@mistake("dark", WRONG_DARK)
def darks_warmer_untold(night):
    """Darks 12 K warmer, no card tells: holes where pixels are warm."""
    night.dark = night.several("dark", 4, current=3.5 * night.current)
    night.card("CCD-TEMP", None)


@mistake("dark", WRONG_DARK)
def darks_colder_untold(night):
    """Darks 15 K colder, no card tells: warm pixels are left."""
    night.dark = night.several("dark", 4, current=night.current / 5)
    night.card("CCD-TEMP", None)


@mistake("dark", NEGATIVE)
def dark_above_the_lights(night):
    """The dark takes more away than the lights have."""
    night.dark = night.several("dark", 4, current=night.current + 100)


@mistake("dark", "bias|pedestal|expos")
def scaled_dark_with_its_bias(night):
    """Darks of 120 s for lights of 60 s, no bias: the bias in them is scaled."""
    night.bias, night.flat = [], []


@mistake("dark", NEGATIVE + "|already|twice|pedestal|level")
def darks_without_their_bias(night):
    """Darks of a library, their bias out already, no card tells: it is taken out twice."""
    for frame in night.dark:
        frame.values, frame.stored = frame.values - night.pedestal, "float32"


@mistake("dark", LEVEL + "|light|lit|gradient|uneven|structure")
def one_dark_lit(night):
    """Light leaked into one dark of two."""
    night.dark = [night.expose("dark", electrons=np.linspace(200, 3000, night.shape[1])[None]), night.expose("dark")]


@mistake("dark", "expos|EXPTIME|0 s")
def darks_of_zero_seconds(night):
    """EXPTIME of the darks is 0."""
    night.card("EXPTIME", 0.0, "dark")


@mistake("dark", "NCOMBINE|combination|master")
def master_among_single_darks(night):
    """A master dark of 20 stands among single darks."""
    night.dark[0].cards["NCOMBINE"] = 20
    night.wrong = "counts as one"


@mistake("dark", SATURATED)
def warm_pixels_at_the_ceiling(night):
    """Warm pixels of the darks stand at 65535, scaled by a half they are wrong."""
    night.current = np.where(night.current > 15, 3000.0, night.current)
    night.take()
    night.marked["saturated"] = night.current > 1000


@mistake("dark", SCALE + "|bias|" + NEGATIVE)
def darks_from_0_to_1(night):
    """Darks stored as fractions of full scale, the rest in ADU."""
    for frame in night.dark:
        frame.values, frame.stored = frame.values / 65535, "float32"


# flat


@mistake("flat", r"dust|date|night|days|DATE-OBS|flat.*(structure|fit|imprint)|imprint")
def dust_moved(night):
    """The flats are 25 days older: dust has moved since."""
    places = ((34, 14), (14, 62))
    dusty = night.dusty
    night.flat = night.several("flat", 4, response=night.optics(places))
    night.marked["dust of the flat"], night.dusty = night.dust(places), dusty
    night.card("DATE-OBS", "2025-10-26T17:10:00", "flat")


@mistake("flat", "pier|flip|mirror|turn|rotat|orient")
def flats_of_the_other_pier_side(night):
    """The flats were taken on the other side of the pier, and stored turned: PIERSIDE tells."""
    night.response = night.optics(((14, 20), (40, 24))) * (1 + 0.2 * night.x / night.shape[1])
    night.take(flat=4, light=3)
    night.card("PIERSIDE", "WEST", "light")
    night.card("PIERSIDE", "EAST", "flat")
    for frame in night.flat:
        frame.alter(lambda v: v[::-1, ::-1])


@mistake("flat", "row.?order|orient|flip|mirror|upside")
def flats_upside_down(night):
    """The flats were written by a program that begins at the top: ROWORDER tells."""
    night.response = night.optics(((14, 20), (40, 24))) * (1 + 0.2 * night.y / night.shape[0])
    night.take(flat=4, light=3)
    night.card("ROWORDER", "BOTTOM-UP")
    night.card("ROWORDER", "TOP-DOWN", "flat")
    for frame in night.flat:
        frame.alter(lambda v: v[::-1])


LAMP = r"lamp|flat.*(level|light|dark|faint|bias|scal|apart|differ)|level|no light|IMAGETYP|positive"


@mistake("flat", LAMP)
def lamp_off_in_one_flat(night):
    """The lamp was off during one flat."""
    night.flat[1] = night.expose("flat", electrons=0.0)


@mistake("flat", LAMP)
def lamp_off_in_all_flats(night):
    """The lamp was off during all flats."""
    night.flat = night.several("flat", 4, electrons=0.0)


@mistake("flat", SATURATED)
def flats_saturated(night):
    """All flats are saturated, no SATURATE card."""
    for frame in night.flat:
        frame.values[:] = 65535


@mistake("flat", SATURATED)
def middle_of_the_flats_saturated(night):
    """The middle of all flats stands at 65535, no SATURATE card."""
    night.flat = night.several("flat", 4, electrons=1.15e5)


@mistake("flat", SATURATED)
def twilight_flats_begin_saturated(night):
    """The first two of five twilight flats are saturated, the rest fade."""
    night.flat = [night.expose("flat", electrons=28_000 * share) for share in (5.0, 3.9, 1.5, 1.0, 0.7)]


@mistake("flat", SATURATED)
def flats_at_the_ceiling_of_14_bits(night):
    """Flats of a camera of 14 bits stand at 16383 in their middle."""
    night.flat = night.several("flat", 4, electrons=29_000.0)
    for frame in night.flat:
        frame.alter(lambda v: np.minimum(v, 16383))


@mistake("flat", SATURATED)
def flats_at_the_ceiling_of_12_bits(night):
    """Flats of a camera of 12 bits stand at 4095 in their middle."""
    night.lamp, night.scene = 6800.0, night.sky(700, stars=[])
    night.take()
    for frame in night.all():
        frame.alter(lambda v: np.minimum(v, 4095))


@mistake("flat", r"flat.*(already|twice|imprint|fit|structure)|already|twice|imprint")
def lights_flat_fielded_already(night):
    """Lights were divided by the flat already, no card tells."""
    for frame in night.light:
        frame.values = (frame.values - night.pedestal) / (night.response / night.response.mean()) + night.pedestal


@mistake("flat", "shape|size|rows|columns|pixels")
def flats_cropped(night):
    """The flats are cropped."""
    for frame in night.flat:
        frame.values = frame.values[3:, 3:]


@mistake("flat", "unit|electron|BUNIT")
def flats_in_electrons(night):
    """Flats in electrons, the rest in adu, BUNIT tells."""
    night.card("BUNIT", "adu")
    night.card("BUNIT", "electron", "flat")
    for frame in night.flat:
        frame.values, frame.stored = frame.values * night.gain, "float32"


@mistake("flat", SCALE + "|flat.*(below|bias|negative|light)")
def flats_from_0_to_1(night):
    """Flats stored as fractions of full scale, their bias in them, the rest in ADU."""
    for frame in night.flat:
        frame.values, frame.stored = frame.values / 65535, "float32"


@mistake("flat", "dead|zero|half|empty|constant|negative|flagged|positive|no light")
def half_of_every_flat_dead(night):
    """The left half of every flat is dead: zeros."""
    for frame in night.flat:
        frame.values[:, :40] = 0


@mistake("flat", "dead|zero|half|empty|constant|negative|flagged|positive|level|differ|apart")
def half_of_one_flat_dead(night):
    """The lower half of one flat was not read out: zeros."""
    night.flat[2].values[:32] = 0


@mistake("flat", "byte|swap|endian|nois|level|satur|differ|apart|positive")
def one_flat_byte_swapped(night):
    """One flat is byte-swapped."""
    night.flat[3].alter(lambda v: np.rint(v).astype("uint16").byteswap().astype(float))


@mistake("flat", r"IMAGETYP|image.?typ|flat.*(object|light|level|faint|scal|target)|(says|header).*(object|light)|kind")
def light_listed_as_flat(night):
    """A light stands in the list as a flat."""
    night.flat[2] = night.expose("light")


@mistake("bias", "black.?level|offset|BLKLEVEL|pedestal")
def flats_and_lights_of_other_offset(night):
    """BLKLEVEL 20 in bias and darks, 60 in flats and lights: 320 ADU are left."""
    night.pedestal = night.pedestal + 320
    night.take(flat=4, light=3)
    night.card("BLKLEVEL", 20, "bias", "dark")
    night.card("BLKLEVEL", 60, "flat", "light")


@mistake("list", r"IMAGETYP|swap|kind|bias.*(expos|EXPTIME|\d+ s)|dark.* 0 s|(says|called|header).*(dark|bias)")
def bias_and_dark_swapped(night):
    """Bias and dark stand in each other's place in the list: IMAGETYP and EXPTIME tell."""
    night.bias, night.dark = night.dark, night.bias


@mistake("list", "IMAGETYP|kind|level|negative|below|flat|light|swap")
def dark_and_flat_swapped(night):
    """Dark and flat stand in each other's place in the list."""
    night.dark, night.flat = night.flat, night.dark


@mistake("list", "IMAGETYP|kind|level|bright|lit|shutter|apart")
def flat_listed_as_bias(night):
    """A flat stands in the list as a bias."""
    night.bias[1] = night.expose("flat")


@mistake("list", "same|identical|twice|copy|copies|pixels|also")
def darks_are_copies_of_the_bias(night):
    """The darks are copies of the bias frames, with cards of darks."""
    for dark, bias in zip(night.dark, night.bias, strict=True):
        dark.values = bias.values.copy()
