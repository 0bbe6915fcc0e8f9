"""TwoDSpec of ASPIRED takes our products by every route that it has, with the right values.

ASPIRED 0.5.1 wants an environment of its own, and this test runs there::

    pip install "aspired==0.5.1" "setuptools<81" "numpy<2.4" pytest hypothesis . && pytest tests/laws/test_twodspec.py
"""

import warnings

import numpy as np
import pytest
from faces import samples

from pipeline import read_night, reduce, write

spectral_reduction = pytest.importorskip(
    "aspired.spectral_reduction", reason="ASPIRED 0.5.1 is not in this environment", exc_type=ImportError
)
pytestmark = pytest.mark.filterwarnings("ignore")

NIGHTS = [("lt_sprat/filelist.csv", 120.0), ("lt_sprat/filelist_standard.csv", 60.0)]
FIELD = {"spatial_mask": np.arange(50, 200), "spec_mask": np.arange(50, 1024)}
QUIET = {"log_level": "CRITICAL", "log_file_name": None}


@pytest.fixture(scope="module", params=NIGHTS, ids=["target", "standard"])
def night(request, shared_data, tmp_path_factory):
    """A reduced SPRAT night: the product by every route, its exposure and its arc."""
    filelist, seconds = request.param
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = read_night(shared_data / filelist)
        image = reduce(frames)
        arc = reduce(frames, kind="arc") if frames.arc.frames else None
        path = tmp_path_factory.mktemp("products") / "reduced.fits"
        write(image, path)
        routes = [image.to_hdu(), image.to_hdulist(), image.to_ccddata(), str(path)]
    return image, routes, seconds, arc


def spectrum_of(data, **settings):
    """Extract the brightest spectrum."""
    spec = spectral_reduction.TwoDSpec(data, cosmicray=False, readnoise=5.7, **FIELD, **QUIET, **settings)
    spec.ap_trace(nspec=1, display=False)
    spec.ap_extract(apwidth=12, skywidth=10, skydeg=1, optimal=False, display=False)
    return spec, np.array(spec.spectrum_list[0].count), np.array(spec.spectrum_list[0].count_err)


def test_every_route_gives_the_same_counts_and_the_right_values(night):
    image, routes, seconds, _ = night
    found = [spectrum_of(route) for route in routes]
    for spec, counts, _ in found:
        assert (spec.exptime, spec.gain) == (seconds, 2.45)
        assert (spec.seeing, spec.airmass) == (image.header.get("ESTSEE"), image.header.get("AIRMASS"))
        np.testing.assert_array_equal(counts, found[0][1])
    assert np.isfinite(found[0][1]).all()


def test_the_standard_is_far_above_its_noise(night):
    _, routes, seconds, _ = night
    if seconds != 60.0:
        pytest.skip("this is not the standard star")
    _, counts, errors = spectrum_of(routes[0])
    assert np.median(counts / errors) > 140


def test_the_sample_of_the_reference_runs(shared_data):
    (recipe,) = (sample for sample in samples("fits") if "TwoDSpec" in sample)
    made = {}
    exec(recipe.replace("demo/night.csv", str(shared_data / "lt_sprat/filelist.csv")), made)
    assert (made["spec"].exptime, made["spec"].gain, made["spec"].bad_mask.dtype) == (120.0, 2.45, bool)
    np.testing.assert_array_equal(made["spec"].arc, made["arc"].pixels.values)


def test_flagged_pixels_go_in_as_a_mask_and_the_arc_beside(night):
    image, _, _, arc = night
    spec = spectral_reduction.TwoDSpec(image.to_hdu(fill=np.nan), cosmicray=False, **QUIET)
    assert np.isfinite(spec.img).all()
    spec.add_bad_mask(image.pixels.mask)
    assert spec.bad_mask.dtype == bool
    if arc is None:
        pytest.skip("this night has no arc")
    spec.add_arc(arc.to_hdu())
    np.testing.assert_array_equal(spec.arc, arc.pixels.values)
