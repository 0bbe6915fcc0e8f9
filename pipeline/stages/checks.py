"""What is checked of the image that a master is made of, and of the image that a master corrects."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from pipeline.checks.done_before import unexpectedly_done
from pipeline.compose.telling import advise, collecting, say
from pipeline.detector.section import window_within
from pipeline.errors import CalibrationError, PipelineWarning, StepError, VarianceWarning
from pipeline.headers.cards import Cards
from pipeline.headers.colour_mosaic import colour_mosaic
from pipeline.headers.keyword_tables import READOUT_SECTION
from pipeline.records.frames import FrameSet, Image, is_frame
from pipeline.records.note import Note, merged, names_of


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


def as_master(thing: Any, maker: str, kind: str) -> Image:
    """Give the image that a master is to be made of: what there is to say of it goes with it.

    An array, an HDU, a CCDData or a ReducedImage is taken as an image of the kind.

    :raises StepError: it is no image, or one of another kind.
    :raises CalibrationError: no pixel of it is good: it would leave nothing of the lights.
    """
    image = Image.of(thing, kind=kind) if is_frame(thing) else thing
    check_image(image, maker, kind)
    pixels = image.pixels
    if pixels.mask.all():
        raise CalibrationError(f"{image.name}: no good pixel in the {kind}, all are NaN or flagged; leave it out")
    with collecting() as said:
        say(*(() if image.found else unexpectedly_done([image])))  # of what was combined, combine has said it
    return attrs.evolve(image, data=pixels.as_shared(), said=merged((*image.said, *said)))


def check_before_flat(image: Image, what: str) -> None:
    """Refuse an image that is flat-fielded, of which something is to be taken out that comes before that.

    :raises StepError: it is flat-fielded.
    """
    if image.state.flat:
        raise StepError(f"{image.name}: flat-fielded already ({image.state.flat}); the {what} comes out before that")


def check_in_place(image: Image, what: str) -> None:
    """Refuse an image that was aligned, to which something is to be done that fits the detector's pixels.

    :param what: that which no longer fits.
    :raises StepError: it was moved.
    """
    if image.moved:
        raise StepError(
            f"{image.name}: was aligned, so that the {what} no longer fits it; do that to each light before align"
        )


def check_variance_kept(image: Image, master: Image) -> None:
    """Say where the variance of an image vanishes, because the master that corrects it has none."""
    if image.pixels.variance is not None and master.pixels.variance is None:
        advise(
            f"its variance is lost: the {master.kind} {master.short_name} has none",
            VarianceWarning,
            of=image,
            mend="give the master one: combine(variance='noise'), or estimate_variance for a single frame",
            at_command="give gain and read noise: --gain and --read-noise",
        )


Cut = TypeVar("Cut")


def cut_to_image(image: Image, master: Cut) -> Cut:
    """Cut a master of a larger part of the detector to that which an image shows, where headers tell; this is said."""
    whole: Image = master.image  # type: ignore[attr-defined]
    if whole.shape == image.shape:
        return master
    section = window_within(image.header, image.shape, whole.header, whole.shape)
    if section is None:
        return master
    note = Note(
        f"the {whole.kind} {whole.short_name} is of a larger part of the detector, {whole.shape[1]}x{whole.shape[0]} "
        f"pixels: {section} of it is taken",
        PipelineWarning,
        frames=names_of(image),
        fact=f"cut {whole.name}",
    )
    say(note)
    header = whole.header.to_header()
    for keyword in {key for row in READOUT_SECTION for key in row}:
        if keyword in image.header and keyword in header:
            header[keyword] = image.header[keyword]
    pixels = whole.pixels.moved(lambda plane: plane[section.window])
    cut = attrs.evolve(whole, data=pixels, header=Cards.of(header), said=merged((*whole.said, note)))
    return attrs.evolve(master, image=cut)  # type: ignore[misc]


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
