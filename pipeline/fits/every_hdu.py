"""Edge: files of several detectors, each in an HDU of its own, reduced HDU by HDU into one product."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import attrs
from astropy.io import fits

from pipeline.cli.output_paths import check_outputs, master_paths, product_paths
from pipeline.creator import CREATOR
from pipeline.errors import FileListError, FrameError, PipelineError, SettingError, StepError
from pipeline.fits.file_access import opened, packing_of, reading
from pipeline.fits.hdu_index import forward
from pipeline.fits.open import in_order, open_frame, opened_frames, parsed_list, paths_of
from pipeline.fits.write import hdus_of_product, write_hdus
from pipeline.night.masters import Masters, make_masters
from pipeline.night.recipe import Recipe
from pipeline.night.reduce import reduce
from pipeline.records.frames import FrameSet, Image, Location
from pipeline.records.interop import is_companion
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage

_OF_ONE = re.compile(
    r"|COMMENT|HISTORY|SIMPLE|BITPIX|EXTEND|NAXIS\d*|BUNIT|WCS.*|LONGSTRN"
    r"|(C(TYPE|RVAL|DELT|RPIX|UNIT|ROTA)|CD|PC|P[VS]|LT[VM])\d.*"
)
"""Cards that stand with an image only."""

Product: TypeAlias = ReducedImage | MasterBias | MasterDark | MasterFlat


def read_every_hdu(
    path: str | Path, *, delimiter: str = ",", exposure_key: str | None = None
) -> dict[int | str, FrameSet]:
    """Read a file list once for each HDU that holds an image: the same night, as each detector saw it.

    HDUs go together by EXTNAME, or by number where they have none or share it.  Rows name files, and no HDU.

    :raises FileListError: with every problem of the list and of the files it names; files that do not all have the
        same image HDUs among them.
    """
    path = Path(path)
    parsed = parsed_list(path, delimiter=delimiter, exposure_key=exposure_key)
    problems = list(parsed.problems)
    first: dict[int | str, int | str] = {}
    nights: dict[int | str, list[Image]] = {}
    for kind, where in [(frame.kind, frame.data) for frame in parsed.frames if isinstance(frame.data, Location)]:
        try:
            found = _images(where)
            first = first or found
            _check_same(where, found, first)
        except PipelineError as error:
            problems.append(f"line {where.line}: {error}")
            continue
        for name, hdu in found.items():
            place = Location(where.path, hdu, where.line)
            nights.setdefault(name, []).append(Image(kind, place, sources=(str(place),)))
    opened = {name: opened_frames(FrameSet(night), exposure_key) for name, night in nights.items()}
    problems += [problem for _, some in opened.values() for problem in some]
    if problems:
        raise FileListError(str(path), in_order(dict.fromkeys(problems)))
    return {name: frames for name, (frames, _) in opened.items()}


def _images(where: Location) -> dict[int | str, int | str]:
    """Name the HDUs of a file that hold images, and say where each is; those beside images of our products are none."""
    if where.hdu != 0:
        raise SettingError(f"names HDU {where.hdu!r} of {where.path}, and every HDU is to be read; leave it out")
    if not Path(where.path).is_file():
        open_frame(where.path)  # which says what is wrong
    packing = packing_of(where.path)
    with reading(where.path, 0), opened(where.path, packing) as stream, fits.open(stream, memmap=False) as hdus:
        ours = str(hdus[0].header.get("CREATOR", "")).startswith(CREATOR.split()[0])
        every = list(forward(hdus))
        called = [str(hdu.name) if number else "" for number, hdu in every]
        images = [
            number
            for number, hdu in every
            if isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU)
            and len([size for size in hdu.shape if size > 1]) == 2
            and not (ours and is_companion(called[number]))
        ]
    if not images:
        raise FrameError(f"{where.path}: no HDU holds an image")
    located = [called[n] if called[n] and called.count(called[n]) == 1 else n for n in images]
    return {_key(hdu, ours): hdu for hdu in located}


def _key(hdu: int | str, ours: bool) -> int | str:
    """Give what HDUs of different files go together by: HDU3 in a product of ours was number 3 of the raw file."""
    old = re.fullmatch(r"HDU(\d+)", str(hdu)) if ours else None
    return int(old[1]) if old else hdu


def _check_same(where: Location, found: Iterable[int | str], first: Iterable[int | str]) -> None:
    if list(found) != list(first):
        raise FrameError(
            f"{where.path}: has the image HDUs {_words(found)}, the first file {_words(first)}; give files of the same "
            "detectors"
        )


def _words(names: Iterable[int | str]) -> str:
    return ", ".join(map(str, names))


def write_every_hdu(products: Mapping[int | str, Product], path: str | Path, *, overwrite: bool = False) -> None:
    """Write the products of several detectors to one file, whole or not at all.

    Each image stands in an HDU named as its raw one, with what goes with it behind it, of the same EXTVER; the primary
    HDU holds the cards that all of them share.

    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    primary = fits.PrimaryHDU(header=_shared([hdus_of_product(product)[0].header for product in products.values()]))
    hdus = fits.HDUList([primary])
    for version, (name, product) in enumerate(products.items(), start=1):
        image, *beside = hdus_of_product(product)
        called = name if isinstance(name, str) else f"HDU{name}"
        hdus.append(fits.ImageHDU(image.data, image.header, name=called, ver=version))
        for hdu in beside:
            hdu.ver = version
            hdus.append(hdu)
    write_hdus(hdus, Path(path), overwrite)


