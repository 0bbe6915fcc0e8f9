"""``scan``: lists proposed and written, for people to check."""

import subprocess
import sys

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


def test_scan_that_can_place_no_frame_fails_and_says_so(capsys, tmp_path):
    (tmp_path / "raw").mkdir()
    fits.writeto(tmp_path / "raw" / "what.fits", np.ones((2, 2)))
    assert main(["scan", str(tmp_path / "raw"), "-o", str(tmp_path / "n.csv")]) == 1
    assert "no frame could be placed" in capsys.readouterr().err
    assert "what.fits  # left out" in (tmp_path / "n.csv").read_text()


def test_scan_outlives_a_reader_that_goes_away(folder):
    """As ``scan raw | head -1`` does."""
    command = [sys.executable, "-m", "pipeline", "scan", "raw", "-o", "piped.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        errors = running.stderr.read()
    assert (running.returncode, errors) == (0, b"")
