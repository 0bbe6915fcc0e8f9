"""Whether an overscan is what the header says: still there, unused, or where light falls."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, seeds

from pipeline import Amplifier, Flag, Image, Pixels, subtract_overscan
from pipeline.compose.running import running
from pipeline.detector.amplifiers import Readout, declared_amplifiers
from pipeline.detector.overscan_checks import overscan_on_data, overscan_still_there, untold_overscan, unused_overscan
from pipeline.detector.section import Section
from pipeline.errors import AssumptionWarning, HeaderWarning, SkippedWarning

SIZE, COLUMNS = (60, 80), 10
DATA, STRIP, WHOLE = "[1:70,1:60]", "[71:80,1:60]", "[1:80,1:60]"


def a_frame(seed, *, sky=300.0, level=500.0, noise=3.0, kind="light", step=0.0, edge=1.0, **cards):
    """Give a frame of a level and a sky, whose last columns see a part ``1 - edge`` of the sky."""
    rng = np.random.default_rng(seed)
    lit = np.full(SIZE, float(sky))
    lit[:, -COLUMNS:] *= 1 - edge
    values = level + rng.poisson(lit) + rng.normal(0, noise, SIZE)
    values[:, -COLUMNS // 2 :] += step
    return Image.of(values.round(), kind=kind, header=cards, name="frame.fits")


def readouts(image):
    return [Readout.of(one, image.shape) for one in declared_amplifiers(image)]


def notes_of(check, image):
    return check(image, readouts(image))


# a level that is still there


@quick
@given(seeds, st.floats(30, 30_000), st.floats(0, 20_000), st.floats(0.5, 2.5))
def test_a_level_that_is_still_there_is_said_and_one_that_is_out_is_not(seed, level, sky, noise):
    cards = {"BIASSEC": STRIP, "TRIMSEC": DATA, "OVERSCAN": True}
    (note,) = notes_of(overscan_still_there, a_frame(seed, level=level, sky=sky, noise=noise, **cards))
    assert note.is_assumption
    assert note.figures[0][1] == pytest.approx(level, abs=3)
    assert not notes_of(overscan_still_there, a_frame(seed, level=0, sky=sky, noise=noise, **cards))


def test_a_bias_frame_whose_overscan_is_out_has_no_pedestal():
    assert notes_of(overscan_still_there, a_frame(1, kind="bias", sky=0, level=1000, OVERSCAN=True))
    for level in (0, 30, -20):
        assert not notes_of(overscan_still_there, a_frame(1, kind="bias", sky=0, level=level, OVERSCAN=True))
    assert not notes_of(overscan_still_there, a_frame(1, level=1000, OVERSCAN=True))  # of a light nobody can tell


def test_light_on_what_is_said_to_be_overscan_is_no_level_that_is_still_there():
    cards = {"BIASSEC": STRIP, "OVERSCAN": True}
    assert not notes_of(overscan_still_there, a_frame(1, level=0, edge=0.0, DATASEC=WHOLE, **cards))
    assert notes_of(overscan_still_there, a_frame(1, level=0, edge=0.0, DATASEC=DATA, **cards))


@quick
@given(seeds, st.floats(5, 30), st.sampled_from([-14.0, -7.0, 0.0, 7.0, 14.0]))
def test_a_level_within_the_noise_of_an_overscan_is_none(seed, noise, sigmas):
    """Where a noisy amplifier's overscan was taken out by lines, what is left scatters about 0."""
    image = a_frame(seed, level=sigmas * noise, noise=noise, OVERSCAN=True, BIASSEC=STRIP, TRIMSEC=DATA)
    assert bool(notes_of(overscan_still_there, image)) == (abs(sigmas) > 10)


def test_flagged_pixels_of_an_overscan_tell_nothing():
    values = a_frame(1, level=0).pixels.values.copy()
    values[10:, -COLUMNS:] = 5000
    hit = values == 5000
    image = Image.of(values, header={"OVERSCAN": True, "BIASSEC": STRIP, "TRIMSEC": DATA}, name="frame.fits")
    flagged = attrs.evolve(image, data=image.pixels.flagged(hit, Flag.BAD))
    assert [len(notes_of(overscan_still_there, one)) for one in (image, flagged)] == [1, 0]


def test_strictness_refuses_to_skip_what_the_pixels_contradict():
    raw = a_frame(1, BIASSEC=STRIP, TRIMSEC=DATA, OVERSCAN="done")
    with running(on_note=[].append):
        out = subtract_overscan(raw)
    assert not out.history[-1].worked
    assert {note.category.__name__ for note in out.notes} == {"HeaderWarning", "SkippedWarning"}
    with running(strict=True), pytest.raises(HeaderWarning, match=r"still has a level of about 500.*force=True"):
        subtract_overscan(raw)
    assert np.median(subtract_overscan(raw, force=True).pixels.values) == pytest.approx(300, abs=2)


