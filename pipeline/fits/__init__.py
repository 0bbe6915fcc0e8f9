"""Edge: reading and writing FITS files.

Open :mod:`~pipeline.fits.open` first, then ``read_night``; ``write`` writes, and ``atomic`` puts files in their
places whole or not at all. ``hdu`` finds where the array of an HDU lies, ``frame_source`` reads it by rows.

Imports from all pure folders.

Files
-----
Frames may be plain, ``.gz``, ``.bz2`` or tile-compressed FITS of any integer or float type; of cubes, ``--plane N``
takes one image, counted from 0 as HDUs are.  An HDU is a number, an EXTNAME, or ``"SCI,2"`` with its EXTVER; ``*``
stands for amplifiers with an HDU each (:mod:`pipeline.detector`).

The product is a float image with ``MASK`` (0 good, 1 not), ``FLAGS`` (why: :mod:`pipeline.records`) and, where it can
be known, ``UNCERT`` (one σ); astropy's ``CCDData.read`` opens it.  All files of a run (with ``--each``, of a light)
are written beside their places, put on the disk, and then renamed, the product last: on an error, a full disk or
Ctrl-C none of them changes, and a kill leaves each old or new.  What a killed process left is removed when the
product is next written.  Nothing is overwritten unasked, and no input ever.

On to TwoDSpec
--------------
ASPIRED 0.5.1, in an environment with ``"setuptools<81"`` and ``"numpy<2.4"``, takes a PrimaryHDU, an HDUList, a CCDData
or a path, with exposure, gain, seeing and airmass from the header::

    import numpy as np
    from aspired.spectral_reduction import TwoDSpec
    from pipeline import read_night, reduce

    frames = read_night("demo/night.csv")
    image, arc = reduce(frames), reduce(frames, kind="arc")
    spec = TwoDSpec(image.to_hdu(fill=np.nan), readnoise=5.7)  # it heals NaN, and reads no mask of a file
    spec.add_bad_mask(image.pixels.mask)                       # a boolean array; integers break it
    spec.add_arc(arc.to_hdu())
"""
