"""Aligned frames: values, flags and errors move together, nothing is lost or made up, and what is true stays true."""

import warnings

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from star_fields import Field, dithers, header, lights_of
from strategies import examples, frames_of

from pipeline import (
    Amplifier,
    Clip,
    Flag,
    FrameSet,
    Image,
    Mask,
    MasterBias,
    MasterDark,
    MasterFringe,
    Noise,
    Pixels,
    align,
    attach_header,
    combine,
    coverage,
    divide,
    each,
    flag_bad,
    flag_saturated,
    normalise_flat,
    open_frame,
    pipe,
    running,
    subtract_bias,
    subtract_dark,
    subtract_fringe,
    subtract_overscan,
    write,
)
from pipeline.errors import AssumptionWarning, HeaderError, PipelineWarning, SettingError, StepError
from pipeline.stages.align import MovedRows
from pipeline.statistics.sources import find_sources
from pipeline.testing import pixels

SHAPE = (180, 200)
whole = st.tuples(st.integers(-6, 6), st.integers(-6, 6))


def moved(image, shift):
    (out,) = align(FrameSet([image]), by=(shift,))
    return out


def by_hand(plane, shift, beyond):
    """Put each value where it goes, one by one."""
    out = np.full_like(plane, beyond)
    for (y, x), value in np.ndenumerate(plane):
        to = y - shift[0], x - shift[1]
        if 0 <= to[0] < plane.shape[0] and 0 <= to[1] < plane.shape[1]:
            out[to] = value
    return out


# ---- moving ----


@given(pixels(shape=(9, 8)), whole)
def test_values_flags_and_variance_move_alike(drawn, shift):
    out = moved(Image.of(drawn), shift).pixels
    np.testing.assert_array_equal(out.values, by_hand(drawn.values, shift, np.nan))
    np.testing.assert_array_equal(out.flags, by_hand(drawn.flags, shift, int(Flag.UNCOVERED)))
    assert (out.variance is None) == (drawn.variance is None)
    if drawn.variance is not None:
        np.testing.assert_array_equal(out.variance, by_hand(drawn.variance, shift, np.nan))


@given(pixels(shape=(14, 13)), whole, whole)
def test_shifts_add(drawn, one, other):
    """But for what was moved out and comes back: it is lost."""
    image, both = Image.of(drawn, header=header()), (one[0] + other[0], one[1] + other[1])
    twice, once = moved(moved(image, one), other), moved(image, both)
    seen = twice.pixels.flags & Flag.UNCOVERED == 0
    np.testing.assert_array_equal(twice.pixels.values[seen], once.pixels.values[seen])
    np.testing.assert_array_equal(twice.pixels.flags[seen], once.pixels.flags[seen])
    assert twice.pixels.shared_keys == once.pixels.shared_keys
    assert (twice.shift, twice.header) == (once.shift, once.header)


@given(pixels(shape=(9, 8)), whole, st.integers(0, 9), st.integers(0, 9))
def test_rows_are_those_of_the_whole(drawn, shift, start, stop):
    rows = MovedRows(drawn, *shift)
    assert rows.rows(start, stop) == rows.rows(0, 9).rows(start, stop)


def test_parts_of_pixels_are_rounded_and_kept_as_data():
    image = moved(Image.of(np.arange(12.0).reshape(3, 4)), (0.6, -1.4))
    np.testing.assert_array_equal(image.pixels.values[0], [np.nan, 4, 5, 6])
    assert image.shift == (0.6, -1.4)


def test_wcs_and_physical_coordinates_follow_and_sections_go():
    image = moved(Image.of(np.ones(SHAPE), header=header(DATASEC="[1:200,1:180]", DETSEC="[1:200,1:180]")), (3, -4))
    assert [image.header.get(key) for key in ("CRPIX1", "CRPIX2", "LTV1", "LTV2")] == [105.0, 88.0, 4.0, -3.0]
    assert image.header.get("DATASEC") is image.header.get("DETSEC") is None


def test_errors_are_shared_by_frames_that_were_moved_alike_alone():
    bias = MasterBias.of(
        combine(frames_of(np.random.default_rng(1).normal(9, 1, (4, 6, 7)), kind="bias"), variance="scatter", clip=None)
    )
    lights = each(subtract_bias(bias=bias))(frames_of(np.full((3, 6, 7), 50.0)))
    (key,) = bias.image.pixels.shared_keys
    keys = [frame.pixels.shared_keys[0] for frame in align(lights, by=((0, 0), (1, 0), (1, 0)))]
    assert keys[0] == key
    assert keys[1] == keys[2] != key
    back = align(align(lights, by=((0, 0), (1, 0), (2, 5))), by=((0, 0), (-1, 0), (-2, -5)))
    assert {frame.pixels.shared_keys for frame in back} == {(key,)}


