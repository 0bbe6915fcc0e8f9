"""Settings: what an annotation asks for is kept as plain Python, and all else refused when the step is made."""

import inspect
import math
import pickle
from collections.abc import Callable
from typing import Annotated, Any, Literal

import astropy.units as u
import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

import pipeline
from pipeline import (
    Amplifier,
    Appearance,
    Clip,
    FigureFile,
    Flagging,
    FrameSet,
    Image,
    LACosmic,
    Noise,
    Recipe,
    Stage,
    Survey,
    combine,
    export_figure,
    figure,
    heal,
    make_masters,
    measure_quality,
    normalise_flat,
    orient,
    reduce_each,
    reduce_many,
    scale_dark,
    stage,
    subtract_overscan,
    to_electrons,
    workers,
)
from pipeline.compose.running import running
from pipeline.compose.settings import Limits, Wanted, checked
from pipeline.errors import SettingError

PUBLIC = {name: getattr(pipeline, name) for name in pipeline.__all__}
STAGES = [thing for thing in PUBLIC.values() if isinstance(thing, Stage)]
RECORDS = [Recipe, Flagging, Amplifier, Noise, Clip, LACosmic]

bounds = st.none() | st.floats(-100, 100)
ends = st.fixed_dictionaries({"above": bounds, "below": bounds, "least": st.just(-math.inf) | st.floats(-100, 100)})


def empty(ends):
    above, below = (far if end is None else end for end, far in ((ends["above"], -math.inf), (ends["below"], math.inf)))
    return max(ends["least"], above) >= below


limits = ends.filter(lambda ends: not empty(ends)).map(lambda ends: Limits(**ends))
numbers = st.floats(-200, 200) | st.integers(-200, 200)


@quick
@given(limits, numbers)
def test_a_number_is_kept_if_it_lies_within_its_limits(within, number):
    low = number >= within.least and (within.above is None or number > within.above)
    high = within.below is None or number < within.below
    assert Wanted(Annotated[float, within]).takes(number) == (low and high)


@pytest.mark.parametrize(
    ("within", "words"),
    [
        (Limits(above=0), "a positive number"),
        (Limits(above=0, most=1), "a number above 0 and up to 1"),
        (Limits(above=0, below=1), "a number above 0 and below 1"),
        (Limits(least=1, most=9, unit="pixel"), "a number of pixels from 1 to 9"),
        (Limits(least=0, unit="electron"), "a number of e⁻ from 0"),
        (Limits(), "a finite number"),
        (Limits(finite=False), "a number"),
    ],
)
def test_limits_in_words(within, words):
    assert within.words() == words
    assert eval(repr(within)) == within
    assert "inf" not in repr(within)


def test_no_limits_hold_what_is_no_number_and_infinity_only_where_it_is_asked_for():
    for finite in (True, False):
        assert not Limits(finite=finite).hold(math.nan)
        assert [Limits(finite=finite).hold(end) for end in (math.inf, -math.inf)] == [not finite] * 2


@quick
@given(ends.filter(empty))
def test_limits_between_which_nothing_lies_are_refused(ends):
    with pytest.raises(SettingError, match="no number lies between its ends"):
        Limits(**ends)


def test_limits_are_numbers():
    assert Limits(least=3, most=3).hold(3)
    with pytest.raises(SettingError, match=r"Limits\(least='a'\): expected numbers as its ends"):
        Limits(least="a")


SCALARS = (np.int16, np.uint8, np.int64, np.float32, np.float64, np.array)


