"""What tests of several files of fits/ are given."""

import numpy as np
import pytest
from astropy.io import fits


@pytest.fixture
def mixed(tmp_path):
    """Write a file with HDUs of many kinds."""
    table = fits.BinTableHDU.from_columns([fits.Column("X", "E", array=[1.0])], name="EVENTS")
    cube, line = fits.ImageHDU(np.zeros((2, 3, 4)), name="CUBE"), fits.ImageHDU(np.zeros(5), name="LINE")
    fits.HDUList([fits.PrimaryHDU(), table, cube, line]).writeto(tmp_path / "mixed.fits")
    return tmp_path / "mixed.fits"
