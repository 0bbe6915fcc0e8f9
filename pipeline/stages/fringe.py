"""Fringes: night-sky lines that interfere in a thin detector, in a pattern that is always the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import attrs
import numpy as np

from pipeline.checks.same_setup import check_alike
from pipeline.compose.settings import Limits
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise
from pipeline.errors import CalibrationError
from pipeline.headers.status import Done
from pipeline.records.arrays import FloatArray, sealed
from pipeline.records.frames import Image, check_shapes, shown_as_its_image
from pipeline.records.history import Lineage, StepRecord
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.note import Note
from pipeline.records.pixels import Pixels
from pipeline.stages.checks import check_image, check_in_place, check_units, check_variance_kept
from pipeline.statistics.robust import MAD_TO_SIGMA

MOST_ROUNDS = 20
KEPT_SIGMA = 3.0
"""Values further than this many σ from the fit are stars, spectra or cosmic rays, and left out of it."""


@shown_as_its_image
@attrs.frozen(repr=False)
class MasterFringe:
    """What subtract_fringe needs: a pattern with mean 0 over good pixels, and 0 where it is not known.

    >>> import numpy as np
    >>> from pipeline import Image, MasterFringe
    >>> MasterFringe.of(Image.of(np.array([[1.0, 3.0]]), name="fringe.fits")).pixels.values
    array([[-1.,  1.]])

    :raises CalibrationError: no pixel of it is good.
    """

    image: Image

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        check_image(self.image, "MasterFringe")

    @classmethod
    def of(cls, image: Image) -> MasterFringe:
        """Make a master of a flat-fielded image of nothing but sky, such as dithered lights combined.

        :raises CalibrationError: no pixel of it is good.
        """
        check_image(image, "MasterFringe")
        pixels = image.pixels
        good = ~pixels.mask
        if not good.any():
            raise CalibrationError(f"{image.name}: the fringe frame has no good pixel")
        mean = pixels.values[good].mean(dtype=np.float64)
        values = np.where(good, pixels.values - mean, 0).astype(pixels.values.dtype)
        return cls(attrs.evolve(image, data=attrs.evolve(pixels, values=sealed(values)).as_shared()))

    def __repr__(self) -> str:
        return f"MasterFringe({self.image.short_name!r})"

    @property
    def pixels(self) -> Pixels:
        """The pattern, in the frames' unit."""
        return self.image.pixels

    @property
    def lineage(self) -> Lineage:
        """What the master is made of."""
        return self.image.lineage

    @property
    def notes(self) -> tuple[Note, ...]:
        """What had to be assumed, or was found wrong, in what the master is made of."""
        return self.image.notes

    def on_rows(self, start: int, stop: int) -> MasterFringe:
        """Cut the master to some rows."""
        return MasterFringe(self.image.rows(start, stop))

    def recorded(self, step: StepRecord) -> MasterFringe:
        """Give the same master with one more step in its history."""
        return MasterFringe(self.image.recorded(step))

    def noted(self, notes: Iterable[Note]) -> MasterFringe:
        """Give the same master with notes that were said of it outside of any step."""
        return MasterFringe(self.image.noted(notes))


@stage(does="fringe")
def subtract_fringe(
    image: Image,
    *,
    fringe: MasterFringe | None,
    scale: Annotated[float, Limits()] | None = None,
    force: bool = False,  # noqa: ARG001 - stage's own
) -> Image:
    """Subtract the fringes as strong as they are in the image; ``fringe=None`` says that there are none.

    The strength is the s of the least squares fit of a + b x + c y + s × fringe to the good pixels, with what stands
    out by 3 σ left out: sky that is level or tilted, and sparse objects, do not bear on it.

    >>> import numpy as np
    >>> from pipeline import Image, MasterFringe, subtract_fringe
    >>> pattern = np.sin(np.arange(400.0)).reshape(20, 20)
    >>> fringe = MasterFringe.of(Image.of(pattern))
    >>> flat_sky = subtract_fringe(Image.of(100 + 3 * pattern), fringe=fringe)
    >>> round(float(flat_sky.values.std()), 6)
    0.0

    :param scale: how strong; by default it is fitted.
    :param force: subtract even if the header says that it has been done.
    :raises SettingError: the scale is no finite number.
    :raises CalibrationError: the units differ, or the fit has too few good pixels or a pattern without contrast.
    """
    if fringe is None:
        return image
    check_in_place(image, "fringe image")
    check_shapes([image, fringe.image])
    check_units(image, fringe.image)
    check_alike((image,), with_others=(fringe.image,))
    check_variance_kept(image, fringe.image)
    if bool(image.state.flat) != bool(fringe.image.state.flat):
        advise(
            f"of it and the fringe image {fringe.image.short_name}, by their headers one is flat-fielded and the other "
            "is not; taken to have the same response",
            of=image,
        )
    strength = fringe_strength(image, fringe) if scale is None else float(scale)
    by = f"Fringe image is {fringe.image.short_name} with scale={strength:.6g}"
    return attrs.evolve(
        image,
        data=image.pixels.minus(fringe.pixels, strength),
        state=attrs.evolve(image.state, fringe=Done(by)),
        added=(*image.added, ("FRINGCOR", by, ""), ("FRNGSCAL", strength, "fringe frame was multiplied by this")),
    )


def fringe_strength(image: Image, fringe: MasterFringe) -> float:
    """Fit how strong the fringes of an image are, as a multiple of the master's.

    :raises CalibrationError: there are too few good pixels, or the pattern has no contrast there.
    """
    pattern, pixels = fringe.pixels, image.pixels
    good = ~(pixels.mask | pattern.mask)
    y, x = np.nonzero(good)
    height, width = pixels.shape
    columns = np.stack([np.ones(y.size), x / width - 0.5, y / height - 0.5, pattern.values[good]], axis=1)
    values = pixels.values[good].astype(np.float64)
    if y.size < 10 or not np.ptp(columns[:, 3]) > 0:
        raise CalibrationError(
            f"{image.name}: {y.size} good pixels and a fringe pattern of {np.ptp(columns[:, 3]) if y.size else 0:g}; "
            "its strength cannot be fitted: give the scale"
        )
    kept = np.abs(values - np.median(values)) <= KEPT_SIGMA * _spread(values - np.median(values))
    for _ in range(MOST_ROUNDS):
        fitted = _solved(columns[kept], values=values[kept])
        rest = values - columns @ fitted
        now = np.abs(rest) <= KEPT_SIGMA * _spread(rest[kept])
        if np.array_equal(now, kept):
            break
        kept = now
    return float(fitted[3])


def _spread(rest: FloatArray) -> float:
    """Give the standard deviation by the median; a little above 0 where most values are equal."""
    scale = MAD_TO_SIGMA * float(np.median(np.abs(rest)))
    return max(scale, 1e-9 * float(np.abs(rest).max(initial=0.0)), np.finfo(float).tiny)


def _solved(columns: FloatArray, *, values: FloatArray) -> FloatArray:
    solution: FloatArray = np.linalg.lstsq(columns, values, rcond=None)[0]
    return solution
