"""The laws of a stage: ours keep them, and each of many wrong stages is refused by the law that it breaks."""

import itertools
import threading

import attrs
import numpy as np
import pytest
from made_steps import BIAS, DARK, FLAT, LIGHT, NIGHT

from pipeline import (
    Flag,
    FrameSet,
    Image,
    Mask,
    MasterBias,
    Noise,
    Pixels,
    add_images,
    align,
    attach_header,
    check_stage,
    combine,
    correct_median,
    declare,
    divide,
    estimate_variance,
    flag_bad,
    flag_dead,
    flag_hot,
    flag_saturated,
    grow_flags,
    heal,
    linearise,
    normalise_flat,
    orient,
    stage,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
    to_electrons,
)
from pipeline.compose.laws import LAWS
from pipeline.errors import StepError

rng = np.random.default_rng(3)
VALUES = rng.uniform(500, 600, (12, 10))
IMAGE = Image.of(VALUES, exposure=30, header={"GAIN": 1.5, "OBJECT": "M 42"}, name="light.fits")
DARK_IMAGE = Image.of(VALUES, kind="dark", exposure=30, name="dark.fits")
FLAT_IMAGE = Image.of(VALUES, kind="flat", exposure=3, name="flat.fits")


def with_values(image, values):
    return attrs.evolve(image, data=attrs.evolve(image.pixels, values=values))


@pytest.mark.parametrize(
    ("step", "record"),
    [
        (flag_saturated(level=550.0), IMAGE),
        (subtract_overscan, IMAGE),
        (subtract_bias(bias=BIAS), LIGHT),
        (subtract_bias(bias=None), IMAGE),
        (subtract_bias(bias=MasterBias.of(np.ones(LIGHT.shape))), LIGHT),  # which says that the variance is lost
        (subtract_dark(dark=DARK), LIGHT),
        (divide(flat=FLAT), LIGHT),
        (to_electrons(gain=1.5), IMAGE),
        (to_electrons, IMAGE),
        (linearise(coefficients=(1.0, 1e-6)), IMAGE),
        (correct_median(noise=Noise(a=9.0, b=0.5)), IMAGE),
        (estimate_variance(noise=Noise(a=9.0, b=0.5)), IMAGE),
        (flag_bad(mask=Mask.of(VALUES > 590)), IMAGE),
        (flag_hot, DARK_IMAGE),
        (flag_dead, FLAT_IMAGE),
        (grow_flags(by=1), IMAGE),
        (heal, IMAGE),
        (orient(saxis=0), IMAGE),
        (orient(saxis=1), IMAGE),
        (declare(state="finished"), IMAGE),
        (normalise_flat, FLAT_IMAGE),
        (attach_header, IMAGE),
        (combine, NIGHT),
        (combine(method="median", clip=None), NIGHT),
        (add_images, NIGHT),
        (align(by=((0.0, 0.0), (1.0, 2.0), (0.0, 1.0))), NIGHT),
    ],
    ids=repr,
)
def test_our_stages_keep_the_laws(step, record):
    check_stage(step, record)


# ---- wrong stages, and the law that each breaks ----

COUNT = itertools.count()


@stage
def of_chance(image: Image) -> Image:
    return with_values(image, image.pixels.values + np.random.default_rng().normal(size=image.shape))


@stage
def with_memory(image: Image) -> Image:
    return with_values(image, image.pixels.values + next(COUNT))


@stage
def thawing(image: Image) -> Image:
    values = image.pixels.values
    while values.base is not None:
        values = values.base
    values.flags.writeable = True
    values[0, 0] = 0
    values.flags.writeable = False
    return with_values(image, image.pixels.values)


class OpenPixels(Pixels):
    """Pixels whose values anyone may change."""

    def __init__(self, values):
        super().__init__(values, np.zeros(values.shape, np.uint16))
        object.__setattr__(self, "values", values)

    def __reduce__(self):
        return OpenPixels, (self.values,)

    def rows(self, _start, _stop):
        return self


@stage
def unsealed(image: Image) -> Image:
    return attrs.evolve(image, data=OpenPixels(image.pixels.values + 1))


@stage
def forgiving(image: Image) -> Image:
    return attrs.evolve(image, data=Pixels.of(image.pixels.values, variance=image.pixels.variance))


@stage
def logarithmic(image: Image) -> Image:
    with np.errstate(invalid="ignore", divide="ignore"):
        return with_values(image, np.log(image.pixels.values - 550))


@stage
def squared(image: Image) -> Image:
    return attrs.evolve(image, data=Pixels.of(image.pixels.values**2, image.pixels.flags))


@stage
def of_no_past(image: Image) -> Image:
    return attrs.evolve(image, history=image.history[1:])