def test_amplifiers_that_are_given_overrule_the_header_where_they_lie_on_the_frame():
    given_ones = (Amplifier("[1:70,*]", "[71:80,*]"),)
    raw = a_frame(1, OVERSCAN="done")
    assert np.median(subtract_overscan(raw, amplifiers=given_ones).pixels.values) == pytest.approx(300, abs=2)
    trimmed = Image.of(np.full((60, 70), 300.0), header={"OVERSCAN": "done"})  # a finished frame among raw ones
    with pytest.warns(SkippedWarning):
        assert not subtract_overscan(trimmed, amplifiers=given_ones).history[-1].worked


# overscan that no card tells of


@quick
@given(seeds, st.sampled_from(["light", "flat", "arc"]), st.floats(60, 40_000), st.sampled_from([0.0, 22.0]))
def test_columns_without_light_beside_the_data_are_said(seed, kind, sky, step):
    image = a_frame(seed, kind=kind, sky=sky, step=step, DATASEC=DATA)
    (note,) = notes_of(unused_overscan, image)
    assert note.figures == (("columns", COLUMNS),)
    one = "--amplifier '[1:70,1:60]' '[71:80,1:60]'"
    two = "--amplifier '[1:35,1:60]' '[71:75,1:60]' --amplifier '[36:70,1:60]' '[76:80,1:60]'"
    assert (two if step else one) in note.at_command
    amplifiers = eval(note.mend.removeprefix("use them: "), {"subtract_overscan": dict, "Amplifier": Amplifier})
    used = subtract_overscan(image, **amplifiers)
    assert not [n for n in used.notes if n.is_assumption]
    assert used.shape == (60, 70)


@quick
@given(seeds, st.sampled_from(["light", "flat"]), st.floats(100, 20_000), st.floats(0, 0.3))
def test_lit_columns_that_are_trimmed_are_no_overscan(seed, kind, sky, edge):
    assert not notes_of(unused_overscan, a_frame(seed, kind=kind, sky=sky, edge=edge, TRIMSEC=DATA))


def test_frames_without_light_and_frames_with_an_overscan_tell_nothing():
    for kind in ("bias", "dark"):
        assert not notes_of(unused_overscan, a_frame(1, kind=kind, sky=0, DATASEC=DATA))
    assert not notes_of(unused_overscan, a_frame(1, sky=0, DATASEC=DATA))
    assert not notes_of(unused_overscan, a_frame(1, DATASEC=DATA, BIASSEC=STRIP))
    assert not notes_of(unused_overscan, a_frame(1, DATASEC=WHOLE))
    assert not notes_of(unused_overscan, a_frame(1))


@quick
@given(seeds, st.sampled_from([(12, 4), (4, 12)]))
def test_of_two_margins_without_light_the_wider_is_proposed(seed, widths):
    left, right = widths
    values = a_frame(seed, sky=0).pixels.values.copy()
    values[:, left : 80 - right] += np.random.default_rng(seed + 1).poisson(2000, (60, 64))
    image = Image.of(values, header={"DATASEC": f"[{left + 1}:{80 - right},1:60]"}, name="frame.fits")
    (note,) = notes_of(unused_overscan, image)
    assert note.figures == (("columns", 12),)


@quick
@given(seeds, st.floats(5000, 40_000))
def test_a_margin_into_which_light_falls_off_is_no_overscan(seed, sky):
    image = a_frame(seed, sky=sky, DATASEC=DATA)
    values = image.pixels.values.copy()
    values[:, -COLUMNS:] += np.random.default_rng(seed + 1).poisson(np.linspace(0.3, 0.02, COLUMNS) * sky, (60, 10))
    assert not notes_of(unused_overscan, attrs.evolve(image, data=Pixels.of(values)))
    assert notes_of(unused_overscan, image)


@quick
@given(seeds, st.floats(60, 40_000), st.sampled_from([0.0, 1.0, 3.0]))
def test_a_margin_as_bright_as_the_data_is_no_overscan(seed, sky, times):
    """Such as a frame that a program draws around the data."""
    image = a_frame(seed, sky=sky, DATASEC=DATA)
    values = image.pixels.values.copy()
    values[:, -COLUMNS:] += times * sky
    assert bool(notes_of(unused_overscan, attrs.evolve(image, data=Pixels.of(values)))) == (times == 0)


@pytest.mark.parametrize(("rows", "told"), [(1, False), (12, True)])
def test_a_single_row_tells_of_no_margin(rows, told):
    one, two = (
        [a_frame(seed, sky=40_000) for seed in range(20)],
        [of_two(seed, "both between", 40_000, levels=(500, 500)) for seed in range(20)],
    )
    cards = {"DATASEC": f"[1:70,1:{rows}]"}, {"DATASEC1": f"[1:35,1:{rows}]", "DATASEC2": f"[46:80,1:{rows}]"}
    for images, header in zip((one, two), cards, strict=True):
        cut = [Image.of(image.pixels.values[:rows], header=header, name="frame.fits") for image in images]
        assert any(notes_of(unused_overscan, image) for image in cut) == told


