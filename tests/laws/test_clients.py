"""What other packages do with our records, line by line: it works, or is refused in words; absent packages are skipped.

The last column is what a line gives: True, or the words with which it is refused.
"""

import importlib
import re
import warnings

import numpy as np
import pytest

import pipeline
from pipeline import Image, MasterBias, Pixels, attach_header

IMPORTS = """
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.convolution import Gaussian2DKernel, convolve
from astropy.io import fits
from astropy.nddata import CCDData, Cutout2D, InverseVariance
from astropy.stats import mad_std, sigma_clipped_stats
from astropy.table import Table
from astropy.visualization import ZScaleInterval

from pipeline import *
"""
SIZE = 64
HEADER = {
    "EXPTIME": 30.0, "OBJECT": "M 31", "FILTER": "R", "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN",
    "CRVAL1": 10.0, "CRVAL2": 20.0, "CRPIX1": 32.0, "CRPIX2": 32.0, "CDELT1": -1e-3, "CDELT2": 1e-3,
}  # fmt: skip
VALUES = np.random.default_rng(3).normal(100, 5, (SIZE, SIZE)).astype("f4")
VALUES[30:33, 30:33] += 500
IMAGE = Image.of(Pixels.of(VALUES, 0, np.full(VALUES.shape, 25.0)), header=HEADER, name="a.fits")
PRODUCT = attach_header(IMAGE)
NAMES = {
    "image": IMAGE,
    "product": PRODUCT,
    "values": VALUES,
    "ccd": PRODUCT.to_ccddata(),
    "bias": MasterBias.of(np.full(VALUES.shape, 10.0)),
    "header": IMAGE.header,
    "SIZE": SIZE,
}
exec(IMPORTS, NAMES)
LOST = "would lose its header, flags, variance and history"

LINES = [
    # numpy
    ("np.median(image) == np.median(values)", True),
    ("np.stack([image, image]).shape == (2, SIZE, SIZE)", True),
    ("np.asarray(product, 'f8').dtype == np.float64", True),
    ("image - product", LOST),
    ("values * image", LOST),
    ("np.sqrt(image)", "does not support ufuncs"),
    ("to_electrons(image, gain=np.float32(1.5)).unit == u.electron", True),
    # astropy
    ("sigma_clipped_stats(image)[2] < 6", True),
    ("mad_std(product) < 6", True),
    ("ZScaleInterval().get_limits(image)[0] > 0", True),
    ("convolve(image, Gaussian2DKernel(1)).unit == u.adu", True),
    ("np.asarray(image.pixels) is image.values", True),
    ("values * image.pixels", "unsupported operand"),
    ("convolve(np.asarray(image), Gaussian2DKernel(1)).shape == image.shape", True),
    ("Cutout2D(image, (32, 32), 10, wcs=image.wcs).wcs.wcs.crpix[0] < 32", True),
    ("image.values * image.unit == values * u.adu", True),
    ("to_electrons(image, gain=1.5 * u.electron / u.adu).unit == u.electron", True),
    ("to_electrons(image, gain=1.5 * u.adu)", "expected a positive number of e⁻/ADU"),
    ("CCDData(image.values, unit=image.unit, meta=image.header, wcs=image.wcs).header['OBJECT'] == 'M 31'", True),
    ("fits.Header(dict(header))['FILTER'] == 'R'", True),
    ("Image.of(ccd).wcs.wcs.crval[0] == 10", True),
    ("Image.of(ccd[10:50, 10:50]).header['CRPIX1'] == 22", True),
    ("Image.of(CCDData(values, unit='adu', uncertainty=InverseVariance(values))).pixels.variance.max() < 1", True),
    ("combine([ccd, ccd]).pixels == combine(FrameSet([ccd, ccd])).pixels", True),
    ("[frame.kind for frame in each(subtract_bias(bias=bias))((image, ccd, values))] == 3 * ['light']", True),
    ("reduce([image, image]).shape == image.shape", True),
    ("FrameSet([image]).table('FILTER')['FILTER'][0] == 'R'", True),
    ("len(parse_filelist(Table({'type': ['light'], 'path': ['a.fits']}))) == 1", True),
    ("len(parse_filelist([('light', Path('a.fits'), np.int64(1))])) == 1", True),
    ("parse_filelist(Path('night.csv'))", "read_night reads the list"),
    # pandas, xarray
    ("len(parse_filelist(pandas.DataFrame({'IMAGETYP': ['Light'], 'file': ['a.fits'], 'hdu': [None]}))) == 1", True),
    ("pandas.Series(dict(header))['OBJECT'] == 'M 31'", True),
    ("pandas.DataFrame(np.asarray(product)).shape == product.shape", True),
    ("xarray.DataArray(product, dims=('y', 'x')).shape == product.shape", True),
    ("Image.of(xarray.DataArray(values, dims=('y', 'x'))).shape == values.shape", True),
    # ccdproc
    ("Image.of(ccdproc.trim_image(ccd[10:50, 10:50])).header['CRPIX1'] == 22", True),
    ("Image.of(ccdproc.gain_correct(ccd, 1.5 * u.electron / u.adu)).unit == u.electron", True),
    ("ccdproc.Combiner([ccd, ccd]).average_combine().shape == ccd.shape", True),
    ("Image.of(ccdproc.cosmicray_lacosmic(ccd, gain=1.5, readnoise=4, gain_apply=False))", "uncertainty in adu"),
    # photutils, specreduce, astroscrappy, reproject
    ("photutils.aperture.aperture_photometry(ccd, photutils.aperture.CircularAperture((31, 31), 5)) is not None", True),
    ("photutils.background.Background2D(product, 32).background_median < 110", True),
    ("photutils.segmentation.detect_sources(product.values - 100, 50, 3).nlabels == 1", True),
    ("photutils.centroids.centroid_com(product) > 31", True),
    ("photutils.profiles.RadialProfile(image, (31, 31), [0, 1, 5]).profile.unit == u.adu", True),
    ("photutils.detection.DAOStarFinder(50, 3)(product)", "must all have the same units"),
    ("specreduce.tracing.FlatTrace(product, 32)", "no attribute 'data'"),
    ("specreduce.tracing.FlatTrace(ccd, 32).trace.shape == (SIZE,)", True),
    ("astroscrappy.detect_cosmics(np.array(image), gain=1.5, readnoise=4)[1].shape == image.shape", True),
    ("reproject.reproject_interp(ccd, product.wcs, shape_out=product.shape)[0].shape == product.shape", True),
    ("reproject.reproject_interp((product.values, product.wcs), image.wcs, shape_out=(9, 9))[0].shape == (9, 9)", True),
]
OTHERS = r"\b(pandas|xarray|ccdproc|photutils(?:\.\w+)?|specreduce(?:\.\w+)?|astroscrappy|reproject)\."


@pytest.mark.parametrize(("line", "given"), LINES, ids=[line for line, _ in LINES])
def test_a_line_of_a_client_works_or_is_refused_in_words(line, given):
    names = dict(NAMES)
    for name in sorted(set(re.findall(OTHERS, line))):
        package = name.split(".")[0]
        names[package] = pytest.importorskip(package)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if given is True:
            assert np.all(eval(line, names))
        else:
            with pytest.raises(
                (TypeError, ValueError, AttributeError, pipeline.errors.PipelineError), match=re.escape(given)
            ):
                eval(line, names)
