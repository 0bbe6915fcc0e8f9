"""Mistakes in lists and files, with overscan and amplifiers, colours, finished steps, and in chains."""

import numpy as np
from astropy.io import fits
from spoilt_nights import by_ten_lines, mistake

from pipeline import (
    Amplifier,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    MasterFlat,
    Pixels,
    Recipe,
    attach_header,
    chain,
    clean_cosmic_rays,
    combine,
    divide,
    each,
    flag_saturated,
    heal,
    normalise_flat,
    pipe,
    reduce,
    stage,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
)
from pipeline.night.recipe import Flagging

BY_REDUCE = ("reduce",)


# lists and files


@mistake("list", "twice|same|duplicate|identical|copy|copies|again")
def a_light_listed_under_another_name(night):
    """A copy of a light, under another name, stands in the list."""
    night.light.append(night.light[1])
    night.wrong = "counted twice"


@mistake("list", "twice|same|duplicate|identical|copy|copies|again|pixels")
def a_copy_with_other_cards(night):
    """A copy of a light whose header was edited stands in the list."""
    copy = night.expose("light")
    copy.values = night.light[0].values.copy()
    night.light.append(copy)
    night.wrong = "counted twice"


@mistake("list", "twice|same|duplicate|identical|copy|copies|again|pixels")
def a_flat_twice(night):
    """A copy of a flat stands in the list."""
    night.flat.append(night.flat[1])
    night.wrong = "counted twice"


@mistake("list", "twice|same|duplicate|identical|listed|once|copy|pixels")
def a_bias_that_is_also_a_dark(night):
    """One bias is listed as a dark too, under another name."""
    night.dark.append(night.expose("dark"))
    night.dark[-1].values = night.bias[0].values.copy()
    night.wrong = "a bias among the darks"


@mistake("list", "twice|listed|again")
def a_light_listed_twice(night):
    """The list names a light twice."""
    night.rows = lambda rows: [*rows, rows[-1]]
    night.wrong = "listed twice"


@mistake("list", "not there|No such|cannot be read|missing|exist")
def a_frame_that_is_not_there(night):
    """The list names a frame that is not there."""
    night.rows = lambda rows: [*rows, "light, f99.fits"]


@mistake("list", "type|kind|ligth|bias, dark, flat")
def a_kind_misspelt(night):
    """The list has a kind that there is not."""
    night.rows = lambda rows: [row.replace("light", "ligth") for row in rows]


@mistake("file", "trunc|short|bytes|ends|cut|damag|incomplete|missing|empty")
def an_empty_file(night):
    """A light is an empty file."""
    night.light[1].damage = lambda path: path.write_bytes(b"")


@mistake("file", "FITS|html|text|image|read")
def a_page_of_the_archive(night):
    """A light is a page of the archive that says: log in."""
    night.light[1].damage = lambda path: path.write_text("<html><body>Please log in</body></html>" * 200)


@mistake("file", "cube|plane|axes|three|3")
def a_cube(night):
    """A light is a cube of three images."""

    def stack(path):
        values, header = fits.getdata(path), fits.getheader(path)
        fits.PrimaryHDU(np.stack([values] * 3), header).writeto(path, overwrite=True)

    night.light[1].damage = stack


@mistake("file", "HDU|empty|no image|no data|pixels|axes")
def pixels_in_an_extension(night):
    """The pixels of the lights stand in HDU 1, the list names none."""

    def move(path):
        values, header = fits.getdata(path), fits.getheader(path)
        fits.HDUList([fits.PrimaryHDU(header=header), fits.ImageHDU(values)]).writeto(path, overwrite=True)

    for frame in night.light:
        frame.damage = move
    night.wrong = ""


@mistake("file", "trunc|short|bytes|ends|cut|damag|incomplete|missing|gzip")
def a_gzip_cut_short(night):
    """A packed light was cut short."""
    import gzip

    def pack(path):
        path.write_bytes(gzip.compress(path.read_bytes())[:-2000])

    night.light[2].damage = pack


@mistake("file", "BUNIT|unit")
def a_unit_that_nobody_reads(night):
    """BUNIT is a word that is no unit: the product must be readable."""
    night.card("BUNIT", "counts per pixel of the camera")
    night.check = _readable


