"""The steps around the core find what was put in, as the benchmark of that name measures it, on small frames."""

import sys
from pathlib import Path

import numpy as np
import pytest

MOST = {
    "fringe": 0.1,
    "non-linearity": 1e-9,
    "amplifiers, step": 1e-3,
    "gain": 0.1,
    "median": 0.05,
    "off by": 1e-3,
    "good pixels taken": 0.01,
}
"""How far off each row may be, by a word of its name."""


@pytest.fixture
def recovery(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    import benchmarks.recovery as module

    monkeypatch.setattr(module, "SHAPE", (100, 400))
    yield module
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


@pytest.mark.filterwarnings("ignore")
def test_every_step_finds_what_was_put_in(recovery, tmp_path):
    found = {name: numbers["ours"][0] for name, numbers in recovery.measured(1, tmp_path).items()}
    assert len(found) >= 9
    for name, number in found.items():
        if name.endswith(", found"):
            assert number > 0.98
        elif "width" in name:
            assert number == pytest.approx(1, abs=0.05)
        else:
            assert np.abs(number) <= next(most for word, most in MOST.items() if word in name), name