def test_rows_above_the_data_are_found_too():
    image = a_frame(1, sky=2000)
    turned = attrs.evolve(Image.of(image.pixels.values.T, header={"DATASEC": "[1:60,1:70]"}, name="frame.fits"))
    (note,) = notes_of(unused_overscan, turned)
    assert "--amplifier '[1:60,1:70]' '[1:60,71:80]'" in note.at_command
    with pytest.warns(HeaderWarning, match=r"10 rows, \[1:60,71:80\], lie outside"):
        subtract_overscan(turned)


LAYOUTS = {
    "one strip beside both": ("[1:35,1:60]", "[36:70,1:60]", "[71:75,1:60]", "[76:80,1:60]"),
    "one strip that cannot be shared": ("[1:35,1:60]", "[36:71,1:60]", "[72:80,1:60]", "[72:80,1:60]"),
    "one at each end": ("[6:40,1:60]", "[41:75,1:60]", "[1:5,1:60]", "[76:80,1:60]"),
    "one behind each": ("[1:35,1:60]", "[41:75,1:60]", "[36:40,1:60]", "[76:80,1:60]"),
    "both between": ("[1:35,1:60]", "[46:80,1:60]", "[36:40,1:60]", "[41:45,1:60]"),
}


def of_two(seed, layout, sky, *, edge=1.0, kind="light", levels=(500, 540), **cards):
    """Give a frame of two amplifiers whose strips see a part ``1 - edge`` of the sky; cards tell of the data alone."""
    one, two, *strips = LAYOUTS[layout]
    rng = np.random.default_rng(seed)
    lit = np.full(SIZE, sky * (1 - edge))
    level = np.zeros(SIZE)
    for section in (one, two):
        lit[Section.of(section, SIZE).window] = sky
    for number, section in enumerate((one, two, *strips)):
        level[Section.of(section, SIZE).window] = levels[number % 2]
    values = level + rng.poisson(lit) + rng.normal(0, 3, SIZE)
    return Image.of(values.round(), kind=kind, header={"DATASEC1": one, "DATASEC2": two} | cards, name="frame.fits")


@quick
@given(seeds, st.sampled_from(sorted(LAYOUTS)), st.sampled_from(["light", "flat", "arc"]), st.floats(100, 40_000))
def test_columns_without_light_beside_the_data_of_several_amplifiers_are_said(seed, layout, kind, sky):
    one, two, first, second = LAYOUTS[layout]
    image = of_two(seed, layout, sky, kind=kind, levels=(500, 500) if first == second else (500, 540))
    (note,) = notes_of(unused_overscan, image)
    assert f"--amplifier '{one}' '{first}' --amplifier '{two}' '{second}'; or not: " in note.at_command
    with pytest.warns(HeaderWarning, match="look like overscan"):
        trimmed = subtract_overscan(image)
    amplifiers = eval(note.mend.removeprefix("use them: "), {"subtract_overscan": dict, "Amplifier": Amplifier})
    used = subtract_overscan(image, **amplifiers)
    assert not [n for n in used.notes if n.is_assumption]
    assert used.shape == trimmed.shape == (60, 71 if first == second else 70)
    for half in np.array_split(used.pixels.values, [35], axis=1):
        assert np.median(half) == pytest.approx(sky, abs=3 + 0.3 * np.sqrt(sky))


@quick
@given(seeds, st.sampled_from(sorted(LAYOUTS)), st.floats(100, 20_000), st.floats(0, 0.3))
def test_lit_columns_beside_the_data_of_several_amplifiers_are_cut_away_without_a_word(seed, layout, sky, edge):
    image = of_two(seed, layout, sky, edge=edge, levels=(500, 500))
    assert not notes_of(unused_overscan, image)
    assert subtract_overscan(image).shape[1] in (70, 71)
    assert not notes_of(unused_overscan, of_two(seed, layout, 0, kind="bias"))


def test_amplifiers_of_which_some_have_nothing_beside_them_share_no_overscan():
    lower, upper = ("[1:35,1:30]", "[46:80,1:30]"), ("[1:40,31:60]", "[41:80,31:60]")
    lit = np.full(SIZE, 2000.0)
    lit[:30, 35:45] = 0
    values = 500 + np.random.default_rng(1).poisson(lit) + np.random.default_rng(2).normal(0, 3, SIZE)
    image = Image.of(values.round(), name="frame.fits")
    told = [
        len(unused_overscan(image, [Readout.of(Amplifier(data, ""), SIZE) for data in some]))
        for some in (lower, (*lower, *upper), upper)
    ]
    assert told == [1, 0, 0]


