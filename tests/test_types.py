"""The types themselves: chains that must type-check do, wrong ones do not, and say so at run time too."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline import FrameSet, Image, MasterBias, combine, divide, pipe
from pipeline.errors import SettingError

FOLDER = Path(__file__).parent / "typing"
WRONG = {
    ("bad.py", number)
    for number, line in enumerate((FOLDER / "bad.py").read_text().splitlines(), start=1)
    if "# wrong" in line
}


@pytest.mark.slow
def test_right_chains_type_check_and_wrong_ones_do_not():
    """In one run of the type checker, for it reads the whole package each time."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    files = [str(FOLDER / name) for name in ("good.py", "star.py", "bad.py")]
    out, err, _ = api.run(["--strict", "--no-error-summary", *files])
    assert not err
    assert {(name, int(line)) for name, line in re.findall(r"(\w+\.py):(\d+): error", out)} == WRONG, out


@pytest.mark.slow
def test_pyright_finds_the_same(tmp_path):
    """Which knows the types of astropy too: basedpyright is pyright with its own node, and here with its rules."""
    pyright = shutil.which("basedpyright", path=Path(sys.executable).parent)
    if pyright is None:
        pytest.skip("basedpyright is not installed (extra dev)")
    shutil.copytree(FOLDER, tmp_path / "user")
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    command = [pyright, "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [one for one in json.loads(ran.stdout)["generalDiagnostics"] if one["severity"] == "error"]
    assert {(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in found} == WRONG, found


def test_a_bias_in_place_of_a_flat_is_refused_at_run_time():
    frames = FrameSet([Image.of(np.ones((2, 2)))])
    bias = MasterBias.of(Image.of(np.ones((2, 2)), kind="bias", name="b1.fits"))
    with pytest.raises(SettingError, match=r"divide: flat=MasterBias\('b1.fits'\); expected a MasterFlat"):
        pipe(frames, combine, divide(flat=bias))
