"""What has been done to frames, as their headers and steps tell, against what they are used for.

Each function gives notes of the frames that it is asked about: a calibration that seems to be finished already, a bias
that nothing took out.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.errors import HeaderWarning
from pipeline.headers.status import State
from pipeline.records.frames import Image
from pipeline.records.note import Note, names_of

UNEXPECTED = {"bias": ("bias", "dark", "flat"), "dark": ("dark", "flat"), "flat": ("flat",)}
"""What nobody does to a frame that is to be a calibration."""


BIAS_OR_NONE = "take out a bias or the overscan, or say that it holds none"


def unexpectedly_done(frames: Iterable[Image]) -> tuple[Note, ...]:
    """Find calibrations whose headers tell of a step that nobody does to such a frame."""
    notes = []
    for frame in frames:
        ours = {step.does for step in frame.history if step.worked}
        wrong = [name for name in UNEXPECTED.get(frame.kind, ()) if name not in ours]
        done = [str(by) for name, by in frame.state.done.items() if name in wrong]
        if done:
            words = (
                f"stands in the list as {frame.kind}, and its header says {' and '.join(done)}; used as it is; is it "
                "another kind of frame?"
            )
            raw = "or say that it is raw: declare(state='raw')"
            notes.append(
                Note(words, frames=names_of(frame), mend=raw, at_command=f"or say that it is raw: --raw {frame.kind}")
            )
    return tuple(notes)


def contradicted(image: Image, step: str, seen: str, fact: str, **figures: float) -> Note:
    """Say of an image whose header says that a step has been done that its pixels ``seen`` show otherwise."""
    return Note(
        f"its header says that the {step} is out ({image.state.done[step]}), and {seen}",
        HeaderWarning,
        frames=names_of(image),
        mend="if it is raw, say force=True",
        at_command=f"if it is raw, say --raw {image.kind}",
        figures=tuple(figures.items()),
        fact=fact,
    )


def level_is_out(state: State) -> bool:
    """Tell whether the level that a readout adds is out: with the bias, with the overscan, or in rates and responses.

    An image whose dark was subtracted with the bias in it counts as well: its state says so of the bias.
    """
    return bool(state.bias or state.overscan) or state.per_second or not state.unit


def bias_in_flat(flat: Image) -> tuple[Note, ...]:
    """Say of a flat of which a response is made that its bias may still be in."""
    if level_is_out(flat.state) or flat.state.dark:
        return ()
    return (
        Note(
            "no bias was taken out of the flat; if it holds one, the response comes out too even",
            frames=names_of(flat),
            mend=f"{BIAS_OR_NONE}: declare(state='without bias')",
            at_command=f"{BIAS_OR_NONE}: --without-bias {flat.kind}",
        ),
    )


def bias_in_divided(image: Image) -> tuple[Note, ...]:
    """Say of an image that is divided by a flat that its bias may still be in, and be divided too."""
    if level_is_out(image.state) or image.state.dark:
        return ()
    level = None if image.found is None else image.found.level
    much = "" if level is None else f", part of its mean level of {level:.5g} {image.state.unit}"
    return (
        Note(
            f"no bias was taken out of the {image.kind} that is divided by the flat; if it holds one{much}, the flat "
            "is imprinted on it",
            frames=names_of(image),
            mend=f"{BIAS_OR_NONE}: declare(state='without bias')",
            at_command=f"{BIAS_OR_NONE}: --without-bias {image.kind}",
            figures=() if level is None else (("mean level", level),),
        ),
    )


def bias_beside_dark(image: Image, dark: Image) -> tuple[Note, ...]:
    """Say of an image whose dark has its bias out that its own may still be in."""
    if level_is_out(image.state) or not dark.state.bias:
        return ()
    return (
        Note(
            f"no bias was taken out of it, and one was out of the dark {dark.short_name} ({dark.state.bias}); if it "
            "holds one, that stays in",
            frames=names_of(image),
            mend=f"{BIAS_OR_NONE}: declare(state='without bias')",
            at_command=f"{BIAS_OR_NONE}: --without-bias {image.kind}",
        ),
    )
