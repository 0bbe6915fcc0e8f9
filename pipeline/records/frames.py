"""One exposure, from raw to nearly reduced, and the exposures of a night."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import attrs
import numpy as np
from toolz import concat

from pipeline.errors import FileWarning, FrameError, HeaderError, SettingError, ShapeError, StepError
from pipeline.headers.cards import COMMENTARY, Cards
from pipeline.headers.exposure import exposure as exposure_of
from pipeline.headers.status import State, state_of
from pipeline.records.arrays import Array, FloatArray, array_of
from pipeline.records.history import Lineage, Named, StepRecord, in_common, notes_in, notes_of, went_through
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.interop import (
    astropy_unit,
    pixels_of,
    wcs_of,
    what_was_left,
    with_type,
    with_wcs,
    without_arithmetic,
)
from pipeline.records.note import Note, merged
from pipeline.records.notebook import html_of_frames, html_of_image
from pipeline.records.pixels import Pixels
from pipeline.records.source import Source

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Unit

KINDS = ("bias", "dark", "flat", "light", "arc")

Key = TypeVar("Key", bound=Hashable)
Master = TypeVar("Master", bound=type)


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
        close = difflib.get_close_matches(str(kind), KINDS, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise SettingError(f"an image of kind {kind!r}; expected one of {', '.join(KINDS)}{meant}")


def _are_pixels(_: object, __: object, data: Any) -> None:
    if not isinstance(data, Location) and not hasattr(data, "rows"):
        raise StepError(
            f"an image with data={in_few_words(data)}; expected pixels, which have flags too: "
            "attrs.evolve(image, data=attrs.evolve(image.pixels, values=...)), or Image.of(array)"
        )


def _as_cards(header: Any) -> Cards:
    return Cards.of(header)


def _names(sources: str | Iterable[str]) -> tuple[str, ...]:
    return (sources,) if isinstance(sources, str) else tuple(sources)


def _in_seconds(exposure: Any) -> Any:
    """Give an exposure as a plain number of seconds, whatever number or Quantity of time it was."""
    if hasattr(exposure, "to_value"):
        try:
            exposure = exposure.to_value("s")
        except ValueError:  # which is no time
            return exposure
    number = isinstance(exposure, int | float | np.number) and not isinstance(exposure, bool)
    return float(exposure) if number else exposure


def _seconds(_: object, __: object, exposure: Any) -> None:
    if exposure is not None and not (isinstance(exposure, float) and 0 <= exposure < math.inf):
        raise SettingError(f"an image with exposure={exposure!r}; expected seconds from 0, or None")


@without_arithmetic
@attrs.frozen
class Image:
    """One exposure of one kind, from raw to nearly reduced.

    ``data`` is a :class:`Source` of pixels, in memory or to be read when asked, or the :class:`Location` of a frame
    not opened yet.  ``exposure`` is in seconds, None where the header does not say.  ``found`` is what
    combining found, where the image is a combination; ``added`` the cards (keyword, value, comment) that the
    steps have to add to the product's header; ``said`` what there was to say when the frame was opened,
    and outside of any step.  ``shift`` is by how many rows and columns the sky lay off, where align was asked; whole
    pixels of it are out.

    Make it by :meth:`of` in memory, by ``open_frame`` or ``read_night`` from files.  ``sources`` are its frames' names,
    ``history`` the steps it went through, ``state`` what has been done to it, here or before.

    >>> import numpy as np
    >>> from pipeline import Image
    >>> image = Image.of(np.ones((2, 3)), exposure=30, header={"FILTER": "R"}, name="a.fits")
    >>> image, image.shape, str(image.unit), image.header["FILTER"]
    (Image(light, a.fits, 2×3, 30 s), (2, 3), 'adu', 'R')

    :raises SettingError: the kind is none of bias, dark, flat, light and arc, or the exposure no number of seconds.
    """

    kind: str = attrs.field(validator=_known_kind)
    data: Source | Location = attrs.field(validator=_are_pixels)
    exposure: float | None = attrs.field(default=None, converter=_in_seconds, validator=_seconds)
    header: Cards = attrs.field(default=Cards(), converter=_as_cards)
    sources: tuple[str, ...] = attrs.field(default=(), converter=_names)
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
        exposure: Any = None,
        header: Any = None,
        name: str = "",
    ) -> Image:
        """Take an array, an HDU, CCDData or NDData of astropy, a ReducedImage or :class:`Pixels`; an Image as it is.

        Of a master that is its image.

        The header, exposure and state come with an HDU or a CCDData, unless given; so do mask, flags, unit, WCS and
        uncertainty of whatever kind with a CCDData, and the unit with a Quantity.  A ReducedImage is taken as if it
        were read back from a file.

        :param kind: by default light, or what a ReducedImage or an Image is.
        :param exposure: in seconds, or a Quantity of time.
        :raises ShapeError: the pixels are no two-dimensional array of real numbers.
        :raises HeaderError: the exposure in the header cannot be read.
        """
        own = getattr(pixels, "image", None)  # of a master
        if isinstance(pixels, Image) or isinstance(own, Image) or hasattr(pixels, "to_image"):
            image: Image = pixels if isinstance(pixels, Image) else own or pixels.to_image()
            return attrs.evolve(
                image,
                kind=kind or image.kind,
                exposure=image.exposure if exposure is None else exposure,
                header=image.header if header is None else Cards.of(header),
                sources=(name,) if name else image.sources,
            )
        kind = kind or "light"
        header = getattr(pixels, "header", getattr(pixels, "meta", None)) if header is None else header
        cards = with_wcs(header if isinstance(header, Cards) else Cards.of(header), getattr(pixels, "wcs", None))
        cards = with_type(cards, pixels)
        state = state_of(cards)
        unit = getattr(pixels, "unit", None)
        said = notes_in(cards)
        of = (name or f"{kind} array",)
        said += tuple(Note(words, FileWarning, frames=of) for words in what_was_left(pixels))
        if exposure is None:
            try:
                exposure = exposure_of(cards)
            except HeaderError as error:
                if kind != "bias":
                    raise
                words = f"{error}; a bias needs none: left aside"
                said = (*said, Note(words, FileWarning, frames=of))
        return cls(
            kind=kind,
            data=pixels_of(pixels),
            exposure=exposure,
            header=cards,
            sources=of,
            said=said,
            state=state if unit is None else state.in_unit(str(unit)),
        )

    def __repr__(self) -> str:
        where = f"{len(self.sources)} frames" if len(self.sources) > 1 else "".join(self.sources)
        height, width = (0, 0) if isinstance(self.data, Location) else self.shape
        known = (f"{height}×{width}" if height else "", "" if self.exposure is None else f"{self.exposure:g} s")
        return f"Image({', '.join(filter(None, (self.kind, where, *known)))})"

    def _repr_html_(self) -> str:
        source = None if isinstance(self.data, Location) else self.data
        return html_of_image(repr(self), source, self.history, self.notes)

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    @property
    def outline(self) -> tuple[Any, ...]:
        """What tells it from most other images: kind, shape, exposure and history, and never a pixel."""
        shape = str(self.data) if isinstance(self.data, Location) else self.shape
        return self.kind, shape, self.exposure, tuple(map(str, self.history))

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
    def values(self) -> FloatArray:
        """The values of its pixels (ny, nx), read-only; read now if they are on disk."""
        return self.pixels.values

    value = values  # as a Quantity has it: what has a unit is asked for it by astropy and photutils

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return array_of(self.values, dtype, copy)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values: float32 or float64."""
        return self.source.dtype

    @property
    def unit(self) -> Unit:
        """The unit of the values, as astropy's: adu, electron, either per second, or what else the header says."""
        return astropy_unit(self.state.unit)

    @property
    def wcs(self) -> Any:
        """The WCS that its header holds, as astropy's; None where it holds none.

        :raises HeaderError: its cards cannot be read.
        """
        return wcs_of(self.header)

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


