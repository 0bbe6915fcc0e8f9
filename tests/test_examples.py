"""The chains of ``tests/examples`` run from their first cell to the last, and give what they say."""

import re
import runpy
import warnings
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "examples"
CLIENTS = {"aspired", "astroalign", "distributed", "hypothesis", "photutils", "reproject", "specreduce"}
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if "dask" in name else name for name in EXAMPLES]
)
def test_an_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of other packages
        try:
            runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        except ModuleNotFoundError as error:
            if error.name.split(".")[0] not in CLIENTS:
                raise
            pytest.skip(f"{error.name} is not installed")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_opens_as_a_notebook(name):
    """In the percent format: text and code by turns, and a title to begin with."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    cells = re.split(r"^# %%", text, flags=re.MULTILINE)
    assert cells[0] == ""
    assert cells[1].startswith(" [markdown]\n# # ")
    assert sum(cell.startswith("\n") for cell in cells) > 1
    for cell in cells[1:]:
        if cell.startswith(" [markdown]"):
            assert all(line.startswith("#") for line in cell.splitlines()[1:] if line)
        else:
            compile(cell, name, "exec")
