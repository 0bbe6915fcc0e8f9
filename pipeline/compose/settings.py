"""What a setting may be: read from its annotation, and checked when a step or a record of settings is made.

``Literal`` gives the words, :class:`Limits` the range of a number, and everything else the type.  A numpy scalar
counts as the number that it is, a Quantity as its value in the unit that is asked for, a list or an array as the tuple:
a step keeps plain Python values, so that it shows, compares and pickles as if those had been given.
"""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from functools import cache, wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import attrs
import numpy as np

from pipeline.errors import SettingError
from pipeline.records.arrays import seal
from pipeline.records.frames import Image, in_few_words, is_frame

Record = TypeVar("Record", bound=type)
Result = TypeVar("Result")
P = ParamSpec("P")

UNITS = {"s": "seconds", "adu": "ADU", "electron": "e⁻", "electron/adu": "e⁻/ADU", "pixel": "pixels", "": ""}
"""Units by the names that FITS and astropy have for them, and what they are called in messages."""


@attrs.frozen
class Limits:
    """Between what a number lies, as in ``exposure: Annotated[float, Limits(above=0, unit="s")]``.

    ``above`` and ``below`` are no part of the range, ``least`` and ``most`` are.  NaN is no number, nor is infinity
    unless ``finite=False``.  A Quantity is brought to ``unit``; it is refused without one, or of another sort of unit.
    Limits between which no number lies are refused.

    >>> from typing import Annotated
    >>> from pipeline import Image, Limits, stage
    >>> @stage
    ... def waited(image: Image, *, seconds: Annotated[float, Limits(above=0, unit="s")]) -> Image:
    ...     return image
    >>> waited(seconds=0)
    Traceback (most recent call last):
    pipeline.errors.SettingError: waited: seconds=0; expected a positive number of seconds
    """

    above: float | None = None
    below: float | None = None
    least: float = -math.inf
    most: float = math.inf
    finite: bool = True
    unit: str = ""

    def __attrs_post_init__(self) -> None:
        ends_of_both = (self.above, self.least), (self.below, self.most)
        lower, upper = ([end for end in ends if end is not None] for ends in ends_of_both)
        if not all(isinstance(end, numbers.Real) for end in lower + upper):
            raise SettingError(f"{self!r}: expected numbers as its ends")
        if not max(lower) < min(upper) and not (max(lower) == min(upper) and self.hold(max(lower))):
            raise SettingError(f"{self!r}: no number lies between its ends")

    def __repr__(self) -> str:
        said = ((field.name, getattr(self, field.name)) for field in attrs.fields(Limits))
        kept = (f"{name}={value!r}" for name, value in said if value != getattr(Limits(), name))
        return f"Limits({', '.join(kept)})"

    def hold(self, number: float) -> bool:
        """Tell whether a number is one of these."""
        return (
            self.least <= number <= self.most
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
            and (not self.finite or math.isfinite(number))
        )

    def words(self, number: str = "number") -> str:
        """Say which numbers these are.

        >>> Limits(above=0, unit="s").words(), Limits(least=0, most=20).words("whole number")
        ('a positive number of seconds', 'a whole number from 0 to 20')
        """
        low = "" if self.above is None else f"above {self.above:g}"
        low = f"from {self.least:g}" if self.least > -math.inf else low
        high = "" if self.below is None else f"below {self.below:g}"
        high = f"up to {self.most:g}" if self.most < math.inf else high
        between = " and ".join(filter(None, (low, high))).replace(
            " and up to", " to" if low[:1] == "f" else " and up to"
        )
        if between == "above 0":
            number, between = f"positive {number}", ""
        elif not between and self.finite:
            number = f"finite {number}"
        unit = f"of {UNITS.get(self.unit, self.unit)}" if self.unit else ""
        return " ".join(filter(None, ("a", number, unit, between)))


_UNFIT: Any = object()
"""What is given for a value that a setting may not be."""

_Option: TypeAlias = tuple[list[str], Callable[[Any], Any]]
"""What a setting may be: in words, and as a function that gives a value as it is kept, or ``_UNFIT``."""


class Wanted:
    """What a setting may be, read from its annotation."""

    def __init__(self, hint: Any) -> None:
        self._options = tuple(_option(part) for part in parts_of(hint))
        self._choices = [word for word in _choices(hint) if isinstance(word, str)]

    @property
    def words(self) -> str:
        """Say what the setting may be."""
        return _listed([words for option, _ in self._options for words in option])

    def taken(self, value: Any) -> Any:
        """Give a value as it is kept, or ``_UNFIT``."""
        for _, take in self._options:
            kept = take(value)
            if kept is not _UNFIT:
                return kept
        return _UNFIT

    def takes(self, value: Any) -> bool:
        """Tell whether the setting may be this."""
        return self.taken(value) is not _UNFIT

    def take(self, value: Any, owner: str, name: str) -> Any:
        """Give a value as it is kept.

        :raises SettingError: the setting may not be this.
        """
        kept = self.taken(value)
        if kept is _UNFIT:
            strange = [one for one in value if one not in self._choices] if isinstance(value, tuple | list) else [value]
            meant = next(filter(None, (_did_you_mean(one, self._choices) for one in strange)), "")
            raise SettingError(f"{owner}: {name}={_shown(value)}; expected {self.words}{meant}")
        return kept


