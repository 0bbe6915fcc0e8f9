"""The bias: what a detector reads without light and without time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import numpy as np

from pipeline.checks.ceilings import unflagged
from pipeline.checks.done_before import bias_left_in
from pipeline.checks.masters import bias_fits
from pipeline.checks.same_setup import check_alike
from pipeline.compose.stage import stage
from pipeline.compose.telling import say
from pipeline.errors import CalibrationError, PipelineWarning
from pipeline.headers.status import Done
from pipeline.records.arrays import sealed
from pipeline.records.frames import Image, check_shapes, is_frame, shown_as_its_image
from pipeline.records.history import Lineage, StepRecord
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.note import Note, names_of
from pipeline.records.pixels import Pixels
from pipeline.stages.checks import (
    as_master,
    check_before_flat,
    check_image,
    check_in_place,
    check_units,
    check_variance_kept,
    cut_to_image,
)


@shown_as_its_image
@attrs.frozen(repr=False)
class MasterBias:
    """What subtract_bias needs: an image of kind bias.

    >>> import numpy as np
    >>> from pipeline import Image, MasterBias
    >>> MasterBias.of(Image.of(np.full((2, 3), 300.0), kind="bias", name="b.fits"))
    MasterBias('b.fits')

    :raises StepError: the image is no bias.
    :raises CalibrationError: no pixel of it is good.
    """

    image: Image

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        check_image(self.image, "MasterBias", "bias")

    @classmethod
    def of(cls, image: Image) -> MasterBias:
        """Make a master of a combined image, or of a single one.

        Where the level of its frames jumps from one to the next, and no overscan was there to follow it, its error
        has the mean of these jumps too.

        :raises StepError: the image is no bias.
        :raises CalibrationError: no pixel of it is good.
        """
        image = Image.of(image, kind="bias") if is_frame(image) else image
        variance = image.pixels.variance if isinstance(image, Image) and image.kind == "bias" else None
        if variance is not None and image.found is not None and image.found.jumps:
            total = variance + variance.dtype.type(image.found.jumps**2 / image.found.frames)
            image = attrs.evolve(image, data=attrs.evolve(image.pixels, variance=sealed(total)))
        return cls(as_master(image, "MasterBias", "bias"))

    def __repr__(self) -> str:
        return f"MasterBias({self.image.short_name!r})"

    @property
    def pixels(self) -> Pixels:
        """Values in the frames' unit."""
        return self.image.pixels

    @property
    def lineage(self) -> Lineage:
        """What the master is made of."""
        return self.image.lineage

    @property
    def notes(self) -> tuple[Note, ...]:
        """What had to be assumed, or was found wrong, in what the master is made of."""
        return self.image.notes

    def on_rows(self, start: int, stop: int) -> MasterBias:
        """Cut the master to some rows."""
        return MasterBias(self.image.rows(start, stop))

    def recorded(self, step: StepRecord) -> MasterBias:
        """Give the same master with one more step in its history."""
        return MasterBias(self.image.recorded(step))

    def noted(self, notes: Iterable[Note]) -> MasterBias:
        """Give the same master with notes that were said of it outside of any step."""
        return MasterBias(self.image.noted(notes))


def _misfits(image: Image, *, bias: MasterBias, force: bool) -> tuple[Note, ...]:  # noqa: ARG001 - as the stage
    return (*unflagged([image]), *bias_fits(image, bias.image), *_level_unsure(image, bias.image))


def _level_of_own(image: Image, bias: Image) -> float:
    """Give by how much the level of an image's own bias may lie off the mean one: what bias frames jump by."""
    jumps = bias.found.jumps if bias.found is not None else 0.0
    return jumps / math.sqrt(image.found.frames if image.found is not None else 1)


def _level_unsure(image: Image, bias: Image) -> Iterator[Note]:
    """Say what it does to an image that bias frames jump by a pixel's noise and more."""
    off, found = _level_of_own(image, bias), bias.found
    if off and found is not None and found.noise is not None and found.jumps**2 > found.noise.a:
        yield Note(
            f"the level of the bias scatters by {found.jumps:.3g} {bias.state.unit} from frame to frame, and no "
            "overscan follows it: what it is taken out of may lie off as a whole by so much a frame, as UNCERT has it",
            category=PipelineWarning,
            frames=names_of(image),
            mend="where frames have an overscan, take it out of each; or measure the sky and take it out",
            figures=(("jumps", found.jumps), ("off", off)),
            fact=f"bias jumps under {image.kind}",
        )


def _header_is_believed(image: Image, *, bias: MasterBias, **_settings: Any) -> bool:
    """Take a bias to be out because the header says so; where level or noise contradict, this is said."""
    for note in bias_left_in(image, bias.image):
        say(note)
    return True


def _own_bias(image: Image, *, bias: MasterBias | None, **_settings: Any) -> dict[str, Any]:
    """Take of a bias of the full frame the part that the image shows."""
    own = bias and cut_to_image(image, bias)
    return {} if own is bias else {"bias": own}


@stage(rows=True, does="bias", believes=_header_is_believed, looks=_misfits, chooses=_own_bias)
def subtract_bias(image: Image, *, bias: MasterBias | None, force: bool = False) -> Image:
    """Subtract the bias; ``bias=None`` says that there is none to subtract.

    Where the level of bias frames jumps from one to the next, and no overscan was there to follow it, that of the image
    jumped too: its variance has that in each pixel, as an error of its own that all of its pixels have in common.

    >>> import numpy as np
    >>> from pipeline import Image, MasterBias, subtract_bias
    >>> bias = MasterBias.of(Image.of(np.full((1, 2), 300.0), kind="bias"))
    >>> subtract_bias(Image.of(np.array([[310.0, 320.0]])), bias=bias).values
    array([[10., 20.]])

    :param force: subtract it even if the header says that it has been done.
    :raises ShapeError: image and bias differ in shape.
    :raises StepError: the image is flat-fielded already.
    :raises CalibrationError: image and bias differ in unit, or in whether the overscan is out.
    """
    if bias is None:
        return image
    check_in_place(image, "bias")
    check_before_flat(image, "bias")
    check_shapes([image, bias.image])
    check_units(image, bias.image)
    if bool(image.state.overscan) != bool(bias.image.state.overscan) and not force:
        without, has = (image, bias.image) if image.state.overscan else (bias.image, image)
        raise CalibrationError(
            f"{without.name}: its overscan is out ({without.state.overscan}), that of {has.name} is not; "
            "treat both alike, or say force=True"
        )
    check_alike((image,), with_others=(bias.image,))
    check_variance_kept(image, bias.image)
    by = f"Zero level correction image is {bias.image.short_name}"
    taken, off = bias.pixels, _level_of_own(image, bias.image)
    if off:  # the same in all pixels of this image, and in no other
        level = np.full(taken.shape, off, taken.dtype)
        taken = attrs.evolve(taken, shared=(*taken.shared, (f"level of {image.name}", level)))
    return attrs.evolve(
        image,
        data=image.pixels.minus(taken),
        state=attrs.evolve(image.state, bias=Done(by)),
        added=(*image.added, ("ZEROCOR", by, "")),
    )
