"""The masters of a night: what each is made of, and what is said of it."""

import re

import numpy as np
import pytest
from astropy.io import fits
from made_frames import photons
from made_masters import full
from strategies import frames_of

from pipeline import (
    Flagging,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Recipe,
    combine,
    each,
    make_masters,
    mask_sources,
    match,
    open_frames,
    parse_filelist,
    reduce,
    subtract_bias,
)
from pipeline.errors import AssumptionWarning, ShapeError
from pipeline.night.masters import pair_noise
from pipeline.simulation.camera import Detector
from pipeline.simulation.simulate import simulate


def test_darks_of_several_exposures_and_a_short_light():
    """Darks of 100, 300 and 300 s with 1 ADU/s, a bias of 500, and a 10 s light of 1000 over it: 990."""
    frames = FrameSet(
        [
            Image.of(full(500), kind="bias"),
            *(Image.of(full(500 + t), kind="dark", exposure=t) for t in (100, 300, 300)),
            Image.of(full(1500), exposure=10),
        ]
    )
    np.testing.assert_allclose(reduce(frames).pixels.values, 990, rtol=1e-6)


def test_a_dark_without_exposure_among_others_is_one_second_and_said():
    frames = FrameSet([Image.of(full(1), kind="dark"), Image.of(full(60), kind="dark", exposure=60)])
    light = Image.of(full(100), exposure=10)
    with pytest.warns(AssumptionWarning, match="dark array: no exposure in the header; taken for 1 s among"):
        reduced = reduce(FrameSet([*frames, light]))
    np.testing.assert_allclose(reduced.pixels.values, 90, rtol=1e-6)


def paired_night(*more, pedestal=1000, lights=(60,), flats=(2,), darks=(60, 2), **header):
    """A night without bias frames: 2 ADU/s of dark current, lights of 5 ADU/s, flats of 20 000 ADU from end to end."""
    x = np.linspace(0.7, 1.3, 5)
    sets = [("light", t, 5 * t * x) for t in lights] + [("flat", t, 20000 * x) for t in flats]
    sets += [("dark", t, 0 * x) for t in darks] + [("arc", t, 900 + 0 * x) for t in more]
    return FrameSet(
        Image.of(pedestal + 2 * t + light + full(0), kind=kind, exposure=t, name=f"{kind}{t}.fits", header=header)
        for kind, t, light in sets
    )


@pytest.mark.parametrize("has_bias", [None, True, False])
def test_darks_without_a_bias_are_paired_by_exposure_with_lights_flats_and_arcs(has_bias):
    night = paired_night(7, flats=(2, 5), darks=(60, 2, 5, 7))
    recipe = Recipe(dark_has_bias=has_bias)
    image, arc = reduce(night, recipe=recipe), reduce(night, recipe=recipe, kind="arc")
    np.testing.assert_allclose(image.pixels.values, 300, rtol=1e-6)
    np.testing.assert_allclose(arc.pixels.values, 900, rtol=1e-6)
    assert has_bias is False or not [note.words for note in image.notes if "variance" not in note.words]
    assert [master.exposure for master in make_masters(night, recipe).dark] == [2, 5, 7, 60]
    assert [image.header[f"DARK{place}"] for place in (1, 2, 3)] == ["dark60.fits", "dark2.fits", "dark5.fits"]


def test_lights_of_two_exposures_have_each_its_dark():
    with pytest.warns(AssumptionWarning, match="lights of several exposures"):
        image = reduce(paired_night(lights=(60, 20), darks=(60, 20, 2)))
    np.testing.assert_allclose(image.pixels.values, 200, rtol=1e-6)


def test_darks_are_pooled_where_a_bias_tells_how_they_scale_or_they_hold_none():
    night = paired_night()
    bias = Image.of(full(1000), kind="bias", name="b.fits")
    for frames, recipe in (
        ((*night, bias), Recipe()),
        (paired_night(pedestal=0), Recipe(declared=(("dark", "without bias"),))),
        (paired_night(pedestal=0, ZEROCOR="done"), Recipe()),
    ):
        assert isinstance(make_masters(frames, recipe).dark, MasterDark)
    np.testing.assert_allclose(reduce((*night, bias)).pixels.values, 300, rtol=1e-5)


def test_masters_are_named_by_kind_and_several_darks_by_exposure():
    assert list(make_masters(paired_night()).named) == ["dark 2 s", "dark 60 s", "flat"]
    assert list(make_masters(paired_night(darks=(60, 60.3))).named) == ["dark", "flat"]


def test_a_flat_with_no_bias_to_take_out_is_said():
    frames = FrameSet([Image.of(full(2000), kind="flat"), Image.of(full(1))])
    with pytest.warns(AssumptionWarning, match="flat array: no bias was taken out of the flat"):
        reduce(frames)


def test_bias_and_flat_frames_tell_the_noise_of_a_single_light():
    rng = np.random.default_rng(6)
    bias = combine(frames_of(1000 + photons(rng, np.zeros((96, 256)), 3), kind="bias"))
    flat = combine(frames_of(1000 + photons(rng, np.full((96, 256), 9000.0), 3), kind="flat"), variance="noise")
    noise = pair_noise(bias.found, flat.found)
    assert noise.a == pytest.approx(9 + 1 / 12, rel=0.05)
    assert noise.b == pytest.approx(0.5, rel=0.05)
    assert pair_noise(bias.found, None) is None
    assert pair_noise(bias.found, combine(frames_of(np.full((1, 9, 9), 9000.0), kind="flat")).found) is None


