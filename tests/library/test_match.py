"""The choice of calibrations: laws of drawn nights, and what an expert would choose."""

import csv
import json
import random
import re
from collections import defaultdict

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples
from taken_frames import nights, taken

from pipeline import Cards, Image, Policy, match, parse_filelist
from pipeline.errors import FrameError
from pipeline.headers.exposure import exposure
from pipeline.library import criteria
from pipeline.library.scan import frame_of


def chosen(frames, policy=Policy()):
    """Give for each frame what was chosen for it, by need."""
    return {
        frame.name: {choice.need: {one.name for one in choice.frames} for choice in group.choices}
        for group in match(frames, policy)
        for frame in group.frames
    }


# ---- laws ----


@examples(40)
@given(nights(), st.randoms(use_true_random=False))
def test_the_order_of_frames_changes_nothing(frames, rng: random.Random):
    """Neither the choice, nor its words, nor the order of the groups."""
    shuffled = rng.sample(frames, len(frames))
    assert [str(group) for group in match(frames)] == [str(group) for group in match(shuffled)]
    assert chosen(frames) == chosen(shuffled)


@examples(40)
@given(nights(), st.sampled_from(["bias", "dark", "flat", "arc"]))
def test_a_frame_that_fits_nothing_changes_nothing(frames, kind):
    stranger = taken(kind, 0.1, "stranger", INSTRUME="another", FILTER="H", GAIN=7, EXPTIME=2.0)
    named = [type(frame).of(frame, header=dict(frame.header) | {"INSTRUME": "one"}) for frame in frames]
    before, after = chosen(named), chosen([*named, stranger])
    assert {name: after[name] for name in before} == before


@examples(40)
@given(nights())
def test_what_was_chosen_is_chosen_again_from_its_own_list(frames):
    for group in match(frames):
        if group.kind != "light":
            continue
        listed = [*group.frames, *(frame for choice in group.choices for frame in choice.frames)]
        again = chosen(listed)
        for frame in group.frames:
            assert again[frame.name] == {choice.need: {one.name for one in choice.frames} for choice in group.choices}


@examples(40)
@given(nights())
def test_every_frame_is_in_a_group_and_every_calibration_chosen_or_said_why_not(frames):
    groups = match(frames)
    of_group = [frame.name for group in groups for frame in group.frames]
    assert sorted(of_group) == sorted(frame.name for frame in frames if frame.kind != "bias")
    for group in groups:
        for choice in group.choices:
            named = [one.name for one in choice.frames] + [one.name for one, why in choice.others if why]
            assert sorted(named) == sorted(frame.name for frame in frames if frame.kind == choice.need)
            assert bool(choice.frames) != choice.why.startswith("none")


@pytest.mark.parametrize(
    ("better", "words"),
    [
        (taken("flat", -0.2, "better", FILTER="R", SLIT="1.0"), "1 frame, 5 hours before; equal: filter, slit"),
        (taken("flat", 20, "better", FILTER="R", SLIT="1.0"), "1 frame, 20 days after; equal: filter, slit"),
    ],
)
def test_a_better_candidate_is_taken_and_the_change_told(better, words):
    light = taken("light", 0, FILTER="R", SLIT="1.0")
    worse = taken("flat", -0.3, "worse", FILTER="R", SLIT="2.0")
    before, after = (match(frames)[0]["flat"] for frames in ([light, worse], [light, worse, better]))
    assert before.frames[0].name == "worse"
    assert before.why == "1 frame, 7 hours before; equal: filter; differs: slit 2 for 1"
    assert (after.frames[0].name, after.why) == ("better", words)
    assert "slit 2 for 1, 7 hours before; taken: better" in after.others[0][1]


# ---- real instruments ----


@pytest.mark.slow
def test_what_experts_took_at_ten_instruments_is_chosen(shared_data):
    """Of 88 lights all calibrations but one's, whose expert pooled flats of two slits."""
    collection = shared_data.parent / "nights"
    if not collection.is_dir():
        pytest.skip("headers of real instruments, with what experts took, are not here")
    truth = list(csv.DictReader((collection / "truth.csv").read_text().splitlines()))
    wrong = []
    for night in sorted({row["night"] for row in truth}):
        rows = {row["frame"]: row for row in truth if row["night"] == night}
        sets = defaultdict(set)
        for name, row in rows.items():
            for each in row["set"].split(";"):
                sets[each].add(name)
        found = chosen(frames_of(json.loads((collection / "nights" / f"{night}.json").read_text())))
        wrong += [
            (name, need)
            for name, row in rows.items()
            for need in ("bias", "dark", "flat", "arc")
            if row["kind"] == "light" and found[name][need] not in answers(row, need, sets)
        ]
    assert wrong == [("2021-05-01/red0041.fits", "flat")]


