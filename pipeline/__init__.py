"""CCD image reduction as a pipeline of pure stages: raw frames in, a science-ready image out.

Public names by task; each has its home in a folder below, and is loaded when it is first asked for::

    Read            read_night, open_frames, open_frame, parse_filelist, read_mask, read_every_hdu,
                    propose_filelists
    Records         Image, FrameSet, Pixels, Flag, Mask, Cards, Note
    Combine         align, coverage, combine, combined, measure_noise, add_images, Clip, Noise
    Calibrate       MasterBias, MasterDark, MasterFlat, MasterFringe, subtract_overscan, subtract_bias,
                    scale_dark, subtract_dark, normalise_flat, divide, subtract_fringe, linearise, to_electrons,
                    estimate_variance, correct_median, clean_cosmic_rays, LACosmic, Amplifier
    Flag            flag_saturated, drop_rare_saturation, flag_bad, flag_hot, flag_dead, grow_flags
    Finish          declare, heal, orient, attach_header, ReducedImage
    Whole nights    reduce, reduce_each, make_masters, Masters, Recipe, Flagging
    Write           write, write_every_hdu
    Look            figure, export_figure, write_report, Appearance, FigureFile, measure_quality, quality_table,
                    Quality
    Many nights     reduce_many, Survey, Outcome, workers, combine_on, running
    Your own stages stage, Stage, Step, chain, each, pipe, advise, Limits, Master, check_stage

What can go wrong is drawn in :mod:`pipeline.errors`.  The folders, in the order of the data and of the physics; the
face of each says what to open first, and a file imports from folders above its own, and from its own::

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
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
