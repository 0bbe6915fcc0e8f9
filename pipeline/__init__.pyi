# The public names and their homes; ``__init__.py`` loads each of them from here when it is asked for.

from . import errors as errors

# read
from .fits.read_night import read_night as read_night, open_frames as open_frames
from .fits.open import open_frame as open_frame
from .night.filelist import parse_filelist as parse_filelist
from .fits.mask_file import read_mask as read_mask
from .fits.every_hdu import read_every_hdu as read_every_hdu
from .fits.read_recipe import read_recipe as read_recipe, read_chain as read_chain
from .library.scan import propose_filelists as propose_filelists

# choose
from .library.match import match as match, Match as Match, Choice as Choice
from .checks.policy import Policy as Policy
from .library.master_library import MasterLibrary as MasterLibrary, StoredMaster as StoredMaster

# records
from .records.frames import Image as Image, FrameSet as FrameSet
from .records.pixels import Pixels as Pixels, Flag as Flag
from .stages.bad_pixels import Mask as Mask
from .headers.cards import Cards as Cards
from .records.note import Note as Note

# combine
from .stacking.combine import combine as combine, measure_noise as measure_noise
from .stacking.combined import combined as combined
from .stages.align import align as align, coverage as coverage
from .stacking.add import add_images as add_images
from .stacking.clip import Clip as Clip
from .statistics.noise import Noise as Noise

# calibrate
from .stages.bias import MasterBias as MasterBias, subtract_bias as subtract_bias
from .stages.dark import (
    MasterDark as MasterDark,
    fit_dark as fit_dark,
    scale_dark as scale_dark,
    subtract_dark as subtract_dark,
)
from .stages.flat import (
    MasterFlat as MasterFlat,
    normalise_flat as normalise_flat,
    divide as divide,
    mask_sources as mask_sources,
)
from .stages.fringe import MasterFringe as MasterFringe, subtract_fringe as subtract_fringe
from .stages.overscan import subtract_overscan as subtract_overscan
from .stages.linearity import linearise as linearise
from .stages.gain import to_electrons as to_electrons
from .stages.variance import estimate_variance as estimate_variance, correct_median as correct_median
from .stages.cosmic_rays import clean_cosmic_rays as clean_cosmic_rays, LACosmic as LACosmic
from .detector.amplifiers import Amplifier as Amplifier

# flag
from .stages.saturation import flag_saturated as flag_saturated, drop_rare_saturation as drop_rare_saturation
from .stages.bad_pixels import (
    flag_bad as flag_bad,
    flag_hot as flag_hot,
    flag_dead as flag_dead,
    noisy_pixels as noisy_pixels,
    grow_flags as grow_flags,
)

# finish
from .stages.declare import declare as declare
from .stages.healing import heal as heal
from .stages.orientation import orient as orient
from .stages.header import attach_header as attach_header, ReducedImage as ReducedImage

# whole nights
from .night.reduce import reduce as reduce, reduce_each as reduce_each
from .night.masters import make_masters as make_masters, Masters as Masters
from .night.recipe import Recipe as Recipe, Flagging as Flagging, Extra as Extra
from .night.recipe_file import recipe_from_toml as recipe_from_toml
from .night.recipe_text import recipe_to_toml as recipe_to_toml

# write
from .fits.write import write as write
from .fits.every_hdu import write_every_hdu as write_every_hdu
from .fits.read_recipe import write_recipe as write_recipe

# look
from .figures.figure import figure as figure
from .figures.export import export_figure as export_figure
from .figures.static_image import FigureFile as FigureFile
from .figures.night_report import write_report as write_report
from .figures.colour import Appearance as Appearance
from .night.quality import measure_quality as measure_quality, quality_table as quality_table, Quality as Quality

# many nights
from .survey.reduce_many import reduce_many as reduce_many, Outcome as Outcome
from .survey.plan import Survey as Survey
from .survey.dask_client import workers as workers
from .survey.dask_combine import combine_on as combine_on
from .compose.running import running as running

# your own stages
from .compose.stage import stage as stage, Stage as Stage, Step as Step, Master as Master
from .compose.settings import Limits as Limits
from .compose.laws import check_stage as check_stage
from .compose.telling import advise as advise
from .compose.chain import chain as chain, each as each, pipe as pipe

# about itself
from .version import __version__ as __version__
