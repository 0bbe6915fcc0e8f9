"""Numbers as others hand them over: numpy's scalars, and astropy's quantities with their unit."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from pipeline.errors import SettingError

UNITS = {
    "exposure": "s",
    "gain": "electron / adu",
    "level": "adu",
    "pedestal": "adu",
    "read_noise": "electron",
    "satlevel": "adu",
    "saturation": "adu",
}
"""The unit of each setting that has one."""


def plain_number(value: Any, name: str) -> Any:
    """Give a number of numpy's as Python's own, and a Quantity as the number that a setting of this name asks for.

    Anything else is given as it is; of a tuple or list, each of its numbers.

    >>> import astropy.units as u
    >>> plain_number(np.float32(1.5), "gain"), plain_number(2 * u.min, "exposure")
    (1.5, 120.0)
    >>> plain_number([1, 2] * u.electron, "read_noise")
    (1.0, 2.0)

    :raises SettingError: a Quantity has another unit.
    """
    if hasattr(value, "to_value") and hasattr(value, "unit"):
        return plain_number(_in_unit(value, name), name)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        item = value.item()
        return item if not isinstance(item, np.floating) else float(item)  # numpy's long double gives itself
    if type(value) in (tuple, list):
        return type(value)(plain_number(one, name) for one in value)
    return value


def _in_unit(quantity: Any, name: str) -> Any:
    """Give the numbers of a Quantity in the unit of a setting; DN and counts are ADU."""
    from astropy import units

    counts = {units.DN: units.adu, units.count: units.adu}
    given = quantity.unit
    parts = [counts.get(base, base) ** power for base, power in zip(given.bases, given.powers, strict=True)]
    wanted = UNITS.get(name, "")
    try:
        numbers = (quantity.value * reduce(lambda a, b: a * b, parts, units.Unit(given.scale))).to_value(wanted)
    except units.UnitConversionError as error:
        asked = f"a number in {wanted}" if wanted else "a number without unit"
        raise SettingError(f"{name}={quantity}; expected {asked}") from error
    return tuple(numbers.tolist()) if np.ndim(numbers) == 1 else numbers
