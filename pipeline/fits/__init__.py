"""Edge: reading and writing FITS files.

Open :mod:`~pipeline.fits.open` first, then ``read_night``; ``write`` writes, and ``atomic`` puts files in their
places whole or not at all. ``hdu`` finds where the array of an HDU lies, ``frame_source`` reads it by rows.

Imports from all pure folders.
"""
