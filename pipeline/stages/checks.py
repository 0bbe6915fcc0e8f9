"""What is checked of the image that a master is made of, and of the image that a master corrects."""

from __future__ import annotations

from typing import Any

from pipeline.errors import CalibrationError, StepError
from pipeline.headers.colour_mosaic import colour_mosaic
from pipeline.records.frames import FrameSet, Image, is_frame


def check_image(thing: object, maker: str, kind: str = "") -> None:
    """Refuse what is no image, or one of another kind, where a master is made of one.

    :param maker: the master's own name, such as MasterBias.
    :param kind: of the frames that it is made of; empty for any.
    :raises StepError: it is something else.
    """
    if not isinstance(thing, Image):
        mend = "combine the frames first" if isinstance(thing, FrameSet) else "wrap it in Image.of"
        raise StepError(f"a {maker} is made of an Image, found {thing!r}; {mend}")
    if kind and thing.kind != kind:
        raise StepError(f"{thing.name} is a {thing.kind}; a {maker} is made of {kind} frames")


def taken_as(kind: str, thing: Any) -> Any:
    """Take an array, an HDU, a CCDData or a ReducedImage as an image of a kind; pass on anything else."""
    return Image.of(thing, kind=kind) if is_frame(thing) else thing


def check_before_flat(image: Image, what: str) -> None:
    """Refuse an image that is flat-fielded, of which something is to be taken out that comes before that.

    :raises StepError: it is flat-fielded.
    """
    if image.state.flat:
        raise StepError(f"{image.name}: flat-fielded already ({image.state.flat}); the {what} comes out before that")


def check_units(image: Image, master: Image) -> None:
    """Refuse a master in another unit than the image.

    :raises CalibrationError: they differ.
    """
    if image.state.unit != master.state.unit:
        raise CalibrationError(
            f"{image.name} is in {image.state.unit or 'no unit'}, {master.name} in {master.state.unit or 'no unit'}; "
            "bring both to the same unit"
        )


def check_neighbours(image: Image, what: str) -> None:
    """Refuse a mosaic of colours where a step looks at a pixel's neighbours: they see another colour.

    :param what: what the step does.
    :raises StepError: the header tells of such a mosaic.
    """
    told = colour_mosaic(image.header)
    if told:
        raise StepError(
            f"{image.name}: is a mosaic of colours ({told}), and {what} looks at neighbours, which see another colour; "
            "leave it out, or take the pixels of each colour as an image of their own"
        )
