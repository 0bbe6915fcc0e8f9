"""The types themselves: chains that must type-check do, wrong ones do not, and say so at run time too."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline import FrameSet, Image, MasterBias, combine, divide, pipe
from pipeline.errors import SettingError

FOLDER = Path(__file__).parent / "typing"


def mypy(name):
    """Run the type checker on a file; give the lines in which it found something."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    out, err, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", "/dev/null", str(FOLDER / name)])
    assert not err
    return {int(line) for line in re.findall(rf"{name}:(\d+): error", out)}, out


def test_right_chains_type_check():
    wrong, out = mypy("good.py")
    assert not wrong, out


def test_wrong_chains_do_not():
    wrong, out = mypy("bad.py")
    lines = (FOLDER / "bad.py").read_text().splitlines()
    assert wrong == {number for number, line in enumerate(lines, start=1) if "# wrong" in line}, out


def test_a_bias_in_place_of_a_flat_is_refused_at_run_time():
    frames = FrameSet([Image.of(np.ones((2, 2)))])
    bias = MasterBias.of(Image.of(np.ones((2, 2)), kind="bias", name="b1.fits"))
    with pytest.raises(SettingError, match=r"divide: flat should be a MasterFlat or None, found MasterBias\(b1.fits\)"):
        pipe(frames, combine, divide(flat=bias))
