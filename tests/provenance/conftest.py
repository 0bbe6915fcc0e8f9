"""A night for the tests of records."""

import pytest

from pipeline.simulation.simulate import Counts, simulate, write_night


@pytest.fixture
def night(tmp_path, monkeypatch):
    """A small night on disk, in the working directory."""
    monkeypatch.chdir(tmp_path)
    write_night(simulate(seed=3, shape=(40, 60), counts=Counts(bias=3, dark=3, flat=3, light=2)), tmp_path)
    return tmp_path
