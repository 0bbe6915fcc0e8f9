"""CCD image reduction as a pipeline of pure stages: raw frames in, a science-ready image out.

What you want to do, and the names for it; ``help(combine)`` tells of one, with an example to copy:

- reduce a night, its lights to one image or each to its own: ``reduce``, ``reduce_each``, by a ``Recipe`` with its
  ``Flagging`` and each ``Extra`` step
- keep a recipe, or a chain, in a file: ``write_recipe``, ``read_recipe``, ``read_chain``; or as a text of TOML:
  ``recipe_to_toml``, ``recipe_from_toml``
- read a list, frames or a mask: ``read_night``, ``open_frame``, ``read_mask``, ``read_every_hdu`` (detectors that
  have an HDU each); a list's text or table: ``parse_filelist``, ``open_frames``; propose lists from headers:
  ``propose_filelists``
- choose calibrations as an expert does, and know why: ``match`` by a ``Policy``, a ``Match`` with each ``Choice``; keep
  masters for later nights: ``MasterLibrary``, with each ``StoredMaster``
- make records of arrays, HDUs and CCDData: ``Image``, ``FrameSet``, ``Pixels``, ``Mask``; and know what is in them:
  ``Flag``, ``Cards``, ``Note``
- combine frames: ``combine`` with its ``Clip`` and ``Noise``, ``measure_noise``, ``add_images``; combine them your own
  way: ``combined``; bring dithered ones to one place first: ``align``, ``coverage``
- make masters: ``make_masters``, ``Masters``, ``MasterBias``, ``MasterDark``, ``MasterFlat``, ``MasterFringe``,
  ``mask_sources``, ``normalise_flat``, ``scale_dark``
- calibrate, in this order: ``declare`` (what was done before), ``flag_saturated``, ``linearise``,
  ``subtract_overscan`` with each ``Amplifier``, ``subtract_bias``, ``subtract_dark`` or ``fit_dark``,
  ``clean_cosmic_rays`` by ``LACosmic``, ``divide``, ``subtract_fringe``, ``heal``, ``to_electrons``, ``orient``
- know the noise of what is combined or not: ``estimate_variance``, ``correct_median``
- flag bad pixels: ``flag_bad``, ``flag_hot``, ``flag_dead``, ``noisy_pixels``, ``grow_flags``,
  ``drop_rare_saturation``
- make the product and write it: ``attach_header``, ``ReducedImage``, ``write``, ``write_every_hdu``
- look at it: ``figure``, ``export_figure``, ``write_report``, with an ``Appearance`` and as a ``FigureFile``;
  ``measure_quality``, ``quality_table``, ``Quality``
- put steps together: ``pipe``, ``chain``, ``each``; run them with other threads, memory, or strictly: ``running``
- reduce many nights: ``reduce_many``, ``Survey``, ``Outcome``; on the workers of Dask: ``workers``, ``combine_on``
- write a stage of your own: ``stage``, ``Stage``, ``Step``, ``Limits``, ``Master``, ``advise``, ``check_stage``;
  and test it with whatever hypothesis draws: ``pipeline.testing``

What can go wrong is drawn in ``pipeline.errors``.  Each name has its home in a folder, and is loaded when it is first
asked for.  What is told at length stands in the folders that it is about:

- what is done to a night, nights as they are, a recipe in a file; coming from ASPIRED: :mod:`pipeline.night`
- what is off by default, dithered lights, darks of another temperature; coming from ccdproc: :mod:`pipeline.stages`
- commands, exit status; coming from IRAF: :mod:`pipeline.cli`
- files in and out, on to TwoDSpec: :mod:`pipeline.fits`; pages, images and reports: :mod:`pipeline.figures`
- what is read in headers, what becomes of cards: :mod:`pipeline.headers`; flags and notes: :mod:`pipeline.records`
- lights that move, a combination of your own: :mod:`pipeline.stacking`; the noise: :mod:`pipeline.statistics`;
  several amplifiers: :mod:`pipeline.detector`
- folders instead of lists: :mod:`pipeline.library`; many nights, and workers: :mod:`pipeline.survey`
- a stage of your own: :mod:`pipeline.compose`, and :mod:`pipeline.testing`

The folders, in the order of the data and of the physics; the face of each says what to open first, and a file imports
from folders above its own, and from its own::

    headers     what a FITS header says
    records     what flows through a reduction: immutable images with values, flags, variance
    compose     how stages are made and put together
    statistics  the numbers of a stack: noise, medians, order
    checks      whether frames are what they should be: set alike, of the level of their kind, not at a ceiling
    stacking    combining frames
    detector    the chip and its amplifiers
    stages      the physical steps, one a file: overscan, bias, dark, flat, cosmic rays, ...
    night       a night's list, recipe and masters; ``night/reduce.py`` is the order of the steps
    ----------- the edge: only these read or write files, draw, print, start processes
    fits        reading and writing FITS files
    simulation  nights whose truth is known
    provenance  what was made of what: records, replay
    library     the frames and calibrations of many nights
    figures     pages, images and reports to look at
    survey      many nights, on the workers of Dask
    cli         the command ``ccd-pipeline``
    testing     strategies of hypothesis for every record and step, and what tests ask; import it by its name
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
