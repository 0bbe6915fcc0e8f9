"""A recipe, or a chain, as TOML: read and written exactly, for named stages and plain settings.

``recipe = 1`` says which form of the text it is.  A step is a table whose ``step`` names its stage: one of ours, one
that an installed package has entered in the group ``ccd_pipeline.stages``, or ``"module:function"``; its settings stand
beside that.  A record of settings, such as a clip, is a table of its fields.  TOML has no null: None is the word
``"none"`` (where a setting may be None and that word too, the word is ``{ text = "none" }``).  What has pixels is a
file, ``{ file = "mask.fits", hdu = 1, key = "..." }``, whose key tells whether it is still the same.

Here is no file: whoever reads one says by :class:`Outside` how others' stages and pixels are found.  The text is
written in :mod:`~pipeline.night.recipe_text`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import attrs
import numpy as np

from pipeline.compose.chain import Chain, Each, chain, each
from pipeline.compose.settings import Wanted, parts_of, unknown_setting
from pipeline.compose.stage import Stage, Step
from pipeline.errors import PipelineError, RecipeError, SettingError
from pipeline.night.recipe import Extra, Recipe, has_pixels, pixels_key
from pipeline.night.reduce import reduce
from pipeline.records.frames import Image
from pipeline.stacking.add import add_images
from pipeline.stacking.combine import combine
from pipeline.stages.align import align
from pipeline.stages.bad_pixels import flag_bad, flag_dead, flag_hot, grow_flags
from pipeline.stages.bias import MasterBias, subtract_bias
from pipeline.stages.cosmic_rays import clean_cosmic_rays
from pipeline.stages.dark import MasterDark, fit_dark, scale_dark, subtract_dark
from pipeline.stages.declare import declare
from pipeline.stages.flat import divide, mask_sources, normalise_flat
from pipeline.stages.fringe import MasterFringe, subtract_fringe
from pipeline.stages.gain import to_electrons
from pipeline.stages.header import attach_header
from pipeline.stages.healing import heal
from pipeline.stages.linearity import linearise
from pipeline.stages.orientation import orient
from pipeline.stages.overscan import subtract_overscan
from pipeline.stages.saturation import flag_saturated
from pipeline.stages.variance import correct_median, estimate_variance
from pipeline.statistics.noise import Noise

FORM = 1
"""The form of the text.  A change that this version would read wrongly is a new number."""

STAGES: dict[str, Stage[Any, Any, Any]] = {
    stage.name: stage
    for stage in (
        *(flag_saturated, linearise, subtract_overscan, combine, align, add_images, declare),
        *(subtract_bias, scale_dark, subtract_dark, fit_dark, mask_sources, normalise_flat, divide, subtract_fringe),
        *(flag_bad, flag_hot, flag_dead, grow_flags, heal, to_electrons, estimate_variance, correct_median, orient),
        *(clean_cosmic_rays, attach_header, reduce),
    )
}
"""Our own stages, by the names that a text has for them."""

MAKERS: dict[str, Callable[..., Any]] = {
    f"{kind.__name__}.of": kind.of for kind in (MasterBias, MasterDark, MasterFringe)
}
"""What else may stand in a chain, without settings."""

Keys: TypeAlias = tuple[str | int, ...]
"""Where in a text: names of tables and settings, and places in arrays."""


class Outside(Protocol):
    """What a text names and does not hold."""

    def stage(self, name: str) -> Stage[Any, Any, Any]:
        """Give the stage that somebody else has made, by its name.

        :raises PipelineError: there is none.
        """

    def pixels(self, kind: Any, file: str, hdu: int | str | None) -> Any:
        """Give the mask, master, image or array that a file holds.

        :raises PipelineError: it cannot be read.
        """


class NothingOutside:
    """Knows our own stages alone, and no files."""

    def stage(self, name: str) -> Stage[Any, Any, Any]:
        """Refuse a stage that is not ours."""
        raise unknown_stage(name)

    def pixels(self, kind: Any, file: str, hdu: int | str | None) -> Any:  # noqa: ARG002 - as Outside has it
        """Refuse a file."""
        raise SettingError(f"{file} is a file: read the recipe by read_recipe")


def unknown_stage(name: str, others: Iterable[str] = ()) -> SettingError:
    """Make the error for a name that no stage has."""
    known = [*STAGES, *others]
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else f", which are {', '.join(known)}"
    return SettingError(f"no stage is called {name!r}; expected 'module:function', or one of ours{meant}")


# ---- reading ----


def recipe_from_toml(text: str, *, where: str = "recipe", outside: Outside | None = None) -> Recipe | Chain[Any, Any]:
    r"""Read a recipe from a text of TOML; or a chain, where that has ``[[chain]]``.

    >>> from pipeline import recipe_from_toml
    >>> recipe_from_toml('recipe = 1\nclip = "none"').clip is None
    True
    >>> recipe_from_toml('recipe = 1\n[[chain]]\nstep = "orient"\nsaxis = 0')
    chain(orient(saxis=0))

    :param where: what the text is called in messages: its file.
    :param outside: how others' stages, and files, are found; by default there are none.
    :raises RecipeError: with every problem of the text, each with its line.
    :raises SettingError: it is no text.
    """
    try:
        tables = tomllib.loads(Wanted(str).take(text, "recipe_from_toml", "text"))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(where, (f"is no TOML: {error}",)) from error
    form = tables.pop("recipe", None)
    if type(form) is not int or form != FORM:
        raise RecipeError(where, (_other_form(form, line_numbers(text)),))
    reader = _Reader(outside or NothingOutside())
    made = reader.chain_in(tables) if "chain" in tables else reader.fields(Recipe, tables, ())
    if reader.problems:
        lines = line_numbers(text)
        raise RecipeError(where, tuple(f"{_line(lines, at)}{words_of_toml(words)}" for at, words in reader.problems))
    return typing.cast("Recipe | Chain[Any, Any]", made)


def words_of_toml(words: str) -> str:
    """Say with TOML's words what Python has None, True or False, tuples and steps for.

    >>> words_of_toml("True or False, a tuple of such or None")
    'true or false, an array of such or "none"'
    """
    words = re.sub(r"\bNone\b(?!')", '"none"', words).replace("True or False", "true or false")
    words = re.sub(r"\ba Step from \w+ to \w+", "a table with its step", words)
    return re.sub(r"\ba tuple\b", "an array", words)


def _other_form(form: object, lines: Mapping[Keys, int]) -> str:
    if form is None:
        return f"holds no recipe = {FORM}, which says that it is a recipe, and of which form"
    if type(form) is int and form > FORM:
        return (
            f"{_line(lines, ('recipe',))}recipe = {form}: written for a newer version of ccd-pipeline; this one reads "
            f"recipe = {FORM}: use a newer one"
        )
    return f"{_line(lines, ('recipe',))}recipe = {form!r}; expected {FORM}"


_WRONG: Any = object()
"""Stands for what could not be read, and has been told."""


class _Reader:
    """Makes settings of tables, and keeps every problem that it meets, with its place."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.problems: list[tuple[Keys, str]] = []

    def _tried(self, at: Keys, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except PipelineError as error:
            self.problems.append((at, str(error)))
            return _WRONG

    def _wrong(self, at: Keys, words: str) -> Any:
        self.problems.append((at, words))
        return _WRONG

    def chain_in(self, tables: Mapping[str, Any]) -> Any:
        """Make a chain of all that a text holds."""
        for name in tables.keys() - {"chain"}:
            self._wrong((name,), f"{name} beside [[chain]]; a text is of a recipe, or of a chain")
        return self._chain(tables["chain"], ("chain",))

    def _chain(self, listed: Any, at: Keys) -> Any:
        if not isinstance(listed, list):
            return self._wrong(at, f"{at[-1]} = {listed!r}; expected an array of steps")
        steps = [self._link(one, (*at, place)) for place, one in enumerate(listed)]
        return _WRONG if any(step is _WRONG for step in steps) else chain(*steps)

    def _link(self, table: Any, at: Keys) -> Any:
        """Read what a chain is made of: a step, a stage that waits for no settings, or each of those."""
        if not isinstance(table, dict) or len(table.keys() & {"step", "stage", "each"}) != 1:
            return self._wrong(at, f"{table!r}; expected a table with one of step, stage and each")
        if "step" in table:
            return self._step(table, at)
        (name, value), *others = table.items()
        if others:
            return self._wrong(at, f"{others[0][0]} beside {name}; settings stand beside step")
        if name == "stage":
            return next((make for made, make in MAKERS.items() if made == value), None) or self._tried(
                at, lambda: self._stage(value)
            )
        inner = self._chain(value, (*at, "each")) if isinstance(value, list) else self._link(value, (*at, "each"))
        return _WRONG if inner is _WRONG else each(inner)

    def _stage(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise SettingError(f"step = {name!r}; expected the name of a stage, or 'module:function'")
        return STAGES.get(name) or self.outside.stage(name)

    def _step(self, table: Mapping[str, Any], at: Keys) -> Any:
        """Make a step of a table: its stage, and beside it its settings."""
        stage = self._tried((*at, "step"), lambda: self._stage(table["step"]))
        if stage is _WRONG:
            return _WRONG
        wanted = self._tried((*at, "step"), lambda: stage.wanted)
        if wanted is _WRONG:
            return _WRONG
        settings = dict[str, Any]()
        for name, found in table.items():
            if name == "step":
                continue
            if name not in wanted:
                self.problems.append(((*at, name), str(unknown_setting(stage.name, name, wanted))))
                continue
            default = stage.defaults[name]
            if found == "none" and default is None:
                settings[name] = None  # whatever it is annotated as
            else:
                settings[name] = self.setting(found, stage.hints.get(name, Any), (*at, name), stage.name)
        if any(value is _WRONG for value in settings.values()):
            return _WRONG
        return self._tried(at, lambda: stage(**settings))

    def fields(self, kind: Any, table: Mapping[str, Any], at: Keys) -> Any:
        """Make a record of a table: of each field by its name; what is not said is as by default."""
        if kind is Noise and table.keys() & {"gain", "read_noise"}:
            if set(table) != {"gain", "read_noise"}:
                return self._wrong(at, f"{_shown(table)}; expected a table of gain and read_noise")
            return self._tried(at, lambda: Noise.of(**table))
        hints = typing.get_type_hints(kind, include_extras=True)
        known = {field.alias: hints[field.name] for field in attrs.fields(kind) if field.init}
        values = {}
        for name, found in table.items():
            if name in known:
                values[name] = self.setting(found, known[name], (*at, name), kind.__name__)
            elif name != "record":
                self.problems.append(((*at, name), str(unknown_setting(kind.__name__, name, known))))
        missing = [
            f.alias for f in attrs.fields(kind) if f.init and f.default is attrs.NOTHING and f.alias not in table
        ]
        if missing:
            return self._wrong(at, f"{kind.__name__} needs {', '.join(missing)}")
        if any(value is _WRONG for value in values.values()):
            return _WRONG
        return self._tried(at, lambda: kind(**values))

    def _extra(self, table: Mapping[str, Any], at: Keys) -> Any:
        """Make an extra step of a table that holds, beside its place, the settings of its step."""
        own = {field.name for field in attrs.fields(Extra)}
        step = self._step({name: found for name, found in table.items() if name not in own or name == "step"}, at)
        place = {name: found for name, found in table.items() if name in own and name != "step"}
        hints = typing.get_type_hints(Extra, include_extras=True)
        values = {name: self.setting(found, hints[name], (*at, name), "extra") for name, found in place.items()}
        if step is _WRONG or any(value is _WRONG for value in values.values()):
            return _WRONG
        return self._tried(at, lambda: Extra(step, **values))

    def setting(self, found: Any, hint: Any, at: Keys, owner: str) -> Any:
        """Make a value of what stands in the text, and see that the setting may be it."""
        value = self._value(found, hint, at, owner)
        if value is _WRONG:
            return _WRONG
        name = next(str(key) for key in reversed(at) if isinstance(key, str))
        return self._tried(at, lambda: Wanted(hint).take(value, owner, name))

    def _value(self, found: Any, hint: Any, at: Keys, owner: str) -> Any:
        if found == "none" and Wanted(hint).takes(None):
            return None
        if isinstance(found, list):
            hints = _hints_inside(hint, len(found))
            every = [self._value(one, hints[place], (*at, place), owner) for place, one in enumerate(found)]
            return _WRONG if any(value is _WRONG for value in every) else tuple(every)
        return self._of_table(found, hint, at) if isinstance(found, dict) else found

    def _of_table(self, table: dict[str, Any], hint: Any, at: Keys) -> Any:
        options = list(options_of(hint))
        records = {kind.__name__: kind for kind in options if is_record(kind)}
        if "step" in table and any(map(is_step, options)):
            return self._step(table, at)
        if Extra in options and isinstance(table.get("step"), str):
            return self._extra(table, at)
        if set(table) == {"text"}:
            return table["text"]
        if "file" in table and any(_holds_pixels(option) for option in options):
            return self._tried(at, lambda: self._pixels(table, next(filter(_holds_pixels, options))))
        named = table.get("record", next(iter(records), ""))
        kind = records.get(named) if isinstance(named, str) else None
        if kind is None:
            of_tables = any(is_record(part) for option in options for part in typing.get_args(option))
            none_here = f"tables, each behind [[{at[-1]}]]" if of_tables else "no table"
            a_file = 'a file, as { file = "name.fits", hdu = 0 }' * any(map(_holds_pixels, options))
            wanted = " or ".join(filter(None, ("a step" * any(map(is_step, options)), *records, a_file))) or none_here
            return self._wrong(at, f"{_shown(table)}; expected {wanted}: {Wanted(hint).words}")
        return self.fields(kind, table, at)

    def _pixels(self, table: Mapping[str, Any], kind: Any) -> Any:
        strange = table.keys() - {"file", "hdu", "key"}
        if strange:
            raise unknown_setting("a file", min(strange), ("file", "hdu", "key"))
        made = self.outside.pixels(typing.get_origin(kind) or kind, table["file"], table.get("hdu"))
        if "key" in table and table["key"] != pixels_key(made):
            raise SettingError(
                f"{table['file']} holds other pixels than when the recipe was written; where they are right, take its "
                "key out"
            )
        return made


def _shown(table: Mapping[str, Any]) -> str:
    return f"{{ {', '.join(table)} }}"


# ---- writing, as far as to tables ----

Named: TypeAlias = Callable[[str], str]
"""Gives the name that a text has for a file."""


def as_table(record: Any, files: Named = str) -> dict[str, Any]:
    """Give a record of settings as a table of what TOML holds, by the names of its fields.

    :raises SettingError: it holds what no text does.
    """
    hints = typing.get_type_hints(type(record), include_extras=True)
    table = {}
    for field in attrs.fields(type(record)):
        value = getattr(record, field.name)
        if field.init and (field.eq or value != field.default):
            table[field.alias] = as_plain(value, hints[field.name], files)
    if isinstance(record, Extra) and not (table["step"].keys() - {"step"}) & table.keys():
        place = {name: found for name, found in table.items() if found != "none" and name != "step"}
        return {"step": table["step"]["step"], **place, **table["step"]}
    return table


def as_plain(value: Any, hint: Any = Any, files: Named = str) -> Any:
    """Give a setting as what TOML holds: a word, a number, an array of such, or a table.

    :raises SettingError: no text holds it.
    """
    if value is None:
        return "none"
    if type(value) is str:
        return {"text": value} if value == "none" and Wanted(hint).takes(None) else value
    if type(value) in (bool, int, float):
        return value
    if type(value) is tuple:
        hints = _hints_inside(hint, len(value))
        return [as_plain(one, hints[place], files) for place, one in enumerate(value)]
    if isinstance(value, Step):
        return _step_as_table(value, files)
    return _file_as_table(value, files) if has_pixels(type(value)) else _record_as_table(value, hint, files)


def _record_as_table(value: Any, hint: Any, files: Named) -> dict[str, Any]:
    """Write a record of settings; where it may be one of several, with its name."""
    kinds = [kind for kind in options_of(hint) if is_record(kind)]
    if type(value) not in kinds:
        raise SettingError(
            f"{value!r} is nothing that the text of a recipe holds, or no annotation says what it may be"
        )
    return ({} if kinds[0] is type(value) else {"record": type(value).__name__}) | as_table(value, files)


def link_as_table(link: Any, files: Named = str) -> dict[str, Any]:
    """Give what a chain is made of as a table."""
    if isinstance(link, Step):
        return _step_as_table(link, files)
    if isinstance(link, Stage):
        return {"stage": _name_of(link)}
    if isinstance(link, Each):
        inner = link.step
        every = [link_as_table(one, files) for one in inner.steps] if isinstance(inner, Chain) else None
        return {"each": link_as_table(inner, files) if every is None else every}
    made = next((name for name, maker in MAKERS.items() if maker == link), None)
    if made is None:
        raise SettingError(f"{link!r} is no stage: put @stage over its function, and no recipe holds it else")
    return {"stage": made}


def _step_as_table(step: Step[Any, Any], files: Named) -> dict[str, Any]:
    stage = step.stage
    if "step" in stage.defaults:
        raise SettingError(
            f"{stage.name} has a setting called step, which in a recipe is the name of a stage; rename it"
        )
    settings = {name: as_plain(value, stage.hints.get(name, Any), files) for name, value in step.every_setting.items()}
    return {"step": _name_of(stage), **settings}


def _name_of(stage: Stage[Any, Any, Any]) -> str:
    """Give the name by which a stage is found again."""
    if STAGES.get(stage.name) == stage:
        return stage.name
    module, name = stage.function.__module__, stage.function.__qualname__
    if module == "__main__" or "<" in name:
        raise SettingError(f"{stage.name} is of a notebook, a script or a function: put it into a module to name it")
    return f"{module}:{name}"


def _file_as_table(value: Any, files: Named) -> dict[str, Any]:
    """Give the file that something was read from, as far as its name tells."""
    image = getattr(value, "image", value)
    sources = image.sources if isinstance(image, Image) else (getattr(value, "name", ""),)
    origin = getattr(getattr(image, "data", None), "origin", None)
    where = str(sources[0]) if len(sources) == 1 else ""
    match = re.fullmatch(r"(.+)\[([^][]+)\]", where)
    name, hdu = (match[1], match[2]) if match else (where, None)
    if origin is not None:
        name, hdu = origin.path, origin.hdu
    if not name or name == "array" or isinstance(value, np.ndarray):
        raise SettingError(f"{value!r} is in no file: write it, and give the recipe what is read back")
    number = int(hdu) if isinstance(hdu, str) and hdu.isdecimal() else hdu
    return {"file": files(name)} | ({} if number is None else {"hdu": number}) | {"key": pixels_key(value)}


# ---- what annotations ask for ----


def options_of(hint: Any) -> Iterator[Any]:
    """Give the types that a setting may be of."""
    for part in parts_of(hint):
        if typing.get_origin(part) is typing.Annotated:
            yield from options_of(typing.get_args(part)[0])
        else:
            yield part


def _hints_inside(hint: Any, count: int) -> list[Any]:
    """Give what each part of an array of so many may be."""
    for option in options_of(hint):
        inside = typing.get_args(option)
        if typing.get_origin(option) is tuple and inside[-1:] == (Ellipsis,):
            return [inside[0]] * count
        if typing.get_origin(option) is tuple and len(inside) == count:
            return list(inside)
    return [Any] * count


def is_step(hint: Any) -> bool:
    """Tell whether an annotation asks for a step."""
    return typing.get_origin(hint) is Step or hint is Step


def is_record(hint: Any) -> bool:
    """Tell whether an annotation asks for a record of settings."""
    return isinstance(hint, type) and attrs.has(hint) and not has_pixels(hint) and not is_step(hint)


def _holds_pixels(hint: Any) -> bool:
    kind = typing.get_origin(hint) or hint
    return isinstance(kind, type) and has_pixels(kind)


# ---- where in a text ----

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?")
_KEY = re.compile(r"\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*=")


def line_numbers(text: str) -> dict[Keys, int]:
    r"""Give the lines on which tables and settings begin.

    >>> line_numbers('method = "mean"\n[clip]\nlow = 5\n[[extra]]\nstep = "a:b"')[("extra", 0, "step")]
    5
    """
    lines: dict[Keys, int] = {}
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = tuple(key.strip(" \t\"'") for key in header[2].split("."))
            if header[1] == "[[":
                table = (*table, sum(known[:-1] == table and isinstance(known[-1], int) for known in lines))
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *(part.strip() for part in key[1].split("."))), number)
    return lines


def _line(lines: Mapping[Keys, int], at: Keys) -> str:
    """Name the line of a place in a text, or of what it is a part of."""
    known = next((lines[at[:length]] for length in range(len(at), 0, -1) if at[:length] in lines), None)
    return "" if known is None else f"line {known}: "
