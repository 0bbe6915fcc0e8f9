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
    """What a calibration may differ in from the frames it is for, and for how long it is valid.

    The numbers are those of Gemini's calibration managers, DESI's pipeline and WBPP.

    >>> from pipeline import Policy
    >>> Policy(dark_days=400, ignore=("slit",)).dark_days
    400

    :param bias_days: for how many days before or after a bias is valid.
    :param dark_days: the same of a dark.
    :param flat_days: the same of a flat.
    :param arc_days: the same of an arc.
    :param bias_temperature: by how many K a bias may differ, which holds hardly any dark current.
    :param dark_temperature: by how many K a dark may differ, and from how many on a bias as warm goes before others.
    :param exposure: the fraction by which exposures count as equal.
    :param scale_up: take a dark of a shorter exposure too, where a bias lets it be scaled, though that is mostly noise;
        longer ones are taken anyway.
    :param scale_without_bias: scale a dark where no bias is known too, as of a library whose darks hold none though
        their headers do not say so.
    :param same_night: how many days frames of one night lie apart at most.
    :param same_arcs: the same of arcs, which follow the flexure.
    :param silent: take a calibration whose header says nothing of a gain, an offset, a readout mode, a filter, a
        grating or a temperature that the light's states.
    :param ignore: settings that are not looked at.
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
