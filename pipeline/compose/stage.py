"""What a stage is: a pure function of one record with keyword settings, that records itself.

Called with a record it runs; called with settings only it is a step that waits for its record.  A setting that is
unknown, missing, or not of the type that its annotation asks for is refused when the step is made.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import logging
import operator
import pickle
import types
import typing
from collections.abc import Callable, Iterable
from functools import cached_property, reduce, update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeAlias, TypeVar, overload, runtime_checkable
from weakref import WeakValueDictionary

import attrs
import numpy as np

from pipeline.compose.running import at_work, how_to_run
from pipeline.compose.settings import Wanted, a_word, unknown_setting
from pipeline.compose.telling import advise, collecting, say
from pipeline.compose.written import names_in_words_of, written
from pipeline.errors import HeaderWarning, SettingError, SkippedWarning, StepError
from pipeline.headers.status import Done, State, unclear_card
from pipeline.records.arrays import Array, same_array
from pipeline.records.frames import FrameSet, Image, are_frames, as_frames, in_few_words, is_frame
from pipeline.records.history import Lineage, StepRecord
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.note import Note, merged
from pipeline.version import made_by_us

_log = logging.getLogger("pipeline")

P = ParamSpec("P")
In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class FrameLike(Protocol):
    """What a stage takes for an Image besides arrays: CCDData, an HDU, and what else has data and a header."""

    @property
    def data(self) -> Any:
        """The values."""

    @property
    def header(self) -> Any:
        """The cards."""


Frames: TypeAlias = Iterable[Image | Array | FrameLike]
"""What a stage takes for a FrameSet."""

ByRows: TypeAlias = bool | Callable[..., bool]
Looks: TypeAlias = Callable[..., Iterable[Note]]
Chooses: TypeAlias = Callable[..., dict[str, Any]]


@overload
def stage(function: Callable[Concatenate[In, P], Out], /) -> Stage[In, P, Out]: ...
@overload
def stage(
    *,
    rows: ByRows = False,
    does: str = "",
    believes: Callable[..., bool] | None = None,
    ceiling: Callable[..., float] | None = None,
    looks: Looks | None = None,
    another: Callable[..., bool] | None = None,
    chooses: Chooses | None = None,
) -> Callable[[Callable[Concatenate[In, P], Out]], Stage[In, P, Out]]: ...
def stage(
    function: Any = None,
    /,
    *,
    rows: ByRows = False,
    does: str = "",
    believes: Callable[..., bool] | None = None,
    ceiling: Callable[..., float] | None = None,
    looks: Looks | None = None,
    another: Callable[..., bool] | None = None,
    chooses: Chooses | None = None,
) -> Any:
    """Make a stage of a function of one record and keyword-only settings.

    >>> import attrs
    >>> import numpy as np
    >>> from pipeline import Image, stage
    >>> @stage(rows=True)
    ... def scaled(image: Image, *, by: float = 1.0) -> Image:
    ...     return attrs.evolve(image, data=image.pixels.times(by))
    >>> image = scaled(Image.of(np.ones((1, 2))), by=3)
    >>> image.values, [str(step) for step in image.history]
    (array([[3., 3.]]), ['scaled(by=3)'])

    :param rows: the stage is pixelwise: running it on some rows gives those rows of its result, so
        ``each`` of it over frames on disk reads nothing until rows are asked for.  A function tells of each image
        and the settings whether that is so.
    :param does: the field of :class:`~pipeline.headers.status.State` that the stage fills.  An image whose header says
        that it has been done is passed on as it is, with a :class:`SkippedWarning` (``force=True`` does it all
        the same); asked for twice in one chain, it is refused.
    :param believes: tells, of an image and the settings, whether the header that says that it has been done is
        believed: it may look at pixels, and say that they contradict.
    :param ceiling: all that the stage does is to flag values as saturated from the level that this function gives,
        of the image and the settings: frames on disk can then still be combined as they are stored.
    :param looks: gives, of the image before the stage and the settings, what there is to say of some of its rows: the
        same whether it lies in memory or on disk.
    :param another: tells, of an image that the stage has worked on here and the settings, whether this is another step
        than that.
    :param chooses: gives, of the image and the settings, those that depend on the image, such as the one that is its
        own of several masters: with these the stage runs, and is recorded.
    """
    if function is None:
        return lambda function: Stage(function, rows, does, believes, ceiling, looks, another, chooses)
    return Stage(function, rows, does, believes, ceiling, looks, another, chooses)


class Stage(Generic[In, P, Out]):
    """A function of one record with settings, made by :func:`stage`.

    >>> from pipeline import Stage, combine
    >>> isinstance(combine, Stage), combine.defaults["method"]
    (True, 'mean')

    :raises StepError: the function takes not one record and settings by name, or the record is of another type.
    :raises SettingError: a setting is unknown, missing, or of the wrong type.
    """

    def __init__(
        self,
        function: Callable[Concatenate[In, P], Out],
        rows: ByRows,
        does: str,
        believes: Callable[..., bool] | None = None,
        ceiling: Callable[..., float] | None = None,
        looks: Looks | None = None,
        another: Callable[..., bool] | None = None,
        chooses: Chooses | None = None,
    ) -> None:
        self.defaults = _settings_of(function)
        told = {"rows": None if isinstance(rows, bool) else rows, "believes": believes, "ceiling": ceiling}
        for name, asked in (told | {"looks": looks, "another": another, "chooses": chooses}).items():
            if asked is not None and not callable(asked):
                raise StepError(f"{function.__name__}: {name}={asked!r}; expected a function of the image and settings")
        update_wrapper(self, function)
        self.function = function
        self.rows = rows
        self.does = _known_effect(self.name, does)
        self.believes = believes
        self.ceiling = ceiling
        self.looks = looks
        self.another = another
        self.chooses = chooses

    @overload
    def __call__(self, record: In, /, *args: P.args, **settings: P.kwargs) -> Out: ...
    @overload
    def __call__(self, /, *args: P.args, **settings: P.kwargs) -> Step[In, Out]: ...
    @overload
    def __call__(self: Stage[FrameSet, P, Out], record: Frames, /, *args: P.args, **settings: P.kwargs) -> Out: ...
    @overload
    def __call__(
        self: Stage[Image, P, Out], record: Array | FrameLike, /, *args: P.args, **settings: P.kwargs
    ) -> Out: ...
    def __call__(self, /, *records: Any, **settings: Any) -> Any:
        """Run on a record, or with settings only wait for it.

        :raises SettingError: a setting is unknown, missing, or of the wrong type.
        """
        if len(records) > 1:
            raise SettingError(f"{self.name} takes one record, found {len(records)}; give its settings by name")
        step: Step[In, Out] = Step(self, self._checked(settings))
        return step(records[0]) if records else step

    def __repr__(self) -> str:
        return self.name

    def __get__(self, _owner: object, _kind: type | None = None) -> Self:
        """Stay a stage as an attribute of a class; and help() shows the settings of what has this, as of functions."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name where the name leads to this stage elsewhere too, and else whole, as for workers of Dask."""
        module, name = self.function.__module__, self.function.__qualname__
        if module != "__main__" and _is_named(self, module, name):
            return stage_named, (module, name)
        return _stage_in, (self._pickled,)

    def __deepcopy__(self, _memo: object) -> Stage[In, P, Out]:
        return self

    @cached_property
    def _pickled(self) -> bytes:
        """The stage itself, where no module has it by its name."""
        made_of = (
            self.function,
            self.rows,
            self.does,
            self.believes,
            self.ceiling,
            self.looks,
            self.another,
            self.chooses,
        )
        try:
            import cloudpickle
        except ImportError as error:
            raise StepError(
                f"{self.name} cannot go to another process: it is defined in a notebook, a script or a function; put "
                "it into a module, or pip install cloudpickle"
            ) from error
        pickled: bytes = cloudpickle.dumps(made_of)
        _STAGES[pickled] = self
        return pickled

    def by_rows(self, image: Image, settings: dict[str, Any]) -> bool:
        """Tell whether the stage is pixelwise on this image, so that it can be run on some of its rows."""
        return self.rows if isinstance(self.rows, bool) else self.rows(image, **settings)

    def look(self, image: Any, settings: dict[str, Any]) -> None:
        """Say what there is to say of some rows of an image on which the stage did its work."""
        if self.looks:
            say(*self.looks(image, **(self.defaults | settings)))

    @property
    def content(self) -> Callable[..., Any]:
        """What tells it from all other stages."""
        return self.function

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.__name__

    @cached_property
    def required(self) -> list[str]:
        """The settings without a default."""
        return [name for name, default in self.defaults.items() if default is inspect.Parameter.empty]

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The types of the record and the settings.

        :raises StepError: they cannot be read.
        """
        try:
            return typing.get_type_hints(self.function, include_extras=True)
        except (NameError, TypeError, AttributeError) as error:
            raise StepError(
                f"{self.name}: its annotations cannot be read ({error}); import what they name in the module of the "
                "stage, and not for type checkers alone"
            ) from error

    @cached_property
    def takes(self) -> Any:
        """The type of record that the stage takes.

        :raises StepError: it is none.
        """
        record = next(iter(inspect.signature(self.function).parameters))
        wanted = self.hints.get(record)
        options = typing.get_args(wanted) or (wanted,)
        if not all(isinstance(one, type) and hasattr(one, "recorded") for one in options):
            found = "nothing" if wanted is None else getattr(wanted, "__name__", str(wanted))
            raise StepError(
                f"{self.name}: its annotation says that it takes {found}; a stage takes a record, so that header and "
                f"history go with the pixels: def {self.name}({record}: Image, ...) -> Image"
            )
        if wanted is not Image and (self.rows or self.does):
            raise StepError(f"{self.name}: rows= and does= are for stages of one Image; it takes {words_of(wanted)}")
        return wanted

    @cached_property
    def wanted(self) -> dict[str, Wanted]:
        """What each setting may be."""
        return {name: Wanted(self.hints.get(name, Any)) for name in self.defaults}

    def _checked(self, settings: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
        """Give settings as a step keeps them, in the order of the stage."""
        kept = {}
        for name, value in settings.items():
            if name not in self.defaults:
                raise unknown_setting(self.name, name, self.defaults)
            default = self.defaults[name]  # whatever it is annotated as, as in ``radius: float = None``
            kept[name] = value if value is default else self.wanted[name].take(value, self.name, name)
        missing = [name for name in self.required if name not in settings]
        if missing:
            none = f": for none, say {missing[0]}=None" if self.wanted[missing[0]].takes(None) else ""
            raise SettingError(f"{self.name} needs {', '.join(missing)}{none}")
        return tuple((name, kept[name]) for name in self.defaults if name in kept)


@attrs.frozen(repr=False)
class Step(Generic[In_contra, Out_co]):
    """A stage with its settings, waiting for its record.  Its repr is the expression that made it.

    >>> from pipeline import Step, combine
    >>> combine(method="median")
    combine(method='median')
    >>> isinstance(combine(), Step), combine() == combine(method="mean")
    (True, True)

    :raises StepError: the record is of the wrong type, or has gone through this step before.
    """

    stage: Stage[Any, Any, Any]
    settings: tuple[tuple[str, Any], ...] = ()

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __eq__(self, other: object) -> bool:
        """Tell whether it is the same step: what is not said is as its default."""
        if not isinstance(other, Step):
            return NotImplemented
        mine, theirs = self.every_setting, other.every_setting
        return self.stage == other.stage and all(same_setting(mine[name], theirs[name]) for name in mine)

    @cached_property
    def every_setting(self) -> dict[str, Any]:
        """The settings, those that were not given among them."""
        return self.stage.defaults | dict(self.settings)

    @property
    def content(self) -> tuple[Any, ...]:
        """What tells it from all other steps: what is not said is as its default."""
        return self.stage, self.every_setting

    @cached_property
    def in_history(self) -> tuple[tuple[str, str], ...]:
        """The settings as they stand in the history, those that were not given among them."""
        return tuple((name, written(value)) for name, value in self.every_setting.items())

    @overload
    def __call__(self, record: In_contra) -> Out_co: ...
    @overload
    def __call__(self: Step[FrameSet, Out_co], record: Frames) -> Out_co: ...
    @overload
    def __call__(self: Step[Image, Out_co], record: Array | FrameLike) -> Out_co: ...
    def __call__(self, record: Any) -> Any:
        """Run on a record, and write the step into the result's history.

        :raises StepError: the record is of the wrong type, or has gone through this step before.
        """
        return self.run_looking(record, self)

    def on_no_rows(self, nothing: In_contra, image: Any) -> Out_co:
        """Run on no rows of an image on disk, to see what becomes of the rest; what looks at pixels sees the image."""
        return self.on_rows(0, 0, image.shape).run_looking(nothing, self, image)

    def run_looking(self, record: In_contra, whole: Step[In_contra, Out_co], image: Any = None) -> Out_co:
        """Run on a record, and let what looks at pixels see the ``image`` and the settings that this is cut from."""
        stage = self.stage
        record = _taken(record, stage.takes)
        if not isinstance(record, stage.takes):
            wanted, found = words_of(stage.takes), in_few_words(record)
            raise StepError(f"{stage.name} takes {wanted}, found {found}{_mend(stage, record)}")
        whole = whole.chosen_for(record if image is None else image)
        settings = self.chosen_for(record).every_setting
        told_none = idle(stage, settings)
        with collecting() as said:
            done = None if told_none else done_before(stage, record, settings)
            if done and stage.believes and not stage.believes(record, **settings):
                done = None
            if done:
                advise(_skipped(stage, record, done), SkippedWarning, of=record)
            elif not told_none and not settings.get("force"):
                _ask_unclear_card(stage, record)
            if not how_to_run().quiet:
                _log.debug("%s of %r", self, record)
            with at_work(stage.name.replace("_", " "), record):
                result: Any = record if done else _given(stage, record, settings)
            worked = not (done or told_none)
            if worked and stage.looks and not how_to_run().quiet:
                stage.look(record if image is None else image, dict(whole.settings))
            step = StepRecord(
                stage=stage.name,
                settings=whole.in_history,
                masters=tuple(value.lineage for value in settings.values() if is_master(value)),
                does=stage.does,
                idle=told_none,
                done_before=done,
                needless=result is record and worked,
                said=merged(said),
            )
            recorded: Out_co = result.recorded(step)
        return recorded

    def chosen_for(self, image: Any) -> Step[In_contra, Out_co]:
        """Give the step with those of its settings that are an image's own, where the stage chooses them."""
        chosen = self.stage.chooses(image, **self.every_setting) if self.stage.chooses else {}
        return attrs.evolve(self, settings=tuple((self.every_setting | chosen).items())) if chosen else self

    @classmethod
    def taken_as(cls, value: object, takes: type, gives: type) -> Step[Any, Any] | None:
        """Give what a setting was given as a step from one sort of record to another, if it is one.

        A stage that needs no settings is.
        """
        if isinstance(value, Stage):
            value = None if value.required else value()
        if not isinstance(value, Step) or value.stage.takes is not takes:
            return None
        return value if value.stage.hints.get("return") in (gives, None) else None

    def __repr__(self) -> str:
        return f"{self.stage.name}({', '.join(f'{name}={written(value)}' for name, value in self.settings)})"

    @property
    def names(self) -> dict[str, Any]:
        """What the names in its repr stand for: evaluated with these, it is the same again."""
        return names_in_words_of(self)

    @property
    def made_with(self) -> tuple[Any, ...]:
        """The stage, and the settings that were given."""
        return self.stage, *(value for _, value in self.settings)

    def on_rows(self, start: int, stop: int, shape: tuple[int, int]) -> Step[In_contra, Out_co]:
        """Give the step for some rows only of images of a shape: masters, and arrays of that shape, are cut to them."""

        def cut(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return value[start:stop] if value.shape[:2] == shape else value
            if type(value) is tuple:
                return tuple(map(cut, value))
            return value.on_rows(start, stop) if _may_hold_pixels(value) and isinstance(value, HasRows) else value

        return attrs.evolve(self, settings=tuple((name, cut(value)) for name, value in self.settings))


def _taken(record: Any, wanted: type) -> Any:
    """Take what others call a frame as an Image, and a list of frames as a FrameSet, where that is wanted."""
    if wanted is Image and is_frame(record):
        return Image.of(record)
    return as_frames(record) if wanted is FrameSet and are_frames(record) else record


def _settings_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Give the settings of a stage's function in order, with their defaults: ``inspect.Parameter.empty`` for none.

    :raises StepError: it is no function of one record and settings by name.
    """
    try:
        name, signature = function.__name__, inspect.signature(function)
    except (AttributeError, TypeError, ValueError) as error:
        raise StepError(f"{function!r} is no stage: it takes a function with a name, made by def") from error
    first, *rest = signature.parameters.values() or (None,)
    positional = first is not None and first.kind in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD)
    if not positional or any(parameter.kind is not parameter.KEYWORD_ONLY for parameter in rest):
        taken = ", ".join(signature.parameters)
        raise StepError(
            f"{name}({taken}): a stage takes one record, and its settings are keyword-only, each by its name: "
            f"def {name}(image: Image, *, factor: float = 1.0) -> Image"
        )
    return {parameter.name: parameter.default for parameter in rest}


def _known_effect(name: str, does: object) -> str:
    """Refuse the misspelt name of a field of State; what headers do not tell of may have any other name."""
    known = [field.name for field in attrs.fields(State) if field.name != "unit"]
    if not isinstance(does, str):
        raise StepError(f"{name}: does={does!r}; expected a name such as {known[0]!r}")
    close = difflib.get_close_matches(does, known, n=1)
    if does and does not in known and (close or not does.isidentifier()):
        meant = (
            f"; did you mean {close[0]!r}?" if close else f"; expected one of {', '.join(known)}, or a name of its own"
        )
        raise StepError(f"{name}: does={does!r} is nothing that a header tells of{meant}")
    return does


def _given(stage: Stage[Any, Any, Any], record: Any, settings: dict[str, Any]) -> Any:
    """Run a stage's function, and give what it gives, with the history and the notes of what it was given.

    :raises StepError: it gives no record such as it says, or would change one.
    """
    try:
        with np.errstate(over="ignore"):  # damaged values may be huge: what overflows is infinite, no finite result
            result = stage.function(record, **settings)
    except attrs.exceptions.FrozenInstanceError as error:
        raise StepError(
            f"{stage.name} sets a field of a record, and records do not change; give attrs.evolve(image, ...)"
        ) from error
    except StopIteration as error:  # which would end a loop around, in silence
        raise StepError(f"{stage.name} asked an iterator for more than it has; give next(...) a default") from error
    except ValueError as error:
        if "read-only" not in str(error) and "WRITEABLE" not in str(error):
            raise
        raise StepError(
            f"{stage.name} writes into an array of its record, and these do not change; work on a copy: "
            "values = image.pixels.values.copy()"
        ) from error
    _check_given(stage, result)
    return result if result is record else _with_past(record, result)


def _with_past(before: Any, after: Any) -> Any:
    """Give a record what went before, where a stage made it afresh, as by ``Image.of``: history and notes go on."""
    if isinstance(after, FrameSet) and isinstance(before, FrameSet) and len(after) == len(before):
        every = list(map(_with_past, before, after))
        return after if all(map(operator.is_, every, after)) else FrameSet(every)
    if not isinstance(after, Image) or after.history or not isinstance(before, Image | FrameSet):
        return after
    if after.said is before.said and not before.history:
        return after
    return attrs.evolve(after, history=before.history, said=merged((*before.said, *after.said)))


def _check_given(stage: Stage[Any, Any, Any], result: object) -> None:
    """Refuse what a stage gives that is not the record that it says it gives."""
    wanted = stage.hints.get("return")
    if (isinstance(wanted, type) and not isinstance(result, wanted)) or not hasattr(result, "recorded"):
        a_record = words_of(wanted) if isinstance(wanted, type) else "a record"
        raise StepError(
            f"{stage.name} gave {in_few_words(result)} and should give {a_record}, with its header and history: such "
            "as attrs.evolve(image, data=attrs.evolve(image.pixels, values=...))"
        )


def idle(stage: Stage[Any, Any, Any], settings: dict[str, Any]) -> bool:
    """Tell whether a step was told that there is nothing to do, as by ``bias=None``."""
    return bool(stage.required) and all(settings[name] is None for name in stage.required)


def done_before(stage: Stage[Any, Any, Any], record: Any, settings: dict[str, Any]) -> Done | None:
    """Say by what a step's work has been done already; None where it has not, or is to be done all the same."""
    if not stage.does or settings.get("force"):
        return None
    if any(step.is_of(stage) and step.worked for step in record.history):
        if stage.another and stage.another(record, **settings):
            return None
        once_more = "; force=True does it once more" if "force" in stage.defaults else ""
        raise StepError(f"{record.name}: {stage.name} asked for twice; the history holds it already{once_more}")
    done: Done | None = getattr(record.state, stage.does, None)
    if done and not done.sure:
        raise StepError(f"{record.name}: {stage.name} may have been done already ({done}); put it first")
    return done


def _skipped(stage: Stage[Any, Any, Any], record: Any, done: Done) -> str:
    """Say that a step is skipped; of masters that were made here all at once: nothing else is to be expected."""
    if record.kind in ("bias", "dark", "flat") and made_by_us(record.header.get("CREATOR")):
        return "made here, as its header says: what was done to it is not done again"
    return f"{stage.name} skipped, being done already ({done})"


def skips(step: Step[Image, Any], image: Image) -> bool:
    """Tell whether a step would pass an image on as it is, its work having been done before."""
    return not idle(step.stage, step.every_setting) and bool(done_before(step.stage, image, step.every_setting))


def _ask_unclear_card(stage: Stage[Any, Any, Any], image: Any) -> None:
    """Say where a header's word may mean that a step has been done.  An overscan that is out is 0, and out again."""
    unclear = unclear_card(image.header, stage.does) if stage.does not in ("", "overscan") else ""
    if unclear:
        advise(
            f"{unclear} does not say whether {stage.name} has been done already; taken as not done",
            HeaderWarning,
            of=image,
            mend=f"if it has, leave {stage.name} out; if not, say force=True",
            at_command=f"say --raw {image.kind}, or --finished {image.kind}",
        )


def same_setting(a: object, b: object) -> bool:
    """Tell whether two settings are the same, arrays among them."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and same_array(a, b)
    return bool(a == b)


def _mend(stage: Stage[Any, Any, Any], record: object) -> str:
    """Say what to do about a record of the wrong type."""
    found, wanted = type(record).__name__, getattr(stage.takes, "__name__", "")
    return {
        ("FrameSet", "Image"): f"; combine the frames first, or wrap the step: each({stage.name}(...))",
        ("Image", "FrameSet"): "; give it a FrameSet of frames, such as frames.light",
    }.get((found, wanted), "")


@runtime_checkable
class Master(Protocol):
    """What a stage may be given as a setting that is made of frames, such as ``subtract_bias(bias=...)``.

    The history of what it was used for keeps its ``lineage``, and so its notes, its frames and their steps.  Where a
    stage is run on some rows, ``on_rows`` cuts it to these.  A class of your own is a master when it has both, and has
    them when it is a subclass.

    >>> import attrs
    >>> import numpy as np
    >>> from pipeline import Image, Master
    >>> @attrs.frozen
    ... class MasterSky(Master):
    ...     image: Image
    >>> MasterSky(Image.of(np.ones((2, 3)), name="sky.fits")).lineage.sources
    ('sky.fits',)
    """

    image: Image

    @property
    def lineage(self) -> Lineage:
        """What it is made of."""
        return self.image.lineage

    def on_rows(self, start: int, stop: int) -> Any:
        """Give the same for some rows only."""
        return attrs.evolve(self, image=self.image.rows(start, stop))  # type: ignore[misc]


@runtime_checkable
class HasRows(Protocol):
    """A setting that has a value for each pixel of the image, such as a Mask: it is cut to the rows of the image."""

    def on_rows(self, start: int, stop: int) -> Any:
        """Give the same for some rows only."""


def is_master(value: object) -> bool:
    """Tell whether a setting is a Master, as isinstance does in fifty times as long."""
    return _may_hold_pixels(value) and hasattr(value, "lineage") and hasattr(value, "image")


def _may_hold_pixels(value: object) -> bool:
    """Tell at once of most settings that they are no master."""
    return type(value) not in (int, float, bool, str, tuple, types.NoneType)


_STAGES: WeakValueDictionary[bytes, Stage[Any, Any, Any]] = WeakValueDictionary()
"""The stages that were pickled here, or came here so: each of them comes back as itself."""


def _stage_in(pickled: bytes) -> Stage[Any, Any, Any]:
    """Give the stage that was pickled whole: the same one each time."""
    if (known := _STAGES.get(pickled)) is not None:
        return known
    made: Stage[Any, Any, Any] = Stage(*pickle.loads(pickled))  # noqa: S301 - a pickle inside a pickle
    made.__dict__["_pickled"] = pickled
    return _STAGES.setdefault(pickled, made)


def _is_named(thing: object, module: str, name: str) -> bool:
    """Tell whether a thing is found by a name."""
    try:
        return stage_named(module, name) is thing
    except (ImportError, AttributeError):
        return False


def stage_named(module: str, name: str) -> Any:
    """Import a module, and give what it has by a name: a stage, where it is one.

    :raises ImportError: there is no such module.
    :raises AttributeError: it has no such name.
    """
    return reduce(getattr, name.split("."), importlib.import_module(module))


def words_of(hint: Any) -> str:
    """Say what type an annotation asks for."""
    options = [one for one in (typing.get_args(hint) or (hint,)) if isinstance(one, type)]
    return " or ".join("None" if one is types.NoneType else a_word(one.__name__) for one in options) or str(hint)