def noisy_bias(shape):
    """Give a master whose error is large beside the noise of the lights, and their level is that of its frames."""
    rng = np.random.default_rng(2)
    return MasterBias.of(combine(frames_of(rng.normal(9, 3, (4, *shape)), kind="bias"), variance="noise", clip=None))


@pytest.mark.parametrize(
    ("by", "share"),
    [
        (((0, 0),) * 4, 1.0),
        (((0, 0), (0, 0), (1, 0), (0, 2)), 6 / 16),
        (((1, 0), (1, 0), (2, 0), (2, 0)), 8 / 16),
        (((0, 0), (1, 0), (2, 0), (2, 5)), 4 / 16),
    ],
)
def test_the_error_of_a_master_is_shared_by_what_lies_in_one_place_and_averages_out_over_the_rest(by, share):
    bias, light = noisy_bias((30, 40)), Pixels.of(np.full((30, 40), 50.0), 0, np.full((30, 40), 0.25))
    lights = each(subtract_bias(bias=bias))(FrameSet(Image.of(light, exposure=1) for _ in by))
    image = combine(align(lights, by=by), clip=None)
    expected = 0.25 / 4 + share * bias.image.pixels.total_variance[10, 10]
    assert image.pixels.total_variance[10, 10] == pytest.approx(expected, rel=1e-5)
    assert set(image.pixels.shared_keys) <= set(bias.image.pixels.shared_keys)
    assert share < 1 or image.pixels.shared_keys


@pytest.mark.parametrize("by", [((0, 0),) * 4, ((0, 0), (1, 0), (2, 0), (2, 5))])
@pytest.mark.parametrize("settings", [{}, {"clip": None}, {"clip": Clip(counting=Noise(a=0.25, b=0.0))}], ids=str)
def test_noise_that_is_measured_of_moved_frames_holds_the_error_of_their_master_already(by, settings):
    bias = noisy_bias((120, 150))
    lights = each(subtract_bias(bias=bias))(
        frames_of(np.random.default_rng(4).normal(50, 0.5, (4, 120, 150)), exposure=1)
    )
    image = combine(align(lights, by=by), variance="noise", **settings)
    good = ~image.pixels.mask
    truth = np.var(image.pixels.values[good])
    assert np.median(image.pixels.total_variance[good]) == pytest.approx(truth, rel=0.08)


@pytest.mark.parametrize("by", ["sources", "correlation", "wcs"])
def test_frames_on_disk_are_read_when_asked_and_give_what_memory_gives(tmp_path, by):
    shifts = dithers(3, 3, 8)
    rng, stars = np.random.default_rng(1), Field.drawn(3, 60, SHAPE)
    for number, shift in enumerate(shifts):
        values = stars.frame(rng, SHAPE, shift=shift).clip(0, 65535).astype(np.uint16)
        fits.writeto(tmp_path / f"{number}.fits", values, fits.Header(header(shift)))
    on_disk = FrameSet(open_frame(tmp_path / f"{number}.fits") for number in range(3))
    in_memory = FrameSet(attrs.evolve(frame, data=frame.pixels) for frame in on_disk)
    calibrate = each(subtract_bias(bias=MasterBias.of(np.full(SHAPE, 300.0))))
    one, other = (
        align(calibrate(each(flag_saturated(level=30_000))(frames)), by=by) for frames in (on_disk, in_memory)
    )
    assert not any(frame.in_memory for frame in one)
    assert [frame.pixels for frame in one] == [frame.pixels for frame in other]
    whole = combine(other)
    for memory in (2**18, 2**30):
        with running(memory=memory):
            tiled = combine(one)
        assert (tiled.pixels, tiled.header) == (whole.pixels, whole.header)
    np.testing.assert_array_equal(coverage(one), coverage(other))


# ---- measuring ----


def exposed(shifts, *, stars=None, seed=1, **settings):
    rng, stars = np.random.default_rng(seed), stars or Field.drawn(2, 70, SHAPE, fluxes=(2e3, 5e4))
    return lights_of([stars.frame(rng, SHAPE, shift=shift, **settings) for shift in shifts], shifts)


