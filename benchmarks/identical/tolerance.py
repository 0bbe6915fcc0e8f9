"""What may differ between two checkouts: names that move, and differences that are meant.  There is no other place.

Cases are written in today's names; an older checkout is asked for its own.  Texts of both sides are brought to today's
names before they are compared.
"""

import fnmatch
import importlib
import re
from dataclasses import dataclass

STAGES = {"add": "add_images", "spare_saturated": "drop_rare_saturation", "take_as": "declare"}
"""Stages by their former name: what HISTORY, records and notes call them."""

PUBLIC = STAGES | {"spread": "combine_on", "scan": "propose_filelists", "Look": "Appearance", "Form": "FigureFile"}
"""Public names by their former ones."""

MODULES = {
    "command": ("pipeline.cli.main", "pipeline.cli"),
    "simulate": ("pipeline.simulation.simulate", "pipeline.simulate"),
    "camera": ("pipeline.simulation.camera", "pipeline.camera"),
    "errors": ("pipeline.errors",),
}
"""Where what is no public name has its home: today's, and former ones."""

KEYS: dict[str, str] = {}
"""Names of what a record holds by their former ones, dotted as in ``found.rejected``."""

HELD = {"measured": ("amplifiers", "gain")}
"""What a record holds in a field of this name today, and told by fields of its own before."""

TOLD = {"found": ("frames", "noise", "read_noise")}
"""What a record tells beside its fields, by what it is called; a checkout that has no such property is silent."""

CARDS_LEFT_OUT = frozenset({"CREATOR", "DATE", "CHECKSUM", "DATASUM"})
"""Who wrote a file and when, and what follows from it."""

STORED_AS = frozenset({"BITPIX", "BSCALE", "BZERO"})
"""Cards that say how flags are stored, which are compared by value."""

JSON_LEFT_OUT = frozenset({"creator", "versions", "address", "modified", "product", "pixels"})
"""What a record says of versions and times, and digests of what is compared itself."""


@dataclass(frozen=True)
class Expected:
    """A difference that is meant: patterns of the case and of what differs in it, and why."""

    case: str
    key: str
    reason: str

    def covers(self, case, key):
        """Tell whether this is what differs."""
        return fnmatch.fnmatchcase(case, self.case) and fnmatch.fnmatchcase(key, self.key)


EXPECTED = (
    Expected(
        "*map_left_out*carried*",
        "found.left_out",
        "of frames that carry variance the values kept were counted, not those left out",
    ),
    Expected(
        "night filters by [!F]*",
        "warnings",
        "one table says which keywords name a filter: a V flat divides an R light no longer without a word",
    ),
    Expected("*", "*found.aligned", "a result tells by how much frames were off that were aligned"),
    Expected("*", "*found.shifts", "a result tells by how much frames moved"),
    Expected("*", "*FLAGS.FLAG8", "there is a ninth reason"),
    Expected("*", "*FLAGS.(order)", "there is a ninth reason"),
    Expected("figure *", "*.html", "there is a ninth reason, which pages name"),
    Expected("command *", "*.settings.align", "lights may be aligned"),
    Expected("command help*", "stdout", "lights may be aligned"),
)

_ALONE = "|".join(name for name in PUBLIC if "_" in name)
_CALLED = "|".join(name for name in PUBLIC if "_" not in name)
_FORMER = re.compile(rf"\b(?:(?:{_ALONE})\b|(?:{_CALLED})(?=[(:]))")
_UNSET = re.compile(r"\balign=None, ")
"""A setting that older recipes have not, where nobody asks for it."""

_VERSION = re.compile(r"ccd-pipeline (?:\d+(?:\.\w+)+|unknown)")


def renamed(text):
    """Bring a text to today's names, whoever wrote it."""
    return _UNSET.sub("", _VERSION.sub("ccd-pipeline", _FORMER.sub(lambda found: PUBLIC[found[0]], text)))


def renamed_key(key):
    """Bring the name of what a record holds to that of today."""
    for old, new in KEYS.items():
        key = re.sub(rf"(^|\.){re.escape(old)}(?=[.\[]|$)", rf"\g<1>{new}", key)
    return key


def state_words(state):
    """Say what has been done to an image, step by step: in a text or in a record of its own, nothing where it was not.

    A layout that keeps it otherwise is taught here to say it in the same words.
    """
    found = {field.name: getattr(state, field.name) for field in state.__attrs_attrs__}
    return {name: "" if done is None else str(done) for name, done in found.items()}


def module(name):
    """Import a module of the checkout that is installed here, wherever it has its home."""
    for home in MODULES[name]:
        try:
            return importlib.import_module(home)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"none of {', '.join(MODULES[name])} is there")


class Api:
    """The public names of the checkout that is installed here, under their names of today."""

    def __getattr__(self, name):
        import pipeline

        former = next((old for old, new in PUBLIC.items() if new == name), name)
        return getattr(pipeline, name if hasattr(pipeline, name) else former)


api = Api()