def frames_of(night):
    """Give the frames of a night whose cards are told, of tiny images as distinct in shape as the true ones."""
    for frame in night["frames"]:
        cards = {}
        for hdu in frame["hdus"]:
            told = (night["common"][hdu["common"]] if "common" in hdu else {}) | hdu["cards"]
            cards |= {key: value for key, value in told.items() if value not in (None, "") and key not in cards}
            shape = tuple(side // 64 for side in hdu["shape"]) if hdu.get("shape") else (1, 1)
        image = Image.of(np.ones(shape, np.uint16), kind="bias", header=Cards.of(cards), name=frame["path"])
        taken_as = frame_of(image, frame["path"], inside=frame["path"]).image
        if taken_as:
            yield attrs.evolve(taken_as, exposure=exposure(taken_as.header))


def answers(row, need, sets):
    """Give every set of frames that is right for a need."""
    said = [row[need]] + [part.split("=", 1)[1] for part in row["acceptable"].split(";") if part.startswith(f"{need}=")]
    choices = [re.sub(r" \(.*\)$", "", choice.strip()) for text in said for choice in text.split("|")]
    none = {choice for choice in choices if not choice or choice.startswith("none")}
    return [set() if choice in none else set().union(*map(sets.get, choice.split("+"))) for choice in choices]


# ---- what an expert would choose ----


def only(need, light, *candidates, policy=Policy()):
    """Give the names of what was chosen for a light."""
    return sorted(frame.name for frame in match([light, *candidates], policy)[0][need].frames)


def test_the_nearest_night_is_taken_whole_and_alone():
    frames = [taken("bias", days, f"{days}") for days in (-9.0, -3.01, -3.0, 3.5, 3.6)]
    assert only("bias", taken("light", 0), *frames) == ["-3.0", "-3.01"]
    own = [taken("bias", -0.3, "evening"), taken("bias", 0.4, "morning")]
    assert only("bias", taken("light", 0), *frames, *own) == ["evening", "morning"]


def test_settings_of_many_frames_that_were_set_alike_are_compared_once(monkeypatch):
    """A year of nights: hundreds of groups, and as many candidates for each."""
    compared = []
    differ = criteria._difference
    monkeypatch.setattr(criteria, "_difference", lambda *told: compared.append(told) or differ(*told))
    criteria.compared_settings.cache_clear()
    cards = {"GAIN": 100, "FILTER": "R", "INSTRUME": "CAM"}
    frames = [taken(kind, days, **cards) for kind in ("light", "flat") for days in range(20)]
    assert len(match(frames)) == 21  # the lights one by one, and the flats, which need nothing that is there
    assert 0 < len(compared) <= len(cards)


def test_what_is_too_old_is_left_and_the_nearest_said():
    light, old = taken("light", 0), taken("bias", -1364, "old")
    choice = match([light, old])[0]["bias"]
    assert choice.why == "none: the nearest is old: 1,364 days before, valid for 90 days"
    assert only("bias", light, old, policy=Policy(bias_days=2000)) == ["old"]


def test_arcs_of_the_target_go_before_others_and_those_of_another_target_are_refused():
    lights = [taken("light", 0.0, "l1", OBJECT="M 31"), taken("light", 0.1, "l2", OBJECT="NGC 188")]
    arcs = [taken("arc", 0.05, "any", OBJECT="CuAr"), taken("arc", 0.2, "own", OBJECT="arc for M31")]
    found = chosen([*lights, *arcs])
    assert (found["l1"]["arc"], found["l2"]["arc"]) == ({"own"}, {"any"})


def test_an_arc_of_the_night_goes_before_one_through_the_same_slit_of_another():
    light = taken("light", 0, SLIT="1.0")
    assert only("arc", light, taken("arc", -0.3, "night", SLIT="0.5"), taken("arc", 40, "slit", SLIT="1.0")) == [
        "night"
    ]


def test_nobody_guesses_a_filter():
    light, red, visual = taken("light", 0), taken("flat", 0, "r", FILTER="R"), taken("flat", 0, "v", FILTER="V")
    assert only("flat", light, red) == ["r"]
    assert (
        match([light, red, visual])[0]["flat"].why == "none: the light does not say its filter, and there are R and V"
    )


def test_masters_are_not_mixed_with_frames_nor_with_each_other():
    masters = [taken("bias", -1, name, NCOMBINE=9) for name in ("m1", "m2")]
    raw = [taken("bias", -1, name) for name in ("b1", "b2")]
    assert only("bias", taken("light", 0), *masters) == ["m1"]
    assert only("bias", taken("light", 0), *masters, *raw) == ["b1", "b2"]
    ours = taken("bias", -1, "ours", CREATOR="ccd-pipeline 0.1.0")
    assert only("bias", taken("light", 0), *masters, ours) == ["ours"]


def test_a_dark_without_a_bias_is_of_the_lights_exposure_and_that_of_flats_of_theirs():
    frames = [
        taken("light", 0, "l", EXPTIME=60.0), taken("flat", 0, "f", EXPTIME=2.0),
        taken("dark", 0, "d60", EXPTIME=60.0), taken("dark", 0, "d2", EXPTIME=2.0),
    ]  # fmt: skip
    found = chosen(frames)
    assert (found["l"]["dark"], found["f"]["dark"]) == ({"d60"}, {"d2"})
    assert chosen(frames[:2] + frames[3:])["l"]["dark"] == set()
    longer = [taken("bias", 0, "b"), taken("dark", 0, "d300", EXPTIME=300.0), taken("dark", 0, "d100", EXPTIME=100.0)]
    assert chosen([*frames[:2], *longer])["l"]["dark"] == {"d100"}


def test_nights_that_take_the_same_calibrations_are_one_group():
    frames = [taken("light", days, f"l{days}", OBJECT="M 31") for days in (0, 3)]
    library = [taken("dark", -20, "d")]
    assert [len(group.frames) for group in match([*frames, *library]) if group.kind == "light"] == [2]
    own = [taken("flat", days + 0.1, f"f{days}") for days in (0, 3)]
    assert [len(group.frames) for group in match([*frames, *own]) if group.kind == "light"] == [1, 1]


def test_what_is_out_already_is_not_needed():
    light = taken("light", 0, ZEROCOR=True)
    assert match([light, taken("bias", 0)])[0]["bias"].why == "none needed: ZEROCOR = T"


def test_a_frame_that_was_not_opened_is_refused():
    with pytest.raises(FrameError, match="nowhere"):
        match(parse_filelist("light, nowhere.fits"))