def _readable(products):
    from astropy.nddata import CCDData

    unit = products["light"].header.to_header().get("BUNIT")
    try:
        CCDData(products["light"].pixels.values, unit=unit or "adu")
    except ValueError as error:
        return str(error)
    return ""


# overscan and steps that headers call done


@mistake("overscan", "overscan|DATASEC|BIASSEC|columns")
def columns_outside_datasec(night):
    """Columns outside DATASEC, no BIASSEC: levels jump and nothing takes them out."""
    night.add_overscan(jump=120, cards={"DATASEC": night.sections()["TRIMSEC"]})


@mistake("overscan", "overscan|TRIMSEC|BIASSEC|columns")
def columns_outside_trimsec(night):
    """Columns outside TRIMSEC, BIASSEC is blank."""
    night.add_overscan(jump=120, cards={"TRIMSEC": night.sections()["TRIMSEC"], "BIASSEC": ""})


@mistake("overscan", "overscan")
def overscan_is_on(night):
    """OVERSCAN = 'ON' in raw frames says that there is some."""
    night.add_overscan(jump=120)
    night.card("OVERSCAN", "ON")


@mistake("overscan", "overscan|trim")
def overscan_and_trim_say_yes(night):
    """OVERSCAN and TRIM say 'yes' in raw frames that hold both."""
    night.add_overscan(jump=120)
    night.card("OVERSCAN", "yes")
    night.card("TRIM", "yes")


@mistake("overscan", "overscan|trim")
def trim_holds_a_section(night):
    """TRIM holds a section, in raw frames."""
    night.add_overscan(jump=120)
    night.card("TRIM", night.sections()["TRIMSEC"])


@mistake("overscan", "overscan|BIASSEC|overlap|lit")
def overscan_on_lit_columns(night):
    """BIASSEC lies on columns that see light."""
    night.add_overscan(jump=120, cards={"BIASSEC": "[65:80,1:64]", "TRIMSEC": "[1:80,1:64]"})


@mistake("overscan", "BIASSEC|section|overscan")
def overscan_outside_the_frame(night):
    """BIASSEC lies outside the frame."""
    night.add_overscan(jump=120, cards={"BIASSEC": "[181:192,1:64]", "TRIMSEC": "[1:80,1:64]"})


@mistake("overscan", "BIASSEC|section|overscan|shape")
def one_light_without_sections(night):
    """One light has lost the cards of its sections."""
    night.add_overscan(jump=120)
    for keyword in ("BIASSEC", "TRIMSEC"):
        night.light[1].cards.pop(keyword)


@mistake("overscan", "overscan|satur|level|lit|jump")
def overscan_of_one_light_lit(night):
    """Light bled into the overscan of one light."""
    night.add_overscan(jump=20)
    night.light[1].values[:, 80:] += 700


@mistake("overscan", "BIASCORR?|bias|zero|done|pedestal|skipped")
def biascor_in_raw_lights(night):
    """BIASCOR = 'yes' stands in raw lights: the camera offers it."""
    night.card("BIASCOR", "yes", "light")


@mistake("overscan", "bias|zero|done|pedestal|skipped|ZEROCOR")
def zerocor_in_raw_lights(night):
    """ZEROCOR = T stands in raw lights, whose pedestal is there."""
    night.card("ZEROCOR", True, "light")


@mistake("overscan", "dark|done|skipped|DARKCOR")
def darkcor_in_raw_lights(night):
    """DARKCOR = T stands in raw lights, whose warm pixels are there."""
    night.card("DARKCOR", True, "light")


@mistake("overscan", "flat|done|skipped|FLATCOR")
def flatcor_in_raw_lights(night):
    """FLATCOR = T stands in raw lights."""
    night.card("FLATCOR", True, "light")


@mistake("overscan", "CCDSUM|bin|section|overscan|BIASSEC|frame")
def sections_in_unbinned_pixels(night):
    """CCDSUM is 2 2, sections count unbinned pixels."""
    night.add_overscan(jump=120, cards={"BIASSEC": "[161:184,1:128]", "TRIMSEC": "[1:160,1:128]", "CCDSUM": "2 2"})


