"""Edge: the frames and calibrations of many nights.

Open :mod:`~pipeline.library.scan`: file lists proposed for a folder; and :mod:`~pipeline.library.match`, pure: which
calibrations belong to which frames, by :mod:`~pipeline.library.criteria` and a policy.

Imports from the pure folders and ``fits``.

Folders instead of lists
------------------------
::

    ccd-pipeline scan demo/raw -o demo/proposed.csv                 # a list from headers, one for each target
    ccd-pipeline night demo/raw -o chosen --library kept            # lists, masters, products at once
    ccd-pipeline library list kept

``night`` takes folders (``night 2021-03-0*``): each light gets the calibrations that fit it best, of whichever night,
as long as they are valid (``--policy FILE``, in TOML, says how long, and what may differ); its lists stay in
``products/lists``, what was chosen and why in ``products/report.txt``; ``--dry-run`` tells the choices and makes
nothing. ``--library DIR`` keeps the masters that are made, and takes those of earlier nights from there: a plain
folder of FITS files, for as many writers as you like (``library add``, ``list``, ``prune``; in Python
``MasterLibrary``).  What is superseded or expired is told, and deleted only when asked.  In Python: ``match`` by a
``Policy``.
"""
