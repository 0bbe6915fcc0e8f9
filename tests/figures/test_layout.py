"""How a figure is laid out: the histogram's counts and span, square pixels, buttons that do what they are called."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from strategies import examples

from pipeline import Image
from pipeline.figures.colour import LIMITS, STRETCHES, Appearance, Range, colour_scale
from pipeline.figures.layout import counts_in_bins, figure_layout, menus_of, span_of, title_of
from pipeline.figures.view import view_of

SOME = {"zscale": Range(10.0, 20.0), "percentile": Range(8.0, 30.0), "minmax": Range(7.0, 99.0)}


@st.composite
def some_limits(draw):
    """Narrow limits within those of all pixels."""
    low, *inner, high = sorted(draw(st.lists(st.integers(-1000, 1000), min_size=6, max_size=6, unique=True)))
    return {"zscale": Range(*inner[1:3]), "percentile": Range(inner[0], inner[3]), "minmax": Range(low, high)}


@given(some_limits())
def test_the_histogram_spans_both_narrow_limits_within_what_there_is(limits):
    span = span_of(limits)
    assert limits["minmax"].low <= span.low <= limits["percentile"].low <= limits["zscale"].low
    assert limits["zscale"].high <= limits["percentile"].high <= span.high <= limits["minmax"].high


def test_the_histogram_spans_a_tenth_more_where_there_is_more():
    """From 8 to 30 is 22; a tenth of it on each side is 5.8, of which there is none below 7, and 32.2."""
    assert span_of(SOME) == Range(7.0, pytest.approx(32.2))


@examples(60)
@given(arrays.arrays(np.float64, st.integers(1, 3000), elements=st.integers(-50, 150)))
def test_every_value_is_counted_once_in_the_bin_that_numpy_gives_it(values):
    bins = len(counts_in_bins(values, Range(0.0, 1.0))[0])
    high = 4.0 * bins  # so that floats hold the edges exactly
    counts, below, above = counts_in_bins(values, Range(0.0, high))
    np.testing.assert_array_equal(counts, np.histogram(values, bins, range=(0, high))[0])
    assert (below, above) == ((values < 0).sum(), (values > high).sum())


def test_bins_by_hand_the_last_holds_its_upper_edge():
    """Eight bins of 1, as eight values are too few for more: -1 | 0, 0.5 | 1 | ... 7.5, 8 | 8.1, 9."""
    counts, below, above = counts_in_bins(np.array([-1, 0, 0.5, 1, 7.5, 8, 8.1, 9]), Range(0.0, 8.0))
    assert (counts.tolist(), below, above) == ([2, 1, 0, 0, 0, 0, 0, 2], 1, 2)
    assert len(counts_in_bins(np.zeros(8000), Range(0.0, 8.0))[0]) == 40  # 2·∛8000
    assert len(counts_in_bins(np.zeros(600_000), Range(0.0, 8.0))[0]) == 169  # 168.7, in three chunks
    assert counts_in_bins(np.zeros(600_000), Range(0.0, 8.0))[0].sum() == 600_000


@examples(30)
@given(st.integers(1, 400), st.integers(1, 400))
def test_pixels_are_square_on_screen(height, width):
    view = view_of(np.ones((height, width)))
    layout = figure_layout(view, Appearance(), SOME)
    assert (layout["xaxis"]["range"], layout["yaxis"]["range"]) == ([-0.5, width - 0.5], [-0.5, height - 0.5])
    assert (layout["yaxis"]["scaleanchor"], layout["yaxis"]["scaleratio"]) == ("x", 1)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("stretch", STRETCHES)
def test_the_buttons_begin_as_the_figure_does_and_lead_back_to_it(limits, stretch):
    look = Appearance(limits, stretch, "magma")
    layout = figure_layout(view_of(np.ones((4, 5))), look, SOME)
    of_limits, of_stretch, of_mask = menus_of(SOME, look)
    (change,) = of_limits["buttons"][of_limits["active"]]["args"]
    assert (change["coloraxis.cmin"], change["coloraxis.cmax"]) == (SOME[limits].low, SOME[limits].high)
    assert (layout["coloraxis"]["cmin"], layout["coloraxis"]["cmax"]) == (SOME[limits].low, SOME[limits].high)
    assert (layout["shapes"][0]["x0"], layout["shapes"][0]["x1"]) == (SOME[limits].low, SOME[limits].high)
    assert of_stretch["buttons"][of_stretch["active"]]["args"][0]["coloraxis.colorscale"] == colour_scale(
        "magma", stretch
    )
    assert [button["args"] for button in of_mask["buttons"]] == [[{"visible": True}, [1]], [{"visible": False}, [1]]]


def test_a_title_is_text_and_no_markup():
    title = title_of(view_of(Image.of(np.ones((2, 3)), kind="light", header={"OBJECT": "<b>&amp;"})))
    assert title["text"].startswith("<b>&lt;b&gt;&amp;amp;</b><br>")
