"""How strict the choice of calibrations is: tolerances, and for how long a calibration is valid, as data."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import attrs

from pipeline.checks.shared_settings import SHARED_SETTINGS
from pipeline.compose.settings import Limits, checked
from pipeline.errors import SettingError

Days: TypeAlias = Annotated[float, Limits(least=0, finite=False)]
Kelvin: TypeAlias = Annotated[float, Limits(least=0, finite=False)]


def _are_settings(_: Policy, attribute: attrs.Attribute[tuple[str, ...]], words: tuple[str, ...]) -> None:
    known = [setting.words for setting in SHARED_SETTINGS]
    for word in words:
        if word not in known:
            raise SettingError(f"Policy: {attribute.name}={word!r}; expected names of {', '.join(known)}")


@checked
@attrs.frozen
class Policy:
    """What a calibration may differ in from the frames it is for.

    ``bias_days``, ``dark_days``, ``flat_days`` and ``arc_days`` are for how many days before or after a calibration is
    valid, as the calibration managers of Gemini have it.  ``dark_temperature`` is by how many K darks may differ, as in
    DESI's pipeline and WBPP, and from how many on a bias of the same temperature goes before;
    ``bias_temperature``, wider, bounds a bias, which holds hardly any dark current.

    ``exposure`` is the fraction by which exposures count as equal. A dark of another exposure is taken where a bias
    lets it be scaled: down, and up only with ``scale_up``; with ``scale_without_bias`` where none is known, too, as
    for darks of a library that hold none though their headers do not say so. ``same_night`` is how many days frames of
    one night lie apart at most, ``same_arcs`` the same of arcs, which follow the flexure. ``silent`` lets a
    calibration in whose header says nothing of a gain, an offset, a readout mode, a filter, a grating or a
    temperature that the light's states. ``ignore`` names settings that are not looked at.

    >>> from pipeline import Policy
    >>> Policy(dark_days=400, ignore=("slit",)).dark_days
    400

    :raises SettingError: a number is negative, or there is no such setting.
    """

    bias_days: Days = 90.0
    dark_days: Days = 365.0
    flat_days: Days = 180.0
    arc_days: Days = 365.0
    bias_temperature: Kelvin = 5.0
    dark_temperature: Kelvin = 1.0
    exposure: Annotated[float, Limits(least=0, below=1)] = 0.01
    scale_up: bool = False
    scale_without_bias: bool = False
    same_night: Days = 0.5
    same_arcs: Days = 0.02
    silent: bool = False
    ignore: tuple[str, ...] = attrs.field(default=(), validator=_are_settings)

    def days(self, kind: str) -> float:
        """Give for how many days a calibration of a kind is valid."""
        return {"bias": self.bias_days, "dark": self.dark_days, "flat": self.flat_days, "arc": self.arc_days}[kind]