@mistake("amplifiers", "amplifier|step|overscan|level|differ")
def an_amplifier_behind_the_other_s_overscan(night):
    """Two amplifiers whose levels jump apart, one BIASSEC: that of the right one."""
    night.add_overscan(jump=20)
    for frame in night.all():
        frame.values[:, :40] += night.random.normal(0, 120)


@mistake("amplifiers", "amplifier|section|overlap|overscan|twice")
def amplifiers_that_overlap(night):
    """Sections of two amplifiers that overlap."""
    night.add_overscan(jump=20, columns=16, cards={})
    amplifiers = (Amplifier("[1:50,*]", "[81:88,*]"), Amplifier("[41:80,*]", "[89:96,*]"))
    night.program = lambda frames: reduce(frames, recipe=Recipe(overscan=subtract_overscan(amplifiers=amplifiers)))


@mistake("amplifiers", "amplifier|dead|zero|constant|half|no light|positive|flag|differ|level")
def an_amplifier_dead_in_lights(night):
    """One amplifier of two gives nothing but its bias in all lights."""
    night.light = night.several("light", 3, electrons=np.where(night.x < 40, 0.0, night.scene))


# colours


@mistake("colour", "bayer|colour|color|mosaic")
def healed_across_colours(night):
    """Bad pixels of a colour camera are healed from neighbours of another colour."""
    night.mosaic_of_colours()
    night.recipe, night.routes = Recipe(healing=heal(by="nearest")), BY_REDUCE
    bad = (night.y % 9 == 4) & (night.x % 9 == 4)
    for frame in night.light:
        frame.values, frame.stored = np.where(bad, np.nan, frame.values), "float32"
    night.wrong = "healed from other colours"


@mistake("colour", "bayer|colour|color|mosaic")
def cosmic_rays_across_colours(night):
    """L.A.Cosmic on a colour camera's frames takes colours for cosmic rays."""
    night.mosaic_of_colours()
    night.recipe, night.routes = Recipe(cosmics=clean_cosmic_rays(gain=1.6, read_noise=6.0)), BY_REDUCE
    night.wrong = "cleaned from other colours"


@mistake("colour", "bayer|colour|color|mosaic")
def hot_pixels_across_colours(night):
    """Hot pixels of a colour camera are looked for among other colours."""
    night.mosaic_of_colours()
    night.recipe, night.routes = Recipe(flagging=Flagging(hot=5.0)), BY_REDUCE


@mistake("colour", "bayer|colour|color|mosaic")
def dead_pixels_across_colours(night):
    """Blue pixels of a colour camera's flat are taken for dead."""
    night.mosaic_of_colours()
    night.recipe, night.routes = Recipe(flagging=Flagging(dead=0.7)), BY_REDUCE


@mistake("colour", "bayer|colour|color|mosaic|pattern")
def flats_of_another_colour_pattern(night):
    """Flats were stored upside down: their BAYERPAT is another."""
    night.mosaic_of_colours()
    for frame in night.flat:
        frame.alter(lambda v: v[::-1])
    night.card("BAYERPAT", "GBRG", "flat")


@mistake("colour", "bayer|colour|color|mosaic|offset|BAYROFF")
def colour_pattern_moved_by_trimming(night):
    """Trimming takes away the first column of a colour camera: the pattern moves."""
    night.mosaic_of_colours()
    for frame in night.all():
        frame.values = np.hstack([frame.values[:, :1], frame.values])
        frame.cards |= {"TRIMSEC": "[2:81,1:64]", "BAYERPAT": "GRBG"}
    night.check = _pattern_follows


def _pattern_follows(products):
    header = products["light"].header.to_header()
    pattern, right = header.get("BAYERPAT"), header.get("XBAYROFF", 0)
    fits_it = pattern is None or (pattern, right % 2) in (("GRBG", 1), ("RGGB", 0))
    return "" if fits_it else f"BAYERPAT {pattern}, XBAYROFF {right}"


# chains