@pytest.mark.parametrize("by", ["sources", "correlation", "wcs"])
def test_what_is_aligned_is_aligned_already(by):
    once = align(exposed(dithers(4, 5, 9)), by=by)
    twice = align(once, by=by)
    assert [frame.pixels for frame in twice] == [frame.pixels for frame in once]
    assert [frame.header for frame in twice] == [frame.header for frame in once]


FOUR = exposed(dithers(4, 4, 9))


@examples(20)
@given(st.permutations(range(4)))
def test_the_order_of_frames_changes_nothing(order):
    aligned, mixed = align(FOUR), align(FrameSet(FOUR[i] for i in order))
    assert [frame.pixels for frame in mixed] == [aligned[i].pixels for i in order]


@pytest.mark.parametrize("by", ["sources", "correlation", "wcs"])
def test_shifts_are_data_and_stand_in_the_history(by):
    shifts = dithers(4, 3, 9)
    image = combine(align(exposed(shifts), by=by))
    found = np.array(image.found.aligned)
    np.testing.assert_allclose(found - found[0], shifts, atol=0.15)
    words = [str(step) for step in image.history]
    assert words[:2] == [f"align(by={image.found.aligned!r})", f"align(by={by!r})"]


def test_what_is_flagged_is_not_measured():
    """Stars that stay in their place, and are bad, among others that move."""
    shifts, ghosts = dithers(6, 3, 9), Field.drawn(8, 110, SHAPE, fluxes=(3e4, 1e5)).light(SHAPE, fwhm=2.0)
    frames = FrameSet(
        attrs.evolve(frame, data=Pixels.of(frame.pixels.values + ghosts, (ghosts > 9) * int(Flag.BAD)))
        for frame in exposed(shifts)
    )
    found = np.array([frame.shift for frame in align(frames)])
    np.testing.assert_allclose(found - found[0], shifts, atol=0.15)


def test_frames_that_stay_are_combined_as_if_they_had_not_been_asked():
    frames = exposed(np.zeros((3, 2)))
    plain, asked = combine(frames), combine(align(frames, by=((0, 0),) * 3))
    assert asked.pixels == plain.pixels
    assert asked.header == plain.header
    assert plain.found.aligned is None


def test_a_frame_alone_stays():
    (frame,) = exposed(np.zeros((1, 2)))
    (after,) = align(FrameSet([frame]))
    assert after.pixels == frame.pixels
    assert after.history[-1].skipped


# ---- what is true stays true ----


@pytest.mark.parametrize(("fwhm", "frames"), [(3.0, 2), (3.0, 3), (3.2, 8), (5.0, 5)])
def test_a_sum_of_dithered_frames_is_as_sharp_as_one_and_as_bright_and_its_errors_are_true(fwhm, frames):
    stars, shifts = Field.spaced(5, SHAPE), dithers(frames, frames, 8)
    lights = exposed(shifts, stars=stars, fwhm=fwhm)
    image = combine(align(lights), variance="noise")
    aligned = np.array(image.found.aligned)
    places = np.stack([stars.y, stars.x], axis=1) + (shifts - aligned).mean(axis=0)
    values, first = image.pixels.values, lights[0].pixels.values
    alone = [np.stack([stars.y, stars.x], axis=1) + shift for shift in shifts]
    inside = [np.all([(at > 20) & (at < np.array(SHAPE) - 21) for at in (places, *alone)], axis=(0, 2))]
    places, alone = places[inside[0]], [at[inside[0]] for at in alone]
    assert width(values, places) < 1.03 * width(first, alone[0])
    flux = [aperture(frame.pixels.values, at) for frame, at in zip(lights, alone, strict=True)]
    assert aperture(values, places).sum() == pytest.approx(np.mean(flux, axis=0).sum(), rel=2e-3)
    found = find_sources(values)
    at = WCS(image.header.to_header()).wcs_world2pix(
        WCS(header()).wcs_pix2world(np.stack([stars.x, stars.y], axis=1), 0), 0
    )
    nearest = np.hypot(found.y[:, None] - at[:, 1], found.x[:, None] - at[:, 0]).min(axis=1)
    assert np.median(nearest) < 0.1
    assert nearest.max() < 0.5
    light = stars.light(SHAPE, fwhm=fwhm + 2, shift=(places - np.stack([stars.y, stars.x], axis=1)[inside[0]])[0])
    sky = (light < 0.05) & ~image.pixels.mask
    pulls = (values - np.median(values[sky]))[sky] / np.sqrt(image.pixels.variance[sky])
    assert np.std(pulls) == pytest.approx(1, abs=0.05)


