"""A recipe, or a chain, written as TOML, by tomlkit: with what each setting does, from its docstring, and may be."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import attrs

from pipeline.compose.chain import Chain
from pipeline.compose.settings import Wanted, a_word
from pipeline.compose.stage import Step
from pipeline.errors import SettingError
from pipeline.night.recipe import Extra, LaterPlace, RawPlace, Recipe, has_pixels
from pipeline.night.recipe_file import (
    FORM,
    Named,
    as_plain,
    as_table,
    is_record,
    is_step,
    link_as_table,
    options_of,
    words_of_toml,
)
from pipeline.stacking.clip import Clip
from pipeline.stages.align import align
from pipeline.stages.cosmic_rays import clean_cosmic_rays
from pipeline.stages.flat import mask_sources
from pipeline.stages.fringe import subtract_fringe
from pipeline.stages.gain import to_electrons
from pipeline.stages.healing import heal
from pipeline.stages.linearity import linearise
from pipeline.stages.orientation import orient
from pipeline.stages.overscan import subtract_overscan
from pipeline.statistics.noise import Noise

PREFACE = """\
The settings of a reduction: ccd-pipeline reduce night.csv --recipe FILE.  Options of the command go before them.
What is not said here is as by default; "none" says that there is none.
A line that begins with # and no space is an example: take the # away to have it."""

EXAMPLES: dict[str, Any] = {
    "clip": Clip(),
    "overscan": subtract_overscan(),
    "electrons": to_electrons(),
    "orient": orient(saxis=0),
    "linearity": linearise(coefficients=(1.0, 2e-6), pedestal=1000.0),
    "cosmics": clean_cosmic_rays(gain=1.5, read_noise=4.0),
    "align": align(),
    "fringe": subtract_fringe(fringe=None),
    "healing": heal(),
    "flat_sources": mask_sources(),
}
"""What may stand where a recipe has nothing."""

_PLACES = (*typing.get_args(RawPlace), *typing.get_args(LaterPlace))

_EXTRA = {"step": "mymodule:mystage", "after": "divide"}


def recipe_to_toml(thing: Recipe | Chain[Any, Any], *, comments: bool = True, files: Named = str) -> str:
    """Write a recipe, or a chain, as TOML that ``recipe_from_toml`` reads as the same again.

    >>> from pipeline import chain, orient, recipe_to_toml
    >>> recipe_to_toml(chain(orient(saxis=0))).splitlines()
    ['recipe = 1', '', '[[chain]]', 'step = "orient"', 'saxis = 0', 'force = false']

    :param thing: the recipe, or the chain.
    :param comments: say of each setting of a recipe what it does, and what it may be.
    :param files: gives the name that the text has for a file, of the name that a mask or a master has for it.
    :raises SettingError: it holds what no text does: a function without a name, an image that is in no file; it is
        no recipe and no chain; or tomlkit is missing.
    """
    thing = Wanted(Recipe | Chain).take(thing, "recipe_to_toml", "thing")
    lines = [f"recipe = {FORM}"]
    if isinstance(thing, Chain):
        for link in thing.steps:
            lines += ["", "[[chain]]", *map(_line, link_as_table(link, files).items())]
        return "\n".join(lines if thing.steps else [*lines, "chain = []"]) + "\n"
    if comments:
        lines = [*(f"# {line}" for line in PREFACE.splitlines()), *lines]
    hints = typing.get_type_hints(Recipe, include_extras=True)
    tables = as_table(thing, files)
    for name in sorted(tables, key=lambda name: _comes_last(name, tables[name], comments=comments)):
        lines += _field(name, tables[name], getattr(thing, name), hints[name], comments=comments)
    return "\n".join(lines) + "\n"


def _comes_last(name: str, value: Any, *, comments: bool) -> bool:
    """Tell whether a setting is written as a table: these come behind all that belongs to none."""
    return _is_table(value) or _is_tables(value) or (comments and _is_example(name, value))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and not {"file", "text"} & value.keys()


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_table, value))


def _is_example(name: str, value: Any) -> bool:
    """Tell whether a setting is off as by default, so that an example tells more."""
    default = getattr(Recipe(), name)
    return value in ("none", []) and default in (None, ()) and (name in EXAMPLES or name == "extra")


