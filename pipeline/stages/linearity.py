"""Non-linearity: readouts that count less, or more, of many electrons than of few."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import numpy as np
from numpy.polynomial import polynomial

from pipeline.checks.ceilings import unflagged
from pipeline.compose.settings import Limits
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.errors import CalibrationError, SettingError, StepError
from pipeline.headers.status import Done
from pipeline.records.arrays import Array, sealed
from pipeline.records.frames import Image
from pipeline.records.note import Note
from pipeline.records.pixels import Pixels

AFTERWARDS = ("overscan", "bias", "dark", "flat", "fringe")
"""What may be done to an image once it is linear, and not before."""


def _unflagged(image: Image, **_settings: Any) -> tuple[Note, ...]:
    return unflagged([image])


@stage(rows=True, does="linear", looks=_unflagged)
def linearise(
    image: Image,
    *,
    coefficients: tuple[Annotated[float, Limits()], ...] | None,
    pedestal: Annotated[float, Limits(unit="adu")] = 0.0,
    force: bool = False,
) -> Image:
    """Correct raw values for non-linearity: s above the pedestal becomes c₁ s + c₂ s² + c₃ s³ and so on above it.

    ``coefficients=None`` says that there is nothing to correct.  The pedestal is the bias level, from which
    electrons are counted; 0 where the coefficients were found with the bias in.  Variance goes with the square of
    the slope.

    >>> import numpy as np
    >>> from pipeline import Image, linearise
    >>> linearise(Image.of(np.array([[100.0, 1000.0]])), coefficients=(1.0, 1e-5)).values
    array([[ 100.1, 1010. ]])

    :param coefficients: c₁, c₂, …; c₁ is 1 where small signals are right as they are.
    :param pedestal: in ADU.
    :param force: correct even if the header says that it has been done.
    :raises SettingError: a coefficient or the pedestal is no finite number.
    :raises StepError: the image is not raw any more.
    :raises CalibrationError: the polynomial does not rise at a good value: that lies beyond where it was measured.
    """
    if coefficients is None:
        return image
    if not coefficients:
        raise SettingError("linearise: coefficients=(); expected one or more; for none, say coefficients=None")
    state = image.state
    done = [by for by in (state.overscan, state.bias, state.dark, state.flat) if by]
    if done and not force:
        if any(step.does in AFTERWARDS and not step.skipped for step in image.history):
            raise StepError(f"{image.name}: not raw any more ({done[0]}); linearise comes before everything else")
        advise(
            f"reduced elsewhere ({done[0]}); taken to be linear",
            of=image,
            mend="where it is not, say force=True",
            at_command="where it is raw, say so: --raw",
        )
        return image
    words = " + ".join(f"{c:g} s^{power}" for power, c in enumerate(coefficients, start=1))
    by = f"Linearity correction is {words} from {pedestal:g} adu"
    return attrs.evolve(
        image,
        data=_straightened(image.pixels, np.array([0.0, *coefficients]), pedestal, image.name),
        state=attrs.evolve(state, linear=Done(by)),
        added=(*image.added, ("LINCOR", by, "")),
    )


def _straightened(pixels: Pixels, curve: Array, pedestal: float, name: str) -> Pixels:
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is flagged since it was read
        signal = pixels.values.astype(np.float64) - pedestal
        slope = polynomial.polyval(signal, polynomial.polyder(curve))
        straight = pedestal + polynomial.polyval(signal, curve)
    falling = ~(slope > 0) & ~pixels.mask
    if falling.any():
        level = float(pixels.values[falling].min())
        raise CalibrationError(
            f"{name}: the linearity polynomial does not rise at {level:g} adu, a value of a good pixel; flag values "
            "beyond its range first (flag_saturated, --saturation), or give better coefficients"
        )
    dtype = pixels.values.dtype
    return attrs.evolve(
        pixels,
        values=sealed(straight.astype(dtype)),
        variance=None if pixels.variance is None else sealed((pixels.variance * slope**2).astype(dtype)),
        shared=tuple((key, sealed((sigma * slope).astype(dtype))) for key, sigma in pixels.shared),
    )