def around(values, place, reach=16):
    row, column = np.rint(place).astype(int)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    away = np.hypot(rows - (place[0] - row), columns - (place[1] - column))
    window = values[row - reach : row + reach + 1, column - reach : column + reach + 1]
    return window - np.median(window[away > 13]), away


def aperture(values, places):
    return np.array([window[away < 12].sum() for window, away in (around(values, place) for place in places)])


def width(values, places):
    """Give the median FWHM of stars by their second moments."""
    found = [around(values, place) for place in places]
    return np.median([2.3548 * np.sqrt((w * a**2)[a < 9].sum() / w[a < 9].sum() / 2) for w, a in found])


def test_what_no_frame_sees_is_nan_and_says_so_and_exposures_are_those_of_the_pixel():
    frames = frames_of(np.arange(3.0)[:, None, None] + np.full((3, 6, 8), 50.0), exposure=10.0)
    aligned = align(frames, by=((-2, 0), (-2, 1), (-3, 0)))
    image = combine(aligned, clip=None)
    count = np.zeros((6, 8))
    count[2:, :] += 1
    count[2:, :7] += 1
    count[3:, :] += 1
    np.testing.assert_array_equal(coverage(aligned), count)
    np.testing.assert_array_equal(coverage(aligned, seconds=True), 10 * count)
    np.testing.assert_array_equal(image.pixels.flags & Flag.UNCOVERED != 0, count == 0)
    np.testing.assert_array_equal(np.isnan(image.pixels.values), count == 0)
    np.testing.assert_array_equal(image.pixels.values[5], [51, 51, 51, 51, 51, 51, 51, 51])
    np.testing.assert_array_equal(image.pixels.values[2], [50.5] * 7 + [50])
    product = attach_header(image)
    assert (product.header.get("NCOMBINE"), product.header.get("XPOSURE")) == (3, 30.0)


def test_what_one_frame_alone_does_not_see_is_good():
    image = combine(align(frames_of(np.full((2, 6, 8), 50.0)), by=((0, 0), (2, 3))), clip=None)
    assert not image.pixels.mask.any()


