"""A simulated night: its frames and its truth, of its settings alone; and its files on disk."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, seeds

from pipeline import read_night
from pipeline.errors import OutputError
from pipeline.simulation.simulate import Counts, Detector, Exposures, simulate, write_night

few = st.integers(0, 3)
EVEN = Detector(gain=2.0, read_noise=3.0, bias=100.0, dark_current=0.5, hot_pixels=0, structure=0, unevenness=0)


def test_the_same_seed_gives_the_same_night():
    one, two = simulate(seed=3, shape=(8, 9)), simulate(seed=3, shape=(8, 9))
    assert one.frames == two.frames
    assert simulate(seed=4, shape=(8, 9)).frames != one.frames


@examples(20)
@given(seeds, few, few, few, st.integers(1, 3), few)
def test_a_night_has_the_frames_that_are_asked_for(seed, bias, dark, flat, light, arc):
    counts = Counts(bias=bias, dark=dark, flat=flat, light=light, arc=arc)
    night = simulate(seed=seed, shape=(5, 6), counts=counts, exposures=Exposures(1.0, 2.0, 3.0, 4.0))
    expected = [("bias", 0.0)] * bias + [("dark", 1.0)] * dark + [("flat", 2.0)] * flat
    expected += [("light", 3.0)] * light + [("arc", 4.0)] * arc
    assert [(frame.kind, frame.exposure) for frame in night.frames] == expected
    assert len({frame.name for frame in night.frames}) == len(night.frames)


def test_hits_are_those_of_lights_alone():
    """100,000 hits of 4 pixels a million pixels and 100 s: 400 pixels have some 200 in 130 s, in each dark 900."""
    rays = Detector(cosmic_rays=1e5)
    assert 100 < simulate(shape=(20, 20), detector=rays, counts=Counts(light=1, dark=9)).hits < 300


def test_truth_and_its_noise_are_those_by_hand():
    """Of a pixel of sky alone, 400 e⁻ at 2 e⁻/ADU: 200 ADU.

    Read noise 9 + 4/12 = 9.3333 e⁻² in all; two lights (400 + 50 + 9.3333)/2 = 229.6667; their bias, four frames, goes
    out by 1 - 100/200 with the dark's: 0.25·9.3333/4 = 0.5833; one dark 0.25·(100 + 9.3333) = 27.3333; one flat of
    30,000 e⁻: 400²·(30000 + 5 + 9.3333)/30000² = 5.3358.  Together 262.9192 e⁻², or 8.1074 ADU.
    """
    counts = Counts(bias=4, dark=1, flat=1, light=2, arc=0)
    night = simulate(
        shape=(60, 80), scene="spectrum", sky=400.0, counts=counts, detector=EVEN,
        exposures=Exposures(dark=200.0, flat=10.0, light=100.0),
    )  # fmt: skip
    assert night.light[0, 0] == pytest.approx(200)
    assert night.sigma[0, 0] == pytest.approx(8.1074, abs=1e-4)
    assert night.light.max() > 1000


def test_what_is_written_is_what_was_simulated_and_its_list_names_all(tmp_path):
    night = simulate(shape=(8, 9), counts=Counts(2, 1, 1, 2, 1))
    path = write_night(night, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "night.csv"
    read = read_night(path)
    assert [frame.kind for frame in read] == [frame.kind for frame in night.frames]
    for one, other in zip(read, night.frames, strict=True):
        np.testing.assert_array_equal(one.pixels.values, other.pixels.values)
        assert (one.exposure, one.header.get("OBJECT")) == (other.exposure, f"simulated {other.kind}")
    assert fits.getheader(path.parent / "raw" / "bias_01.fits")["BITPIX"] == 16


def test_a_night_that_is_there_is_not_written_over_unasked(tmp_path):
    one, other = (simulate(seed=seed, shape=(4, 5), counts=Counts(1, 0, 0, 1, 0)) for seed in (1, 2))
    raw = write_night(one, tmp_path).parent / "raw" / "light_01.fits"
    before = raw.read_bytes()
    with pytest.raises(OutputError, match=r"night\.csv: is there already"):
        write_night(other, tmp_path)
    assert raw.read_bytes() == before
    write_night(other, tmp_path, overwrite=True)
    assert raw.read_bytes() != before
    with pytest.raises(OutputError, match="cannot be written to: "):
        write_night(one, raw)
