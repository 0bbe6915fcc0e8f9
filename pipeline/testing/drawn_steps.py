"""What hypothesis draws of what is done to images: steps of every public stage, chains of them, and their settings.

Settings are those that the annotations of a stage allow, so that a stage of your own is drawn as ours are.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import pipeline
from pipeline.checks.shared_settings import SHARED_SETTINGS
from pipeline.compose.chain import Chain, Each, chain, each
from pipeline.compose.settings import unknown_setting
from pipeline.compose.stage import Stage, Step
from pipeline.detector.section import Section
from pipeline.errors import SettingError
from pipeline.figures.colour import MASK_COLOUR
from pipeline.night.recipe import Extra, Place, RawPlace
from pipeline.records.frames import KINDS, FrameSet, Image
from pipeline.stacking.add import add_images
from pipeline.stacking.combine import combine
from pipeline.stages.align import align
from pipeline.stages.bias import MasterBias
from pipeline.stages.cosmic_rays import clean_cosmic_rays
from pipeline.stages.flat import mask_sources, normalise_flat
from pipeline.stages.fringe import subtract_fringe
from pipeline.stages.gain import to_electrons
from pipeline.stages.healing import heal
from pipeline.stages.linearity import linearise
from pipeline.stages.orientation import orient
from pipeline.stages.overscan import subtract_overscan
from pipeline.testing.drawn_values import (
    AGREE,
    DRAWN,
    PARTICULAR,
    SHAPE,
    Asked,
    drawn_for,
    drawn_or_given,
    put_together,
    values_as,
)


def public_stages() -> tuple[Stage[Any, Any, Any], ...]:
    """Give every stage of which ``pipeline`` has the name."""
    public = (getattr(pipeline, name) for name in dir(pipeline))
    return tuple(one for one in public if isinstance(one, Stage))


def steps(
    *stages: Stage[Any, Any, Any],
    takes: Any = Image,
    gives: Any = Image,
    shape: Asked = SHAPE,
    **settings: Any,
) -> SearchStrategy[Step[Any, Any]]:
    """Draw steps of some stages, or of every public one that makes an Image of an Image; settings are valid, each.

    What a step needs that has pixels has the shape of what :func:`images` draws.  A step may still refuse an image, as
    one that is for darks refuses a light: by a :class:`~pipeline.errors.PipelineError`, and never by another.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(steps(combine, method="median"))
    ... def what_is_given_is_not_drawn(step):
    ...     assert dict(step.settings)["method"] == "median"
    >>> what_is_given_is_not_drawn()

    :param stages: these alone, whatever they take and give; yours too.
    :param takes: the record that they take: Image, FrameSet, MasterDark; None for any.
    :param gives: the record that they give: Image, ReducedImage, MasterFlat, ...; None for any.
    :param shape: of masters, masks and arrays, (ny, nx); None for steps without any, which any text can hold.
    :param settings: of the stages, each a value or a strategy; others are drawn, or left out where they have a default.
    :raises SettingError: no stage is so, one has no such setting, or is no stage.
    """
    strange: tuple[object, ...] = tuple(one for one in stages if type(one) is not Stage)
    if strange:
        raise SettingError(f"steps: {strange[0]!r} is no stage; give stages, and their settings by name")
    chosen = stages or tuple(
        one
        for one in public_stages()
        if takes in (None, one.takes) and (gives is None or one.hints.get("return") is gives)
    )
    if not chosen:
        raise SettingError(f"steps: no public stage takes {takes!r} and gives {gives!r}")
    return st.one_of([_steps_of(one, shape, settings) for one in chosen])


def _steps_of(stage: Stage[Any, Any, Any], shape: Asked, given: dict[str, Any]) -> SearchStrategy[Step[Any, Any]]:
    for name in given:
        if name not in stage.defaults:
            raise unknown_setting(stage.name, name, stage.defaults)
    required = {name: drawn_or_given(value) for name, value in given.items()}
    optional: dict[str, SearchStrategy[Any]] = {}
    for name, default in stage.defaults.items():
        if name not in given:
            drawn = drawn_for(stage.name, name, stage.hints.get(name, Any), shape)
            (required if default is inspect.Parameter.empty else optional)[name] = drawn
    return put_together(stage, stage.name, required=required, optional=optional)


def chains(
    *, takes: Any = Image, gives: Any = Image, max_size: int = 4, shape: Asked = SHAPE
) -> SearchStrategy[Chain[Any, Any]]:
    """Draw chains of steps that fit each other by their records, of no stage twice, in whatever order.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(chains())
    ... def chains_are_what_they_say(some):
    ...     assert eval(repr(some), some.names) == some
    >>> chains_are_what_they_say()

    :param takes: Image or FrameSet; a FrameSet goes through ``each`` and align first.
    :param gives: Image or FrameSet, which is then of a FrameSet.
    :param max_size: so many steps of images at most.
    :raises SettingError: there are no such chains.
    """
    of_images = st.lists(steps(shape=shape), max_size=max_size, unique_by=lambda step: step.stage.name)
    if takes is Image and gives is Image:
        return of_images.map(lambda some: chain(*some))
    if takes is not FrameSet or gives not in (Image, FrameSet):
        raise SettingError(f"chains: none takes {takes!r} and gives {gives!r}; give Image or FrameSet")
    mapped = st.builds(lambda some: each(chain(*some)), of_images) | steps(shape=shape).map(each)
    of_frames = st.lists(mapped | steps(align, shape=shape), max_size=2)
    if gives is FrameSet:
        return of_frames.map(lambda some: chain(*some))
    return st.builds(
        lambda before, put, after: chain(*before, put, *after),
        of_frames,
        steps(combine, add_images, shape=shape),
        of_images,
    )


def _any_steps(*, shape: Asked = SHAPE, parameters: tuple[Any, ...] = ()) -> SearchStrategy[Step[Any, Any]]:
    takes, gives = ((one if isinstance(one, type) else None) for one in parameters or (None, None))
    return steps(takes=takes, gives=gives, shape=shape)


def _any_chains(*, shape: Asked = SHAPE, parameters: tuple[Any, ...] = ()) -> SearchStrategy[Chain[Any, Any]]:
    takes, gives = ((one if isinstance(one, type) else Image) for one in parameters or (Image, Image))
    return chains(takes=takes, gives=gives, shape=shape)


def _extras(*, shape: Asked = SHAPE, **fields: Any) -> SearchStrategy[Extra]:
    """Draw steps that a recipe adds: to calibrations only where these come by."""
    raw = get_args(RawPlace)
    early, late = st.sampled_from(raw), st.sampled_from([place for part in get_args(Place) for place in get_args(part)])
    kinds = {"kinds": st.lists(st.sampled_from(KINDS), min_size=1, unique=True).map(tuple)}
    science = {"kinds": st.sampled_from([("light",), ("light", "arc")])}
    told = [{side: place, **some} for place, some in ((late, science), (early, kinds)) for side in ("after", "before")]
    step = drawn_or_given(fields.get("step", steps(shape=shape)))
    return st.one_of([st.builds(Extra, step, **one) for one in told])


def _sections(shape: Asked) -> SearchStrategy[Section]:
    """Draw rectangles within a frame."""
    height, width = shape or SHAPE

    def ends(size: int) -> SearchStrategy[tuple[int, int]]:
        start = st.integers(0, size - 1)
        return start.flatmap(lambda first: st.tuples(st.just(first), st.integers(first + 1, size)))

    return st.builds(lambda x, y: Section(*x, *y), ends(width), ends(height))


def _texts_of_sections(shape: Asked) -> SearchStrategy[str]:
    return st.just("[*,*]") | _sections(shape).map(str)


def _or_none(*stages: Stage[Any, Any, Any]) -> Callable[[Asked], SearchStrategy[Any]]:
    return lambda shape: st.none() | steps(*stages, shape=shape)


DRAWN |= {
    Extra: _extras,
    Step: _any_steps,
    Chain: _any_chains,
    Each: lambda *, shape=SHAPE: steps(shape=shape).map(each),
    Section: lambda *, shape=SHAPE: _sections(shape),
    Stage: lambda *, shape=SHAPE, parameters=(): st.sampled_from(public_stages()),  # noqa: ARG005 - one signature
}

_noise = st.floats(0, 100, width=32)
PARTICULAR |= {
    ("Amplifier", "data"): _texts_of_sections,
    ("Amplifier", "overscan"): lambda shape: st.just("") | _texts_of_sections(shape),
    ("Amplifier", "place"): lambda shape: st.just("") | _sections(shape).map(str),
    ("Amplifier", "name"): lambda _: st.sampled_from(["", "A", "1"]),
    ("Appearance", "colours"): lambda _: st.sampled_from(sorted(MASK_COLOUR)),
    ("combine", "zero"): lambda shape: values_as(MasterBias | None, shape=shape),
    ("FigureFile", "size"): lambda _: st.none() | st.tuples(st.floats(3, 20), st.floats(3, 20)),  # room, and few dots
    ("LACosmic", "psfsize"): lambda _: st.sampled_from([3, 5, 7, 9]),
    ("LACosmic", "psfk"): lambda _: st.none() | st.just(((0.0, 0.1, 0.0), (0.1, 0.6, 0.1), (0.0, 0.1, 0.0))),
    **{("Noise", part): lambda _: _noise for part in ("a", "b", "c", "d", "base", "floor")},
    ("normalise_flat", "region"): lambda shape: st.just("") | _sections(shape).map(str),
    ("Outcome", "errors"): lambda _: st.just(()),
    ("Policy", "ignore"): lambda _: st.lists(st.sampled_from([setting.words for setting in SHARED_SETTINGS])).map(
        tuple
    ),
    ("Survey", "delimiter"): lambda _: st.sampled_from([",", ";", "\t"]),
    ("Survey", "exposure_key"): lambda _: st.none() | st.sampled_from(["EXPTIME", "ITIME"]),
    ("Survey", "plane"): lambda _: st.none() | st.integers(0, 9),
    # the annotations of a recipe say what its steps take and give; these are what they are for
    ("Recipe", "overscan"): _or_none(subtract_overscan),
    ("Recipe", "normalise"): lambda shape: steps(normalise_flat, shape=shape),
    ("Recipe", "flat_sources"): _or_none(mask_sources),
    ("Recipe", "electrons"): _or_none(to_electrons),
    ("Recipe", "orient"): _or_none(orient),
    ("Recipe", "linearity"): _or_none(linearise),
    ("Recipe", "cosmics"): _or_none(clean_cosmic_rays),
    ("Recipe", "align"): _or_none(align),
    ("Recipe", "fringe"): _or_none(subtract_fringe),
    ("Recipe", "healing"): _or_none(heal),
}


def _between(above: float | None = None, below: float | None = None, **ends: Any) -> bool:
    """Tell whether any number lies between limits."""
    low: float = max(ends.get("least", -math.inf), -math.inf if above is None else above)
    high: float = min(ends.get("most", math.inf), math.inf if below is None else below)
    return low < high


AGREE |= {
    "Clip": lambda clip: min(clip["low"], clip["high"]) < math.inf,
    "Limits": lambda limits: _between(**limits),
    "normalise_flat": lambda said: not said.get("region") or said.get("by", "mean") in ("mean", "median"),
}
