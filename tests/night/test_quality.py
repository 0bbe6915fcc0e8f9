"""Quality numbers: those of frames made to have them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import frames_of, quick, seeds

from pipeline import Clip, Flag, Image, Noise, Pixels, attach_header, combine, measure_quality, quality_table
from pipeline.night.quality import rejected_from


def image(values, flags=0):
    return Image.of(Pixels.of(values, flags), exposure=5.0, name="a.fits")


def test_numbers_worked_out_by_hand():
    values = np.array([[10.0, 12.0, 14.0, 16.0]] * 4) + np.arange(4.0)[:, None]
    flags = np.zeros((4, 4), np.uint8)
    flags[0, 0], flags[1, 1] = Flag.SATURATED, Flag.SATURATED | Flag.BAD
    quality = measure_quality(image(values, flags))
    assert (quality.name, quality.kind, quality.exposure, quality.unit) == ("a.fits", "light", 5.0, "adu")
    assert quality.noise == 0  # what changes evenly is no noise
    assert (quality.gradient_x, quality.gradient_y) == pytest.approx((8, 4))
    assert (quality.saturated, quality.flagged, quality.rejected) == (2, 2, None)
    assert quality.level == np.median(values[flags == 0])


@quick
@given(seeds, st.floats(0.5, 50), st.floats(-200, 200), st.floats(-200, 200), st.floats(100, 30_000))
def test_level_noise_and_gradient_are_those_that_were_put_in(seed, noise, x, y, level):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:100, :120]
    values = level + x * (columns / 120 - 0.5) + y * (rows / 100 - 0.5) + rng.normal(0, noise, (100, 120))
    values[rng.random(values.shape) < 0.002] += 20_000  # hits
    quality = measure_quality(image(values))
    assert quality.noise == pytest.approx(noise, rel=0.06)
    slack = 6 * 1.25 * noise * np.sqrt(12 / 12_000) + 0.01 * (abs(x) + abs(y))
    assert (quality.gradient_x, quality.gradient_y) == pytest.approx((x, y), abs=slack)
    assert quality.level == pytest.approx(level, abs=noise / 10 + 0.03 * (abs(x) + abs(y)))


@pytest.mark.parametrize("noise", [0.3, 0.7, 2.0])
def test_the_noise_of_whole_numbers(noise):
    values = np.random.default_rng(1).normal(1000, noise, (200, 200)).round().astype(np.uint16)
    assert measure_quality(image(values)).noise == pytest.approx(values.std(), rel=0.03)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (3, 3)])
def test_small_images_and_images_without_a_good_pixel(shape):
    assert measure_quality(image(np.full(shape, 7.0))).level == 7
    nothing = measure_quality(image(np.full(shape, np.nan)))
    assert np.isnan([nothing.level, nothing.noise, nothing.gradient_x, nothing.gradient_y]).all()
    assert nothing.flagged == shape[0] * shape[1]


def test_what_was_rejected_is_counted_by_frame():
    stack = np.full((4, 6, 6), 100, np.uint16)
    stack[2, 1, 1:4] = 5000
    product = attach_header(combine(frames_of(stack), clip=Clip(noise=Noise(a=9.0))))
    assert rejected_from([product]) == {"light0.fits": 0, "light1.fits": 0, "light2.fits": 3, "light3.fits": 0}
    assert measure_quality(product).rejected == 3
    assert measure_quality(product).exposure == 10.0
    assert measure_quality(product).dark is None


def test_the_table_has_a_row_for_each_and_says_nothing_where_nothing_is_known():
    rows = [measure_quality(image(np.ones((3, 3)))), measure_quality(image(np.ones((3, 3))), rejected=4)]
    table = quality_table(rows)
    assert table.colnames[:3] == ["name", "kind", "exposure"]
    assert table["rejected"].mask.tolist() == [True, False]
    assert table["level"].tolist() == [1, 1]
    assert len(quality_table([])) == 0