def _frames_and_masters(frames, stack=None):
    stack = stack or combine(method="mean", variance="noise")
    frames = each(chain(flag_saturated(), subtract_overscan()))(frames)
    bias = pipe(frames.bias, stack, MasterBias.of)
    dark = pipe(frames.dark, stack, subtract_bias(bias=bias), MasterDark.of)
    flat = pipe(frames.flat, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), normalise_flat)
    return frames, stack, bias, dark, flat


@mistake("chain", "bias|pedestal")
def a_light_that_keeps_its_bias(night):
    """A chain forgets the bias of the lights."""

    def program(frames):
        frames, stack, _, _, flat = _frames_and_masters(frames)
        return pipe(frames.light, stack, divide(flat=flat), attach_header)

    night.program = program


@mistake("chain", "bias|pedestal|level")
def a_light_that_keeps_its_bias_and_says_it_has_none(night):
    """A chain takes no bias out of lights whose darks have theirs out."""

    def program(frames):
        frames, stack, _, dark, flat = _frames_and_masters(frames)
        calibrated = chain(subtract_bias(bias=None), subtract_dark(dark=dark), divide(flat=flat))
        return pipe(frames.light, stack, calibrated, attach_header)

    night.program = program


@mistake("chain", "bias|pedestal|order|flat")
def a_flat_that_keeps_its_bias(night):
    """A chain forgets the bias of the flats."""
    night.lamp = 5000.0
    night.take(flat=4)

    def program(frames):
        frames, stack, bias, dark, _ = _frames_and_masters(frames)
        flat = pipe(frames.flat, stack, normalise_flat)
        return pipe(
            frames.light, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat), attach_header
        )

    night.program = program


@mistake("chain", "bias|twice|dark")
def a_bias_taken_out_twice(night):
    """A chain takes out the bias, and then darks that hold theirs."""

    def program(frames):
        frames, stack, bias, _, flat = _frames_and_masters(frames)
        dark = pipe(frames.dark, stack, MasterDark.of)
        return pipe(
            frames.light, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat), attach_header
        )

    night.program = program


@mistake("chain", "order|bias|pedestal|flat")
def divided_before_the_bias_is_out(night):
    """A chain divides by the flat before the bias is out."""

    def program(frames):
        frames, stack, bias, dark, flat = _frames_and_masters(frames)
        return pipe(
            frames.light, stack, divide(flat=flat), subtract_bias(bias=bias), subtract_dark(dark=dark), attach_header
        )

    night.program = program


@mistake("chain", "twice|again|already|flat")
def divided_twice(night):
    """A chain divides by the flat twice."""

    def program(frames):
        frames, stack, bias, dark, flat = _frames_and_masters(frames)
        clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat), divide(flat=flat))
        return pipe(frames.light, stack, clean, attach_header)

    night.program = program


@mistake("chain", "filter")
def flats_of_another_filter_in_a_chain(night):
    """The ten lines, with lights cleaned one by one and flats of another filter."""
    night.card("FILTER", "V", "flat")
    night.wrong = "flats of another filter"

    def program(frames):
        frames, stack, bias, dark, flat = _frames_and_masters(frames)
        clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat))
        return pipe(frames.light, each(clean), stack, attach_header)

    night.program = program


@mistake("chain", "temp")
def darks_of_another_temperature_in_a_chain(night):
    """Lights cleaned one by one with darks of another temperature, no clip."""
    night.dark = night.several("dark", 4, current=3 * night.current, cards={"CCD-TEMP": -12.0})

    def program(frames):
        unclipped = combine(method="mean", clip=None, variance="noise")
        frames, stack, bias, dark, flat = _frames_and_masters(frames, unclipped)
        clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat))
        return pipe(frames.light, each(clean), stack, attach_header)

    night.program = program


@mistake("chain", "level|apart|lit|shutter|differ|bright")
def a_bias_lit_in_a_chain_without_clip(night):
    """One bias is lit, a chain clips nothing."""
    night.bias[1] = night.expose("bias", electrons=900.0)
    night.program = lambda frames: _unclipped(frames)


