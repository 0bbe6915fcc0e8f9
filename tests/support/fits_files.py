"""FITS files of every form, and products, as the tests of reading and writing need them."""

import bz2
import gzip

import numpy as np
from astropy.io import fits

from pipeline import Image, Pixels, attach_header

NOISE = np.random.default_rng(1).integers(0, 4000, (40, 50)).astype("u2")

TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]

NOT_IN_TILES = {"i1", "i8", "u8"}

TILES = ["a_tiles.fits", "a_tiles.fits.gz"]

FORMS = ["a.fits", "a.fit", "a.fts", "a.FITS", "no_suffix", "a.fits.gz", "a.fits.bz2", *TILES]


def save(path, values, **cards):
    """Write an array as it is stored: the cards may say BSCALE, BZERO or BLANK."""
    hdu = fits.PrimaryHDU(values)
    hdu.header.update(cards)
    hdu.writeto(path, overwrite=True)
    return path


def save_as(folder, form, values, **cards):
    """Write an array in one of the forms; give the path and the number of its HDU."""
    tiles = "tiles" in form
    if tiles:
        hdu = fits.CompImageHDU(values, compression_type="GZIP_1", quantize_level=0)
        hdu.header.update(cards)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(folder / "plain.fits", overwrite=True)
    else:
        save(folder / "plain.fits", values, **cards)
    pack = {"gz": gzip.compress, "bz2": bz2.compress}.get(form.split(".")[-1], bytes)
    (folder / form).write_bytes(pack((folder / "plain.fits").read_bytes()))
    return folder / form, int(tiles)


def shown(frame):
    """Give the values of an opened frame."""
    return frame.pixels.values


def product(values=NOISE, flags=0, variance=None):
    return attach_header(Image.of(Pixels.of(values, flags, variance), header={"OBJECT": "M13", "EXPTIME": 3.0}))
