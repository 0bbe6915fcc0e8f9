"""What a record is in few words: keys and hashes agree with ``==``, and are the same in every process."""

import pickle
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePath

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from strategies import examples

from pipeline import (
    Amplifier,
    Cards,
    Clip,
    Flag,
    Flagging,
    FrameSet,
    Image,
    LACosmic,
    Mask,
    Master,
    MasterBias,
    MasterDark,
    Masters,
    Noise,
    Note,
    Pixels,
    Recipe,
    attach_header,
    chain,
    combine,
    divide,
    each,
    measure_quality,
    normalise_flat,
    open_frame,
    scale_dark,
    stage,
    subtract_bias,
    subtract_dark,
    write,
)
from pipeline.errors import SettingError
from pipeline.records.identity import cheap_hash, content_key
from pipeline.testing import chains, pixels, records, steps

SHAPE = (3, 4)


def made(values=None):
    """Give a record of each class, of the same values each time."""
    values = np.arange(12, dtype=np.uint16).reshape(SHAPE) if values is None else values
    image = Image.of(values, exposure=30, header={"OBJECT": "M 31", "EXPTIME": 30.0}, name="a.fits")
    bias, dark = MasterBias.of(np.full(SHAPE, 2.0)), MasterDark.of(np.full(SHAPE, 3.0), has_bias=False)
    clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark))
    flat = normalise_flat(Image.of(np.full(SHAPE, 5.0), kind="flat"))
    return {
        "cards": image.header,
        "pixels": image.pixels,
        "image": image,
        "reduced": clean(image),
        "combined": combine([image, image]),
        "frames": FrameSet([image, image]),
        "product": attach_header(image),
        "bias": bias,
        "dark": dark,
        "scaled dark": scale_dark(dark, exposure=10),
        "flat": flat,
        "mask": Mask.of(np.eye(*SHAPE)),
        "clip": Clip(low=3),
        "noise": Noise(3.0),
        "recipe": Recipe(),
        "flagging": Flagging(mask=Mask.of(np.eye(*SHAPE))),
        "note": Note("odd", frames=("a.fits",)),
        "amplifier": Amplifier("[1:2,*]"),
        "cosmic rays": LACosmic(niter=2),
        "masters": Masters(bias=bias),
        "quality": measure_quality(Image.of(np.full(SHAPE, np.nan))),
        "step": subtract_bias(bias=bias),
        "plain step": combine(method="median"),
        "chain": chain(clean, divide(flat=flat)),
        "each": each(clean),
    }


NAMES = sorted(made())

# ---- laws ----


@pytest.mark.parametrize("name", NAMES)
def test_records_that_are_equal_have_one_key_and_one_hash(name):
    one, same, other = made()[name], made()[name], made()
    assert one is not same
    assert one == same == pickle.loads(pickle.dumps(one))
    assert content_key(one) == content_key(same) == content_key(pickle.loads(pickle.dumps(one)))
    assert hash(one) == hash(same) == hash(pickle.loads(pickle.dumps(one)))
    assert [content_key(one) == content_key(other[which]) for which in NAMES] == [which == name for which in NAMES]


@given(pixels(), pixels())
def test_pixels_have_one_key_only_where_they_are_equal(a, b):
    assert (content_key(a) == content_key(b)) == (a == b)
    assert content_key(a) == content_key(attrs.evolve(a, values=a.values.copy()))
    assert hash(a) == hash(Pixels.of(a.values + 1, a.flags, a.variance))  # no pixel is looked at


@examples(20)
@given(pixels(), st.integers(0, 11))
def test_one_pixel_changes_the_key_of_all_that_holds_it(given_pixels, place):
    flags = given_pixels.flags.copy()
    flags.flat[place] ^= Flag.HOT
    changed = attrs.evolve(given_pixels, flags=flags)
    for hold in (Image.of, lambda one: FrameSet([Image.of(one)]), lambda one: attach_header(Image.of(one))):
        assert content_key(hold(given_pixels)) != content_key(hold(changed))
        assert hash(hold(given_pixels)) == hash(hold(changed))


words = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
things = st.recursive(
    words, lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner), max_leaves=6
)


@given(things, things)
def test_things_have_one_key_where_python_takes_them_for_equal_and_no_others(a, b):
    assert (content_key(a) == content_key(b)) == (a == b)
    assert content_key(a) == content_key(pickle.loads(pickle.dumps(a)))


@given(arrays.arrays(np.float32, SHAPE))
def test_nan_is_nan_and_zero_is_minus_zero(values):
    other = np.where(np.isnan(values), np.float32("-nan"), values) * np.float32(1)
    other[other == 0] *= -1
    assert content_key(values) == content_key(other)