def shown_as_its_image(master: Master) -> Master:
    """Let a class of masters show itself as its image does: to numpy by its values, read-only, and in notebooks.

    Arithmetic is refused, as with an Image.
    """

    def values_of(self: Any, dtype: Any = None, copy: bool | None = None) -> Array:
        return array_of(self.image.values, dtype, copy)

    def html_of(self: Any) -> str:
        return html_of_image(repr(self), self.image.source, self.image.history, self.image.notes)

    master.__array__, master._repr_html_ = values_of, html_of  # type: ignore[attr-defined]
    return without_arithmetic(master)


def is_frame(thing: object) -> bool:
    """Tell whether something that is no Image can be taken as one: an array, an HDU, a CCDData or a ReducedImage."""
    if isinstance(thing, Image):
        return False
    nddata = hasattr(thing, "data") and (hasattr(thing, "header") or hasattr(thing, "uncertainty"))
    return isinstance(thing, np.ndarray) or hasattr(thing, "to_image") or nddata


def are_frames(thing: object) -> bool:
    """Tell whether something can be taken as a FrameSet: a list or any other iterable, which no single frame is.

    An HDUList is one file: its MASK and its UNCERT are no frames.
    """
    single = isinstance(thing, str | bytes | Mapping | Image) or is_frame(thing) or hasattr(thing, "__array__")
    return isinstance(thing, Iterable) and not single and not hasattr(thing, "writeto")


