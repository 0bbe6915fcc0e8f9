"""Blocks: each against five lines of numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.figures.blocks import Blocks, block_size, in_blocks, noise_map


def test_noise_is_measured_under_a_slope_and_beside_wild_pixels():
    sky = np.random.default_rng(2).normal(0, 7, (256, 256)) + 3.0 * np.arange(256)
    sky[:, 100] = 1e5
    assert noise_map(sky) == pytest.approx(7, rel=0.2)


@given(
    shape=st.tuples(st.integers(1, 21), st.integers(1, 21)),
    size=st.sampled_from([2, 4, 8]),
    data=st.data(),
)
def test_blocks_are_the_means_of_good_pixels_and_what_stands_out(shape, size, data):
    values = data.draw(hnp.arrays(np.float64, shape, elements=st.one_of(st.floats(-100, 100), st.just(np.nan))))
    masked = data.draw(hnp.arrays(bool, shape))
    noise = np.full((1, 1), 3.0)
    blocks = in_blocks(values, size, masked=masked, noise=noise)
    for (i, j), mean in np.ndenumerate(blocks.mean):
        window = np.s_[i * size : (i + 1) * size, j * size : (j + 1) * size]
        block, bad = values[window], masked[window]
        finite = block[np.isfinite(block)]
        good = block[np.isfinite(block) & ~bad]
        assert blocks.masked[i, j] == pytest.approx(bad.mean())
        if not finite.size:
            assert np.isnan(mean)
            assert np.isnan(blocks.extreme[i, j])
            continue
        wanted = (good if good.size else finite).mean()
        assert mean == pytest.approx(wanted, abs=1e-9)
        furthest = np.abs(finite - wanted).max()
        if abs(furthest - 15) > 1e-6:
            assert np.isnan(blocks.extreme[i, j]) == (furthest < 15)
        if furthest > 15 + 1e-6:
            assert abs(blocks.extreme[i, j] - wanted) == pytest.approx(furthest)
            assert blocks.extreme[i, j] in finite


def test_block_sizes():
    assert [block_size(shape, 512) for shape in ((1, 1), (512, 512), (513, 512), (4096, 4096), (10, 90000))] == [
        1,
        1,
        2,
        8,
        2,
    ]


def test_what_stands_out_is_painted_unless_it_is_a_star():
    """A hot pixel and a dead column are; a star over two by two blocks, with one beside it, is not but for that."""
    mean, extreme = np.zeros((4, 6)), np.full((4, 6), np.nan)
    extreme[:3, 5] = -9
    extreme[1, 2] = extreme[2:, :2] = 9
    shown = Blocks(8, mean, extreme, None).shown
    assert {(int(row), int(column)) for row, column in np.argwhere(shown)} == {(1, 2), (0, 5), (1, 5), (2, 5)}
    assert (shown[1, 2], shown[0, 5]) == (9, -9)
