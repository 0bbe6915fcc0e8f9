"""Whether the frames that a list takes for one kind are that, and different exposures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from toolz import groupby

from pipeline.errors import HeaderWarning
from pipeline.headers.keywords import called
from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of

ENOUGH = 512
"""Pixels that may be equal by chance in fewer than this."""

SEVERAL = 16
"""Pixels of fewer numbers may be equal in all frames: those of a camera that is quieter than its steps."""

SHORT = 1.0
"""Seconds up to which a dark may stand in for a bias."""


def kind_notes(frames: Sequence[Image]) -> tuple[Note, ...]:
    """Say where a header calls a frame another kind than the list does.

    Programs that call all frames lights are not believed: that counts only where others of the kind are called by it.
    """
    kind = frames[0].kind
    words = [_called(frame) for frame in frames]
    telling = kind in words
    wrong = [
        (word, frame)
        for word, frame in zip(words, frames, strict=True)
        if word not in ("", kind) and (telling or word != "light") and not _stands_in(word, frame)
    ]
    return tuple(
        Note(
            f"stands in the list as {kind}, and its header calls it {word}",
            HeaderWarning,
            frames=names_of([frame for _, frame in some]),
            mend="mend the list or the header, if it is not meant so",
        )
        for word, some in groupby(lambda pair: pair[0], wrong).items()
    )


def _called(frame: Image) -> str:
    """Give the kind that a header calls a frame: a dark of 0 s is a bias."""
    word = called(frame.header) or ""
    return "bias" if word == "dark" and frame.exposure == 0 else word


def _stands_in(word: str, frame: Image) -> bool:
    """Tell whether a dark is so short that it is a bias."""
    return (word, frame.kind) == ("dark", "bias") and (frame.exposure or 0.0) <= SHORT


def copy_notes(frames: Sequence[Image], values: Sequence[Array]) -> tuple[Note, ...]:
    """Say which frames are copies of others: the noise of two exposures is never the same.

    :param values: the same pixels of each frame.
    """
    alike = groupby(lambda index: hash(values[index].tobytes()), range(len(frames)))
    copies = [
        some
        for some in alike.values()
        if len(some) > 1 and values[some[0]].size >= ENOUGH and np.unique(values[some[0]]).size >= SEVERAL
    ]
    return tuple(
        Note(
            "the same pixels under several names: copies of one exposure, which count as several",
            frames=names_of([frames[index] for index in some]),
            mend="list each exposure once",
            fact=f"copies of {frames[some[0]].name}",
        )
        for some in copies
    )
