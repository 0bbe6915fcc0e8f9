"""Where unusual files of other projects are, and what is to be read of those that can be read."""

from pathlib import Path

FILES = Path(__file__).parents[3] / "shared" / "data" / "unusual_fits"

READ = [
    # file, HDU, shape, exposure
    ("scale.fits", 0, (21, 20), None),
    ("blank.fits", 0, (1, 1), None),
    ("double_ext.fits", 1, (5, 5), None),
    ("fixed-1890.fits", 0, (100, 100), 50.0),
    ("checksum_good.fits", 0, (40, 30), None),
    ("comp_hcompress_gzip.fits", 1, (300, 440), None),
    ("compressed_image.fits", 1, (10, 10), None),
    *[("test0_mef_wfpc2.fits", hdu, (40, 40), 0.23) for hdu in (1, 2, 3, 4, "SCI")],
    ("o4sp040b0_stis_raw.fits", 1, (44, 62), 30.0),
    ("o4sp040b0_stis_raw.fits", 4, (44, 62), 30.0),
    ("dist_lookup.fits.gz", "SCI", (100, 100), None),
    ("gzip_fits_test.file", 0, (32, 32), None),
    ("gzip_test.fts.gz", 0, (32, 32), None),
    ("m13.fits", 0, (300, 300), None),
    ("m13_gzip.fits", 1, (300, 300), None),
    ("m13_rice.fits", 1, (300, 300), None),
    ("m13real_rice.fits", 1, (300, 300), None),
    *[("flat-mef.fits", hdu, (10, 10), None) for hdu in (1, 2)],
    *[("science-mef.fits", hdu, (10, 10), 30.0) for hdu in (1, 2)],
    ("sip-wcs.fit", 0, (50, 100), 120.0),
    ("aspired_fake_extra_bracket.fits", 0, (254, 1024), None),
    ("sprat_L1_scaled.fits.gz", 0, (254, 1024), 10.0),
    ("floyds_crcleaned_named_fits_is_fz.fits", 1, (512, 2079), 300.065),
    ("derived_lowercase_keyword.fits", 0, (254, 1024), 120.0),
    ("derived_exptime_string.fits", 0, (254, 1024), 120.0),
    ("derived_exptime_undefined.fits", 0, (254, 1024), None),
    ("derived_nan_inf.fits", 0, (254, 1024), 120.0),
]