def _shared(headers: list[fits.Header]) -> fits.Header:
    """Give the cards that are the same in all headers, without the history of any of them."""
    first, *others = headers
    kept = [
        card
        for card in first.cards
        if not _OF_ONE.fullmatch(card.keyword)
        and all(card.keyword in other and other[card.keyword] == card.value for other in others)
    ]
    return fits.Header(kept)


def refuse_others(options: argparse.Namespace) -> None:
    """Refuse switches that are for one image only.

    :raises SettingError: one is given.
    """
    for name in ("each", "record", "figure", "report", "quality", "fringe"):
        if getattr(options, name):
            raise SettingError(f"--{name} is for files of one image; it does not go with --every-hdu")


def reduce_every_hdu(
    options: argparse.Namespace, recipe_of: Callable[[argparse.Namespace], Recipe], say: Callable[[str], None]
) -> None:
    """Reduce a night HDU by HDU, and write the products of all into one file."""
    delimiter = "\t" if options.delimiter in ("tab", "\\t") else options.delimiter
    nights = read_every_hdu(options.filelist, delimiter=delimiter, exposure_key=options.exposure_key)
    first = next(iter(nights.values()))
    if not first.light.frames:
        raise StepError(f"{options.filelist}: no light frames in it; give at least one")
    output = options.output or Path("reduced.fits")
    paths = product_paths(output, first, each=False)
    masters = master_paths(options.masters, first)
    inputs = [*paths_of(first), options.filelist, *([options.mask] if options.mask else [])]
    check_outputs([*(path for path, *_ in paths), *masters.values()], inputs, overwrite=options.overwrite)
    say(f"{options.filelist}: {len(nights)} HDUs in each of {len(first)} files: {_words(nights)}")
    made: dict[Path, dict[int | str, Product]] = {}
    for name, frames in nights.items():
        named = argparse.Namespace(**{**vars(options), "mask_hdu": str(name) if options.mask else None})
        for path, product in _of_one(frames, recipe_of(named), [(path, kind) for path, kind, _ in paths], masters):
            made.setdefault(path, {})[name] = product
        say(f"HDU {name}: reduced")
    for path, products in made.items():
        write_every_hdu(products, path, overwrite=options.overwrite)
        say(f"wrote {path}: {len(products)} images")


def _of_one(
    frames: FrameSet, recipe: Recipe, paths: list[tuple[Path, Literal["light", "arc"]]], folder: Mapping[str, Path]
) -> Iterator[tuple[Path, Product]]:
    """Give the products of one detector, and its masters, with the files that they go to."""
    masters = make_masters(frames, recipe)
    for kind, path in folder.items():
        master: Product | None = attrs.asdict(masters, recurse=False)[kind]
        if master is not None:
            yield path, master
    yield from ((path, _reduced(frames, recipe, masters, kind)) for path, kind in paths)


def _reduced(frames: FrameSet, recipe: Recipe, masters: Masters, kind: Literal["light", "arc"]) -> ReducedImage:
    return reduce(frames, recipe=recipe, masters=masters, kind=kind)
