"""What the command says of a reduction: plain words about records."""

from __future__ import annotations

import numpy as np

from pipeline.headers.status import State
from pipeline.records.frames import FrameSet, Image
from pipeline.records.pixels import Flag
from pipeline.stacking.result import Found
from pipeline.stages.header import ReducedImage

AROUND = {"linearise": "made linear", "clean_cosmic_rays": "cosmic rays cleaned", "subtract_fringe": "fringes out"}
AROUND |= {"heal": "bad pixels interpolated"}
"""What the steps around the core have done."""


def counted(frames: FrameSet) -> str:
    """Count the frames of one kind, with their exposures."""
    seconds = sorted({frame.exposure for frame in frames if frame.exposure is not None})
    words = "/".join(f"{number:g}" for number in seconds) + " s" if seconds else "no exposure"
    return f"{len(frames)} {frames.frames[0].kind} ({words})"


def combined_words(found: Found | None) -> str:
    """Say how frames were combined."""
    if found is None or found.frames == 1:
        return "1 frame"
    clip = "no clip" if found.clip is None else f"{found.clip.spread} clip {found.clip.low:g}/{found.clip.high:g} σ"
    return f"{found.method} of {found.frames} frames, {clip}, {sum(found.rejected)} values rejected"


_LAST = {"to_electrons": "in electrons", "orient": "dispersion along x"}


def step_words(product: ReducedImage) -> str:
    """Say what was taken out, and what was skipped and why."""
    ours = {ran.stage for ran in product.history if not ran.skipped}
    state = product.state if "subtract_overscan" in ours else State()
    words = [word for by, word in ((state.overscan, "overscan out"), (state.trimmed, "trimmed")) if by]
    taken = {"subtract_overscan": "overscan", "subtract_bias": "bias", "subtract_dark": "dark", "divide": "flat"}
    for ran in product.history:
        if ran.stage in taken and ran.skipped not in ("", "nothing to do"):
            words.append(f"{taken[ran.stage]} not taken out again, done already ({ran.skipped})")
        elif ran.stage in AROUND and not ran.skipped and ("fringe", "None") not in ran.settings:
            words.append(AROUND[ran.stage])
        elif ran.stage in taken and ran.stage != "subtract_overscan":
            words.append(f"{taken[ran.stage]} out" if ran.masters else f"no {taken[ran.stage]}")
    words += [
        word for name, word in (("to_electrons", "in electrons"), ("orient", "dispersion along x")) if name in ours
    ]
    return ", ".join(words) or "nothing else done"


def flag_words(image: Image | ReducedImage) -> str:
    """Count flagged pixels by reason."""
    flags = image.pixels.flags
    flags = flags[flags != 0]
    counts = [(flag.name or "", int(np.count_nonzero(flags & flag))) for flag in Flag]
    words = [f"{count} {name.lower().replace('_', ' ')}" for name, count in counts if count]
    return f"; flagged: {', '.join(words)}" if words else "; no pixel flagged"
