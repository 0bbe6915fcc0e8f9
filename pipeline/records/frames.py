"""One exposure, from raw to nearly reduced, and the exposures of a night."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import numpy as np
from toolz import concat

from pipeline.errors import FileWarning, FrameError, HeaderError, SettingError, ShapeError, StepError
from pipeline.headers.cards import Cards
from pipeline.headers.exposure import exposure as exposure_of
from pipeline.headers.status import State, state_of, unit_of
from pipeline.records.history import Lineage, Named, StepRecord, in_common, notes_in, notes_of, went_through
from pipeline.records.interop import pixels_of, with_type, with_wcs
from pipeline.records.note import Note, merged
from pipeline.records.pixels import Pixels
from pipeline.records.source import Source

KINDS = ("bias", "dark", "flat", "light", "arc")


@attrs.frozen
class Location:
    """Where a frame is said to be: not opened yet.  ``line`` is where the file list says so."""

    path: str
    hdu: int | str = 0
    line: int | None = None

    def __str__(self) -> str:
        return self.path if self.hdu == 0 else f"{self.path}[{self.hdu}]"


def _known_kind(_: object, __: object, kind: Any) -> None:
    if kind not in KINDS:
        raise SettingError(f"an image of kind {kind!r}; expected one of {', '.join(KINDS)}")


def _seconds(_: object, __: object, exposure: Any) -> None:
    number = isinstance(exposure, int | float | np.number) and not isinstance(exposure, bool)
    if exposure is not None and not (number and 0 <= exposure < math.inf):
        raise SettingError(f"an image with exposure={exposure!r}; expected seconds from 0, or None")


@attrs.frozen
class Image:
    """One exposure of one kind, from raw to nearly reduced.

    ``data`` is a :class:`Source` of pixels, in memory or to be read when asked, or the :class:`Location` of a frame
    not opened yet.  ``exposure`` is in seconds, None where the header does not say.  ``found`` is what
    combining found, where the image is a combination; ``added`` the cards (keyword, value, comment) that the
    steps have to add to the product's header; ``said`` what there was to say when the frame was opened,
    and outside of any step.  ``shift`` is by how many rows and columns the sky lay off, where align was asked; whole
    pixels of it are out.
    """

    kind: str = attrs.field(validator=_known_kind)
    data: Source | Location
    exposure: float | None = attrs.field(default=None, validator=_seconds)
    header: Cards = attrs.field(default=Cards())
    sources: tuple[str, ...] = ()
    history: tuple[StepRecord, ...] = ()
    state: State = State()  # noqa: RUF009 - frozen
    added: tuple[tuple[str, Any, str], ...] = ()
    found: Any = None
    said: tuple[Note, ...] = ()
    shift: tuple[float, float] | None = None

    @classmethod
    def of(
        cls,
        pixels: Any,
        *,
        kind: str | None = None,
        exposure: float | None = None,
        header: Any = None,
        name: str = "",
    ) -> Image:
        """Take an array, an astropy HDU, a CCDData, a ReducedImage or :class:`Pixels` as an image.

        The header, exposure and state come with an HDU or a CCDData, unless given; so do mask, unit, WCS and standard
        deviation with a CCDData.  A ReducedImage is taken as if it were read back from a file.

        :param kind: by default light, or what a ReducedImage is.
        :raises ShapeError: the pixels are no two-dimensional array of real numbers.
        :raises HeaderError: the exposure in the header cannot be read.
        """
        if hasattr(pixels, "to_image"):
            image: Image = pixels.to_image()
            return attrs.evolve(
                image,
                kind=kind or image.kind,
                exposure=image.exposure if exposure is None else exposure,
                sources=(name,) if name else image.sources,
            )
        kind = kind or "light"
        header = getattr(pixels, "header", None) if header is None else header
        cards = with_wcs(header if isinstance(header, Cards) else Cards.of(header), getattr(pixels, "wcs", None))
        cards = with_type(cards, pixels)
        state = state_of(cards)
        unit = getattr(pixels, "unit", None)
        said = notes_in(cards)
        if exposure is None:
            try:
                exposure = exposure_of(cards)
            except HeaderError as error:
                if kind != "bias":
                    raise
                words = f"{error}; a bias needs none: left aside"
                said = (*said, Note(words, FileWarning, frames=(name or "bias array",)))
        return cls(
            kind=kind,
            data=pixels_of(pixels),
            exposure=exposure,
            header=cards,
            sources=(name or f"{kind} array",),
            said=said,
            state=state if unit is None else attrs.evolve(state, unit=unit_of(str(unit))),
        )

    def __repr__(self) -> str:
        where = f"{len(self.sources)} frames" if len(self.sources) > 1 else "".join(self.sources)
        return f"Image({self.kind}, {where})"

    @property
    def name(self) -> str:
        """What to call the image in a message: the path of its first frame."""
        return self.sources[0] + self._more if self.sources else f"a {self.kind}"

    @property
    def short_name(self) -> str:
        """What to call the image in a header: the file name of its first frame."""
        return re.split(r"[/\\]", self.sources[0])[-1] + self._more if self.sources else f"a {self.kind}"

    @property
    def _more(self) -> str:
        return f" and {len(self.sources) - 1} more" if len(self.sources) > 1 else ""

    @property
    def source(self) -> Source:
        """The pixels, in memory or to be read.

        :raises FrameError: the frame has not been opened.
        """
        if isinstance(self.data, Location):
            raise FrameError(f"{self.data}: not opened yet; pass its FrameSet through open_frames")
        return self.data

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.source.shape

    @property
    def in_memory(self) -> bool:
        """Whether the pixels are in memory, rather than on disk or still to be computed."""
        return isinstance(self.data, Pixels)

    @property
    def pixels(self) -> Pixels:
        """The pixels, read now if they are on disk."""
        source = self.source
        return source.rows(0, source.shape[0])

    def rows(self, start: int, stop: int) -> Image:
        """Give the same image with some of its rows only, in memory."""
        return attrs.evolve(self, data=self.source.rows(start, stop))

    def recorded(self, step: StepRecord) -> Image:
        """Give the same image with one more step in its history."""
        return attrs.evolve(self, history=(*self.history, step))

    def noted(self, notes: Iterable[Note]) -> Image:
        """Give the same image with notes that were said of it outside of any step."""
        return attrs.evolve(self, said=(*self.said, *notes))

    def went_through(self, *stages: Named) -> bool:
        """Tell whether a step of one of these stages is in the image's history, whatever became of it."""
        return went_through(self.history, *stages)

    @property
    def moved(self) -> bool:
        """Whether its pixels, or those of a frame that it was made of, are no longer where the detector has them."""
        shifts = (self.shift, *(getattr(self.found, "aligned", None) or ()))
        return any(round(along) for shift in shifts for along in shift or ())

    @property
    def lineage(self) -> Lineage:
        """What the image is made of."""
        return Lineage(self.kind, self.sources, self.history, self.found, self.said)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What had to be assumed, or was found wrong, in its frames, its steps and their masters: each fact once."""
        return notes_of(self.said, self.history)


def is_frame(thing: object) -> bool:
    """Tell whether something that is no Image can be taken as one: an array, an HDU, a CCDData or a ReducedImage."""
    with_header = hasattr(thing, "data") and hasattr(thing, "header") and not isinstance(thing, Image)
    return isinstance(thing, np.ndarray) or hasattr(thing, "to_image") or with_header


def _as_tuple(frames: Iterable[Any]) -> tuple[Image, ...]:
    return tuple(Image.of(frame) if is_frame(frame) else frame for frame in frames)


@attrs.frozen
class FrameSet:
    """The images of a night, or of one kind of it; all opened images of a kind have one shape."""

    frames: tuple[Image, ...] = attrs.field(default=(), converter=_as_tuple)

    def __attrs_post_init__(self) -> None:
        strangers = [frame for frame in self.frames if not isinstance(frame, Image)]
        if strangers:
            raise StepError(f"a FrameSet holds Images; found {strangers[0]!r}")
        for kind in KINDS:
            check_shapes([f for f in self.frames if f.kind == kind and not isinstance(f.data, Location)])

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.frames)

    def __getitem__(self, index: int) -> Image:
        return self.frames[index]

    def __repr__(self) -> str:
        counts = [f"{len(self.of_kind(kind))} {kind}" for kind in KINDS if self.of_kind(kind).frames]
        return f"FrameSet({', '.join(counts)})"

    def of_kind(self, kind: str) -> FrameSet:
        """Give the frames of one kind."""
        return FrameSet(frame for frame in self.frames if frame.kind == kind)

    @property
    def bias(self) -> FrameSet:
        """The bias frames."""
        return self.of_kind("bias")

    @property
    def dark(self) -> FrameSet:
        """The dark frames."""
        return self.of_kind("dark")

    @property
    def flat(self) -> FrameSet:
        """The flat frames."""
        return self.of_kind("flat")

    @property
    def light(self) -> FrameSet:
        """The light frames."""
        return self.of_kind("light")

    @property
    def arc(self) -> FrameSet:
        """The arc frames."""
        return self.of_kind("arc")

    @property
    def history(self) -> tuple[StepRecord, ...]:
        """The steps that the frames went through, each named once."""
        return in_common(frame.history for frame in self.frames)

    def recorded(self, step: StepRecord) -> FrameSet:
        """Give the same frames with one more step in the history of each."""
        return FrameSet(frame.recorded(step) for frame in self.frames)

    def noted(self, notes: Iterable[Note]) -> FrameSet:
        """Give the same frames with notes that were said outside of any step: of those that they name, or of all."""
        notes = tuple(notes)
        names = {name for frame in self.frames for name in frame.sources}
        anyone = [note for note in notes if not names.intersection(note.frames)]
        return FrameSet(
            frame.noted(note for note in notes if note in anyone or set(frame.sources).intersection(note.frames))
            for frame in self.frames
        )

    @property
    def said(self) -> tuple[Note, ...]:
        """What there was to say when the frames were opened, and outside of any step, each fact once."""
        return merged(concat(frame.said for frame in self.frames))

    @property
    def notes(self) -> tuple[Note, ...]:
        """What had to be assumed, or was found wrong, in the frames, their steps and masters: each fact once."""
        return notes_of(self.said, self.history)


def check_shapes(frames: Iterable[Image]) -> None:
    """Refuse frames that do not all have one shape and lie the same way, naming each with its own.

    :raises ShapeError: they do not.
    """
    frames = list(frames)
    if len({bool(frame.state.turned) for frame in frames}) > 1:
        turned = next(frame for frame in frames if frame.state.turned)
        raise ShapeError(f"{turned.name}: is turned ({turned.state.turned}) and the others are not; put orient last")
    shapes = [(frame.name, frame.shape) for frame in frames]
    if len({shape for _, shape in shapes}) > 1:
        listed = "\n  ".join(f"{name}: {height} rows × {width} columns" for name, (height, width) in shapes)
        raise ShapeError(f"these should have one shape:\n  {listed}")