@quick
@given(st.integers(1, 20), st.sampled_from(SCALARS))
def test_a_numpy_scalar_is_the_number_that_it_is(number, scalar):
    """The step, its repr, the history and what it pickles to are those of the plain number."""
    given = scalar(number)
    for make in (lambda n: to_electrons(gain=n), lambda n: scale_dark(exposure=n), lambda n: Noise(a=n, b=n)):
        assert make(given) == make(number)
        assert eval(repr(make(given)), PUBLIC) == make(number)
        assert repr(pickle.loads(pickle.dumps(make(given)))) == repr(make(given.item()))
    if given.dtype.kind in "iu":
        assert repr(subtract_overscan(order=given)) == f"subtract_overscan(order={number})"
        assert repr(Flagging(grow=given)) == repr(Flagging(grow=number))
        with running(threads=given) as how:
            assert repr(how.threads) == repr(number)
    else:
        with pytest.raises(SettingError, match="expected a whole number from 0 to 20 or None"):
            subtract_overscan(order=given)


def test_a_list_or_an_array_is_the_tuple_that_is_asked_for():
    for gains in ((1.5, 2.5), [1.5, 2.5], np.array([1.5, 2.5]), np.array([1.5, 2.5], "f4"), [np.float64(1.5), 2.5]):
        assert repr(to_electrons(gain=gains)) == "to_electrons(gain=(1.5, 2.5))"
    assert subtract_overscan(amplifiers=[Amplifier()]) == subtract_overscan(amplifiers=(Amplifier(),))
    assert Recipe(declared=[["flat", "raw"]]) == Recipe(declared=(("flat", "raw"),))
    assert LACosmic(psfk=np.eye(2)).psfk == ((1.0, 0.0), (0.0, 1.0))


def test_a_quantity_is_brought_to_the_unit_that_is_asked_for():
    assert scale_dark(exposure=2 * u.min) == scale_dark(exposure=120.0)
    assert to_electrons(gain=1.5 * u.electron / u.adu) == to_electrons(gain=1.5)
    assert to_electrons(gain=[1.5, 2.5] * u.electron / u.adu) == to_electrons(gain=(1.5, 2.5))
    assert Noise.of(gain=2 * u.electron / u.adu, read_noise=6 * u.electron) == Noise.of(gain=2.0, read_noise=6.0)
    for wrong, told in (
        (lambda: scale_dark(exposure=2 * u.m), r"exposure=2\.0 m"),
        (lambda: to_electrons(gain=1.5 * u.one), r"gain=1\.5"),
        (lambda: Clip(low=3 * u.s), r"low=3\.0 s"),
    ):
        with pytest.raises(SettingError, match=f"{told}; expected a positive number"):
            wrong()


