"""``scan``: lists proposed and written, for people to check."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.cli.main import main

pytestmark = pytest.mark.usefixtures("here")


def run(*words):
    return main(["reduce", "night.csv", "--overwrite", *words])


def test_scan_proposes_a_list_that_reduces(capsys, folder):
    assert main(["scan", "raw", "-o", "proposed.csv"]) == 0
    assert "wrote proposed.csv: FrameSet(7 bias, 5 dark, 7 flat, 1 light, 1 arc)" in capsys.readouterr().out
    assert main(["scan", "raw", "-o", "proposed.csv"]) == 1
    assert main(["scan", "nowhere", "-o", "other.csv"]) == 1
    assert main(["reduce", "proposed.csv", "-o", "scanned.fits", "--quiet"]) == 0
    run("-o", "plain.fits")
    np.testing.assert_array_equal(fits.getdata("scanned.fits"), fits.getdata("plain.fits"))
