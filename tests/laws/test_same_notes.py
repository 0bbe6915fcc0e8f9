"""The ten lines of the README say what ``reduce`` says: guards stand in the stages, whoever puts them together.

The aspects are derived from the table of what frames share, and from that of what nobody does to a calibration.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import pytest
from made_steps import on_disk

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    attach_header,
    chain,
    combine,
    divide,
    each,
    flag_saturated,
    normalise_flat,
    pipe,
    reduce,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
)
from pipeline.checks.done_before import UNEXPECTED
from pipeline.checks.shared_settings import POINTED_SETTINGS, SHARED_SETTINGS
from pipeline.errors import PipelineError
from pipeline.headers.status import STEP_CARDS

LEVELS = {"bias": 1000.0, "dark": 1010.0, "flat": 21_000.0, "light": 3000.0}
VALUES = (("A1", "B2"), (1.0, 2.0), (20.0, 40.0))
"""Pairs of values of which one differs under every keyword: names, and numbers for settings that are numbers."""


def frames_of(kind, cards, count=2):
    rng = np.random.default_rng([ord(letter) for letter in kind])
    seconds = {"bias": 0.0}.get(kind, 30.0)
    for i in range(count):
        values = np.round(rng.normal(LEVELS[kind], 3, (24, 24))).astype(np.uint16)
        header = {"GAIN": (1.5, "[electron/adu]"), "RDNOISE": (4.5, "[electron]"), "EXPTIME": seconds} | cards
        yield Image.of(values, kind=kind, exposure=seconds, header=header, name=f"{kind}{i}.fits")


def night(**cards):
    """Make a night, with cards of its own for each kind."""
    return FrameSet(frame for kind in LEVELS for frame in frames_of(kind, cards.get(kind, {})))


def ten_lines(raw):
    frames = each(chain(flag_saturated(), subtract_overscan()))(raw)
    stack = combine(method="mean", variance="noise")
    bias = pipe(frames.bias, stack, MasterBias.of)
    dark = pipe(frames.dark, stack, subtract_bias(bias=bias), MasterDark.of)
    flat = pipe(frames.flat, stack, subtract_bias(bias=bias), subtract_dark(dark=dark), normalise_flat)
    clean = chain(subtract_bias(bias=bias), subtract_dark(dark=dark), divide(flat=flat))
    return pipe(frames.light, stack, clean, attach_header)


def aspects():
    """Give nights that differ from a sound one in one thing each: every setting, for every kind it is compared of."""
    yield from ((setting.words, "one light", setting.keywords[0]) for setting in POINTED_SETTINGS)
    for setting in SHARED_SETTINGS:
        for kind in dict.fromkeys(k for kinds in setting.together for k in kinds if k in LEVELS):
            yield setting.words, kind, setting.keywords[0]
    for kind, steps in UNEXPECTED.items():
        yield from (("done", kind, (STEP_CARDS[step][0],)) for step in steps)


def spoilt(kind, keywords, values):
    one, other = values
    if kind == "one light":
        first, *others = night(light=dict.fromkeys(keywords, other))
        return FrameSet([*frames_of("light", dict.fromkeys(keywords, one), 1), first, *others])
    kinds = {each_kind: dict.fromkeys(keywords, other) for each_kind in LEVELS}
    return night(**kinds | {kind: dict.fromkeys(keywords, one)})


def notes(make, raw):
    """Give what is said of a product; what went wrong, where nothing came of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return {(note.category, note.words, note.frames) for note in make(raw).notes}
        except PipelineError as error:
            return str(error)


@pytest.mark.parametrize(("words", "kind", "keywords"), tuple(aspects()))
def test_the_ten_lines_and_reduce_say_the_same(words, kind, keywords):
    nights = (spoilt(kind, keywords, values) for values in (((1, 0),) if words == "done" else VALUES))
    told = next(((raw, said) for raw in nights if (said := notes(reduce, raw))), None)
    assert told, "nothing is said of what differs"
    raw, said = told
    assert notes(ten_lines, raw) == said


def test_a_sound_night_is_quiet():
    assert notes(reduce, night()) == notes(ten_lines, night()) == set()


def test_notes_are_the_same_from_memory_and_from_disk(tmp_path):
    raw = spoilt("dark", ("READMODE",), ("fast", "slow"))
    stored = on_disk(raw, tmp_path)
    read = FrameSet(attrs.evolve(here, data=there.data) for here, there in zip(raw, stored, strict=True))
    assert not any(frame.in_memory for frame in read)
    assert notes(reduce, read) == notes(reduce, raw) == notes(ten_lines, read) != set()


def test_eight_reductions_in_eight_threads_have_each_their_own_notes():
    nights = [spoilt("dark", ("READMODE",), (f"mode{number}", "slow")) for number in range(8)]
    alone = [reduce(raw).notes for raw in nights]
    with ThreadPoolExecutor(8) as pool:
        assert [product.notes for product in pool.map(reduce, nights)] == alone
    assert len({str(found) for found in alone}) == 8
