"""What the command says of a reduction: plain words about records."""

from __future__ import annotations

import numpy as np

from pipeline.records.frames import FrameSet, Image
from pipeline.records.history import Named, StepRecord
from pipeline.records.pixels import Flag
from pipeline.stacking.result import CombineResult
from pipeline.stages.align import align
from pipeline.stages.bias import subtract_bias
from pipeline.stages.cosmic_rays import clean_cosmic_rays
from pipeline.stages.dark import fit_dark, subtract_dark
from pipeline.stages.flat import divide
from pipeline.stages.fringe import subtract_fringe
from pipeline.stages.gain import to_electrons
from pipeline.stages.header import ReducedImage
from pipeline.stages.healing import heal
from pipeline.stages.linearity import linearise
from pipeline.stages.orientation import orient
from pipeline.stages.overscan import subtract_overscan

CORE = (subtract_overscan, subtract_bias, subtract_dark, fit_dark, divide)
"""The core of a reduction: each is named by the field of the state that it fills."""

AROUND: dict[Named, str] = {
    linearise: "made linear",
    clean_cosmic_rays: "cosmic rays cleaned",
    subtract_fringe: "fringes out",
    heal: "bad pixels interpolated",
}
"""What the steps around the core have done, in the order in which they ran."""

LAST: dict[Named, str] = {align: "aligned", to_electrons: "in electrons", orient: "dispersion along x"}
"""What is said at the end, wherever it was done."""


def frame_words(frames: FrameSet) -> str:
    """Count the frames of one kind, with their exposures."""
    seconds = sorted({frame.exposure for frame in frames if frame.exposure is not None})
    words = "/".join(f"{number:g}" for number in seconds) + " s" if seconds else "no exposure"
    return f"{len(frames)} {frames.frames[0].kind} ({words})"


def combined_words(found: CombineResult | None) -> str:
    """Say how frames were combined."""
    if found is None or found.frames == 1:
        return "1 frame"
    clip = "no clip" if found.clip is None else f"{found.clip.spread} clip {found.clip.low:g}/{found.clip.high:g} σ"
    return f"{found.method} of {found.frames} frames, {clip}, {sum(found.rejected)} values rejected"


def step_words(product: ReducedImage) -> str:
    """Say what was taken out, and what was skipped and why."""
    history, state = product.history, product.state
    words = []
    if _ran(history, subtract_overscan):
        words += [word for by, word in ((state.overscan, "overscan out"), (state.trimmed, "trimmed")) if by]
    for step in history:
        if step.is_of(*CORE) and step.done_before:
            words.append(f"{step.does} not taken out again, done already ({step.done_before})")
        elif step.is_of(subtract_bias, subtract_dark, fit_dark, divide):
            words.append(f"{step.does} out" if step.masters else f"no {step.does}")
        elif step.worked:
            words += [word for stage, word in AROUND.items() if step.is_of(stage)]
    words += [word for stage, word in LAST.items() if _ran(history, stage)]
    return ", ".join(words) or "nothing else done"


def _ran(history: tuple[StepRecord, ...], stage: Named) -> bool:
    return any(step.is_of(stage) and not step.skipped for step in history)


def flag_words(image: Image | ReducedImage) -> str:
    """Count flagged pixels by reason."""
    flags = image.pixels.flags
    flags = flags[flags != 0]
    counts = [(flag.name or "", int(np.count_nonzero(flags & flag))) for flag in Flag]
    words = [f"{count} {name.lower().replace('_', ' ')}" for name, count in counts if count]
    return f"; flagged: {', '.join(words)}" if words else "; no pixel flagged"
