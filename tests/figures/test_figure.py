"""What figures are made of: colours, blocks, coded tiles; each against five lines of numpy."""

import base64
import zlib

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, LogStretch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline import Appearance, Image, MasterBias, Pixels, figure
from pipeline.errors import SettingError, ShapeError
from pipeline.figures.blocks import block_size, in_blocks, noise_map
from pipeline.figures.colour import (
    LIMITS,
    MAPS,
    MASK_COLOUR,
    STRETCHES,
    Range,
    colour_scale,
    colours,
    ranges,
    stretched,
    unstretched,
)
from pipeline.figures.tile_codec import TILE, encode_tiles
from pipeline.figures.view import view_of

EDGES = Range(100.0, 400.0)
NOISY = np.random.default_rng(5).normal(1000, 7, (300, 280)).astype(np.float32)

# Machado, Oliveira and Fernandes (2009): how eyes without one of the three cones see linear RGB.
BLIND = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb, eye="normal"):
    """CIE L*a*b* (D65) of sRGB colours as an eye sees them."""
    c = np.asarray(rgb, float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.transpose(BLIND[eye]), 0, 1)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    t = xyz / [0.9505, 1, 1.089]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


@pytest.mark.parametrize("eye", BLIND)
@pytest.mark.parametrize("name", MAPS)
def test_maps_grow_lighter_evenly_for_every_eye(name, eye):
    lightness = lab(colours(name, np.linspace(0, 1, 21)), eye)[:, 0]
    steps = np.diff(lightness)
    assert steps.min() > 0
    assert steps.max() < 2.2 * steps.mean()


@pytest.mark.parametrize("eye", BLIND)
@pytest.mark.parametrize("name", MAPS)
def test_masked_pixels_have_a_colour_that_no_value_has(name, eye):
    mark = lab(list(bytes.fromhex(MASK_COLOUR[name][1:])), eye)
    distance = np.linalg.norm(lab(colours(name, np.linspace(0, 1, 200)), eye) - mark, axis=-1)
    assert distance.min() > 40  # a just noticeable difference is about 2


@pytest.mark.parametrize(("stretch", "theirs"), [("log", LogStretch(1000)), ("asinh", AsinhStretch(0.1))])
def test_stretches_are_astropys_and_blank_nothing(stretch, theirs):
    values = np.linspace(100, 400, 50)
    np.testing.assert_allclose(stretched(values, EDGES, stretch), theirs((values - 100) / 300), atol=1e-12)
    assert stretched(np.array([-1e9, 1e9]), EDGES, stretch).tolist() == [0, 1]


@given(place=st.floats(0, 1), stretch=st.sampled_from(STRETCHES))
def test_a_stretch_is_undone(place, stretch):
    value = EDGES.low + float(unstretched(np.array(place), stretch)) * (EDGES.high - EDGES.low)
    assert stretched(np.array(value), EDGES, stretch) == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize("name", MAPS)
def test_a_scale_gives_the_colours_of_the_stretched_values(name, stretch):
    scale = colour_scale(name, stretch)
    at = [t for t, _ in scale]
    assert at[0] == 0
    assert at[-1] == 1
    assert (np.diff(at) > 0).all()
    for t, colour in scale:
        wanted = colours(name, stretched(np.array(100 + 300 * t), EDGES, stretch))
        assert np.abs(np.array(colour[4:-1].split(","), int) - wanted.astype(int)).max() <= 1


@given(hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(-1e6, 1e6, width=32)))
def test_limits_are_never_empty(values):
    low, high = (float(values.min()), float(values.max())) if values.size else (0, 0)
    found = ranges(values, low, high)
    assert tuple(found) == LIMITS
    assert all(limits.low < limits.high for limits in found.values())


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
    blocks = in_blocks(values, masked, noise, size)
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
    tiles = encode_tiles(values, noise)
    assert rule in {tile.rule for tile in tiles}
    assert np.abs(decoded(tiles, values.shape) - values).max() <= noise.max() / 16


def test_noise_costs_what_it_must():
    (tile, *_) = encode_tiles(NOISY[:256, :256], noise_map(NOISY[:256, :256]))
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
    back = decoded(encode_tiles(values, noise), values.shape)
    finite = np.isfinite(values)
    np.testing.assert_array_equal(back[~finite], values[~finite])
    wanted = values[finite].astype(float)
    assert (np.abs(back[finite] - wanted) <= noise.max() / 16 + 1e-7 * np.abs(wanted)).all()


@given(hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_quiet_whole_numbers_come_back_exactly(values):
    values = values.astype(np.float32)
    tiles = encode_tiles(values, np.full((1, 1), 3.0))
    np.testing.assert_array_equal(decoded(tiles, values.shape), values)


@pytest.mark.parametrize(
    "thing",
    [NOISY, NOISY.astype(">f4"), np.ma.masked_greater(NOISY, 1020), Pixels.of(NOISY), Image.of(NOISY)],
    ids=["array", "big-endian", "masked", "pixels", "image"],
)
def test_a_figure_of_anything_is_right_way_up_with_square_pixels(thing):
    made = figure(thing, cells=10_000)
    picture, masked, _ = made.data
    np.testing.assert_array_equal(picture.z, NOISY)
    assert (picture.x0, picture.dx, picture.y0, picture.dy) == (0, 1, 0, 1)
    assert made.layout.yaxis.range == (-0.5, 299.5)
    assert made.layout.yaxis.scaleanchor == "x"
    assert np.nansum(masked.z) == (np.ma.getmaskarray(thing).sum() if isinstance(thing, np.ma.MaskedArray) else 0)


def test_a_master_has_its_header_for_a_title_and_its_unit_at_the_bar():
    header = {"OBJECT": "zero <b>", "EXPTIME": 0.0, "INSTRUME": "CAM"}
    made = figure(MasterBias.of(Image.of(NOISY, kind="bias", header=header)))
    assert "zero &lt;b&gt;" in made.layout.title.text
    assert "CAM" in made.layout.title.text
    assert made.layout.coloraxis.colorbar.title.text == "adu"


def test_the_histogram_counts_every_good_pixel_within_its_span():
    view = view_of(NOISY)
    made = figure(NOISY)
    bars = made.data[2]
    assert sum(bars.text) == view.values.size - sum(
        int(word) for word in made.layout.xaxis2.title.text.replace(",", "").split() if word.isdecimal()
    )


@pytest.mark.parametrize("bad", [{"limits": "z"}, {"stretch": "sqrt"}, {"colours": "jet"}])
def test_unknown_looks_are_refused(bad):
    with pytest.raises(SettingError, match="expected one of"):
        Appearance(**bad)


@pytest.mark.parametrize("thing", [np.zeros(5), np.zeros((2, 2, 2)), np.zeros((2, 2), complex), np.zeros((0, 5))])
def test_what_is_no_image_is_refused(thing):
    with pytest.raises(ShapeError):
        figure(thing)
