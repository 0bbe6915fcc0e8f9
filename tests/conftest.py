"""What all tests share: where real frames are, and how hard hypothesis tries."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # L.A.Cosmic's threads spin while they wait, here for other tests' cores

collect_ignore = ["support/ccdproc_adapter.py"]  # its doctests are none, and ccdproc, which it imports, may be absent

settings.register_profile("few", deadline=None, max_examples=4, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real frames; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real frames are not here: {SHARED.name} is looked for beside the project")
    return SHARED
