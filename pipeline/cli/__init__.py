"""Edge: the command ``ccd-pipeline``.

Open :mod:`~pipeline.cli.main` first; each command is a file of its own name. ``options`` and ``step_options``
turn the command line into a recipe, ``terminal`` is what is printed.

Imports from all folders; nothing imports from here.

Commands
--------
In the folder in which ``ccd-pipeline demo`` ran::

    ccd-pipeline reduce demo/night.csv -o one.fits                    # arcs go to one_arc.fits
    ccd-pipeline reduce demo/night.csv -o two.fits --masters masters  # also master_bias.fits, ..., for later lists
    ccd-pipeline combine demo/night.csv --type flat -o flat.fits      # combining, and no more
    ccd-pipeline reduce demo/night.csv -o three.fits --record         # also three.json: versions, settings, SHA-256
    ccd-pipeline replay three.json                                    # the same pixels, bit for bit?
    ccd-pipeline reduce demo/night.csv --each -o lights               # each light on its own: its name.fits
    ccd-pipeline reduce demo/night.csv -o y.fits --electrons --gain 1.5 --flat-by spline --saxis 1

``ccd-pipeline COMMAND --help`` tells all options, in groups; ``scan``, ``night`` and ``library`` stand in
:mod:`pipeline.library`, figures in :mod:`pipeline.figures`, recipes in :mod:`pipeline.night`, many nights in
:mod:`pipeline.survey`.

Exit status: 0 done, 1 data or list wrong, 2 command line wrong, 70 our bug, 130 interrupted.

Coming from IRAF
----------------
What the switches of its ccdproc are called here, or why there are none.

- ``images``, ``output``, ``ccdtype`` → the file list, ``--output``
- MSCRED for mosaics → ``*`` as the HDU in the list; ``--every-hdu``
- ``noproc`` → none: what was done is in the report and HISTORY
- ``fixpix``, ``fixfile`` → ``heal``, ``--heal``; ``--mask``
- ``overscan``, ``biassec``, ``trim``, ``trimsec`` → ``subtract_overscan``, ``--no-overscan``
- ``function``, ``order``, ``sample``, ``naverage``, ``niterate``, ``low_reject``, ``high_reject``, ``grow`` →
  ``--overscan``, ``--overscan-order``; wild values are left out always
- ``interactive`` → none: a reduction that asks cannot be repeated
- ``readaxis`` → by the sections
- ``zerocor``, ``zero`` → ``subtract_bias``; bias frames in the list
- ``darkcor``, ``dark`` → ``subtract_dark``; dark frames in the list
- ``flatcor``, ``flat``, ``minreplace`` → ``normalise_flat``, ``divide``; flagged, not replaced
- ``illumcor``, ``illum`` → none: multiply it into the flat, so that the light is divided once
- ``fringecor``, ``fringe`` → ``subtract_fringe``, ``--fringe``, ``--fringe-scale``; the strength is fitted, not taken
  from exposures
- ``readcor``, ``scancor``, ``scantype``, ``nscan`` → none: drift scans and one-dimensional biases are not what these
  frames are
- ``xtalkcor``, ``merge``, ``pixeltype``, ``max_cache`` → none: no crosstalk; float32 holds 16 bits exactly; memory is
  bounded
- cards ``OVERSCAN`` ``TRIM`` ``ZEROCOR`` ``DARKCOR`` ``FLATCOR`` ``FRINGCOR`` ``NCOMBINE`` → the same, read and
  written, in IRAF's words
"""