@stage
def without_header(image: Image) -> Image:
    return Image.of(Pixels.of(image.pixels.values, image.pixels.flags, image.pixels.variance), name=image.sources[0])


@stage
def of_another_name(image: Image) -> Image:
    return attrs.evolve(image, sources=("mine",))


@stage(does="linear")
def silent_about_it(image: Image) -> Image:
    return with_values(image, image.pixels.values * 2)


@stage(rows=True)
def mean_out(image: Image) -> Image:
    return with_values(image, image.pixels.values - np.append(image.pixels.values, 500.0).mean())


@stage(rows=True)
def ramp_out(image: Image) -> Image:
    return with_values(image, image.pixels.values - np.arange(image.shape[0])[:, None])


@stage(rows=True)
def cropped(image: Image) -> Image:
    pixels = image.pixels
    variance = None if pixels.variance is None else pixels.variance[:, 1:]
    return attrs.evolve(image, data=Pixels.of(pixels.values[:, 1:], pixels.flags[:, 1:], variance))


@stage(rows=True)
def counting(image: Image) -> Image:
    return attrs.evolve(with_values(image, image.pixels.values + 1), added=(("NROWS", image.shape[0], ""),))


class Curve:
    """A setting that has no words of its own."""

    def __eq__(self, other):
        return isinstance(other, Curve)

    __hash__ = None


@stage
def curved(image: Image, *, by: object) -> Image:
    return with_values(image, image.pixels.values + 1)


class Lock:
    """A setting that cannot leave its process."""

    def __init__(self):
        self.lock = threading.Lock()

    def __repr__(self):
        return "Lock()"


@stage
def locked(image: Image, *, lock: object = None) -> Image:
    return with_values(image, image.pixels.values + 1)


def plain(image):
    return image


WRONG = [
    (of_chance, "purity", "another result the second time"),
    (with_memory, "purity", "another result the second time"),
    (thawing, "purity", "changes the record that it is given"),
    (unsealed, "seals", "can be written to"),
    (forgiving, "flags", "takes away NONFINITE, SATURATED, .*attrs.evolve"),
    (logarithmic, "flags", "not finite and have no flag"),
    (squared, "variance", "the result has none"),
    (of_no_past, "provenance", "history of the record is not that"),
    (without_header, "provenance", "the header is lost"),
    (of_another_name, "provenance", "sources of the record"),
    (silent_about_it, "effect", r"says that it does 'linear', .* linear=Done\("),
    (mean_out, "rows", "rows 0 to 1 by themselves give other pixels"),
    (cropped, "rows", r"\(12, 10\) pixels became \(12, 9\); a stage with rows=True keeps the shape"),
    (ramp_out, "rows", "by themselves give other pixels"),
    (counting, "rows", "cards of the result depend"),
    (curved(by=Curve()), "pickling", "by stands in the history by its place in memory"),
    (locked(lock=Lock()), "pickling", "cannot go to another process"),
]


@pytest.mark.parametrize(
    ("wrong", "law", "says"), WRONG, ids=[getattr(wrong, "stage", wrong).name for wrong, _, _ in WRONG]
)
def test_a_wrong_stage_is_refused_by_a_sentence_that_says_which_law(wrong, law, says):
    record = attrs.evolve(IMAGE, data=Pixels.of(VALUES.copy()))
    name = getattr(wrong, "stage", wrong).name
    with pytest.raises(StepError, match=rf"^{name} breaks the law of {law}: .*{says}"):
        check_stage(wrong, record)


def test_every_law_is_broken_by_one_of_the_wrong_stages():
    assert {law for _, law, _ in WRONG} == set(LAWS)


def test_what_is_no_stage_is_told_how_to_become_one():
    with pytest.raises(StepError, match="plain is a plain function; write @stage above it"):
        check_stage(plain, IMAGE)
    with pytest.raises(StepError, match="forgetful gave None and should give an Image"):
        check_stage(forgetful, IMAGE)


@stage
def forgetful(image: Image) -> Image:
    return None


def test_a_stage_of_frames_is_checked_too():
    @stage
    def first_alone(frames: FrameSet) -> Image:
        return attrs.evolve(frames[0], data=Pixels.of(frames[0].pixels.values, Flag(0)))

    check_stage(first_alone, NIGHT)

    @stage
    def shuffled(frames: FrameSet) -> FrameSet:
        return FrameSet(frames[place] for place in np.random.default_rng().permutation(len(frames)))

    with pytest.raises(StepError, match="shuffled breaks the law of purity"):
        check_stage(shuffled, FrameSet(Image.of(np.full((2, 3), float(level))) for level in range(20)))
