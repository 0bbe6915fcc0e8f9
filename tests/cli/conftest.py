"""A night for the tests of the command."""

import numpy as np
import pytest
from astropy.io import fits


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
