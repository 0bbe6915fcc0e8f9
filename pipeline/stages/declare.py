"""What the user says has been done to a frame, where its header says otherwise or nothing."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import attrs

from pipeline.compose.stage import stage
from pipeline.errors import StepError
from pipeline.headers.status import Done, State, without_states
from pipeline.records.frames import Image
from pipeline.stages.overscan import subtract_overscan

Declared: TypeAlias = Literal["raw", "finished", "without bias"]
STATES: tuple[Declared, ...] = get_args(Declared)

AS_WAS_SAID = Done("as was said")
NO_BIAS = Done("no bias in it, as was said")
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
    """Take a frame as raw, as finished, or as without a bias, whatever its header says has been done to it.

    Finished is: overscan, bias and dark are out, and a light is flat-fielded; a finished bias or dark has had its
    overscan out, and a dark its bias.  Without bias is: it holds none that is to be taken out, and its dark and flat
    still are to be.  The unit and the orientation stay what the header says.

    >>> import numpy as np
    >>> from pipeline import Image, declare
    >>> str(declare(Image.of(np.ones((2, 3)), kind="flat"), state="finished").state.bias)
    'as was said'

    :param state: what it is: ``"raw"``, ``"finished"`` or ``"without bias"``.
    :raises StepError: a step of ours has changed the image already, or a bias is said to be without bias.
    """
    if any(step.worked and (step.masters or step.is_of(subtract_overscan)) for step in image.history):
        raise StepError(f"{image.name}: declare comes before the first step that changes values; put it first")
    if state == "raw":
        kept = State(gain=image.state.gain, turned=image.state.turned, unit=image.state.unit)
        return attrs.evolve(image, state=kept, header=without_states(image.header))
    if state == "without bias":
        if image.kind == "bias":
            raise StepError(f"{image.name}: a bias frame cannot be declared as without bias; leave it out of the list")
        said, card = {"bias": NO_BIAS}, str(NO_BIAS).capitalize()
    else:
        said, card = dict.fromkeys(FINISHED[image.kind], AS_WAS_SAID), f"Done before, {AS_WAS_SAID}"
    steps: dict[str, Any] = {step: by for step, by in said.items() if step not in image.state.done}
    return attrs.evolve(
        image,
        state=attrs.evolve(image.state, **steps),
        added=(*image.added, *((CARD_OF[step], card, "") for step in steps)),
    )