def test_an_array_where_an_image_is_asked_for_is_taken_as_one():
    @stage
    def lit_by(image: Image, *, by: Image | None = None) -> Image:
        return image

    (setting,) = lit_by(by=np.ones((2, 3))).settings
    assert isinstance(setting[1], Image)
    assert setting[1].shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: combine(method="avrage"), "combine: method='avrage'; expected 'mean' or 'median'"),
        (lambda: combine(weights="exposur"), "an array or None; did you mean 'exposure'?"),
        (lambda: combine(map_left_out=1), "combine: map_left_out=1; expected True or False"),
        (lambda: scale_dark(exposure=-1), "scale_dark: exposure=-1; expected a positive number of seconds"),
        (lambda: scale_dark(exposure="30"), "scale_dark: exposure='30'; expected a positive number of seconds"),
        (lambda: scale_dark(exposure=math.inf), "expected a positive number of seconds"),
        (lambda: to_electrons(gain=(1.5, -1)), "gain=(1.5, -1); expected a positive number of e⁻/ADU, a tuple of such"),
        (lambda: to_electrons(gain=True), "to_electrons: gain=True; expected a positive number of e⁻/ADU"),
        (lambda: orient(saxis=2), "orient: saxis=2; expected 0 or 1"),
        (lambda: orient(saxis=True), "orient: saxis=True; expected 0 or 1"),
        (lambda: orient(saxis=1.0), "orient: saxis=1.0; expected 0 or 1"),
        (lambda: normalise_flat(by="splin"), "or a positive number; did you mean 'spline'?"),
        (lambda: normalise_flat(region=3), "normalise_flat: region=3; expected a text"),
        (lambda: heal(reasons=("dead", "hott")), "'uncovered' or 'noisy'; did you mean 'hot'?"),
        (lambda: Survey(recipe=5), "Survey: recipe=5; expected a Recipe"),
        (lambda: Survey(output="x"), "Survey has no setting 'output'; did you mean 'output_dir'?"),
        (lambda: heal(reasons="hot"), "heal: reasons='hot'; expected a tuple of which each is 'nonfinite', "),
        (lambda: subtract_overscan(order=21), "order=21; expected a whole number from 0 to 20 or None"),
        (lambda: Recipe(clip=5, overscan=False), "Recipe: clip=5; expected a Clip or None"),
        (lambda: Recipe(overscan=False), "Recipe: overscan=False; expected a Step from Image to Image or None"),
        (lambda: Recipe(orient=combine()), "Recipe: orient=combine(); expected a Step from Image to Image or None"),
        (lambda: Recipe(saturation="x"), "Recipe: saturation='x'; expected a positive number of ADU or None"),
        (lambda: Recipe(overscn=None), "Recipe has no setting 'overscn'; did you mean 'overscan'?"),
        (lambda: Recipe(noise=3), "Recipe: noise=3; expected a Noise, a tuple of such or None"),
        (lambda: Flagging(hot=True), "Flagging: hot=True; expected a positive number of σ or None"),
        (lambda: Flagging(diagonals="no"), "Flagging: diagonals='no'; expected True or False"),
        (lambda: Flagging(mask=np.zeros((3, 4))), "mask=an array of float64, (3, 4); expected a Mask or None"),
        (lambda: Noise(a="x"), "Noise: a='x'; expected a number"),
        (lambda: Noise(a=math.nan), "Noise: a=nan; expected a number"),
        (lambda: Noise(a=1.0, b=-0.5), "Noise: b=-0.5; expected a number from 0"),
        (lambda: Noise.of(gain=0, read_noise=4), "Noise.of: gain=0; expected a positive number of e⁻/ADU"),
        (lambda: Amplifier(data=5), "Amplifier: data=5; expected a text"),
        (lambda: Amplifier(overscn="[1:2,*]"), "Amplifier has no setting 'overscn'; did you mean 'overscan'?"),
        (lambda: Clip("mda"), "Clip: spread='mda'; expected 'noise', 'std' or 'mad'; did you mean 'mad'?"),
        (lambda: Clip(spred="std"), "Clip has no setting 'spred'; did you mean 'spread'?"),
        (lambda: to_electrons(gain=2 * u.adu), "to_electrons: gain=2.0 adu; expected a positive number"),
        (lambda: Clip(low="3"), "Clip: low='3'; expected a positive number of σ"),
        (lambda: LACosmic(niter=2.5), "LACosmic: niter=2.5; expected a whole number from 1"),
        (lambda: make_masters(FrameSet(), recipe=5), "make_masters: recipe=5; expected a Recipe"),
        (lambda: make_masters([], Clip()), "make_masters: recipe=Clip('noise', low=5.0, high=5.0); expected a Recipe"),
        (lambda: reduce_each([], recipe=5), "reduce_each: recipe=5; expected a Recipe"),
        (lambda: reduce_each([], recpe=5), "reduce_each has no setting 'recpe'; did you mean 'recipe'?"),
        (lambda: reduce_many([], 5), "reduce_many: survey=5; expected a Survey"),
        (lambda: reduce_many("night.csv"), "reduce_many takes a list of the paths of file lists; found 'night.csv'"),
        (lambda: Survey(output_dir=5), "Survey: output_dir=5; expected the path of a folder or None"),
        (lambda: Survey(library=5), "Survey: library=5; expected the path of a folder or None"),
        (lambda: workers("two"), "workers: count='two'; expected a whole number from 1 or None"),
        (lambda: workers(address=5), "workers: address=5; expected a text or None"),
        (lambda: figure(np.eye(3), look="magma"), "figure: look='magma'; expected an Appearance"),
        (lambda: export_figure(np.eye(3), "x.html", form=3), "export_figure: form=3; expected a FigureFile"),
        (lambda: measure_quality(np.eye(3), rejected="a"), "measure_quality: rejected='a'; expected a whole number"),
        (lambda: Appearance(colours="magna"), "'magma' or 'grey'; did you mean 'magma'?"),
        (lambda: Appearance(colors="magma"), "Appearance has no setting 'colors'; did you mean 'colours'?"),
        (lambda: FigureFile(plotlyjs="here"), "FigureFile: plotlyjs='here'; expected 'embed', 'cdn' or 'directory'"),
        (lambda: running(threads=0).__enter__(), "Running: threads=0; expected a whole number from 1"),
        (lambda: running(thread=2).__enter__(), "Running has no setting 'thread'; did you mean 'threads'?"),
    ],
)
def test_what_no_setting_may_be_is_refused_when_it_is_made(make, says):
    with pytest.raises(SettingError) as error:
        make()
    assert says in str(error.value)


