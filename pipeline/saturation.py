"""Saturation: raw values that say no more than "at least this"."""

from __future__ import annotations

import attrs

from pipeline.errors import SettingError, StepError
from pipeline.frames import Image
from pipeline.keywords import saturation
from pipeline.pixels import Flag
from pipeline.stages import stage


@stage(rows=True)
def flag_saturated(image: Image, *, level: float | None = None) -> Image:
    """Flag values from ``level`` up, in ADU of the raw frame; by default from its header's SATURATE card.

    Without a level and without the card nothing is flagged.

    :raises StepError: the image is not raw any more.
    """
    if level is not None and not level > 0:
        raise SettingError(f"flag_saturated: level={level}; expected a positive level in ADU")
    limit = saturation(image.header) if level is None else level
    if limit is None:
        return image
    if image.state.bias or image.state.dark or image.state.flat:
        if not any(ran.stage in ("subtract_bias", "subtract_dark", "divide") for ran in image.history):
            return image  # reduced elsewhere: the level was for the raw frame
        raise StepError(f"{image.name}: saturation is judged on raw values; put flag_saturated first")
    return attrs.evolve(image, data=image.pixels.flagged(image.pixels.values >= limit, Flag.SATURATED))
