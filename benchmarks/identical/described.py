"""What a case gave, as arrays and texts by name: what two sides can compare without sharing a class."""

import json
from datetime import datetime
from functools import singledispatch
from pathlib import Path

import attrs
import numpy as np
from astropy.io import fits
from astropy.table import Table

from benchmarks.identical.tolerance import CARDS_LEFT_OUT, HELD, JSON_LEFT_OUT, STORED_AS, TOLD, api, state_words

WRAPPED = 70
"""A line of HISTORY from this length on goes on in the next: 72 characters, less blanks at its end."""


class Files:
    """The files that a case has written below a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)


@singledispatch
def described(value, key=""):
    """Give (name, array or text) of everything that a value holds; of a record, field by field."""
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            for name in HELD.get(field.name, (field.name,)):
                yield from described(getattr(value, name), inside(key, name.lstrip("_")))
        for name in TOLD.get(key.rpartition(".")[2], ()):
            if hasattr(type(value), name):
                yield from _property(value, name, inside(key, name))
    else:
        yield key, str(value)


def _property(record, name, key):
    """Give what a property tells, or why it cannot."""
    try:
        yield from described(getattr(record, name), key)
    except ValueError as error:
        yield key, f"{type(error).__name__}: {error}"


def inside(key, name):
    """Name a part of what has a name, or none."""
    return f"{key}.{name}" if key else str(name)


@described.register(str)
@described.register(np.ndarray)
def _(value, key=""):
    yield key, value


@described.register(int)
@described.register(float)
@described.register(np.generic)
def _(value, key=""):
    yield key, repr(_plain(value))


def _plain(value):
    """Give a number of numpy's as Python's, which is written the same whichever it was."""
    return value.item() if isinstance(value, np.generic) else value


@described.register(datetime)
def _(value, key=""):
    yield key, value.isoformat()


@described.register(dict)
def _(values, key=""):
    for name, value in values.items():
        yield from described(value, inside(key, name))


@described.register(list)
@described.register(tuple)
@described.register(api.FrameSet)
def _(values, key=""):
    values = list(values)
    if all(value is None or isinstance(value, int | float | str | np.generic) for value in values):
        yield key, repr([_plain(value) for value in values])
    else:
        yield inside(key, "length"), str(len(values))
        for number, value in enumerate(values):
            yield from described(value, f"{key}[{number}]")


@described.register(Table)
def _(table, key=""):
    yield from described({name: list(table[name]) for name in table.colnames}, key)


@described.register(api.Pixels)
def _(pixels, key=""):
    yield inside(key, "values"), pixels.values
    yield inside(key, "flags"), pixels.flags
    for name in ("variance", "total_variance"):
        yield from described(getattr(pixels, name), inside(key, name))
    for number, (_, sigma) in enumerate(pixels.shared):  # what names them is a digest, which may be of other names
        yield inside(key, f"shared[{number}]"), sigma


@described.register(api.Image)
@described.register(api.ReducedImage)
def _(image, key=""):
    yield from described(image.pixels, key)
    for name in ("kind", "exposure", "sources", "added", "found"):
        if hasattr(image, name):
            yield from described(getattr(image, name), inside(key, name))
    yield from described(state_words(image.state), inside(key, "state"))
    yield from described([str(ran) for ran in image.history], inside(key, "history"))
    yield from described(image.header, inside(key, "header"))


@described.register(api.MasterBias)
@described.register(api.MasterDark)
@described.register(api.MasterFlat)
@described.register(api.MasterFringe)
def _(master, key=""):
    yield from described(master.image, key)
    for name in ("has_bias", "scaled_to", "level", "part"):
        if hasattr(master, name):
            yield from described(getattr(master, name), inside(key, name))


@described.register(api.Cards)
def _(cards, key=""):
    yield from described(cards.to_header(), key)


@described.register(fits.Header)
def _(header, key="", left_out=frozenset()):
    """Give each card as it is written, the order of them, and HISTORY as if its lines had not been wrapped."""
    cards = [card for card in header.cards if card.keyword not in CARDS_LEFT_OUT | left_out]
    yield inside(key, "(order)"), " ".join(card.keyword or "(blank)" for card in cards if card.keyword != "HISTORY")
    lines = [str(card.value) for card in cards if card.keyword == "HISTORY"]
    yield inside(key, "HISTORY"), "".join(line if len(line) >= WRAPPED else f"{line}\n" for line in lines)
    images = {}
    for card in cards:
        if card.keyword not in ("HISTORY", ""):
            images.setdefault(card.keyword, []).append(card.image.rstrip())
    for keyword, every in images.items():
        yield inside(key, keyword), "\n".join(every)


@described.register(fits.HDUList)
def _(hdus, key=""):
    yield inside(key, "HDUs"), " ".join(f"{hdu.name},{hdu.ver}" for hdu in hdus)
    for number, hdu in enumerate(hdus):
        name, flags = inside(key, f"{number}:{hdu.name}"), hdu.name == "FLAGS"
        if hdu.data is not None:
            yield inside(name, "flags" if flags else "data"), np.asarray(hdu.data)
        yield from described.dispatch(fits.Header)(hdu.header, name, STORED_AS if flags else frozenset())


@described.register(Files)
def _(files, key=""):
    for path in sorted(path for path in files.folder.rglob("*") if path.is_file()):
        yield from _file(path, inside(key, path.relative_to(files.folder).as_posix()))


def _file(path, key):
    if path.suffix == ".fits":
        with fits.open(path, memmap=False) as hdus:
            yield from described(hdus, key)
    elif path.suffix == ".json":
        yield from described(_kept(json.loads(path.read_text())), key)
    elif path.suffix in (".png", ".jpg"):
        yield key, np.frombuffer(path.read_bytes(), np.uint8)
    else:
        yield key, path.read_text(errors="backslashreplace")


def _kept(said):
    """Leave out of a record what is of this very run."""
    if isinstance(said, dict):
        return {name: _kept(value) for name, value in said.items() if name not in JSON_LEFT_OUT}
    return [_kept(value) for value in said] if isinstance(said, list) else said
