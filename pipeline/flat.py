"""The flat field: how strongly each pixel responds to the same light."""

from __future__ import annotations

import math

import attrs
import numpy as np

from pipeline.errors import CalibrationError, StepError
from pipeline.frames import Image, Lineage, Ran, check_image, check_shapes
from pipeline.keywords import RESPONSE
from pipeline.pixels import Array, Flag, Pixels, sealed
from pipeline.stages import stage

POSITIVE_SIGMA = 5.0
"""A response is positive when it is this many standard deviations above 0."""

FAINTEST = 3.0
"""ADU on average of which no response can be made, and which finished flats have, of mean or maximum 1."""

MEAN_TOLERANCE = 1e-3
FINISHED = 1e-6


@attrs.frozen(repr=False)
class MasterFlat:
    """What divide needs: a response that is positive wherever it is not flagged, with mean 1 over good pixels.

    ``part`` marks a flat cut to some rows, whose mean is its own.
    """

    image: Image
    part: bool = False

    def __attrs_post_init__(self) -> None:
        check_image(self.image, "MasterFlat")
        values = self.pixels.values
        if self.image.kind != "flat":
            raise StepError(f"{self.image.name} is a {self.image.kind}; a MasterFlat is made of flat frames")
        good = values[~self.pixels.mask]
        if self.part:
            return
        if not (values > 0).all() or not good.size or abs(good.mean(dtype=np.float64) - 1) > MEAN_TOLERANCE:
            raise StepError(f"{self.image.name}: no response yet; pass it through normalise_flat")

    def __repr__(self) -> str:
        return f"MasterFlat({self.image.short_name})"

    @property
    def pixels(self) -> Pixels:
        """The response, without unit."""
        return self.image.pixels

    @property
    def lineage(self) -> Lineage:
        """What the master is made of."""
        return self.image.lineage

    def on_rows(self, start: int, stop: int) -> MasterFlat:
        """Cut the master to some rows."""
        return MasterFlat(self.image.rows(start, stop), part=True)

    def recorded(self, ran: Ran) -> MasterFlat:
        """Give the same master with one more step in its history."""
        return MasterFlat(self.image.recorded(ran), self.part)


@stage
def normalise_flat(image: Image) -> MasterFlat:
    """Divide a flat by the mean of its good pixels.

    A pixel that is not positive at 5 σ is flagged and gets the response 1; σ comes from the pixels' variance, or
    else from the noise that combining found.

    :raises StepError: the image is no flat.
    :raises CalibrationError: no pixel is positive, or the flat is negative on average.
    """
    if image.kind != "flat":
        raise StepError(f"{image.name} is a {image.kind}; normalise_flat takes a flat")
    pixels = image.pixels
    known = ~pixels.mask
    if not known.any():
        raise CalibrationError(f"{image.name}: the flat has no good pixel")
    average = float(pixels.values[known].mean(dtype=np.float64))
    _check_lit(image, average)
    with np.errstate(invalid="ignore"):
        dark = ~(pixels.values > POSITIVE_SIGMA * _sigma(image, average))
    good = known & ~dark
    if not good.any():
        raise CalibrationError(f"{image.name}: no pixel of the flat is positive at {POSITIVE_SIGMA:g} σ")
    mean = float(pixels.values[good].mean(dtype=np.float64))
    finished = abs(mean - 1) <= FINISHED  # a master read back keeps its values to the bit
    response = (pixels if finished else pixels.times(1 / mean)).flagged(dark, Flag.NO_FLAT)
    usable = np.isfinite(response.values) & (response.values > 0) & ~dark
    response = attrs.evolve(response, values=sealed(np.where(usable, response.values, 1).astype(response.values.dtype)))
    return MasterFlat(
        attrs.evolve(
            image,
            data=response.as_shared(),
            state=attrs.evolve(image.state, unit=""),
            added=(*image.added, (RESPONSE, True, "values without unit, of mean 1")),
        )
    )


def _check_lit(image: Image, average: float) -> None:
    """Refuse a flat that has no light left in it, or as little as only a finished one has."""
    ours = any(ran.masters and not ran.skipped for ran in image.history) and not image.state.per_second
    if average > (FAINTEST if ours else 0):
        return
    should = "should be positive" if average <= 0 else f"that is raw has far more than {FAINTEST:g}"
    raise CalibrationError(
        f"{image.name}: the flat is {average:.4g} {image.state.unit} on average after {_taken_out(image)}; a flat "
        f"{should}: was it finished already (--finished flat), or is the dark or bias of another detector?"
    )


def _taken_out(image: Image) -> str:
    taken = [by for by in (image.state.bias, image.state.dark) if by]
    return " and ".join(taken) or "nothing was taken out of it"


def _sigma(image: Image, average: float) -> Array | float:
    """Give the standard deviation of a pixel that sees no light."""
    variance, found = image.pixels.total_variance, image.found
    if variance is not None:
        return np.sqrt(variance)
    if found is None or found.noise is None or found.level is None:
        return 0.0
    unlit = np.array(found.level - average)  # what was taken out since: the noise knows levels with it in
    return math.sqrt(float(found.noise.variance(unlit)) / found.frames)


@stage(rows=True, does="flat")
def divide(image: Image, *, flat: MasterFlat | None, force: bool = False) -> Image:  # noqa: ARG001 - stage's own
    """Divide by the response; ``flat=None`` says that there is none to divide by.

    :param force: divide even if the header says that it has been done.
    :raises ShapeError: image and flat differ in shape.
    """
    if flat is None:
        return image
    check_shapes([image, flat.image])
    by = f"Flat field image is {flat.image.short_name} with scale=1.0"
    return attrs.evolve(
        image,
        data=image.pixels.over(flat.pixels),
        state=attrs.evolve(image.state, flat=by),
        added=(*image.added, ("FLATCOR", by, "")),
    )