def in_few_words(thing: object) -> str:
    """Say what something is: of what has pixels and is no record of ours, whose repr may be long, the type alone."""
    long = hasattr(thing, "__array__") or is_frame(thing)
    if hasattr(thing, "writeto") and isinstance(thing, list):
        return "an HDUList, which is one file; give the HDUs that are frames, [hdulist[0], ...]"
    number = isinstance(thing, np.generic) or (isinstance(thing, np.ndarray) and not thing.ndim)
    short = isinstance(thing, Image) or hasattr(thing, "image") or hasattr(thing, "to_image") or number
    return f"a bare {type(thing).__name__}" if long and not short else repr(thing)


def as_frames(frames: Iterable[Any]) -> FrameSet:
    """Take a FrameSet as it is, and a list of frames, or any other iterable, as one.

    :raises StepError: it is neither, or holds what is no frame.
    """
    if not isinstance(frames, FrameSet) and not are_frames(frames):
        raise StepError(f"expected a FrameSet, or a list of frames; found {in_few_words(frames)}")
    return frames if isinstance(frames, FrameSet) else FrameSet(frames)


def _as_tuple(frames: Iterable[Any]) -> tuple[Image, ...]:
    if not isinstance(frames, Iterable) or hasattr(frames, "writeto"):
        raise StepError(f"a FrameSet holds Images, of a list or whatever gives them; found {in_few_words(frames)}")
    return tuple(Image.of(frame) if is_frame(frame) else frame for frame in frames)


@attrs.frozen
class FrameSet(Sequence[Image]):
    """The images of a night, or of one kind of it; all opened images of a kind have one shape.

    A sequence: slices of it are FrameSets, and ``+`` joins two, or one and a list of frames.  Joining is associative,
    and ``FrameSet()`` changes nothing.  Wherever a stage takes a FrameSet, a list of frames will do.

    >>> import numpy as np
    >>> from pipeline import FrameSet, Image
    >>> frames = FrameSet(Image.of(np.ones((2, 3)), kind=kind) for kind in ("bias", "light", "light"))
    >>> frames, frames.light, frames[:1] + frames.light
    (FrameSet(1 bias, 2 light), FrameSet(2 light), FrameSet(1 bias, 2 light))

    :raises StepError: what it is made of holds what is no frame.
    :raises ShapeError: opened images of a kind differ in shape.
    """

    __array_ufunc__ = None  # else an array plus frames would be a cube, without headers and flags

    frames: tuple[Image, ...] = attrs.field(default=(), converter=_as_tuple)
    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        strangers = [frame for frame in self.frames if not isinstance(frame, Image)]
        if strangers:
            raise StepError(f"a FrameSet holds Images; found {in_few_words(strangers[0])}")
        opened: dict[str, list[Image]] = {}
        for frame in self.frames:
            if not isinstance(frame.data, Location):
                opened.setdefault(frame.kind, []).append(frame)
        for kind in sorted(opened, key=KINDS.index):
            check_shapes(opened[kind])

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.frames)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> FrameSet: ...
    def __getitem__(self, index: int | slice) -> Image | FrameSet:
        return FrameSet(self.frames[index]) if isinstance(index, slice) else self.frames[index]

    def __add__(self, others: Iterable[Any]) -> FrameSet:
        """Join these frames and others, in that order.

        :raises ShapeError: opened images of a kind differ in shape.
        """
        if isinstance(others, Image):
            raise TypeError("a FrameSet and one image are joined as lists are: frames + [image]")
        return FrameSet((*self.frames, *others)) if are_frames(others) else NotImplemented

    def __radd__(self, others: Iterable[Any]) -> FrameSet:
        """Join other frames and these, in that order."""
        return FrameSet((*others, *self.frames)) if are_frames(others) else NotImplemented

    def __repr__(self) -> str:
        return f"FrameSet({self.short_name})"

    @property
    def short_name(self) -> str:
        """How many frames of each kind there are."""
        counts = [f"{len(self.of_kind(kind))} {kind}" for kind in KINDS if self.of_kind(kind).frames]
        return ", ".join(counts)

    def _repr_html_(self) -> str:
        return html_of_frames(repr(self), ((repr(frame),) for frame in self.frames))

    def of_kind(self, kind: str) -> FrameSet:
        """Give the frames of one kind.

        :raises SettingError: there is no such kind.
        """
        _known_kind(self, None, kind)
        return FrameSet(frame for frame in self.frames if frame.kind == kind)

    def filter(self, predicate: Callable[[Image], bool]) -> FrameSet:
        """Give the frames of which ``predicate`` is true, in their order.

        >>> frames = FrameSet(Image.of(np.ones((2, 2)), exposure=seconds) for seconds in (10, 30, 30))
        >>> frames.filter(lambda frame: frame.exposure > 20)
        FrameSet(2 light)

        :raises SettingError: the predicate is no function.
        """
        if not callable(predicate):
            raise SettingError(f"filter by {predicate!r}; expected a function that tells of a frame whether to keep it")
        return FrameSet(frame for frame in self.frames if predicate(frame))

    @overload
    def group_by(self, key: str) -> dict[Any, FrameSet]: ...
    @overload
    def group_by(self, key: Callable[[Image], Key]) -> dict[Key, FrameSet]: ...
    def group_by(self, key: str | Callable[[Image], Any]) -> dict[Any, FrameSet]:
        """Give the frames that share the value of a card, or what a function tells of each, by that value.

        Groups stand in the order of their first frames, and frames in their own; those without the card share None.

        >>> frames = FrameSet(Image.of(np.ones((2, 2)), header={"FILTER": band}) for band in "BVB")
        >>> frames.group_by("FILTER")
        {'B': FrameSet(2 light), 'V': FrameSet(1 light)}

        :param key: the keyword of a card, or a function of a frame.
        :raises FrameError: a card is asked for, and a frame has not been opened.
        :raises SettingError: the key is neither.
        """
        tell, groups = _teller(key), dict[Any, list[Image]]()
        for frame in self.frames:
            groups.setdefault(tell(frame), []).append(frame)
        return {value: FrameSet(group) for value, group in groups.items()}

    def sort_by(self, key: str | Callable[[Image], Any], *, reverse: bool = False) -> FrameSet:
        """Give the frames sorted by the value of a card, or by what a function tells of each.

        Frames of one value keep their order.  Numbers stand before texts, and what has no such card last of all.

        :raises FrameError: a card is asked for, and a frame has not been opened.
        :raises SettingError: the key is neither.
        """
        tell = _teller(key)
        if isinstance(key, str):
            told = [frame for frame in self.frames if tell(frame) is not None]
            silent = [frame for frame in self.frames if tell(frame) is None]
            in_order = sorted(told, key=lambda frame: _rank(tell(frame)), reverse=reverse)
            return FrameSet((*in_order, *silent))
        return FrameSet(sorted(self.frames, key=tell, reverse=reverse))

    def table(self, *keywords: str) -> Table:
        """Give an astropy Table of the frames: kind, name, exposure in s, and what their headers say.

        What a frame does not say is masked.

        :param keywords: the cards to show, in this order; by default all that any frame has, but for comments.
        :raises SettingError: one of them is no text.
        """
        from astropy.table import MaskedColumn, Table

        for keyword in keywords:
            if not isinstance(keyword, str):
                raise SettingError(f"a table of {keyword!r}; expected keywords of cards")
        known = [keyword for frame in self.frames for keyword in frame.header if keyword not in COMMENTARY]
        said = {
            keyword: [frame.header.get(keyword) for frame in self.frames]
            for keyword in keywords or dict.fromkeys(known)
        }
        own = {name: [getattr(frame, name) for frame in self.frames] for name in ("kind", "name", "exposure")}
        filled = {name: _filled(values) for name, values in (own | said).items()}
        return Table([MaskedColumn(values, name, mask=silent) for name, (values, silent) in filled.items()])

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


