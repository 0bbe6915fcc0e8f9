"""The physical steps, one a file, from linearity to orientation.

Open :mod:`~pipeline.stages.bias` first, the shortest whole one: a master, and the stage that takes it out. Each stage
is a pure function of one record with keyword settings; what it has to assume it says itself.

Imports from the folders above, detector the last; a stage knows no command line.

Off by default
--------------
Each in its place of the order: ``--linearity`` straightens raw values once the saturated ones are flagged;
``--cosmic-rays`` cleans each light by L.A.Cosmic once bias and dark are out (extra ``cosmicray``); ``--fringe``
subtracts a fringe frame, as strong as it is in the light, after the flat; ``--heal`` puts interpolations in place of
bad pixels, last, and leaves them in the mask; ``--quality`` writes level, noise, gradient and counts of every frame
and product as a table.

Pixels are flagged by a level (``--saturation``), of few frames of a kind (``--saturated-fraction``), by a mask or an
earlier product's flags (``--mask``, ``--mask-hdu``), hot in the dark (``--hot``), dead in the flat (``--dead``), of a
noise of their own (``--noisy``), and their neighbours (``--grow``, ``--no-diagonals``); :mod:`pipeline.records` lists
the flags.  In Python: ``Recipe(flagging=Flagging(...))``, or the stages; ``flag_bad(mask=noisy_pixels(raw.bias +
raw.dark))``; ``read_mask`` and ``write`` for a ``Mask``.  Of pixels of four times the noise, and those that jump
between two levels 8 σ apart, ten bias frames show 98 %, twelve 99 %, and 1 of 100,000 others; fewer frames show none,
and this is said.

Darks of another temperature
----------------------------
They leave hot pixels, or holes: that is said, with the factor by which the dark fits.  ``--dark-scale fit``
(``fit_dark(dark=dark)`` in place of ``subtract_dark``) takes the dark out as strong as its hot pixels stand in the
light, right to 0.5 % from 0.1 to 4 times, with the factor's error in UNCERT.  The bias must be out.

Lights that are dithered
------------------------
``--align`` brings lights to one place of the sky before they are combined, once each is flat-fielded: by its stars
(``--align``, from three that frames have in common; to 0.1 px from some ten on), by all that is lit (``--align
correlation``: traces, of which is told how far they moved along the slit alone, nebulae, crowded fields) or by its
header (``--align wcs``).  They move by whole pixels, values, flags and errors alike, so that ``UNCERT`` stays true and
nothing is interpolated; stars of 3 px FWHM become 1 to 2 % wider in the sum, of 2 px 2 to 4 % (rounding adds up to 0.46
px² to FWHM²).

The frame in the middle stays; WCS and ``LTVn`` follow, also by the part of a pixel that is left.  Pixels that no frame
sees are NaN and UNCOVERED; where some do, they are the mean of these.  ``NCOMBINE`` and ``XPOSURE`` count frames;
``coverage(frames)`` counts them for each pixel.  In Python ``align(frames)``, with ``by="sources"``, ``"correlation"``,
``"wcs"`` or the shifts themselves, after ``each`` light is flat-fielded; ``image.found.aligned`` has the shifts, and so
has HISTORY.  A frame that cannot be told is refused by name; turned frames are said to be turned.  For parts of a
pixel, turns and scales lights go one by one to astroalign or reproject, and come back into ``combine`` with header,
flags and errors: ``turned_lights_by_astroalign.py`` and ``reproject_onto_a_grid.py`` in ``tests/examples``.

Twilight flats with stars
-------------------------
``--flat-sources`` (``mask_sources``) combines flats once, masks in each the stars that it has beyond the others, with
their wings, divides out how each is lit by another gradient of the sky, and combines them again.  Of five flats
dithered by ±40 px, with the stars of a 400² field of 20,000 e⁻, 7e-5 of the sky is left where stars gave a flat more
than 1e-3 of it (1.6e-3 without; 3e-4 at a seeing of 6 px), and nothing where there were none.  Three flats are too
few to be rid of saturated ones; a star that does not move is flat field.

What they find
--------------
``python -m benchmarks.recovery`` puts fringes, a bent readout, amplifiers of two gains and cosmic rays into frames, and
prints what the steps find of them, beside ASPIRED and ccdproc where these are installed: 99.6 to 100 % of the pixels
that cosmic rays hit by more than 10 σ (theirs: 96 %), for 0.3 % of the good ones (0.1 and 0.3 %); amplifiers that meet
within 3e-5 (ccdproc, which has one gain for all: a step of 62 %).

Coming from ccdproc
-------------------
What its functions are called here, or why there are none.  ``tests/support/ccdproc_adapter.py`` writes them in ours,
line by line: 122 of the 210 tests that ccdproc 2.5.1 has for them pass on it, and
``tests/laws/test_tests_of_others.py`` says of each of the others why it is left out.

- ``CCDData.read``, ``write``, ``fits_ccddata_reader``, ``fits_ccddata_writer`` → ``open_frame``, ``Image.of``,
  ``to_ccddata``
- ``ccd_process`` → ``reduce``, or the chain written out
- ``create_deviation`` → ``estimate_variance``; below zero the noise of the readout, not NaN
- ``gain_correct`` → ``to_electrons``, ``--electrons``; a gain for each amplifier too
- ``subtract_overscan`` (``model``, ``median``) → ``subtract_overscan``, by sections; ``--overscan``,
  ``--overscan-order``
- ``trim_image`` → ``subtract_overscan``; the WCS follows
- ``subtract_bias`` → ``subtract_bias``
- ``subtract_dark`` (``scale``, ``exposure_time``) → ``subtract_dark``, ``scale_dark``: by the exposures;
  ``fit_dark``: as strong as it is
- ``flat_correct`` (``min_value``, ``norm_value``) → ``normalise_flat``, ``divide``; a response not positive at 5 σ is
  flagged, instead of set to a value
- ``cosmicray_lacosmic`` → ``clean_cosmic_rays``
- ``cosmicray_median`` → none: it takes the cores of stars; with two frames or more the clip does better
- ``ccdmask`` → ``flag_hot``, ``flag_dead``, ``--hot``, ``--dead``; from the dark and the flat apart, instead of their
  ratio
- ``bitfield_to_boolean_mask`` → ``Flag``
- ``Combiner``, ``combine``: ``average_combine``, ``median_combine``, ``scaling``, ``weights``, ``mem_limit`` →
  ``combine``, ``running``; memory is bounded always
- ``sum_combine`` → the mean times ``NCOMBINE``: of pixels that lost a value a sum is wrong
- ``sigma_clipping`` → ``Clip``
- ``minmax_clipping`` → ``flag_saturated`` for its upper limit: they are absolute thresholds; a low value is no
  defect, and a mask of one's own is ``flag_bad``
- ``clip_extrema`` → none: it takes good values too, and biases the mean where noise is not symmetric; as a rule of
  one's own, ``combined``
- ``ImageFileCollection`` → ``propose_filelists``, ``FrameSet``
- ``wcs_project`` → ``align``, ``--align wcs``, by whole pixels: resampling correlates the noise; reproject does it
- ``rebin``, ``block_average``, ``block_reduce``, ``block_replicate`` → none: they change what a pixel is;
  astropy.nddata has them
- ``transform_image``, ``median_filter``, ``sigma_func``, ``background_deviation_*`` → none: scipy.ndimage,
  astropy.stats and photutils have them
- ``Keyword``, ``log_meta`` → ``--exposure-key``; every step and setting is in HISTORY
"""
