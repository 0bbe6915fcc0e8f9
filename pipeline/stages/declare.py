"""What the user says has been done to a frame, where its header says otherwise or nothing."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

from pipeline.compose.stage import stage
from pipeline.errors import SettingError, StepError
from pipeline.headers.status import Done, State, without_states
from pipeline.records.frames import Image
from pipeline.stages.overscan import subtract_overscan

Declared: TypeAlias = Literal["raw", "finished"]

AS_WAS_SAID = Done("as was said")
FINISHED = {
    "bias": ("overscan",),
    "dark": ("overscan", "bias"),
    "flat": ("overscan", "bias", "dark"),
    "light": ("overscan", "bias", "dark", "flat"),
    "arc": ("overscan", "bias", "dark"),
}
"""What has been done to a finished frame of each kind."""

CARD_OF = {"overscan": "OVERSCAN", "bias": "ZEROCOR", "dark": "DARKCOR", "flat": "FLATCOR"}


@stage
def declare(image: Image, *, state: Declared) -> Image:
    """Take a frame as raw, or as finished, whatever its header says has been done to it.

    Finished is: overscan, bias and dark are out, and a light is flat-fielded; a finished bias or dark has had its
    overscan out, and a dark its bias.  The unit and the orientation stay what the header says.

    :raises StepError: a step of ours has changed the image already.
    """
    if state not in ("raw", "finished"):
        raise SettingError(f"declare: state={state!r}; expected 'raw' or 'finished'")
    if any(step.worked and (step.masters or step.is_of(subtract_overscan)) for step in image.history):
        raise StepError(f"{image.name}: declare comes before the first step that changes values; put it first")
    if state == "raw":
        kept = State(gain=image.state.gain, turned=image.state.turned, unit=image.state.unit)
        return attrs.evolve(image, state=kept, header=without_states(image.header))
    steps = [step for step in FINISHED[image.kind] if step not in image.state.done]
    said: dict[str, Any] = dict.fromkeys(steps, AS_WAS_SAID)
    return attrs.evolve(
        image,
        state=attrs.evolve(image.state, **said),
        added=(*image.added, *((CARD_OF[step], f"Done before, {AS_WAS_SAID}", "") for step in steps)),
    )
