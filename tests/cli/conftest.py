"""Nights for the tests of the command."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.simulation.simulate import Counts, Detector, simulate, write_night


@pytest.fixture
def night(tmp_path, monkeypatch):
    """A small night in the current folder, written by hand: bias 100, dark 1 ADU/s, flat 1000, light 500."""
    monkeypatch.chdir(tmp_path)
    level = {"bias": (100, 0), "dark": (160, 60), "flat": (1110, 10), "light": (630, 30), "arc": (180, 30)}
    rows = []
    for kind, (value, seconds) in level.items():
        for number in (1, 2, 3) if kind != "arc" else (1,):
            name = f"{kind}{number}.fits"
            header = fits.Header({"EXPTIME": seconds, "OBJECT": f"a {kind}"})
            fits.writeto(name, np.full((20, 30), value, np.uint16), header)
            rows.append(f"{kind}, {name}")
    (tmp_path / "night.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture(scope="session")
def simulated():
    """A night of stars with one light that many cosmic rays have hit."""
    detector = Detector(cosmic_rays=2000, overscan=0)
    return simulate(shape=(64, 80), scene="stars", counts=Counts(light=1), detector=detector)


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory):
    """The folder to which it is written, once for all tests of a file."""
    folder = tmp_path_factory.mktemp("night")
    write_night(simulated, folder)
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    """The working directory is that folder."""
    monkeypatch.chdir(folder)
