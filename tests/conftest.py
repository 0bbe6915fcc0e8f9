"""What all tests share: where real frames are, and how hard hypothesis tries."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # L.A.Cosmic's threads spin while they wait, here for other tests' cores

collect_ignore = ["support/ccdproc_adapter.py"]  # its doctests are none, and ccdproc, which it imports, may be absent

# the checks of a commit draw the same each time, and so judge the commit alone; "quick" and "long" search
for name, examples, same in (("few", 4, True), ("ci", 20, True), ("quick", 10, False), ("long", 2000, False)):
    slow = [HealthCheck.too_slow]
    settings.register_profile(name, deadline=None, max_examples=examples, derandomize=same, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real frames; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real frames are not here: {SHARED.name} is looked for beside the project")
    return SHARED
