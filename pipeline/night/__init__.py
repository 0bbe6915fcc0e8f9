"""A night: its list, its recipe, its masters, its reduction; all of it pure.

Open :mod:`~pipeline.night.reduce` first: the order of the steps. ``recipe`` holds the settings, ``recipe_steps``
what they come to for the frames at hand; ``masters`` makes the calibrations, ``filelist`` reads the text of a list.

Imports from the folders above, stages the last; the edge begins below.

What is done to a night
-----------------------
1. Raw values from the saturation level up are flagged: ``--saturation``, or ``SATURATE``, or else the ceiling of the
   type, or one that many pixels share.
2. Where headers declare sections (:mod:`pipeline.detector`), each frame's overscan level is taken out amplifier by
   amplifier, and the frame trimmed; every WCS follows.  The level is a mean (``--overscan median``), or a curve along
   the rows, or each row's own (``--overscan-order 1``, ``rows``).
3. Frames of a kind are combined, ignoring NaN, flagged values and outliers (mean and 5 σ by default).
4. Bias out.  Dark out, scaled by the exposures.  Flat: its own bias and dark out, divided by the mean of its good
   pixels (``--flat-by median``, a number, ``--flat-region``; for spectra ``polynomial`` or ``spline``: by its lamp's
   light along the dispersion, within 0.3 % behind a slit with edges of any width).  A flat pixel that is not positive
   at 5 σ is flagged and divides by 1; in a spectrum, told by ``--flat-by`` or its header, so does all that is outside
   the slit or beyond the lamp's ends, and a note says where a lamp's colour is left in.
5. Where asked for, to electrons (``--electrons``, by ``--gain`` or a gain in the header whose unit is clear), and
   turned so that the dispersion lies along x (``--saxis 0``: numpy's ``rot90``, as ASPIRED does).
6. The header of the first light, without what no longer holds, with the record of the reduction.

What else may be asked for stands in :mod:`pipeline.stages`.  Settings of the default reduction are steps:
``reduce(recipe=Recipe(overscan=subtract_overscan(order=1), normalise=normalise_flat(by="spline"),
electrons=to_electrons(gain=1.5), orient=orient(saxis=0)))``; ``reduce_each(raw)`` gives each light on its own, by the
same masters.

Nights as they are
------------------
What is found, and what is done:

- Darks, flats or lights of several exposures, flats that fade in twilight: each is calibrated, then scaled and
  combined, longer and brighter ones counting more; for lights this is said.
- Calibrations of the full frame for lights of a window: cut to it, where ``XORGSUBF`` and ``YORGSUBF``, ``CCDSEC``,
  ``DETSEC`` or ``ROISEC`` of both say where that lies, and said.
- Calibrations of another time than ``match`` would take: said; ``Recipe(policy=Policy(dark_days=400))``, in a recipe's
  file ``[policy]``, allows it.
- No darks: in Python ``subtract_dark(dark=None)`` says so.
- Darks of several exposures and no bias: a master of each.  One of the same exposure, within 1 %, is subtracted as it
  is, pedestal and all (dark flats from flats); where there is none the next longer one is scaled, and this is said with
  the error, or refused (``--dark-has-bias yes``).  In Python ``subtract_dark(dark=darks)`` takes the one of the image's
  exposure of a tuple (``tests/examples/amateur_night.py``).
- Arcs of several lamps or exposures: combined by lamp and exposure, then added: one image has the lines of all, and no
  clip takes a lamp's lines for cosmic rays.
- Frames of another instrument, detector, gain, binning, readout section or mode, temperature, filter, grating, slit,
  under any keyword of the tables; lights of several targets or pointings: said, frame by frame.
- A header that says a step is done (Liverpool Telescope, Las Cumbres, IRAF, ccdproc, DRAGONS, HST, CALSTAT, our own):
  skipped, and said; ``--raw TYPE`` and ``--finished TYPE`` say otherwise, and ``--without-bias TYPE`` that there is
  none to take out.
- A flat with no light left after bias and dark: refused: it was finished already.
- No exposure in a header: counts as 1 s for a dark, and is said.
- Values per second: a dark is not scaled, exposures may differ.
- The same frame twice: counts once, and is said; a bias or dark that is also a light is refused.

Pixels are looked at too: frames of a kind with each other, calibrations with what they are taken out of, the result.

A recipe in a file
------------------
A recipe holds what options can say, and more: every setting of every step::

    ccd-pipeline recipe -o night.toml    # all settings as TOML, each with what it does and may be
    ccd-pipeline reduce demo/night.csv -o recipe_used.fits --recipe night.toml --sigma 4 --save-recipe used.toml

Options of the command go before it, what it does not say is as by default, ``"none"`` says that there is none, and
``--save-recipe`` writes down what was done.  Files that it names are sought from its folder; one that is not what it
was is refused by its ``key``.  Mistakes are told all at once, each with its line.  Three lines put a stage of your own
(:mod:`pipeline.compose`) between two of ours, ``after`` one or ``before`` it, for lights or other ``kinds`` of
frames::

    recipe = 1                  # which form of the text this is: this program refuses those of a newer one
    saturation = 60_000
    [[extra]]
    step = "mymodule:scaled"    # or a name that an installed package enters in the group ccd_pipeline.stages
    after = "divide"
    by = 2.0                    # a setting of the stage

Code is imported for the names that a recipe lists, and for no others, and a note says which; ``mymodule.py`` may lie
beside the recipe.  ``RECIPEID`` in the header, and ``recipe`` in records, is the same for the same settings, however
they were given.  In Python: ``read_recipe``, ``write_recipe``, ``read_chain`` for a chain of steps,
``Recipe(extra=(Extra(step, after="divide"),))``, and ``recipe_to_toml``, ``recipe_from_toml`` for texts.

Coming from ASPIRED
-------------------
What the options and cards of its ImageReducer are called here, or why there are none (ccdproc: :mod:`pipeline.stages`,
IRAF: :mod:`pipeline.cli`).

- ``add_filelist`` (``filelist``, ``ftype``, ``delimiter``) → ``read_night``, ``--delimiter``; the same lists, with
  comments, quotes, EXTNAMEs
- arrays as file list, ``add_light``, ``add_bias``, ``add_dark``, ``add_flat``, ``add_arc``, ``exposure_time`` →
  ``Image.of``, ``FrameSet``
- ``set_properties``, ``set_light_properties`` and the other ``set_*`` → none: settings are keywords of the steps;
  nothing made is changed
- ``auto_load``, ``load_data`` → none: frames are read when they are needed
- ``combinetype_*`` (``average``, ``median``) → ``combine``, ``--method`` (``mean``, ``median``): one for all kinds at
  the command line, each its own in Python
- ``sigma_clipping_*``, ``clip_low_*``, ``clip_high_*`` → ``Clip``, ``--clip``, ``--sigma``, ``--sigma-low``,
  ``--sigma-high``; theirs is ``--clip std``
- ``exptime_*`` → ``Image.of`` with an exposure; none at the command line: mend the header
- ``exptime_*_keyword`` → ``--exposure-key``; without it a table of keywords with units
- ``saxis`` → ``--saxis``, ``orient``
- ``cosmicray``, ``fsmode`` → ``clean_cosmic_rays``, ``--cosmic-rays``: after bias and dark, in the frame's unit
  (theirs: raw, divided by the gain)
- ``psfmodel``, further settings of astroscrappy → ``LACosmic``, ``--cosmic``; all six models, the two passes too
- ``gain``, ``readnoise`` → ``--gain``, ``--read-noise``, one or that of each amplifier; no default: 1 and 0 are wrong
  for every detector
- ``heal_pixels``, ``heal_bad_pixels``, ``n_nearest`` → ``heal``, ``--heal``; by line instead of 4 nearest, since the
  nearest may all lie on one side
- ``cutoff`` → ``flag_saturated``, ``--saturation``; raw values, and no lower limit: low values are no defect
- ``create_bad_pixel_mask``, ``create_bad_mask``: non-finite values → always flagged (``Flag``)
- ``grow``, ``iterations``, ``diagonal`` → ``grow_flags``, ``--grow``, ``--no-diagonals``
- ``bad_mask`` of one's own → ``flag_bad``, ``read_mask``, ``--mask``
- ``reduce`` → ``reduce``
- ``combine_light``, ``combine_arc``, ``combine_flat``, ``combine_dark``, ``combine_bias`` → ``combine``, and the
  command of that name
- ``create_image_fits`` → ``attach_header``, ``ReducedImage`` with ``to_hdu``, ``to_hdulist``, ``to_ccddata``
- ``save_fits``, ``save_masks``, ``filename``, ``extension``, ``overwrite`` → ``write``, ``--overwrite``: one file
  with ``MASK`` and ``FLAGS``
- ``inspect`` (``log``, ``save_fig``, ``fig_type``, ``return_jsonstring``, ``open_iframe``, ``renderer``, ``display``,
  ``width``, ``height``) → the command of that name, ``figure``, ``export_figure``, ``--figure``, ``--stretch``; a
  figure has the shape of its frame
- ``list_files`` → the report of the command
- ``verbose``, ``logger_name``, ``log_level``, ``log_file_name``, ``log_file_folder`` → ``--quiet``; notes are data
  and Python warnings; what is read, done and written goes to logging, as pipeline (INFO, DEBUG)
- cards ``LIGHTn`` ``BIASn`` ``DARKn`` ``FLATn`` → the same, and ``ARCn``; beyond eight characters in HISTORY
- cards ``COMBTYPE`` ``SIGCLIP`` ``CLIPLOW`` ``CLIPHIG`` ``WEIGHT`` → the same (``mean`` for ``average``), and
  ``CLIPTYPE`` ``CLIPHIGH`` ``NREJECT``
- cards ``XPOSURE`` ``AXPOSURE`` → the same: total and mean; and ``EXPTIME``, what a pixel value corresponds to
- cards ``BCOMTYPE`` ``DCOMTYPE`` ``FCOMTYPE``, ``…SIGCLIP`` ``…CLIPLOW`` ``…CLIPHIG``, ``DXPOSURE`` ``FXPOSURE`` →
  the same, where the master was combined in this run
- cards ``DWEIGHT`` ``FWEIGHT`` → none: frames of masters are never weighed by exposure alone
- cards ``KEYWORD`` ``DKEYWORD`` → none: one keyword cannot be right for all frames
- cards ``CCLEANED`` ``CGAIN`` ``CRDNOISE`` ``CFSMODE`` ``CPSFMOD`` ``HEALED`` → the same, where it was done; and
  ``NCOSMIC`` ``NHEALED``
- cards ``CUTOFF`` ``GROW`` ``ITERATE`` ``DIAGONAL``, settings of astroscrappy → in HISTORY, which has every setting
  of every step
"""
