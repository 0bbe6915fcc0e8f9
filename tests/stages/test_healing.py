"""Interpolation over bad pixels: planes come back, nothing comes from a corner, and nothing goes on without end."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline import Flag, Image, MasterBias, Pixels, attach_header, heal, subtract_bias
from pipeline.errors import SettingError
from pipeline.stages.healing import REASONS
from pipeline.testing import pixels

BAD = int(Flag.BAD)


def image(values, flags, variance=None):
    return Image.of(Pixels.of(np.asarray(values, float), np.asarray(flags, np.uint16), variance), name="light.fits")


def healed(of):
    return (of.pixels.flags & Flag.HEALED) != 0


@pytest.mark.parametrize(
    ("by", "saxis", "expected"),
    [
        ("along", 1, [10, 20, 30, 40]),
        ("across", 0, [10, 20, 30, 40]),
        ("along", 0, [10, 9, 9, 40]),  # one row: nothing above or below
        ("nearest", 1, [10, 20, 30, 40]),
    ],
)
def test_a_row_worked_out_by_hand(by, saxis, expected):
    result = heal(image([[10, 9, 9, 40]], [[0, BAD, BAD, 0]]), by=by, saxis=saxis)
    np.testing.assert_allclose(result.pixels.values, [expected], rtol=1e-12)
    assert healed(result).tolist() == [[False, expected[1] != 9, expected[2] != 9, False]]


def test_along_and_across_worked_out_by_hand():
    values = [[0, 100, 0], [2, 7, 4], [0, 200, 0]]
    flags = [[0, 0, 0], [0, BAD, 0], [0, 0, 0]]
    middle = {by: heal(image(values, flags), by=by).pixels.values[1, 1] for by in ("along", "across", "nearest")}
    assert middle == {"along": 3, "across": 150, "nearest": (2 + 4 + 100 + 200) / 4}


def test_nearest_weighs_by_distance():
    flags = np.zeros((3, 4), np.uint16)
    flags[1, 1:3] = BAD  # 1 and 2 pixels away along x, 1 and 1 along y
    values = np.array([[0, 5, 0, 0], [6, 0, 0, 12], [0, 7, 0, 0]], float)
    result = heal(image(values, flags)).pixels.values[1, 1]
    assert result == pytest.approx((6 / 1 + 12 / 2 + 5 + 7) / (1 + 1 / 2 + 1 + 1))


def test_an_edge_takes_the_nearest_value_and_a_corner_is_nothing_special():
    flags = np.zeros((5, 6), np.uint16)
    flags[2, 4:] = BAD
    values = np.arange(30.0).reshape(5, 6)
    values[0, 0] = 1e9
    along = heal(image(values, flags), by="along").pixels.values
    np.testing.assert_allclose(along[2, 4:], values[2, 3])
    flags = np.zeros((5, 6), np.uint16)
    flags[1:, 1:] = BAD
    values = np.full((5, 6), 3.0)
    values[0, 0] = 1e9  # ASPIRED heals from here
    assert heal(image(values, flags)).pixels.values[1:, 1:].max() < 3.001


@quick
@given(seeds, st.sampled_from(["nearest", "along", "across"]), st.sampled_from([0, 1]), st.floats(0.05, 0.6))
def test_a_tilted_plane_comes_back_wherever_a_line_has_two_ends(seed, by, saxis, fraction):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:12, :15]
    plane = rng.uniform(-50, 50) + rng.uniform(-9, 9) * x + rng.uniform(-9, 9) * y
    bad = rng.random(plane.shape) < fraction
    bad[[0, -1], :] = bad[:, [0, -1]] = False
    result = heal(image(np.where(bad, 1e6, plane), bad * BAD), by=by, saxis=saxis)
    np.testing.assert_allclose(result.pixels.values, plane, atol=1e-9)
    assert (healed(result) == bad).all()


@quick
@given(pixels(shape=(4, 6)), st.sampled_from(["nearest", "along", "across"]), st.sampled_from([0, 1]))
def test_good_pixels_stay_flags_are_only_added_and_values_lie_between_good_ones(given_pixels, by, saxis):
    before = Image.of(given_pixels)
    after = heal(before, by=by, saxis=saxis)
    touched = healed(after) & ~healed(before)
    good = ~before.pixels.mask
    np.testing.assert_array_equal(after.pixels.values[~healed(after)], before.pixels.values[~healed(after)])
    assert not touched[good].any()
    assert not (before.pixels.flags & ~after.pixels.flags).any()
    assert not touched[(before.pixels.flags & Flag.SATURATED) != 0].any()
    if touched.any() and good.any():
        values = after.pixels.values[touched]
        slack = 4 * np.spacing(np.abs(before.pixels.values[good]).max())
        assert before.pixels.values[good].min() - slack <= values.min()
        assert values.max() <= before.pixels.values[good].max() + slack


@quick
@given(seeds, st.floats(0.0, 1.0))
def test_nearest_leaves_no_bad_pixel_if_any_is_good_and_all_if_none_is(seed, fraction):
    rng = np.random.default_rng(seed)
    bad = rng.random((7, 9)) < fraction
    result = heal(image(rng.normal(size=(7, 9)), bad * BAD))
    assert (healed(result) == (bad if not bad.all() else False)).all()


def test_when_all_is_bad_nothing_is_done_and_no_card_is_written():
    before = image(np.full((4, 4), 5.0), np.full((4, 4), BAD))
    after = heal(before)
    assert after.pixels == before.pixels
    assert after.history[0].skipped == "nothing to do"
    assert "HEALED" not in attach_header(after).header


def test_a_bad_row_and_a_bad_column_cross():
    flags = np.zeros((5, 5), np.uint16)
    flags[2, :] = flags[:, 3] = BAD
    y, x = np.mgrid[:5, :5]
    result = heal(image(np.where(flags, -999.0, 3.0 * x + y), flags))
    np.testing.assert_allclose(result.pixels.values, 3.0 * x + y)


def test_reach_ends_where_it_is_told_to():
    flags = [[0, BAD, BAD, BAD, BAD, 0]]
    result = heal(image([[1, 0, 0, 0, 0, 6]], flags), by="along", reach=2)
    assert result.pixels.values.tolist() == [[1, 1, 1, 6, 6, 6]]
    flags = [[0, BAD, BAD, BAD, BAD, BAD, 0]]
    result = heal(image([[1, 0, 0, 0, 0, 0, 7]], flags), by="along", reach=2)
    assert result.pixels.values.tolist() == [[1, 1, 1, 0, 7, 7, 7]]
    assert healed(result).tolist() == [[False, True, True, False, True, True, False]]


def test_variance_is_that_of_the_pixels_used():
    flags = [[0, BAD, BAD, 0]]
    result = heal(image([[10, 0, 0, 40]], flags, [[9.0, 0, 0, 18.0]]), by="along")
    expected = [9, (4 * 9 + 18) / 9, (9 + 4 * 18) / 9, 18]
    np.testing.assert_allclose(result.pixels.variance, [expected])


@pytest.mark.parametrize("seed", range(3))
def test_variance_tells_how_far_healed_values_scatter(seed):
    """Oracle: heal many noisy copies of one scene with the same pixels bad."""
    rng = np.random.default_rng(seed)
    bad = rng.random((6, 8)) < 0.3
    variance = rng.uniform(1, 9, (6, 8))
    made = [heal(image(rng.normal(0, np.sqrt(variance)), bad * BAD, variance)).pixels for _ in range(300)]
    scatter = np.var([one.values for one in made], axis=0)
    first = [m for m in np.argwhere(bad) if not bad[m[0], :].all() and not bad[:, m[1]].all()]
    for y, x in first:  # of the second round are those whose ends are interpolations themselves
        assert made[0].variance[y, x] == pytest.approx(scatter[y, x], rel=0.45)


def test_what_a_master_shares_stays_shared():
    flags = np.zeros((1, 3), np.uint16)
    flags[0, 1] = BAD
    bias = MasterBias.of(Image.of(Pixels.of(np.ones((1, 3)), variance=np.array([[1.0, 1.0, 4.0]])), kind="bias"))
    light = subtract_bias(image([[5.0, 0, 9.0]], flags, np.full((1, 3), 10.0)), bias=bias)
    result = heal(light, by="along")
    ((_, sigma),) = result.pixels.shared
    np.testing.assert_allclose(np.abs(sigma), [[1, 1.5, 2]])  # not √(1 + 4)/2: one bias, read twice


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_healed_alone_and_not_beside_saturation(reason):
    bit = int(Flag[reason.upper()])
    result = heal(image([[1, 50, 3, 50, 5]], [[0, bit, 0, bit | Flag.SATURATED, 0]]))
    assert result.pixels.values.tolist() == [[1, 2, 3, 50, 5]]
    assert result.pixels.flags[0, 1] == bit | Flag.HEALED
    assert heal(image([[1, 50, 3]], [[0, bit, 0]]), reasons=("saturated",)).pixels.values[0, 1] == 50


def test_the_header_says_so():
    header = attach_header(heal(image([[1, 0, 3]], [[0, BAD, 0]]))).header
    assert (header.get("HEALED"), header.get("NHEALED")) == (True, 1)


@pytest.mark.parametrize(
    "settings", [{"by": "far"}, {"saxis": 2}, {"reach": 0}, {"reasons": ("healed",)}, {"reasons": ()}]
)
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(SettingError, match=r"heal: .*; expected"):
        heal(image([[1, 0, 3]], [[0, BAD, 0]]), **settings)


def test_healing_again_changes_nothing():
    once = heal(image([[1, 0, 3, 0]], [[0, BAD, 0, BAD]]))
    assert heal(once).pixels == once.pixels
    assert attrs.evolve(once, history=()).added[-2:] == heal(once).added[-2:]
