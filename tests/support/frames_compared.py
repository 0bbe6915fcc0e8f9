"""Frames whose headers say something of how the instrument was set, and what is said of them."""

import warnings

import numpy as np
from hypothesis import strategies as st

from pipeline import Image
from pipeline.checks.same_setup import check_alike
from pipeline.checks.shared_settings import SHARED_SETTINGS
from pipeline.compose.telling import collecting
from pipeline.errors import AssumptionWarning
from pipeline.records.note import merged

KINDS = ("bias", "dark", "flat", "light", "arc")
HEADING = "frames that are reduced together differ in their headers: "

WORDS = {
    "arm": ("KASTB", "KASTR"),
    "gain": (1.5, 2.5),
    "binning": ("1 1", "2 2"),
    "detector temperature": (-100.0, -105.0),
    "black level (offset)": (10, 50),
    "grating angle or central wavelength": (5500.0, 6500.0),
    "rotator": (0.0, 90.0),
}
"""Two values of a setting; of others, two names."""

CARDS = [(setting, group, keyword) for setting in SHARED_SETTINGS for group in setting.keywords for keyword in group]
"""Every keyword by which a setting is compared, with those that say it together with it."""


def frame(kind, name=None, **cards):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy's, of keywords that take a HIERARCH card
        return Image.of(np.ones((2, 2)), kind=kind, exposure=10.0, header=cards, name=name or f"{kind}.fits")


def notes(frames, check=check_alike, **settings):
    """Give the notes that are said of frames, each fact once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with collecting() as found:
            check(frames, **settings)
    assert {note.category for note in found} <= {AssumptionWarning}
    return merged(found)


def said(frames, check=check_alike, **settings):
    """Give what is said of frames, without what every line begins with."""
    return [note.words.removeprefix(HEADING) for note in notes(frames, check, **settings)]


def compared(setting):
    """Draw two kinds that should share a setting."""
    return st.sampled_from(setting.together).flatmap(lambda kinds: st.tuples(*[st.sampled_from(kinds)] * 2))
