"""Coded tiles, read as the script of a page reads them."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.figures.blocks import noise_map
from pipeline.figures.tile_codec import TILE, encode_flags, encode_tiles

NOISY = np.random.default_rng(5).normal(1000, 7, (300, 280)).astype(np.float32)


def decoded(tiles, shape):
    """Read tiles as the page's script does, one number after the other."""
    image, tiles = np.empty(shape), iter(tiles)
    for y in range(0, shape[0], TILE):
        for x in range(0, shape[1], TILE):
            tile, window = next(tiles), image[y : y + TILE, x : x + TILE]
            octets = np.frombuffer(zlib.decompress(base64.b64decode(tile.data)), np.uint8).reshape(tile.planes, -1)
            numbers = sum(plane.astype(np.uint32) << np.uint32(8 * k) for k, plane in enumerate(octets))
            if tile.rule == 3:
                window[:] = numbers.view(np.float32).reshape(window.shape)
            else:
                n = ((numbers >> 1) ^ -(numbers & 1)).view(np.int32).astype(np.int64).reshape(window.shape)
                window[:] = tile.offset + tile.step * unpredicted(n, tile.rule)
            if tile.odd:
                odd = np.frombuffer(zlib.decompress(base64.b64decode(tile.odd)), np.uint8).reshape(window.shape)
                for kind, value in ((1, np.nan), (2, np.inf), (3, -np.inf)):
                    window[odd == kind] = value
    return image


def unpredicted(n, rule):
    if rule == 1:
        return np.cumsum(n, axis=1)
    if rule == 2:
        for y in range(1, n.shape[0]):
            for x in range(1, n.shape[1] - 1):
                n[y, x] += (n[y - 1, x - 1] + n[y - 1, x] + n[y - 1, x + 1] + n[y, x - 1]) >> 2
    return n


def slope(step):
    return NOISY + step * np.arange(280, dtype=np.float32)


@pytest.mark.parametrize(
    ("values", "rule"),
    [(NOISY, 0), (slope(2), 2), (np.cumsum(NOISY - 1000, axis=1, dtype=np.float32), 1)],
    ids=["flat", "sloping", "walking"],
)
def test_tiles_give_values_back_to_a_sixteenth_of_the_noise(values, rule):
    noise = noise_map(values)
    tiles = encode_tiles(values, noise=noise)
    assert rule in {tile.rule for tile in tiles}
    assert np.abs(decoded(tiles, values.shape) - values).max() <= noise.max() / 16


def test_noise_costs_what_it_must():
    (tile, *_) = encode_tiles(NOISY[:256, :256], noise=noise_map(NOISY[:256, :256]))
    assert len(tile.data) * 6 / 256**2 < 5.05 + 0.25  # log2(8 √(2πe)) bits, and little more


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.one_of(st.floats(-1e9, 1e9, width=32), st.sampled_from([np.nan, np.inf, -np.inf, 1e30])),
    )
)
def test_tiles_give_anything_back(values):
    noise = noise_map(values)
    back = decoded(encode_tiles(values, noise=noise), values.shape)
    finite = np.isfinite(values)
    np.testing.assert_array_equal(back[~finite], values[~finite])
    wanted = values[finite].astype(float)
    assert (np.abs(back[finite] - wanted) <= noise.max() / 16 + 1e-7 * np.abs(wanted)).all()


@given(hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_quiet_whole_numbers_come_back_exactly(values):
    values = values.astype(np.float32)
    tiles = encode_tiles(values, noise=np.full((1, 1), 3.0))
    np.testing.assert_array_equal(decoded(tiles, values.shape), values)


@pytest.mark.parametrize(("highest", "planes"), [(1, 1), (128, 1), (256, 2)])
def test_flags_come_back_and_take_a_second_byte_only_where_they_need_it(highest, planes):
    flags = np.zeros((TILE + 3, 5), np.uint16)
    flags[2, 1:3] = highest, 1
    first, rest = encode_flags(flags)
    octets = np.frombuffer(zlib.decompress(base64.b64decode(first)), np.uint8).reshape(planes, TILE, 5).astype(int)
    np.testing.assert_array_equal(sum(plane << (8 * k) for k, plane in enumerate(octets)), flags[:TILE])
    assert rest == ""