@mistake("chain", "level|apart|faint|differ|expos|bright")
def a_light_shorter_in_a_chain_without_clip(night):
    """One light of 15 s says 60 s, a chain clips nothing."""
    night.light[1] = night.expose("light", seconds=15.0, cards={"EXPTIME": 60.0})
    night.program = lambda frames: _unclipped(frames)


def _unclipped(frames):
    frames, stack, bias, dark, flat = _frames_and_masters(frames, combine(method="mean", clip=None, variance="noise"))
    return pipe(
        frames.light, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat), attach_header
    )


@mistake("chain", "header|expos|array|plain|Image|return")
def a_plain_function_that_returns_an_array(night):
    """A plain function in a chain gives back a bare array: header, exposure and state are lost."""

    def program(frames):
        frames, stack, bias, dark, flat = _frames_and_masters(frames)
        brighter = lambda image: image.pixels.values * 1.0  # noqa: E731
        clean = chain(subtract_bias(bias=bias), brighter, subtract_dark(dark=dark), divide(flat=flat))
        return pipe(frames.light, stack, clean, attach_header)

    night.program = program


@mistake("chain", "return|gives|Image|array|stage")
def a_stage_that_returns_something_else(night):
    """A stage of the user's says that it gives an image, and gives an array."""

    @stage
    def brighten(image: Image, *, by: float) -> Image:
        return image.pixels.values * by

    def program(frames):
        frames, stack, bias, _, _ = _frames_and_masters(frames)
        return pipe(frames.light, stack, subtract_bias(bias=bias), brighten(by=1.0), attach_header)

    night.program = program


@mistake("chain", "normalis|mean|level|response|MasterFlat")
def a_flat_of_mean_20000(night):
    """A master flat is made by hand of a flat whose mean is 17,000."""

    def program(frames):
        frames, stack, bias, dark, _ = _frames_and_masters(frames)
        flat = MasterFlat(pipe(frames.flat, stack, subtract_bias(bias=bias), subtract_dark(dark=dark)))
        return pipe(
            frames.light, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat), attach_header
        )

    night.program = program


@mistake("chain", "varian|uncert|error")
def variance_that_a_bias_ends(night):
    """A light with a variance, a bias without: the variance vanishes."""
    night.wrong = "no variance"

    def program(frames):
        light = Image.of(Pixels.of(np.full((8, 8), 100.0), variance=np.ones((8, 8))), name="light")
        return attach_header(subtract_bias(light, bias=MasterBias.of(np.zeros((8, 8)))))

    night.program = program


@mistake("chain", "method|FAIL|mean|median")
def a_recipe_of_a_method_that_there_is_not(night):
    """A recipe is made with a method that there is not."""
    night.wrong = "accepted"

    def program(frames):
        Recipe(method="average")
        return reduce(frames)

    night.program = program


@mistake("chain", "level|apart|differ|exposure|scale")
def twilight_flats_combined_without_scaling(night):
    """The ten lines combine twilight flats that fade as if they were alike."""
    night.flat = [night.expose("flat", electrons=40_000 * 0.6**step) for step in range(4)]
    night.program = lambda frames: by_ten_lines(frames, night)["light"]


@mistake("chain", "kind|bias, dark|mixed|light|combine")
def frames_of_all_kinds_combined(night):
    """A chain combines bias and lights."""
    night.wrong = "frames of two kinds"
    night.program = lambda frames: pipe(FrameSet([*frames.bias, *frames.light]), combine(method="mean"), attach_header)


# unusual


@mistake("unusual", "nan|finite|good|flag")
def lights_of_nan(night):
    """All lights are NaN."""
    for frame in night.light:
        frame.values, frame.stored = np.full(night.shape, np.nan), "float32"


@mistake("unusual", "infinit|finite|flag|inf")
def infinite_pixels(night):
    """A quarter of one light is infinite."""
    night.light[0].stored = "float32"
    night.light[0].values[:32, :40] = np.inf


@mistake("unusual", r"1e|absurd|spike|level|overflow|sentinel|flag|-?32768|undefined|negative")
def a_sentinel_in_place_of_nan(night):
    """A corner of the lights holds -1e30, in place of NaN."""
    for frame in night.light:
        frame.stored = "float32"
        frame.values[:12, :12] = -1e30
