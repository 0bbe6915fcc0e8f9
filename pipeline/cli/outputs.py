"""Edge: the files that a command writes: how they are called, whether they may be written, and writing them.

All take their places together at the end, and only then the command says that they are there.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import attrs

from pipeline.errors import OutputError, SettingError
from pipeline.fits.atomic import check_writable, identity, together
from pipeline.fits.open import FRAME_NAMES
from pipeline.fits.write import write
from pipeline.night.masters import sets_of_darks
from pipeline.night.recipe import Recipe
from pipeline.night.summary import combined_words, flag_words, step_words
from pipeline.provenance.record import write_record
from pipeline.records.frames import FrameSet
from pipeline.stacking.compatibility import seconds_of
from pipeline.stages.header import ReducedImage


@attrs.frozen
class PlannedProduct:
    """A product to be made: where it goes, and of which frames of a night it is made."""

    path: Path
    kind: Literal["light", "arc"]
    frames: FrameSet


@attrs.frozen
class ReductionFiles:
    """The files that one reduction writes: its products, its masters by kind, and what is asked for beside them."""

    products: tuple[PlannedProduct, ...]
    masters: Mapping[str, Path]
    record: Path | None
    quality: Path | None
    recipe: Path | None
    drawings: tuple[Path, ...]

    @property
    def beside(self) -> tuple[Path, ...]:
        """What is made of the finished products."""
        return tuple(path for path in (self.record, self.quality, self.recipe, *self.drawings) if path)

    @property
    def every(self) -> tuple[Path, ...]:
        """All of them."""
        return (*(product.path for product in self.products), *self.masters.values(), *self.beside)


def planned_products(output: Path, frames: FrameSet) -> tuple[PlannedProduct, ...]:
    """Give the products of a night: one of the lights, and one of the arcs, whose name follows that of the light."""
    light = PlannedProduct(output, "light", frames)
    return (light, PlannedProduct(named_after(output, "arc"), "arc", frames)) if frames.arc.frames else (light,)


def named_after(path: Path, what: str) -> Path:
    """Name a file beside another after it: n_arc.fits beside n.fits."""
    stem, dot, suffixes = path.name.partition(".")
    return path.parent / f"{stem}_{what}{dot}{suffixes}"


def check_product_names(outputs: Iterable[Path]) -> None:
    """Refuse what would make a reader take a product for another kind of file.

    :raises SettingError: a name says so.
    """
    for output in outputs:
        if output.suffix and not FRAME_NAMES.fullmatch(output.name):
            raise SettingError(f"{output}: a product is a FITS file; end its name in .fits, and draw it by --figure")


def record_path(output: Path) -> Path:
    """Name the record of a reduction, beside its product."""
    return output.with_name(f"{output.name.partition('.')[0]}.json")


def master_paths(folder: Path | None, frames: FrameSet, recipe: Recipe) -> dict[str, Path]:
    """Name the files of the masters to be written, by the masters' names, and make their folder.

    :raises OutputError: it cannot be made.
    """
    if folder is None:
        return {}
    make_folder(folder, "the masters")
    sets = sets_of_darks(frames.dark, recipe, by_bias=bool(frames.bias.frames))
    names = [kind for kind in ("bias", "dark", "flat") if frames.of_kind(kind).frames]
    if len(sets) > 1:
        means = (fmean(map(seconds_of, darks)) for darks in sets)
        names[names.index("dark") : names.index("dark") + 1] = [f"dark {seconds:g} s" for seconds in means]
    return {name: folder / f"master_{re.sub(' s$', 's', name).replace(' ', '_')}.fits" for name in names}


def make_folder(folder: Path, what: str) -> None:
    """Make a folder, where it is not there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder for {what}: {error.strerror}") from error


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Path], *, overwrite: bool) -> None:
    """See, before any pixel is read, that every product can be written and none is written over another.

    :raises OutputError: one cannot.
    """
    read = {identity(path) for path in inputs}
    for output in outputs:
        if identity(output) in read:
            raise OutputError(f"{output}: is one of the files to be read; choose another name")
        check_writable(output, overwrite)
    same = [output for output, count in Counter(output.resolve() for output in outputs).items() if count > 1]
    if same:
        raise OutputError(f"{same[0]}: two products would have this name; choose another, or rename a frame")


@contextmanager
def written_together(say: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Have what is written in this block take its place together at the end; only then it is spoken of.

    Gives what to say lines to, in place of ``say``.
    """
    lines: list[str] = []
    with together():
        yield lines.append
    for line in lines:
        say(line)


def write_product(product: ReducedImage, path: Path, overwrite: bool, say: Callable[[str], None]) -> None:
    """Write a product, and say what was done to it and where it is."""
    write(product, path, overwrite=overwrite)
    height, width = product.pixels.shape
    say(f"{product.kind}: {combined_words(product.found)}; {step_words(product)}")
    say(f"wrote {path}: {height} rows × {width} columns{flag_words(product)}")


def record_command(
    path: Path | None,
    command: str,
    options: argparse.Namespace,
    frames: FrameSet,
    products: Sequence[tuple[ReducedImage | dict[str, Any], Path]],
    say: Callable[[str], None],
    recipe: Recipe,
) -> None:
    """Write the record of what a command did, where one is asked for, and say how to repeat it."""
    if path:
        used = dict(vars(options))
        write_record(
            path,
            command=command,
            options=used,
            recipe=recipe,
            frames=frames,
            products=products,
            overwrite=options.overwrite,
        )
        say(f"wrote {path}: repeat this with ccd-pipeline replay {path}")