def unknown_setting(owner: str, name: str, known: Iterable[str]) -> SettingError:
    """Make the error for a setting that its owner does not have."""
    known = list(known)
    has = f"; it has {', '.join(known)}" if known else "; it has none"
    return SettingError(f"{owner} has no setting {name!r}{_did_you_mean(name, known) or has}")


def _did_you_mean(word: object, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1) if isinstance(word, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""


def _listed(words: Iterable[str]) -> str:
    """List what may be, and what is a tuple of what is listed already as that.

    >>> _listed(["a number", "a tuple of which each is a number", "None"])
    'a number, a tuple of such or None'
    """
    *others, last = dict.fromkeys(words)
    every = [one.replace(f"which each is {others[0]}", "such") if others else one for one in (*others, last)]
    return " or ".join(filter(None, (", ".join(every[:-1]), every[-1])))


def _shown(value: object) -> str:
    """Write a value for a message: a Quantity with its unit; an array, whose repr may be long, by type and shape."""
    if getattr(value, "isscalar", False):
        return str(value)
    an_array = type(value) is np.ndarray and value.ndim
    return f"an array of {value.dtype}, {value.shape}" if an_array else in_few_words(value)  # type: ignore[attr-defined]


def checked(record: Record) -> Record:
    """Check the fields of an attrs record by their annotations whenever one is made, before its own validators do.

    >>> @checked
    ... @attrs.frozen
    ... class Sky:
    ...     by: typing.Literal["mode", "median"] = "mode"
    >>> Sky(by="mdian")
    Traceback (most recent call last):
    pipeline.errors.SettingError: Sky: by='mdian'; expected 'mode' or 'median'; did you mean 'median'?
    """
    make, owner = record.__init__, record.__name__  # type: ignore[misc]

    @cache
    def wanted_of_fields() -> dict[str, Wanted]:
        """Read the annotations once, when the first is made: the module that they are in is whole by then."""
        hints = typing.get_type_hints(record, include_extras=True)
        by_type = {field.alias: hints[field.name] for field in attrs.fields(record)}
        converted = {field.alias: Any for field in attrs.fields(record) if field.converter}
        return {name: Wanted(hint) for name, hint in (by_type | converted).items()}

    @wraps(make)
    def make_checked(self: Any, /, *values: Any, **settings: Any) -> None:
        wanted = wanted_of_fields()
        for name in settings:
            if name not in wanted:
                raise unknown_setting(owner, name, wanted)
        named = zip(wanted, values, strict=False)
        kept = [wanted[name].take(value, owner, name) for name, value in named]
        rest = {name: wanted[name].take(value, owner, name) for name, value in settings.items()}
        make(self, *kept, *values[len(kept) :], **rest)

    record.__init__ = make_checked  # type: ignore[misc]
    return record


def checked_call(function: Callable[P, Result]) -> Callable[P, Result]:
    """Check the settings of a function that is no stage by their annotations, whenever it is called.

    Settings are what has a default.

    >>> @checked_call
    ... def stars(image: Any, sigma: typing.Annotated[float, Limits(above=0)] = 5.0) -> int: ...
    >>> stars([], sigma=-1)
    Traceback (most recent call last):
    pipeline.errors.SettingError: stars: sigma=-1; expected a positive number
    """
    signature, owner = inspect.signature(function), function.__name__
    defaults = {name: one.default for name, one in signature.parameters.items() if one.default is not one.empty}

    @cache
    def wanted_of_settings() -> dict[str, Wanted]:
        """Read the annotations of settings alone: others may be for type checkers."""
        asked = types.SimpleNamespace(__annotations__={name: function.__annotations__[name] for name in defaults})
        hints = typing.get_type_hints(asked, inspect.unwrap(function).__globals__, include_extras=True)
        return {name: Wanted(hints[name]) for name in defaults}

    @wraps(function)
    def call_checked(*values: P.args, **settings: P.kwargs) -> Result:
        for name in settings:
            if name not in signature.parameters:
                raise unknown_setting(owner, name, defaults)
        given = signature.bind(*values, **settings)
        for name, value in given.arguments.items():
            if name in defaults and value is not defaults[name]:
                given.arguments[name] = wanted_of_settings()[name].take(value, owner, name)
        return function(*given.args, **given.kwargs)

    return call_checked


# what each sort of annotation asks for


def parts_of(hint: Any) -> Iterator[Any]:
    """Give the options of a union, or the one that there is."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        for part in typing.get_args(hint):
            yield from parts_of(part)
    else:
        yield hint


def _is_literal(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Literal


def _choices(hint: Any) -> Iterator[Any]:
    """Give the words of all literals, also of those inside of tuples."""
    for part in typing.get_args(hint):
        if _is_literal(hint):
            yield part
        else:
            yield from _choices(part)


def _option(hint: Any, limits: Limits | None = None) -> _Option:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _option(inside[0], next((extra for extra in inside[1:] if isinstance(extra, Limits)), limits))
    if _is_literal(hint):
        return _one_of(inside)
    if origin is tuple:
        return _a_tuple(inside)
    if hint is float or hint is int:
        return _a_number(hint, limits)
    if np.ndarray in (origin, hint):
        return ["an array"], _an_array
    if taken_as := getattr(origin, "taken_as", None):  # a Step[Image, Image]
        from_to = " to ".join(one.__name__ for one in inside)
        return [f"{a_word(origin.__name__)} from {from_to}"], lambda value: taken_as(value, *inside) or _UNFIT
    return _OF_ONE_SORT.get(hint) or _an_instance(origin or hint)


def _one_of(choices: tuple[Any, ...]) -> _Option:
    def take(value: Any) -> Any:
        plain = _plain(value)
        return next((one for one in choices if type(one) is type(plain) and one == plain), _UNFIT)

    return [repr(one) for one in choices], take


def _a_number(sort: type, limits: Limits | None) -> _Option:
    def take(value: Any) -> Any:
        if limits and limits.unit and hasattr(value, "to_value"):  # a Quantity
            try:
                value = value.to_value(limits.unit)
            except ValueError:  # of another kind of unit
                return _UNFIT
        plain = _plain(value)
        if isinstance(plain, bool) or not isinstance(plain, int if sort is int else numbers.Real):
            return _UNFIT
        number = plain if isinstance(plain, int | float) else float(plain)
        return number if limits is None or limits.hold(number) else _UNFIT

    called = "whole number" if sort is int else "number"
    return [limits.words(called) if limits else f"a {called}"], take


def _plain(value: Any) -> Any:
    """Give a numpy scalar, or an array without axes, as the Python value that it is."""
    scalar = isinstance(value, np.generic | np.ndarray) and value.ndim == 0
    return value.item() if scalar and not hasattr(value, "to_value") else value


def _a_tuple(inside: tuple[Any, ...]) -> _Option:
    """Take a list, or an array along its first axis, for the tuple that is asked for."""
    if any_number := inside[-1] is Ellipsis:
        inside = inside[:1]
    every = [Wanted(hint) for hint in inside]

    def take(value: Any) -> Any:
        if not isinstance(value, tuple | list) and not (isinstance(value, np.ndarray) and value.ndim):
            return _UNFIT
        wanted = every * len(value) if any_number else every
        if len(wanted) != len(value):
            return _UNFIT
        kept = tuple(each.taken(one) for each, one in zip(wanted, value, strict=True))
        return _UNFIT if any(one is _UNFIT for one in kept) else kept

    words = ", ".join(each.words for each in every)
    return [f"a tuple of which each is {words}" if any_number else f"({words})"], take


def _an_array(value: Any) -> Any:
    """Seal an array of numbers, or what makes one: a stage gets it read-only."""
    if isinstance(value, np.ma.MaskedArray) or not isinstance(value, np.ndarray | tuple | list):
        return _UNFIT
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return _UNFIT
    return seal(array) if array.dtype.kind in "biufc" else _UNFIT


def _an_instance(hint: Any) -> _Option:
    """Take what is of a class; of what only a type checker can read, anything."""
    try:
        isinstance(None, hint)
    except TypeError:
        return ["anything"], lambda value: value
    return [a_word(hint.__name__)], lambda value: _of_class(hint, value)


def a_word(name: str) -> str:
    """Put the article before a name.

    >>> a_word("Image"), a_word("FrameSet")
    ('an Image', 'a FrameSet')
    """
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _of_class(wanted: type, value: Any) -> Any:
    return value if isinstance(value, wanted) else _UNFIT


_OF_ONE_SORT: dict[Any, _Option] = {
    bool: (["True or False"], lambda value: plain if isinstance(plain := _plain(value), bool) else _UNFIT),
    str: (["a text"], lambda value: str(value) if isinstance(value, str) else _UNFIT),
    types.NoneType: (["None"], lambda value: None if value is None else _UNFIT),
    Image: (["an Image"], lambda value: Image.of(value) if is_frame(value) else _of_class(Image, value)),
}