WINDOWS = [
    lambda x, y, _: {"XORGSUBF": x, "YORGSUBF": y},
    lambda x, y, shape: {"CCDSEC": f"[{x + 1}:{x + shape[1]},{y + 1}:{y + shape[0]}]"},
]


def windowed_night(cards, x=2, y=3):
    """Calibrations of 9x8 pixels, and lights of the window of 4x5 that begins at column 2 and row 3."""
    rng = np.random.default_rng(1)
    bias, dark, response = rng.uniform(900, 1100, (8, 9)), rng.uniform(0, 50, (8, 9)), rng.uniform(0.8, 1.2, (8, 9))
    response /= response.mean()
    whole = {"bias": bias, "dark": bias + dark, "flat": bias + dark + 20000 * response}
    window = slice(y, y + 5), slice(x, x + 4)
    light = (bias + dark + 300 * response)[window]
    calibrations = [
        Image.of(values, kind=kind, exposure=1.0, name=f"{kind}.fits", header=cards(0, 0, (8, 9)))
        for kind, values in whole.items()
    ]
    return [*calibrations, Image.of(light, exposure=1.0, name="light.fits", header=cards(x, y, (5, 4)))]


@pytest.mark.parametrize("cards", WINDOWS)
def test_calibrations_of_the_full_frame_are_cut_to_the_window_of_the_lights(cards):
    night = windowed_night(cards)
    image = reduce(night)
    np.testing.assert_allclose(image.pixels.values, 300, rtol=1e-5)
    said = [note for note in image.notes if "larger part" in note.words]
    assert sorted(note.words.split()[1] for note in said) == ["bias", "dark", "flat"]
    assert not [note for note in image.notes if "readout section" in note.words]
    (group,) = [group for group in match(night) if group.kind == "light"]
    assert [len(choice.frames) for choice in group.choices] == [1, 1, 1, 0]
    assert "9x8 pixels, of which the window is taken" in group["flat"].why


def test_what_lies_outside_of_the_calibration_or_is_not_said_is_not_cut():
    for night in (windowed_night(lambda *_: {}), windowed_night(WINDOWS[1])[:3] + windowed_night(WINDOWS[0])[3:]):
        with pytest.raises(ShapeError):
            reduce(night)
        (group,) = [group for group in match(night) if group.kind == "light"]
        assert not any(choice.frames for choice in group.choices)
    outside = Image.of(np.ones((5, 4)), name="o.fits", header={"XORGSUBF": 6, "YORGSUBF": 3})
    with pytest.raises(ShapeError):
        subtract_bias(outside, bias=MasterBias.of(windowed_night(WINDOWS[0])[0]))


def test_a_window_is_cut_from_disk_as_from_memory_and_no_rows_are_taken_for_one(tmp_path):
    night = windowed_night(WINDOWS[0])
    for frame in night:
        header = fits.Header({key: frame.header[key] for key in ("XORGSUBF", "YORGSUBF")} | {"EXPTIME": 1.0})
        fits.PrimaryHDU(frame.values, header).writeto(tmp_path / frame.name)
    listed = "\n".join(f"{frame.kind}, {frame.name}" for frame in night)
    frames = open_frames(parse_filelist(listed, folder=tmp_path))
    bias = MasterBias.of(combine(frames.bias))
    lights = each(subtract_bias(bias=bias))(frames.light)
    np.testing.assert_array_equal(lights[0].values, night[-1].values - night[0].values[3:8, 2:6])
    alike = each(subtract_bias(bias=bias))(frames.dark)
    assert alike[0].shape == (8, 9)
    assert not [note for note in alike[0].notes if "larger part" in note.words]
    np.testing.assert_array_equal(reduce(frames).pixels.values, reduce(night).pixels.values)


@pytest.mark.parametrize(
    ("recipe", "lacking", "words"),
    [
        (Recipe(dark_scale="fit"), "dark", "no dark to be fitted"),
        (Recipe(flat_sources=mask_sources()), "flat", "no flats in which stars"),
        (Recipe(flat_sources=mask_sources()), "flat_0[2-9]", "fewer than 3 flats"),
        (Recipe(flagging=Flagging(hot=8)), "dark", "no dark frames that tell which pixels are hot"),
        (Recipe(flagging=Flagging(dead=0.5)), "flat", "no flat frames that tell which pixels are dead"),
        (Recipe(flagging=Flagging(noisy=12)), "bias|dark", "no bias frames that tell which pixels are noisy"),
    ],
)
def test_what_is_asked_for_of_frames_that_are_not_there_is_said(recipe, lacking, words):
    night = simulate(shape=(32, 64), detector=Detector(hot_pixels=0.05)).frames
    few = FrameSet(frame for frame in night if not re.match(lacking, frame.name))
    assert any(words in note.words for note in reduce(few, recipe=recipe).notes)
    assert not any(words in note.words for note in reduce(night, recipe=recipe).notes)


def test_a_dark_of_which_too_few_pixels_are_hot_is_scaled_by_exposure_and_this_is_said():
    night = simulate(shape=(32, 64), detector=Detector(hot_pixels=0.0)).frames
    fitted = reduce(night, recipe=Recipe(dark_scale="fit"))
    assert any("scaled by exposure, as it cannot be fitted" in note.words for note in fitted.notes)
    np.testing.assert_array_equal(fitted.pixels.values, reduce(night).pixels.values)