@pytest.mark.parametrize(
    "cards",
    [
        {"DATASEC1": "[1:40,1:60]", "DATASEC2": "[41:80,1:60]"},  # all of it
        {"DATASEC1": "[1:40,1:60]", "DATASEC2": "[1:40,1:60]"},  # each in pixels of its own
        {"DATASEC1": "[1:40,1:60]", "DATASEC2": "[31:70,1:60]"},
        {"DATASEC1": "[1:40,1:60]", "DATASEC2": "[41:90,1:60]"},  # as it was before it was trimmed
        {"DATASEC1": "[1:40,1:60]", "DATASEC2": "[41:70,1:50]"},
        {"DATASEC1": "left", "DATASEC2": "right"},
    ],
)
def test_data_sections_of_which_no_image_can_be_made_leave_it_as_it_is(cards):
    assert subtract_overscan(a_frame(1, **cards)).shape == SIZE


def test_quadrants_are_trimmed_too():
    sections = {
        f"DATASEC{number}": f"[{columns},{rows}]"
        for number, (columns, rows) in enumerate([(c, r) for r in ("1:30", "31:60") for c in ("1:35", "46:80")], 1)
    }
    lit = np.full(SIZE, 2000.0)
    lit[:, 35:45] = 0
    values = (500 + np.random.default_rng(1).poisson(lit) + np.random.default_rng(2).normal(0, 3, SIZE)).round()
    image = Image.of(values, header=sections, name="frame.fits")
    (note,) = notes_of(unused_overscan, image)
    assert note.figures == (("columns", 10),)
    assert note.at_command.count("--amplifier") == 8
    with pytest.warns(HeaderWarning):
        assert subtract_overscan(image).shape == (60, 70)


# an overscan where light falls


def test_an_overscan_on_the_data_is_said():
    for cards in ({"TRIMSEC": "[1:75,1:60]"}, {"DATASEC": WHOLE}):
        (note,) = notes_of(overscan_on_data, a_frame(1, BIASSEC=STRIP, **cards))
        assert "lies on the data" in note.words
    for cards in ({"TRIMSEC": DATA}, {}):
        assert not notes_of(overscan_on_data, a_frame(1, BIASSEC=STRIP, **cards))


# an overscan of which a header tells, and not where it is


@quick
@given(seeds, st.sampled_from(["light", "flat"]), st.floats(60, 40_000), st.booleans())
def test_columns_without_light_are_said_where_a_header_tells_of_an_overscan(seed, kind, sky, left):
    image = a_frame(seed, kind=kind, sky=sky, BIASSEC="UNKNOWN")
    values = image.pixels.values[:, ::-1] if left else image.pixels.values
    image = Image.of(values, kind=kind, header={"BIASSEC": "UNKNOWN"}, name="frame.fits")
    (note,) = untold_overscan(image)
    data, strip = ("[11:80,1:60]", "[1:10,1:60]") if left else (DATA, STRIP)
    assert f"--amplifier '{data}' '{strip}'" in note.at_command


@quick
@given(seeds, st.sampled_from(["light", "flat", "bias"]), st.floats(0, 20_000), st.floats(0, 0.3))
def test_lit_columns_at_an_edge_are_no_overscan(seed, kind, sky, edge):
    assert not untold_overscan(a_frame(seed, kind=kind, sky=sky, edge=edge, BIASSEC="UNKNOWN"))


@pytest.mark.parametrize(("columns", "told"), [(1, False), (3, False), (4, True), (19, True), (20, False)])
def test_an_overscan_that_is_looked_for_has_four_columns_and_less_than_a_quarter_of_all(columns, told):
    rng = np.random.default_rng(1)
    lit = np.where(np.arange(80) < columns, 0.0, 3000.0) + np.zeros(SIZE)
    values = (500 + rng.poisson(lit) + rng.normal(0, 3, SIZE)).round()
    assert len(untold_overscan(Image.of(values, header={"BIASSEC": "UNKNOWN"}, name="frame.fits"))) == told
    assert not untold_overscan(Image.of(values[:, :3], header={"BIASSEC": "UNKNOWN"}, name="frame.fits"))


def test_a_frame_whose_header_tells_of_no_overscan_is_not_looked_at():
    assert not untold_overscan(a_frame(1))


def test_sections_in_unbinned_pixels_are_said_in_binned_ones():
    image = a_frame(1, CCDSUM="2 2", BIASSEC="[141:160,1:120]", TRIMSEC="[1:140,1:120]")
    with pytest.warns(AssumptionWarning) as told:
        subtract_overscan(image)
    words = " ".join(str(one.message) for one in told)
    assert "BIASSEC = [141:160,1:120] reaches beyond" in words
    assert "would be [71:80,1:60] in those of the frame" in words