def test_a_product_says_what_is_not_covered(tmp_path):
    image = combine(align(frames_of(np.full((2, 6, 8), 50.0)), by=((2, 0), (2, 3))), clip=None)
    write(attach_header(image), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        np.testing.assert_array_equal(hdus["MASK"].data, np.repeat([0, 0, 0, 0, 1, 1], 8).reshape(6, 8))
        assert (hdus["FLAGS"].data[4:] & Flag.UNCOVERED).all()
        assert hdus["FLAGS"].header["FLAG8"] == "UNCOVERED"
    assert open_frame(tmp_path / "a.fits").pixels.flags[5, 0] & Flag.UNCOVERED


# ---- what cannot be done ----


def test_too_few_sources_are_refused_by_name():
    frames = exposed(np.zeros((3, 2)))
    blank = attrs.evolve(frames[1], data=Pixels.of(np.random.default_rng(1).normal(300, 5, SHAPE)))
    with pytest.raises(
        StepError, match=r"^l1\.fits: too few sources agree.*by='correlation' or 'wcs' \(--align correl"
    ):
        align(FrameSet([frames[0], blank, frames[2]]))
    with pytest.raises(StepError, match=r"^l1\.fits: no one shift brings its light to that of l[02]\.fits"):
        align(FrameSet([frames[0], blank, frames[2]]), by="correlation")


def test_spectra_are_aligned_across_and_said_to_tell_nothing_along():
    rng, rows = np.random.default_rng(1), np.arange(SHAPE[0])[:, None]
    drift = (0.0, 3.2, -5.1)
    spectra = [200 + 5000 * np.exp(-(((rows - 80 - off) / 2) ** 2) / 2) * np.ones(SHAPE) for off in drift]
    lights = lights_of([rng.poisson(spectrum).astype(np.float32) for spectrum in spectra])
    with running(strict=True), pytest.warns(PipelineWarning, match="l0.fits.* runs along the rows") as said:
        aligned = align(lights, by="correlation")
    assert len(said) == 1
    assert "in a recipe: align = {" in said[0].message.note.command_words
    np.testing.assert_allclose([image.shift[0] - aligned[0].shift[0] for image in aligned], drift, atol=0.1)
    assert {image.shift[1] for image in aligned} == {0.0}


def test_frames_that_are_turned_are_said_to_be():
    rng, stars = np.random.default_rng(1), Field.drawn(2, 150, SHAPE, fluxes=(3e3, 5e4))
    frames = lights_of([stars.frame(rng, SHAPE, degrees=angle) for angle in (0.0, 0.7)])
    with pytest.warns(
        AssumptionWarning, match=r"turned or scaled against each other: at the corners they lie \d.*reproject"
    ):
        align(frames)


@pytest.mark.parametrize("combined", [False, True])
@pytest.mark.parametrize("step", ["bias", "dark", "flat", "fringe image", "mask", "overscan"])
def test_what_fits_the_pixels_of_the_detector_is_refused_afterwards(step, combined):
    plane = np.full((8, 9), 2.0)
    steps = {
        "bias": lambda: subtract_bias(bias=MasterBias.of(plane)),
        "dark": lambda: subtract_dark(dark=MasterDark.of(Image.of(plane, kind="dark", exposure=10))),
        "flat": lambda: divide(flat=normalise_flat(Image.of(plane, kind="flat", exposure=1))),
        "fringe image": lambda: subtract_fringe(fringe=MasterFringe.of(Image.of(plane)), scale=1.0),
        "mask": lambda: flag_bad(mask=Mask.of(plane * 0)),
        "overscan": lambda: subtract_overscan(amplifiers=(Amplifier(data="[1:7,*]", overscan="[8:9,*]"),)),
    }
    lights = frames_of(np.full((2, 8, 9), 50.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        for by, fits_still in ((((0, 0), (0.4, 0.2)), True), (((0, 0), (1, 0)), False)):
            aligned = align(lights, by=by)
            image = combine(aligned, clip=None) if combined else aligned[1]
            if fits_still:
                steps[step]()(image)
            else:
                with pytest.raises(StepError, match=f"was aligned, so that the {step} no longer fits it.*before align"):
                    steps[step]()(image)


def test_headers_that_turn_frames_are_said_to():
    turned = header(CROTA2=0.5)
    frames = FrameSet(Image.of(np.ones(SHAPE), header=cards) for cards in (header(), turned))
    with pytest.warns(
        AssumptionWarning, match=r"turned or scaled against each other: at the corners they lie 1\.\d px"
    ):
        align(frames, by="wcs")


@pytest.mark.parametrize("by", ["wcs", ((0, 0), (0, 200))])
def test_a_frame_of_another_field_is_refused(by):
    frames = lights_of([np.ones(SHAPE)] * 2, [(0, 0), (0, 200)])
    with pytest.raises(StepError, match=r"^l[01]\.fits: lies 0 rows and -?200 columns off, .*: it shows another field"):
        align(frames, by=by)


def test_a_frame_without_wcs_is_refused_by_name():
    frames = FrameSet([*exposed(np.zeros((1, 2))), Image.of(np.ones(SHAPE), exposure=1, name="bare.fits")])
    with pytest.raises(HeaderError, match=r"bare\.fits: its header has no WCS to align by; .*\(--align sources\)"):
        align(frames, by="wcs")


@pytest.mark.parametrize("by", ["stars", ((0.0, 0.0),), ((0.0, 0.0), (np.nan, 1.0)), ((1.0,), (2.0,)), ()])
def test_what_is_no_way_to_align_is_refused(by):
    with pytest.raises(SettingError, match="align: by="):
        align(exposed(np.zeros((2, 2))), by=by)


def test_frames_that_show_no_sky_are_refused():
    for kinds in (("bias", "bias"), ("light", "arc")):
        with pytest.raises(StepError, match=r"align takes lights, or arcs.*give it frames\.light"):
            align(FrameSet(Image.of(np.ones(SHAPE), kind=kind, exposure=1) for kind in kinds))


def test_a_mosaic_of_colours_is_refused():
    frames = FrameSet(Image.of(np.ones(SHAPE), exposure=1, header={"BAYERPAT": "RGGB"}) for _ in range(2))
    with pytest.raises(StepError, match="mosaic of colours"):
        align(frames)


def test_coverage_in_seconds_needs_exposures():
    with pytest.raises(StepError, match="no exposure"):
        coverage(FrameSet([Image.of(np.ones((2, 2)))]), seconds=True)


def test_a_step_waits_for_its_frames():
    step = align(by="wcs")
    assert repr(step) == "align(by='wcs')"
    flat = normalise_flat(Image.of(np.full(SHAPE, 9.0), kind="flat", exposure=1))
    image = pipe(exposed(np.array([[0.0, 0.0], [4.0, -3.0]])), each(divide(flat=flat)), step, combine)
    assert [ran.stage for ran in image.history] == ["divide", "align", "align", "combine"]
