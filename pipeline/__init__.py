"""CCD image reduction as a pipeline of pure stages.

The modules, in the order in which data flows and in which they may import (each only from those above it)::

    interrupt    Ctrl-C while all these are being imported
    creator      who writes a product
    errors       what can go wrong, as a tree
    arrays       arrays that cannot change
    adding       the errors of images, added
    pixels       values, flags and variance, and their arithmetic
    robust       the typical value of many with wild ones
    cards        a header that cannot change
    state        what has been done to an image
    tables       which keywords say what
    values       the value of one card, read strictly
    scaling      BSCALE, BZERO and BLANK of astropy's HDUs
    exposures    the exposure that a header gives
    keywords     what a header says of detector, sky and kind
    dates        when the exposure began and ended
    units        the unit of pixel values
    corrections  what has been done to an image, as its header says
    source       pixels that are read when asked for
    lineage      what an image went through
    adopting     pixels of arrays, HDUs and CCDData
    frames       Image, FrameSet
    making       what masters check of images
    running      how stages run: threads, memory, progress
    spool        memory beyond the budget, in an anonymous file
    hints        whether a setting is of the type asked for
    stages       what a stage is: a pure function that records itself
    compose      pipe, chain, each
    filelist     the list of a night's frames
    network      order by comparing whole frames
    order        the values of each pixel in order of size
    noise        how much equal exposures should differ
    shifts       what makes a frame differ as a whole
    fitting      measuring the noise of a stack
    amplifiers   parts of a detector with a noise of their own
    clip         which values of a stack to leave out, as a setting
    survivors    which values of a stack a clip keeps
    middles      the middle values of a stack
    gallop       those of many whole numbers
    groups       bounds of medians from groups of frames
    sums         sums over frames of numbers of 16 bits
    sweep        what one sweep over frames finds of each pixel
    doubtful     pixels that may lose values
    screen       which pixels certainly lose nothing to a clip
    clear        what pixels lose that were hit, where that is clear
    rows         what the frames of a stack hold in some rows
    bulk         pixels that keep all their values
    closer       a closer look at the others
    settling     what spares doubtful pixels that
    propagation  the variance of combined frames
    carried      combining frames with the errors that they carry
    tiles        combining a stack, tile by tile
    found        what combining found
    weighing     how much each frame of a stack counts
    counting     the photon noise of lights and arcs
    planning     what has to be known before frames are combined
    photons      what frames tell of gain and read noise
    alike        whether frames are alike enough to be combined
    described    the image that a combination gives
    stacking     combine
    arcs         those of several lamps: add
    instrument   how frames were set, and whether alike
    declared     take_as
    section      rectangles of a frame
    placing      where on its detector each amplifier's data lie
    sections     which part of a frame each amplifier read
    regions      what is known of each amplifier of several
    piles        the HDUs of a file, one above the other, as one frame
    masks        Mask, flag_bad, grow_flags
    saturation   flag_saturated, spare_saturated
    defects      flag_hot, flag_dead
    standard     what the FITS standard asks of a card
    keeping      what becomes of each card of a raw header
    wcs          where pixels lie, when they move
    levels       the level of an overscan
    mosaic       the amplifiers' data, side by side
    linearity    linearise
    overscan     subtract_overscan
    bias         MasterBias, subtract_bias
    variance     estimate_variance
    skewness     correct_median
    dark         MasterDark, scale_dark, subtract_dark
    lamp         the colour of a flat's lamp
    flat         MasterFlat, normalise_flat, divide
    gain         to_electrons
    orientation  orient
    cosmic       clean_cosmic_rays
    fringe       MasterFringe, subtract_fringe
    healing      heal
    names        the cards that scripts written for ASPIRED read
    companions   the HDUs beside an image
    header       ReducedImage, attach_header
    flagging     what a reduction flags
    recipe       the settings of a reduction
    quality      measure_quality, quality_table
    recipes      the default chains
    qualitypage  quality numbers as a table of a page
    keys         content addresses: the same inputs and settings, the same key
    soundness    what is wrong with the headers of a FITS file
    checksums    the checksums of FITS
    ------------ the edge: only these read or write files, draw or print
    files        files that are open, and what goes wrong with them
    listfile     the text of a file list, and paths that lead nowhere
    plane        the array of one HDU, read by rows
    planes       those of one frame: values, flags, standard deviation
    oddities     what is said of a file that can be read all the same
    directory    which HDUs a file has
    hdus         where the array of an HDU lies
    planepile    the arrays of several HDUs, one above the other
    piling       the amplifiers' HDUs of a file, read as one frame
    repeats      frames that a list names more than once
    fits         open_frames, read_night
    maskfile     read_mask
    drafts       files that are being written
    delivery     files that take their places whole, several together
    output       write
    record       the record of a reduction
    replay       repeating a reduction from its record
    qualityfile  quality numbers of a reduction, as a file
    scan         proposing file lists for a folder
    scanning     the command scan
    scenes       what a simulated camera is pointed at
    camera       a simulated camera
    simulate     a night whose truth is known
    progress     a bar on a terminal
    stretch      which colour a value gets
    blocks       a large image in few cells
    codes        pixel values in few bytes
    views        what a figure shows of a record
    jsontext     figures as JSON that every plotly reads
    counts       the counts of a histogram
    layout       how a figure is laid out
    figures      figure
    page         pages that zoom in on every pixel
    painting     static images without a browser
    export       export_figure
    report       what the command says
    notes        what it says of warnings
    products     which files a reduction writes
    detectors    files of several detectors, HDU by HDU into one product
    options      its switches for flags and states
    switches     what the command line says of geometry, flat and gain
    profiles     means along rows and columns, before and after
    nightpage    the report of a night
    inspection   the command's words about figures
    extras       what the command line says of the steps around the core
    done         products with a record of what they were made of
    survey       many nights as tasks
    bundles      which tasks go together to a worker
    work         doing the tasks
    workers      the workers of Dask
    handing      handing work to them
    elsewhere    many nights on them
    spreading    one stack in blocks of rows on workers
    distribute   many nights, here or on workers
    crew         who does the work, as the command line says
    many         the command for many nights
    telling      products written, and told of when they are there
    asking       options of the commands that combine, and their recipe
    reducing     the command reduce
    combining    the command combine
    replaying    the command replay
    demo         the command demo
    cli          the command and its exit status

The module of a public name is imported when the name is first asked for: who only combines waits for nothing else.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.compose.chain import chain as chain
    from pipeline.compose.chain import each as each
    from pipeline.compose.chain import pipe as pipe
    from pipeline.compose.running import running as running
    from pipeline.compose.stage import Stage as Stage
    from pipeline.compose.stage import Step as Step
    from pipeline.compose.stage import stage as stage
    from pipeline.detector.amplifiers import Amplifier as Amplifier
    from pipeline.figures.colour import Look as Look
    from pipeline.figures.export import Form as Form
    from pipeline.figures.export import export_figure as export_figure
    from pipeline.figures.figure import figure as figure
    from pipeline.figures.night_page import write_report as write_report
    from pipeline.fits.every_hdu import read_every_hdu as read_every_hdu
    from pipeline.fits.every_hdu import write_every_hdu as write_every_hdu
    from pipeline.fits.mask_file import read_mask as read_mask
    from pipeline.fits.open import open_frame as open_frame
    from pipeline.fits.read_night import open_frames as open_frames
    from pipeline.fits.read_night import read_night as read_night
    from pipeline.fits.write import write as write
    from pipeline.headers.cards import Cards as Cards
    from pipeline.library.scan import scan as scan
    from pipeline.night.filelist import parse_filelist as parse_filelist
    from pipeline.night.masters import Masters as Masters
    from pipeline.night.masters import make_masters as make_masters
    from pipeline.night.quality import Quality as Quality
    from pipeline.night.quality import measure_quality as measure_quality
    from pipeline.night.quality import quality_table as quality_table
    from pipeline.night.recipe import Flagging as Flagging
    from pipeline.night.recipe import Recipe as Recipe
    from pipeline.night.reduce import reduce as reduce
    from pipeline.night.reduce import reduce_each as reduce_each
    from pipeline.records.frames import FrameSet as FrameSet
    from pipeline.records.frames import Image as Image
    from pipeline.records.pixels import Flag as Flag
    from pipeline.records.pixels import Pixels as Pixels
    from pipeline.stacking.add import add as add
    from pipeline.stacking.clip import Clip as Clip
    from pipeline.stacking.combine import combine as combine
    from pipeline.stacking.combine import measure_noise as measure_noise
    from pipeline.stages.bad_pixels import Mask as Mask
    from pipeline.stages.bad_pixels import flag_bad as flag_bad
    from pipeline.stages.bad_pixels import flag_dead as flag_dead
    from pipeline.stages.bad_pixels import flag_hot as flag_hot
    from pipeline.stages.bad_pixels import grow_flags as grow_flags
    from pipeline.stages.bias import MasterBias as MasterBias
    from pipeline.stages.bias import subtract_bias as subtract_bias
    from pipeline.stages.cosmic_rays import LACosmic as LACosmic
    from pipeline.stages.cosmic_rays import clean_cosmic_rays as clean_cosmic_rays
    from pipeline.stages.dark import MasterDark as MasterDark
    from pipeline.stages.dark import scale_dark as scale_dark
    from pipeline.stages.dark import subtract_dark as subtract_dark
    from pipeline.stages.declare import take_as as take_as
    from pipeline.stages.flat import MasterFlat as MasterFlat
    from pipeline.stages.flat import divide as divide
    from pipeline.stages.flat import normalise_flat as normalise_flat
    from pipeline.stages.fringe import MasterFringe as MasterFringe
    from pipeline.stages.fringe import subtract_fringe as subtract_fringe
    from pipeline.stages.gain import to_electrons as to_electrons
    from pipeline.stages.header import ReducedImage as ReducedImage
    from pipeline.stages.header import attach_header as attach_header
    from pipeline.stages.healing import heal as heal
    from pipeline.stages.linearity import linearise as linearise
    from pipeline.stages.orientation import orient as orient
    from pipeline.stages.overscan import subtract_overscan as subtract_overscan
    from pipeline.stages.saturation import flag_saturated as flag_saturated
    from pipeline.stages.saturation import spare_saturated as spare_saturated
    from pipeline.stages.variance import correct_median as correct_median
    from pipeline.stages.variance import estimate_variance as estimate_variance
    from pipeline.statistics.noise import Noise as Noise
    from pipeline.survey.dask_client import workers as workers
    from pipeline.survey.dask_combine import spread as spread
    from pipeline.survey.plan import Survey as Survey
    from pipeline.survey.reduce_many import Outcome as Outcome
    from pipeline.survey.reduce_many import reduce_many as reduce_many

_HOMES = {
    "Amplifier": "detector.amplifiers",
    "Cards": "headers.cards",
    "Clip": "stacking.clip",
    "Flag": "records.pixels",
    "Flagging": "night.recipe",
    "Form": "figures.export",
    "FrameSet": "records.frames",
    "Image": "records.frames",
    "LACosmic": "stages.cosmic_rays",
    "Look": "figures.colour",
    "Mask": "stages.bad_pixels",
    "MasterBias": "stages.bias",
    "MasterDark": "stages.dark",
    "MasterFlat": "stages.flat",
    "MasterFringe": "stages.fringe",
    "Masters": "night.masters",
    "Noise": "statistics.noise",
    "Outcome": "survey.reduce_many",
    "Pixels": "records.pixels",
    "Quality": "night.quality",
    "Recipe": "night.recipe",
    "ReducedImage": "stages.header",
    "Stage": "compose.stage",
    "Step": "compose.stage",
    "Survey": "survey.plan",
    "add": "stacking.add",
    "attach_header": "stages.header",
    "chain": "compose.chain",
    "clean_cosmic_rays": "stages.cosmic_rays",
    "combine": "stacking.combine",
    "correct_median": "stages.variance",
    "divide": "stages.flat",
    "each": "compose.chain",
    "estimate_variance": "stages.variance",
    "export_figure": "figures.export",
    "figure": "figures.figure",
    "flag_bad": "stages.bad_pixels",
    "flag_dead": "stages.bad_pixels",
    "flag_hot": "stages.bad_pixels",
    "flag_saturated": "stages.saturation",
    "grow_flags": "stages.bad_pixels",
    "heal": "stages.healing",
    "linearise": "stages.linearity",
    "make_masters": "night.masters",
    "measure_noise": "stacking.combine",
    "measure_quality": "night.quality",
    "normalise_flat": "stages.flat",
    "open_frame": "fits.open",
    "open_frames": "fits.read_night",
    "orient": "stages.orientation",
    "parse_filelist": "night.filelist",
    "pipe": "compose.chain",
    "quality_table": "night.quality",
    "read_every_hdu": "fits.every_hdu",
    "read_mask": "fits.mask_file",
    "read_night": "fits.read_night",
    "reduce": "night.reduce",
    "reduce_each": "night.reduce",
    "reduce_many": "survey.reduce_many",
    "running": "compose.running",
    "scale_dark": "stages.dark",
    "scan": "library.scan",
    "spare_saturated": "stages.saturation",
    "spread": "survey.dask_combine",
    "stage": "compose.stage",
    "subtract_bias": "stages.bias",
    "subtract_dark": "stages.dark",
    "subtract_fringe": "stages.fringe",
    "subtract_overscan": "stages.overscan",
    "take_as": "stages.declare",
    "to_electrons": "stages.gain",
    "workers": "survey.dask_client",
    "write": "fits.write",
    "write_every_hdu": "fits.every_hdu",
    "write_report": "figures.night_page",
}
"""The module of each public name; a test holds that those above are the same."""

if not TYPE_CHECKING:  # checkers take the names above, and read no list that is computed
    __all__ = list(_HOMES)


class _Package(ModuleType):
    """A package that imports the module of a public name when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=self)
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        setattr(self, name, found)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOMES.get(name) == name:
            value = getattr(value, name)  # Python sets the module scan here when it is imported; scan is its function
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOMES})


sys.modules[__name__].__class__ = _Package