def _teller(key: str | Callable[[Image], Any]) -> Callable[[Image], Any]:
    """Give the function that tells of a frame what it is to be grouped or sorted by."""

    def card(frame: Image) -> Any:
        frame.source  # noqa: B018 - which refuses a frame that is not opened: its header is not known yet
        return frame.header.get(str(key))

    if not isinstance(key, str) and not callable(key):
        raise SettingError(f"frames by {key!r}; expected the keyword of a card, or a function of a frame")
    return card if isinstance(key, str) else key


def _rank(value: Any) -> tuple[int, Any]:
    """Let values of cards be sorted: numbers before texts."""
    return (0, value) if isinstance(value, int | float) else (1, str(value))


def _filled(values: list[Any]) -> tuple[list[Any], list[bool]]:
    """Give the values of a column, and which of them are to be masked; where types differ, all as texts."""
    said = [value for value in values if value is not None]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in said)
    alike = numbers or len({type(value) for value in said}) <= 1
    filler = type(said[0])() if said and alike else ""
    return (
        [filler if value is None else value if alike else str(value) for value in values],
        [value is None for value in values],
    )


def check_shapes(frames: Iterable[Image]) -> None:
    """Refuse frames that do not all have one shape and lie the same way, naming each with its own.

    :raises ShapeError: they do not.
    """
    frames = list(frames)
    if len({bool(frame.state.turned) for frame in frames}) > 1:
        turned = next(frame for frame in frames if frame.state.turned)
        raise ShapeError(f"{turned.name}: is turned ({turned.state.turned}) and the others are not; put orient last")
    if len({frame.shape for frame in frames}) > 1:
        shapes = [(frame.name, frame.shape) for frame in frames]
        listed = "\n  ".join(f"{name}: {height} rows × {width} columns" for name, (height, width) in shapes)
        raise ShapeError(f"these should have one shape:\n  {listed}")
