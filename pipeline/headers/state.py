"""What has been done to an image."""

from __future__ import annotations

import attrs


@attrs.frozen
class State:
    """What has been done to an image.  Each field says by what; empty is: not done.

    A field that begins with "perhaps" tells of a step that nobody knows whether it was done.  ``unit`` is adu,
    electron, either of them per second, what else a header says, or empty for a response, which has none.
    """

    overscan: str = ""
    trimmed: str = ""
    bias: str = ""
    dark: str = ""
    flat: str = ""
    gain: str = ""
    turned: str = ""
    linear: str = ""
    cosmics: str = ""
    fringe: str = ""
    unit: str = "adu"

    @property
    def per_second(self) -> bool:
        """Whether values are rates: the exposure is divided out of them, and a dark needs no scaling."""
        return self.unit.endswith("/s")
