"""A case: what is run on both sides and has to give the same."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """A function of the inputs that gives whatever can be described; it runs in an empty folder of its own.

    ``refused`` says that it is to end in an error of the package; ``needs`` are modules without which it is left out.
    """

    name: str
    run: Callable[[], Any]
    refused: bool = False
    needs: tuple[str, ...] = ()


class LeftOutError(Exception):
    """A case cannot be run here, and why."""


INPUTS = Path("..", "inputs")
"""The inputs that cases of a side share, seen from the folder of a case: both sides call a file the same."""


def shared_inputs(make):
    """Have a function write its files once for all cases, into a folder of its own; it gives what it returns."""

    @cache
    def made(*settings):
        folder = INPUTS / "-".join([make.__name__, *map(str, settings)])
        folder.mkdir(parents=True, exist_ok=True)
        return make(folder, *settings)

    return made