@pytest.mark.parametrize("made", STAGES, ids=repr)
def test_every_setting_of_every_stage_takes_its_default_and_no_stranger(made):
    class Stranger:
        """Nothing that any setting could be."""

    for name, default in made.defaults.items():
        wanted = made.wanted[name]
        assert default is inspect.Parameter.empty or wanted.takes(default)
        with pytest.raises(SettingError, match=f"{made.name}: {name}=.*; expected "):
            wanted.take(Stranger(), made.name, name)


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_of_a_record_of_settings_refuses_a_stranger_by_name(record):
    for field in attrs.fields(record):
        given = {"a": 1.0} if record is Noise else {}
        with pytest.raises(SettingError, match=f"{record.__name__}: {field.alias}=.*; expected "):
            record(**given | {field.alias: object()})
    assert str(inspect.signature(record)).startswith("(")
    assert set(inspect.signature(record).parameters) == {field.alias for field in attrs.fields(record)}


def test_a_record_takes_no_more_values_than_it_has_fields():
    with pytest.raises(TypeError, match="positional"):
        Amplifier("[*,*]", "", "", "", "")


def test_annotations_of_every_form_are_read():
    @stage
    def own(
        image: Image,
        *,
        plain=3,
        anything: Any = None,
        function: Callable[[float], float] = math.sqrt,
        words: "Literal['a', 'b'] | None" = None,
        listed: list[int] | None = None,
        pair: tuple[int, str] = (1, "a"),
        table: dict[str, float] | None = None,
        kind: type[Image] = Image,
    ) -> Image:
        return image

    own(plain="x", anything=object(), function=abs, words="b", listed=[1], pair=[2, "b"], table={"a": 1.0}, kind=Image)
    for name, wrong in [
        ("function", 3),
        ("words", "c"),
        ("listed", "ab"),
        ("pair", (1,)),
        ("pair", (1, 2)),
        ("table", 3),
    ]:
        with pytest.raises(SettingError, match=f"own: {name}="):
            own(**{name: wrong})


def test_a_default_may_be_given_whatever_its_annotation():
    @stage
    def around(image: Image, *, radius: float = None) -> Image:  # noqa: RUF013 - as many write it
        return image

    assert around(radius=None) == around()
    with pytest.raises(SettingError, match="expected a number"):
        around(radius="3")


def test_a_checked_record_runs_its_own_validators_too():
    def even(_, __, value):
        if value % 2:
            raise SettingError("odd")

    @checked
    @attrs.frozen
    class Pairs:
        count: int = attrs.field(default=2, validator=even)

    assert Pairs(np.int64(4)) == attrs.evolve(Pairs(), count=4)
    with pytest.raises(SettingError, match="odd"):
        Pairs(count=3)
    with pytest.raises(SettingError, match="expected a whole number"):
        attrs.evolve(Pairs(), count="4")
