"""Workers for the tests of many nights."""

import pytest


@pytest.fixture(scope="package")
def client():
    """Two workers, each a process of its own."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'ccd-pipeline[distributed]'")
    from pipeline import workers

    with workers(2) as client:
        yield client
