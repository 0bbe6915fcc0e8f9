"""What has been done to an image."""

from __future__ import annotations

import attrs


@attrs.frozen
class State:
    """What has been done to an image.  Each field says by what; empty is: not done."""

    overscan: str = ""
    bias: str = ""
    dark: str = ""
    flat: str = ""
    unit: str = "adu"
