"""What a combination tells of itself: of its frames, its times, its cards and its level."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from made_frames import exposed
from strategies import frames_of

from pipeline import FrameSet, Image, MasterBias, attach_header, combine, each, subtract_bias


def test_what_is_found_of_frames_is_told_in_the_order_in_which_they_were_given():
    """Combining puts them into an order of its own; here each of the four moves."""
    noise = np.random.default_rng(1).normal(0, 1, (4, 30, 30))
    factors, offsets = [0.98, 1.02, 1.05, 0.95], [-10.0, 20.0, 40.0, -50.0]
    flat = combine(frames_of(1000 * np.reshape(factors, (4, 1, 1)) + noise, kind="flat"))
    np.testing.assert_allclose(
        np.divide(flat.found.factors, flat.found.factors[0]), np.divide(factors, 0.98), rtol=1e-3
    )
    bias = combine(frames_of(1000 + np.reshape(offsets, (4, 1, 1)) + noise, kind="bias"))
    np.testing.assert_allclose(bias.found.offsets, np.array(offsets) - 5, atol=0.5)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_an_exposure_of_several_frames_is_from_the_first_beginning_to_the_last_end(order):
    """The first to begin is the last to end."""
    times = [("2026-01-01T20:00:00", 900.0), ("2026-01-01T20:01:00", 60.0), ("2026-01-01T20:03:00", 60.0)]
    cards = [fits.Header({"DATE-OBS": times[i][0], "EXPTIME": times[i][1]}) for i in order]
    bias = MasterBias.of(Image.of(np.zeros((5, 5)), kind="bias"))
    frames = FrameSet(Image.of(fits.PrimaryHDU(np.full((5, 5), 100.0 + i), c)) for i, c in enumerate(cards))
    header = attach_header(combine(each(subtract_bias(bias=bias))(frames), scale="exposure")).header.to_header()
    assert header["DATE-BEG"] == "2026-01-01T20:00:00.000"
    assert header["DATE-END"] == "2026-01-01T20:15:00.000"
    assert header["DATE-AVG"] == "2026-01-01T20:07:30.000"


def test_cards_of_frames_are_told_in_the_first_ones_words_and_where_numbers_agree():
    """A card that one of the frames lacks is told of none."""
    frames = [
        attrs.evolve(frame, added=(("WORDS", f"by {n}", ""), ("SAME", 2, ""), ("OTHER", n, ""), *more))
        for n, (frame, more) in enumerate(zip(exposed(1.0, 1.0), [(("ONCE", "x", ""),), ()], strict=True))
    ]
    added = combine(FrameSet(frames)).added
    assert added[:2] == (("WORDS", "by 0", ""), ("SAME", 2, ""))
    assert not {"OTHER", "ONCE"} & {card[0] for card in added}


def test_the_level_of_an_image_is_that_of_its_finite_values():
    values = np.full((5, 5), 3e38, np.float32)
    values[0, 0] = np.inf
    found = combine(FrameSet([Image.of(values)])).found
    assert found.level == pytest.approx(3e38)
    assert combine(FrameSet([Image.of(np.full((5, 5), np.nan))])).found.level is None
