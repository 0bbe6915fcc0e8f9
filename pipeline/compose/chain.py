"""Putting steps together: ``pipe`` runs them, ``chain`` joins them, ``each`` maps one over a FrameSet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

import attrs
import toolz

from pipeline.compose.lazy import lazily
from pipeline.compose.running import how_to_run, one_by_one
from pipeline.compose.spool import SpooledPixels
from pipeline.compose.stage import Frames, In_contra, Out_co, Stage, Step
from pipeline.compose.telling import collecting, keeping, told_together
from pipeline.compose.written import names_in_words_of
from pipeline.errors import StepError
from pipeline.records.arrays import Array
from pipeline.records.frames import FrameSet, Image, are_frames, as_frames, in_few_words, is_frame
from pipeline.records.history import StepRecord
from pipeline.records.identity import cheap_hash, content_key

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")


if TYPE_CHECKING:

    @overload
    def pipe(record: A, /) -> A: ...
    @overload
    def pipe(record: A, f1: Callable[[A], B], /) -> B: ...
    @overload
    def pipe(record: A, f1: Callable[[A], B], f2: Callable[[B], C], /) -> C: ...
    @overload
    def pipe(record: A, f1: Callable[[A], B], f2: Callable[[B], C], f3: Callable[[C], D], /) -> D: ...
    @overload
    def pipe(
        record: A, f1: Callable[[A], B], f2: Callable[[B], C], f3: Callable[[C], D], f4: Callable[[D], E], /
    ) -> E: ...
    @overload
    def pipe(
        record: A,
        f1: Callable[[A], B],
        f2: Callable[[B], C],
        f3: Callable[[C], D],
        f4: Callable[[D], E],
        f5: Callable[[E], F],
        /,
    ) -> F: ...
    @overload
    def pipe(
        record: A,
        f1: Callable[[A], B],
        f2: Callable[[B], C],
        f3: Callable[[C], D],
        f4: Callable[[D], E],
        f5: Callable[[E], F],
        f6: Callable[[F], G],
        /,
    ) -> G: ...
    @overload
    def pipe(
        record: A,
        f1: Callable[[A], B],
        f2: Callable[[B], C],
        f3: Callable[[C], D],
        f4: Callable[[D], E],
        f5: Callable[[E], F],
        f6: Callable[[F], G],
        f7: Callable[[G], H],
        /,
    ) -> H: ...
    def pipe(record: Any, /, *functions: Callable[[Any], Any]) -> Any:
        """Pass a record through functions, left to right (toolz.pipe, with types)."""

else:

    def pipe(record: Any, /, *functions: Callable[[Any], Any]) -> Any:
        """Pass a record through functions, left to right, as toolz.pipe does.

        >>> import numpy as np
        >>> from pipeline import Image, combine, pipe, subtract_bias
        >>> frames = [Image.of(np.full((2, 3), value)) for value in (1.0, 3.0)]
        >>> pipe(frames, combine(clip=None), subtract_bias(bias=None)).values[0, 0]
        np.float64(2.0)

        :raises StepError: a function gives a bare array for a record, and a step is to go on with that.
        """
        return _through(record, tuple(map(_a_step, functions)))


def _a_step(function: Any) -> Callable[[Any], Any]:
    """Refuse what is no function, where steps are put together."""
    if not callable(function):
        raise StepError(f"{function!r} is no step; put together steps, stages and functions of one record")
    return cast("Callable[[Any], Any]", function)


def _through(record: Any, functions: Sequence[Callable[[Any], Any]], *, into_frames: bool = False) -> Any:
    """Pass a record through functions; each fact that they say is told once, and kept.

    A step keeps what is said in it.  What is said in another function belongs to the step around, or else goes on
    with the record that the function gives.  What a function of another's has changed has a line in the history.

    :param into_frames: the result goes into a FrameSet, which takes arrays too.
    """
    with told_together():
        for place, function in enumerate(functions):
            before = record
            with collecting() as said:
                record = function(record)
            record = keeping(said, record)
            goes_on = into_frames if place + 1 == len(functions) else into_frames or _is_ours(functions[place + 1])
            if isinstance(before, Image | FrameSet) and not isinstance(function, Step | Stage):
                if goes_on:
                    _check_kept(function, before, record)
                record = _signed(function, before, record)
    return record


def _is_ours(function: Callable[[Any], Any]) -> bool:
    """Tell whether a function takes records: a step, a chain, or what makes a master."""
    function = getattr(function, "func", function)  # of what functools.partial made
    return isinstance(function, Step | Stage | Chain | Each) or str(getattr(function, "__module__", "")).startswith(
        "pipeline."
    )


def _signed(function: Callable[[Any], Any], before: Image | FrameSet, after: Any) -> Any:
    """Say in the history of the frames that a plain function made new ones of that it did; it may only choose some."""
    if after is before or not isinstance(after, Image | FrameSet) or _is_ours(function):
        return after
    step = StepRecord(f"plain function {getattr(function, '__qualname__', repr(function))}")
    if isinstance(after, Image) and isinstance(before, Image):
        return after.recorded(step)
    given = {id(frame) for frame in ([before] if isinstance(before, Image) else before)}
    if isinstance(after, Image):
        return after if id(after) in given else after.recorded(step)
    return FrameSet(frame if id(frame) in given else frame.recorded(step) for frame in after)


def _check_kept(function: Callable[[Any], Any], before: Image | FrameSet, after: object) -> None:
    """Refuse an array in place of the record that was given, and a record that has lost its history."""
    lost = isinstance(after, Image | FrameSet) and before.history and not after.history
    bare = is_frame(after) and not hasattr(after, "to_image")
    if lost or bare:
        called = getattr(function, "__qualname__", repr(function))
        gave = "an image without its history" if lost else in_few_words(after)
        raise StepError(
            f"{called} gave {gave}: header, variance, state and history would be lost; give the image with other "
            "pixels: attrs.evolve(image, data=attrs.evolve(image.pixels, values=...))"
        )


@attrs.frozen(repr=False)
class Chain(Generic[In_contra, Out_co]):
    """Steps joined into one, made by :func:`chain`."""

    steps: tuple[Callable[[Any], Any], ...] = ()
    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    @overload
    def __call__(self, record: In_contra) -> Out_co: ...
    @overload
    def __call__(self: Chain[FrameSet, Out_co], record: Frames) -> Out_co: ...
    @overload
    def __call__(self: Chain[Image, Out_co], record: Array) -> Out_co: ...
    def __call__(self, record: Any) -> Any:
        """Run the steps, left to right."""
        return _through(record, self.steps)

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self.steps))})"

    @property
    def names(self) -> dict[str, Any]:
        """What the names in its repr stand for: evaluated with these, it is the same again."""
        return names_in_words_of(self)

    @property
    def made_with(self) -> tuple[Any, ...]:
        """The function that makes one, and its steps."""
        return chain, *self.steps


@overload
def chain() -> Chain[Any, Any]: ...
@overload
def chain(f1: Callable[[A], B], /) -> Chain[A, B]: ...
@overload
def chain(f1: Callable[[A], B], f2: Callable[[B], C], /) -> Chain[A, C]: ...
@overload
def chain(f1: Callable[[A], B], f2: Callable[[B], C], f3: Callable[[C], D], /) -> Chain[A, D]: ...
@overload
def chain(f1: Callable[[A], B], f2: Callable[[B], C], f3: Callable[[C], D], f4: Callable[[D], E], /) -> Chain[A, E]: ...
@overload
def chain(
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    /,
    *more: Callable[[F], F],
) -> Chain[A, F]: ...
def chain(*steps: Callable[[Any], Any]) -> Chain[Any, Any]:
    """Join steps into one step.  Chains of chains are flat; ``chain()`` changes nothing.

    >>> from pipeline import chain
    >>> chain(abs, chain(float, str))
    chain(<built-in function abs>, <class 'float'>, <class 'str'>)
    >>> chain(abs, chain(float, str))(-1)
    '1.0'

    :raises StepError: one of them is no function.
    """
    flat = toolz.concat(step.steps if isinstance(step, Chain) else (_a_step(step),) for step in steps)
    return Chain(tuple(flat))


def each(step: Callable[[Image], Image]) -> Each:
    """Map a step over the frames of a FrameSet.

    Pixelwise steps over frames on disk read nothing yet: the result is read, and computed, rows by rows.

    >>> import numpy as np
    >>> from pipeline import Image, each, subtract_bias
    >>> each(subtract_bias(bias=None))([Image.of(np.ones((2, 3))), Image.of(np.ones((2, 3)))])
    FrameSet(2 light)

    :raises StepError: it is called with what is no FrameSet, and no list of frames.
    """
    return Each(step() if isinstance(step, Stage) else _a_step(step))


@attrs.frozen(repr=False)
class Each:
    """A step mapped over the frames of a FrameSet, made by :func:`each`."""

    step: Callable[[Image], Image]
    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __call__(self, frames: Iterable[Any]) -> FrameSet:
        """Run the step on every frame.

        :raises StepError: it is given something else than a FrameSet.
        """
        if not are_frames(frames):
            raise StepError(f"{self!r} takes a FrameSet, found {in_few_words(frames)}")
        known, parts = as_frames(frames), _parts(self.step)
        with told_together():
            return FrameSet(_run(frame, parts, len(known)) for frame in one_by_one(known.frames, "frame"))

    def __repr__(self) -> str:
        return f"each({self.step!r})"

    @property
    def names(self) -> dict[str, Any]:
        """What the names in its repr stand for: evaluated with these, it is the same again."""
        return names_in_words_of(self)

    @property
    def made_with(self) -> tuple[Any, ...]:
        """The function that makes one, and its step."""
        return each, self.step


def _run(frame: Image, parts: list[Callable[[Image], Image]], frames: int) -> Image:
    """Run steps on one of so many frames: what was read from disk and needed its whole image may go back to disk."""
    result: Image = _through(frame, parts, into_frames=True)
    fresh = isinstance(result, Image) and not frame.in_memory
    return _within_budget(result, frames) if fresh else result


def _parts(step: Callable[[Image], Image]) -> list[Callable[[Image], Image]]:
    """Split a chain into its steps, each made lazy where it can be."""
    steps = step.steps if isinstance(step, Chain) else (step,)
    return [lazily(part() if isinstance(part, Stage) else part) for part in steps]


def _within_budget(image: Image, frames: int) -> Image:
    """Keep the pixels of an image in memory if those of so many frames have room in the budget, else in the spool."""
    if not image.in_memory:
        return image
    pixels = image.pixels
    planes = [pixels.values, pixels.flags, pixels.variance, *(pixels.values for _ in pixels.shared_keys)]
    size = sum(plane.nbytes for plane in planes if plane is not None)
    return attrs.evolve(image, data=SpooledPixels.of(pixels)) if size * frames > how_to_run().memory else image
