"""Edge: the command ``ccd-pipeline night``: folders in, products out, and a report of what was chosen and why.

It is ``scan`` and ``reduce`` of many lists: each group of lights has a list, that is kept beside the products.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import attrs
from toolz import unique

from pipeline.checks.policy import Policy
from pipeline.cli.options import add_worker_options
from pipeline.cli.outputs import make_folder
from pipeline.cli.reduce_many import check_outcomes, outcome_words, problem_words, reduce_lists
from pipeline.cli.scan import add_policy, policy_of
from pipeline.cli.terminal import CommandParser, printer_of
from pipeline.compose.running import running
from pipeline.compose.telling import advise
from pipeline.errors import FileWarning, FrameError, OutputError, SettingError
from pipeline.fits.atomic import together, whole_file
from pipeline.fits.open import open_frame
from pipeline.fits.read_recipe import read_recipe
from pipeline.fits.write import write_whole
from pipeline.library.master_library import MasterLibrary
from pipeline.library.match import Choice, Match, match
from pipeline.library.scan import TITLE, FoundFrame, ProposedList, frames_in_folder, proposed_lists, target_of
from pipeline.night.recipe import Recipe
from pipeline.records.frames import Image
from pipeline.records.note import number_of
from pipeline.survey.plan import Survey
from pipeline.survey.reduce_many import Outcome

REPORT_TITLE = "# ccd-pipeline night: what was chosen for each group of lights, why, and what became of it"


def add_night(parser: CommandParser) -> None:
    """Add the options of the command."""
    add = parser.add_argument
    add("folders", nargs="+", type=Path, metavar="FOLDER", help="a night, with the folders in it")
    add(
        "-o",
        "--output",
        type=Path,
        default=Path("products"),
        metavar="PRODUCTS",
        help="a folder for products, their lists and report.txt (default: products)",
    )
    add("--dry-run", action="store_true", help="print what would be chosen, and make nothing")
    add("--csv", type=Path, metavar="FILE", help="also write the choices as a table: night, frame, need, chosen")
    add("--library", type=Path, metavar="DIR", help="take masters from there too, and keep there those made here")
    add("--recipe", type=Path, metavar="FILE", help="settings of the reduction (see: recipe)")
    add_policy(parser)
    add("--force", action="store_true", help="make again what is done already too")
    add_worker_options(parser)
    add("--strict", action="store_true", help="refuse what would have to be assumed, or falls short of what is asked")
    add("--overwrite", action="store_true", help="write over files that are there")
    add("--quiet", action="store_true", help="print notes and errors only")
    parser.set_defaults(run=_night)


@attrs.frozen
class FoundNights:
    """The frames of several folders; ``where`` gives a frame's night, and its path in it, by its path in lists.

    Masters of the folder ``library`` are as frames of a night of that name.
    """

    frames: Sequence[FoundFrame]
    where: Mapping[str, tuple[str, str]]
    library: str = ""

    @classmethod
    def of(cls, folders: Sequence[Path], beside: Path, without: Sequence[Path] = ()) -> FoundNights:
        """Read what the headers of all files say; a file in two of the folders belongs to the first.

        :param beside: the folder that lists will lie in.
        :param without: folders that hold no frames of a night.
        """
        frames: list[FoundFrame] = []
        where: dict[str, tuple[str, str]] = {}
        files = set[Path]()
        for folder, night in zip(folders, _names_of(folders), strict=True):
            try:
                found = frames_in_folder(folder, beside, without=without)
            except FrameError as error:
                if len(folders) == 1 or not folder.is_dir():
                    raise
                advise(str(error).removeprefix(f"{folder}: "), FileWarning, of=str(folder))  # a night of clouds
                continue
            found = [one for one in found if (beside.resolve() / one.path).resolve() not in files]
            files |= {(beside.resolve() / one.path).resolve() for one in found}
            frames += found
            base = os.path.relpath(folder.resolve(), beside.resolve())
            where |= {one.path: (night, os.path.relpath(one.path, base)) for one in found}
        return cls(frames, where)

    def with_masters_of(self, library: Path, beside: Path, policy: Policy) -> FoundNights:
        """Add the masters of a library that may be the best for some frames."""
        images = [one.image for one in self.frames if one.image]
        found, where = list(self.frames), dict(self.where)
        for one in MasterLibrary(library).masters_for(images, policy):
            path = Path(os.path.relpath((library / one.file).resolve(), beside.resolve())).as_posix()
            if path not in where:
                with running(quiet=True):  # it is said when the list is read
                    image = open_frame(library / one.file, one.hdu, kind=one.kind)
                image = attrs.evolve(image, sources=(path,))
                found.append(FoundFrame(path, one.hdu, image, f"a master of {one.frames} frames"))
                where[path] = str(library), one.file
        return FoundNights(found, where, str(library))

    def lights_apart(self, one: Match) -> Iterator[Match]:
        """Give a group night by night, as each has its own products."""
        for frames in one.frames.group_by(lambda frame: self.where[frame.name][0]).values():
            yield attrs.evolve(one, frames=frames)

    def shown(self, frame: str, night: str) -> str:
        """Give a frame's path as it is in its night, with the night's name where that is another."""
        of, path = self.where[frame]
        return path if of == night else f"{of}/{path}"


def _names_of(folders: Sequence[Path]) -> list[str]:
    """Name nights after their folders, with the folders above where two have one name."""
    whole = [folder.resolve() for folder in folders]
    if len(set(whole)) < len(whole):
        twice = next(str(folder) for folder, count in Counter(whole).items() if count > 1)
        raise SettingError(f"{twice}: is given twice; give each folder once")
    if len({path.name for path in whole}) == len(whole):
        return [path.name for path in whole]
    shared = os.path.commonpath([path.parent for path in whole])
    return ["_".join(path.relative_to(shared).parts) for path in whole]


def _night(options: argparse.Namespace) -> None:
    recipe = Recipe() if options.recipe is None else read_recipe(options.recipe)
    policy, say, lists_folder = policy_of(options, recipe.policy), printer_of(options), options.output / "lists"
    recipe = attrs.evolve(recipe, policy=policy)
    nights = FoundNights.of(options.folders, lists_folder, _apart([options.output, options.library], options.folders))
    if options.library:
        nights = nights.with_masters_of(options.library, lists_folder, policy)
    matches = match((frame.image for frame in nights.frames if frame.image), policy)
    apart = [part for one in matches for part in (nights.lights_apart(one) if one.kind == "light" else (one,))]

    def name_of(light: Image) -> str:
        stem = target_of(light)
        stem += "_light" if stem.endswith("_arc") else ""  # the arc of M31 is called M31_arc
        return stem if len(options.folders) == 1 else f"{nights.where[light.name][0]}_{stem}"

    groups = proposed_lists(nights.frames, apart, name_of)
    lights = {name: group for name, group in groups.items() if group.match}
    told = {name: list(_group_lines(name, each.match, nights, matches)) for name, each in lights.items() if each.match}
    if options.csv:
        write_whole(options.csv, _table(nights, matches).encode(), overwrite=options.overwrite)
    placed = any(frame.image for frame in nights.frames)
    if not placed or not (lights or options.dry_run):
        what = "no light frames; nothing to reduce" if placed else "no frame could be placed; scan says why of each"
        raise FrameError(f"{', '.join(map(str, options.folders))}: {what}")
    if options.dry_run:
        for line in [*chain.from_iterable(told.values()), *_left_out_lines(nights, matches)]:
            say(line)
        return
    make_folder(lists_folder, "the lists")
    report = options.output / "report.txt"
    _check_ours(report, REPORT_TITLE)
    paths = _write_lists(lights, lists_folder)
    survey = Survey(
        recipe=recipe,
        output_dir=options.output,
        strict=options.strict,
        overwrite=options.overwrite,
        force=options.force,
        library=options.library,
    )
    outcomes = reduce_lists(paths, survey, options, say)
    lines = [REPORT_TITLE]
    for group, outcome in zip(told.values(), outcomes, strict=True):
        lines += [*group, *_outcome_lines(outcome)]
    write_whole(report, "\n".join([*lines, *_left_out_lines(nights, matches), ""]).encode(), overwrite=True)
    say(f"wrote {report}: what was chosen, and why")
    check_outcomes(outcomes, say)


def _apart(others: Sequence[Path | None], folders: Sequence[Path]) -> list[Path]:
    """Give the folders of products and masters, where they hold no night: what is in them is found otherwise."""
    nights = {above for folder in folders for above in (folder.resolve(), *folder.resolve().parents)}
    return [other for other in others if other and other.resolve() not in nights]


def _write_lists(groups: Mapping[str, ProposedList], folder: Path) -> list[Path]:
    """Write the lists that differ from those that are there."""
    paths = [folder / f"{name}.csv" for name in groups]
    with together():
        for path, group in zip(paths, groups.values(), strict=True):
            if _check_ours(path, TITLE) != group.text:
                with whole_file(path, overwrite=True) as temporary:
                    temporary.write_text(group.text, encoding="utf-8")
    return paths


def _check_ours(path: Path, title: str) -> str:
    """Give the text of a file that was written here before; empty where there is none.

    :raises OutputError: somebody else's file is there.
    """
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if not text.startswith(title):
        raise OutputError(f"{path}: is there already, and was not written by this command; choose another folder")
    return text


# ---- the report, and the table ----


def _group_lines(name: str, group: Match, nights: FoundNights, matches: Sequence[Match]) -> Iterator[str]:
    """Tell of a group, and of what was chosen for it and for its flats."""
    night = nights.where[group.frames[0].name][0]
    first = group.frames[0]
    seconds = "" if first.exposure is None else f" of {first.exposure:g} s"
    names = ", ".join(nights.shown(frame.name, night) for frame in group.frames)
    yield f"{name}: {number_of(len(group.frames), 'light')}{seconds}: {names}"
    for choice in group.choices:
        yield from _choice_lines(choice.need, choice, nights, night)
    flats = {frame.name: one for one in matches if one.kind == "flat" for frame in one.frames}
    for of_flats in unique((flats[frame.name] for frame in group["flat"].frames), key=id):
        for choice in of_flats.choices:
            if choice.frames.frames and _names(choice) != _names(group[choice.need]):
                yield from _choice_lines(f"{choice.need} of the flats", choice, nights, night)


def _names(choice: Choice) -> set[str]:
    return {frame.name for frame in choice.frames}


def _choice_lines(what: str, choice: Choice, nights: FoundNights, night: str) -> Iterator[str]:
    why = choice.why
    for name in (frame.name for frame, _ in choice.others if frame.name in why):
        why = why.replace(name, nights.shown(name, night))
    yield f"  {what}: {why}"
    if choice.frames.frames:
        yield f"    {', '.join(nights.shown(frame.name, night) for frame in choice.frames)}"


def _outcome_lines(outcome: Outcome) -> Iterator[str]:
    """Tell what became of a group."""
    yield f"  {outcome_words(outcome)}"
    yield from (f"  note: {note.command_words}" for note in outcome.notes)
    yield from (f"  error: {problem_words(error)}" for error in outcome.errors)


def _left_out_lines(nights: FoundNights, matches: Sequence[Match]) -> Iterator[str]:
    """Tell of calibrations that no frame takes, each with a reason, and of files that are no frames."""
    taken = {frame.name for one in matches for choice in one.choices for frame in choice.frames}
    refused = [pair for one in matches if one.kind in ("light", "arc") for each in one.choices for pair in each.others]
    why = {image.name: words for image, words in reversed(refused)}
    for frame in nights.frames:
        if (
            nights.where[frame.path][0] != nights.library
            and frame.kind != "light"
            and frame.path not in taken
            and (frame.image is None or frame.kind != "arc")
        ):
            night, path = nights.where[frame.path]
            words = ", ".join(filter(None, (frame.words, why.get(frame.path, ""))))
            yield f"left out: {frame.kind or '?'}, {night}/{path}: {words}"


def _table(nights: FoundNights, matches: Sequence[Match]) -> str:
    """Write a row for each frame that was chosen for another, and one without where none was."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("night", "frame", "need", "chosen"))
    for one in matches:
        for frame in one.frames:
            night, path = nights.where[frame.name]
            for choice in one.choices if night != nights.library else ():
                chosen = [nights.shown(each.name, night) for each in choice.frames]
                rows.writerows((night, path, choice.need, each) for each in chosen or [""])
    return text.getvalue()
