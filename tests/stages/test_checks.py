"""What every stage asks of its image and its master, and says in words of our own."""

import attrs
import numpy as np
import pytest
from made_masters import a_bias, a_dark, a_flat, a_rate, full

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    Recipe,
    clean_cosmic_rays,
    combine,
    divide,
    each,
    flag_dead,
    flag_hot,
    heal,
    normalise_flat,
    reduce,
    scale_dark,
    subtract_bias,
    subtract_dark,
)
from pipeline.compose.running import running
from pipeline.compose.telling import collecting
from pipeline.errors import CalibrationError, PipelineError, PipelineWarning, StepError, VarianceWarning
from pipeline.records.note import Note
from pipeline.stages.checks import check_variance_kept


@pytest.mark.parametrize("step", [subtract_bias, subtract_dark, divide])
def test_a_step_asked_for_twice_is_refused(step):
    setting = {
        "subtract_bias": {"bias": a_bias(full(1))},
        "subtract_dark": {"dark": a_dark(full(1))},
        "divide": {"flat": a_flat(full(1))},
    }[step.name]
    once = step(Image.of(full(10), exposure=1), **setting)
    with pytest.raises(StepError, match="asked for twice"):
        step(once, **setting)


def test_nothing_comes_out_after_the_flat():
    done = divide(Image.of(full(10), exposure=1), flat=a_flat(full(1)))
    with pytest.raises(StepError, match="before that"):
        subtract_bias(done, bias=a_bias(full(1)))
    with pytest.raises(StepError, match="before that"):
        subtract_dark(done, dark=a_dark(full(1)))


def test_units_are_those_of_the_master():
    electrons = Image.of(full(10), header={"BUNIT": "electron"})
    with pytest.raises(CalibrationError, match="is in electron, bias array in adu"):
        subtract_bias(electrons, bias=a_bias(full(1)))
    assert reduce(FrameSet([Image.of(full(1), header={"BUNIT": "electron/s"})])).header.get("BUNIT") == "electron/s"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: MasterBias.of(FrameSet([Image.of(full(1), kind="bias")])), "combine the frames first"),
        (lambda: MasterDark.of("dark.fits"), "wrap it in Image.of"),
        (lambda: Image.of(full(1), kind="lights"), "expected one of bias"),
        (lambda: Image.of(full(1), exposure=-5), "expected seconds from 0"),
        (lambda: Image.of(full(1), exposure="30"), "expected seconds from 0"),
        (lambda: scale_dark(a_dark(full(1)), exposure="60"), "scale_dark: exposure="),
        (lambda: Pixels.of(full(1), flags=np.zeros(3, np.uint8)), "flags"),
        (lambda: Recipe(saturation=-5), "positive number"),
    ],
)
def test_what_makes_no_sense_is_refused_in_our_own_words(make, word):
    with pytest.raises(PipelineError, match=word):
        make()


def test_a_rate_and_counts_do_not_mix():
    with pytest.raises(CalibrationError, match="is in electron/s, dark array in adu"):
        subtract_dark(a_rate(5), dark=MasterDark.of(Image.of(full(1), kind="dark", exposure=1), has_bias=False))


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("light", heal()),
        ("light", clean_cosmic_rays(gain=1.5, read_noise=4.0)),
        ("dark", flag_hot()),
        ("flat", flag_dead()),
        ("flat", normalise_flat(by="spline")),
    ],
)
def test_steps_that_look_at_neighbours_refuse_a_mosaic_of_colours(kind, step):
    values = np.random.default_rng(1).normal(1000, 5, (40, 40))
    mosaic = Image.of(values, kind=kind, header={"BAYERPAT": "RGGB", "OVERSCAN": True})
    with pytest.raises(StepError, match=r"mosaic of colours \(BAYERPAT = RGGB\).*neighbours"):
        step(mosaic)
    step(Image.of(values, kind=kind, header={"BAYERPAT": "MONO", "OVERSCAN": True}))


def test_a_master_is_made_of_frames_of_its_kind():
    with pytest.raises(StepError, match=r"d\.fits is a dark; a MasterBias is made of bias frames"):
        MasterBias.of(Image.of(np.ones((3, 4)), kind="dark", name="d.fits"))


def test_a_master_without_a_good_pixel_is_refused():
    values = np.full((3, 4), np.nan)
    with pytest.raises(CalibrationError, match=r"b\.fits: no good pixel in the bias"):
        MasterBias.of(Image.of(values, kind="bias", name="b.fits"))
    values[0, 0] = 300
    assert MasterBias.of(Image.of(values, kind="bias", name="b.fits"))


def test_what_was_said_of_an_image_goes_with_the_master_made_of_it():
    note = Note("is odd", frames=("b.fits",))
    image = Image.of(np.ones((3, 4)), kind="bias", name="b.fits", header={"DARKCOR": True})
    with pytest.warns(PipelineWarning):
        notes = MasterBias.of(image.noted([note])).notes
    assert note in notes
    assert len(notes) == 2


def test_what_combining_said_is_not_said_again_of_the_master():
    single = Image.of(np.ones((3, 4)), kind="bias", name="b.fits", header={"DARKCOR": True})
    said, again = [], []
    with running(on_note=said.append):
        combined = combine(FrameSet([single, single]))
    with running(on_note=again.append):
        assert MasterBias.of(combined).notes == combined.notes
    assert [note.found.partition(":")[0] for note in said] == ["b.fits"]
    assert again == []


@pytest.mark.parametrize(
    "made", [MasterBias.of, lambda image: MasterDark.of(attrs.evolve(image, kind="dark"), has_bias=False)]
)
def test_the_variance_of_a_master_is_one_for_all_that_it_corrects(made):
    """The noise of a bias does not average out over lights from which the same one is taken."""
    with_variance = Pixels.of(full(1), variance=full(1))
    master = made(Image.of(with_variance, kind="bias", exposure=1))
    take_out = subtract_bias(bias=master) if isinstance(master, MasterBias) else subtract_dark(dark=master)
    lights = FrameSet(Image.of(with_variance, exposure=1) for _ in range(2))
    mean = combine(each(take_out)(lights), method="mean", clip=None)
    np.testing.assert_allclose(mean.pixels.total_variance, 1 / 2 + 1)


def test_variance_is_lost_where_the_master_has_none_and_not_where_it_has():
    image = Image.of(Pixels(np.ones((3, 4)), np.zeros((3, 4), np.uint16), np.ones((3, 4))), name="a.fits")
    with_one = Image.of(
        Pixels(np.ones((3, 4)), np.zeros((3, 4), np.uint16), np.ones((3, 4))), kind="bias", name="b.fits"
    )
    without = Image.of(np.ones((3, 4)), kind="bias", name="b.fits")
    with collecting() as said:
        check_variance_kept(image, with_one)
    assert not said
    with running(on_note=[].append), collecting() as said:
        check_variance_kept(image, without)
    assert [note.category for note in said] == [VarianceWarning]