def test_settings_in_another_order_or_of_another_type_of_number_are_the_same():
    assert content_key({"a": 1, "b": 2}) == content_key({"b": 2.0, "a": np.int16(1)})
    assert content_key({1, 2}) == content_key({2, 1}) != content_key({1: 2})
    assert content_key("1") != content_key(1) != content_key(b"1")


# ---- in every process ----

SHOW = """
import pickle, sys
from test_identity import shown
for things in pickle.load(open(sys.argv[1], "rb")):
    print(*shown(things))
"""


def shown(thing):
    """Give a record's key, its token and, unless that is of attrs, its hash."""
    from dask.base import tokenize

    return content_key(thing), tokenize(thing), hash(thing) if type(thing).__hash__ is cheap_hash else 0


@pytest.mark.slow
def test_keys_tokens_and_hashes_are_the_same_in_every_process(tmp_path):
    """Of a record of each class, and of whatever steps, chains and recipes are drawn: those of two other processes."""
    pytest.importorskip("dask")
    things = list(made().values())

    @settings(max_examples=40, database=None)
    @given(chains() | steps(takes=None, gives=None) | records(Recipe) | st.from_type(Image) | st.from_type(Master))
    def draw(thing):
        things.append(thing)

    draw()
    (tmp_path / "things").write_bytes(pickle.dumps(things))
    here = [" ".join(map(str, shown(thing))) for thing in things]
    path = ":".join(sys.path)
    for seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SHOW, str(tmp_path / "things")],
            check=True, capture_output=True, text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{PurePath(__file__).parent}:{path}"},
        )  # fmt: skip
        assert there.stdout.splitlines() == here


@pytest.mark.parametrize("name", NAMES)
def test_tokens_of_dask_survive_a_pickle(name):
    tokenize = pytest.importorskip("dask.base").tokenize
    record = made()[name]
    assert tokenize(record) == tokenize(pickle.loads(pickle.dumps(record))) == tokenize(made()[name])


def test_a_frame_on_disk_is_told_by_its_file_and_not_read(tmp_path):
    write(attach_header(made()["image"]), tmp_path / "a.fits")
    frame = open_frame(tmp_path / "a.fits")
    key = content_key(frame)
    assert key == content_key(open_frame(tmp_path / "a.fits")) == content_key(pickle.loads(pickle.dumps(frame)))
    write(attach_header(made()["image"]), tmp_path / "a.fits", overwrite=True)
    assert content_key(frame) == key != content_key(open_frame(tmp_path / "a.fits"))


# ---- what is no record ----


def test_what_has_no_name_of_its_own_is_told_by_what_it_does():
    def power(of):
        return lambda base: base**of

    assert content_key(power(2)) == content_key(power(2)) != content_key(power(3))
    assert content_key(lambda a: a + 1) != content_key(lambda a: a + 2)
    assert content_key(partial(pow, 2)) == content_key(partial(pow, 2)) != content_key(partial(pow, 3))


def test_what_has_no_name_of_its_own_is_refused_where_that_is_asked_for():
    assert content_key(chain(abs, made), named=True) == content_key(chain(abs, made))
    for thing in (lambda image: image, chain(lambda image: image), partial(lambda image: image)):
        with pytest.raises(SettingError, match=r"lambda.*define it in a module, by name"):
            content_key(thing, named=True)


@given(st.lists(things), st.lists(things))
def test_what_stands_side_by_side_does_not_run_together(one, other):
    assert (content_key(*one) == content_key(*other)) == (one == other)


def test_anything_that_can_be_pickled_has_a_key():
    for one, other in (
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (PurePath("a"), PurePath("b")),
        (np.array(["a", None], object), np.array(["a", 1], object)),
        (np.str_("a"), np.str_("b")),
        (Cards, Clip),
    ):
        assert content_key(one) == content_key(pickle.loads(pickle.dumps(one))) != content_key(other)


def test_a_stage_of_ones_own_makes_steps_that_compare():
    @stage
    def plus(image: Image, *, plane: object, times: float = 1.0) -> Image:
        return image

    plane = np.ones((2, 2))
    assert plus(plane=plane) == plus(plane=plane.copy(), times=1)
    assert plus(plane=plane) != plus(plane=plane + 1)
    assert plus(plane=plane) != plus(plane=1)
    assert hash(plus(plane=plane)) == hash(plus(plane=plane.copy(), times=1.0))
    assert cheap_hash(plus(plane=plane)) == cheap_hash(plus(plane=plane + 1))