def _field(name: str, value: Any, made: Any, hint: Any, *, comments: bool) -> Iterator[str]:
    """Write a setting of a recipe: a line, or a table, behind what it does."""
    tables = _is_table(value) or _is_tables(value)
    if not comments:
        yield from _table(name, value, None) if tables else [_line((name, value))]
        return
    off = _is_example(name, value)
    yield ""
    if name == "extra":
        yield from _comment(f"{_about(Extra)} These are {', '.join(_PLACES)}.")
    yield from _comment(_params(Recipe).get(name, ""), "" if tables or off or _asks_for_table(hint) else _may_be(hint))
    if off:
        example = EXAMPLES.get(name)
        shown = _table(name, as_plain(example, hint) if example else [_EXTRA], example)
        yield from (line if line.startswith("#") or not line else f"#{line}" for line in shown)
    elif tables:
        yield from _table(name, value, made)
    else:
        yield _line((name, value))


def _asks_for_table(hint: Any) -> bool:
    """Tell whether a setting may be a step or a record, so that a list of what it may be says little."""
    return any(is_step(option) or (is_record(option) and option is not Noise) for option in options_of(hint))


def _table(name: str, value: Any, made: Any) -> Iterator[str]:
    """Write a table, or several; with what each setting does, where a step or a record tells."""
    if isinstance(value, list):
        for table in value:
            yield f"[[{name}]]"
            yield from map(_line, table.items())
        return
    owner, hints = _owner(made)
    yield from _comment(_about(owner))
    yield f"[{name}]"
    inner = {key: part for key, part in value.items() if _is_table(part)}
    for key, part in value.items():
        if key not in inner:
            yield from _comment(_params(owner).get(key, ""), _may_be(hints[key]) if key in hints else "")
            yield _line((key, part))
    for key, part in inner.items():
        yield ""
        yield from _comment(_params(owner).get(key, ""))
        yield from _table(f"{name}.{key}", part, _part_of(made, key))


def _owner(made: Any) -> tuple[Any, Mapping[str, Any]]:
    """Give what has the docstring of a step or a record, and what its settings may be."""
    if isinstance(made, Step):
        return made.stage.function, made.stage.hints
    if made is None:
        return None, {}
    return type(made), typing.get_type_hints(type(made), include_extras=True)


def _part_of(made: Any, name: str) -> Any:
    return made.every_setting[name] if isinstance(made, Step) else getattr(made, name, None)


def _line(setting: tuple[str, Any]) -> str:
    """Write a setting and its value."""
    try:
        import tomlkit
    except ImportError as error:
        raise SettingError("a recipe is written by tomlkit, which is missing: pip install tomlkit") from error

    def item(value: Any) -> Any:
        if isinstance(value, list):
            array = tomlkit.array()
            array.extend(map(item, value))
            return array
        if not isinstance(value, dict):
            return tomlkit.item(value)
        table = tomlkit.inline_table()
        table.update({name: item(one) for name, one in value.items()})
        return table

    name, value = setting
    return f"{tomlkit.key(name).as_string()} = {item(value).as_string()}"


# ---- what settings do, and may be ----


def _comment(*sentences: str) -> Iterator[str]:
    """Write sentences as lines of a comment."""
    for sentence in filter(None, sentences):
        yield from (f"# {line}" for line in textwrap.wrap(sentence, 110, break_long_words=False))


@cache
def _params(owner: Any) -> dict[str, str]:
    """Give what a docstring says of each setting."""
    text = "" if owner is None else inspect.getdoc(owner) or ""
    said = re.findall(r"^:param (\w+): (.*?)(?=^:|\Z)", text, re.MULTILINE | re.DOTALL)
    return {name: _plain_words(words) for name, words in said}


def _about(owner: Any) -> str:
    """Give the first paragraph of a docstring."""
    return "" if owner is None else _plain_words((inspect.getdoc(owner) or "").partition("\n\n")[0])


def _plain_words(text: str) -> str:
    """Take the marks of reStructuredText out, and use TOML's words."""
    plain = re.sub(r":\w+:`~?(?:\w+\.)*(\w+)`|``(.*?)``", lambda found: found[1] or found[2], " ".join(text.split()))
    return words_of_toml(plain)


def _may_be(hint: Any) -> str:
    """Say what a setting may be, in TOML's words."""
    words = words_of_toml(Wanted(hint).words).replace("'", '"')
    for kind in _named_in(hint):
        if is_record(kind):
            fields = "gain, read_noise" if kind is Noise else ", ".join(field.alias for field in attrs.fields(kind))
            words = words.replace(a_word(kind.__name__), f"a table of {fields}")
        elif isinstance(kind, type) and has_pixels(kind):
            words = re.sub(rf"\b{a_word(kind.__name__)}\b", 'a file, as { file = "name.fits", hdu = 0 }', words)
    return f"{words}." if words.startswith("true or false") else f"{words[:1].upper()}{words[1:]}."


def _named_in(hint: Any) -> Iterator[Any]:
    """Give all types that an annotation names, also inside of arrays."""
    for option in options_of(hint):
        yield option
        for part in typing.get_args(option):
            yield from _named_in(part)
