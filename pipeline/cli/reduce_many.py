"""Edge: ``ccd-pipeline reduce`` of many nights, and of each light of one: what is asked for, and what is said of it.

``reduce`` imports this file only where that is asked for.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from pipeline.cli.options import RecipeAsked, client_of, delimiter_of
from pipeline.cli.outputs import check_outputs, master_paths, named_after, record_command, written_together
from pipeline.cli.terminal import refused_words
from pipeline.compose import telling
from pipeline.compose.running import one_by_one
from pipeline.compose.telling import told_together
from pipeline.errors import AssumptionWarning, NightsError, OutputError, PipelineError, SettingError
from pipeline.fits.read_night import paths_of
from pipeline.fits.write import product_stem, write_table
from pipeline.night.masters import Masters
from pipeline.night.quality import quality_of, quality_table
from pipeline.night.recipe import Recipe
from pipeline.night.recipe_steps import raw_steps
from pipeline.night.summary import combined_words, flag_words
from pipeline.provenance.up_to_date import is_done, notes_beside, told_beside, write_with_record
from pipeline.records.frames import FrameSet
from pipeline.records.note import Note, number_of
from pipeline.stages.bias import MasterBias
from pipeline.stages.dark import MasterDark
from pipeline.stages.flat import MasterFlat
from pipeline.stages.header import ReducedImage
from pipeline.survey.plan import (
    Survey,
    Task,
    TaskResult,
    check_output,
    done_already,
    night_outputs,
    open_frames_of,
    output_of,
    tasks_of_list,
)
from pipeline.survey.reduce_many import Outcome, reduce_many
from pipeline.survey.tasks import OnProduct, can_fork, run_tasks


def reduce_nights(options: argparse.Namespace, asked: RecipeAsked, say: Callable[[str], None]) -> None:
    """Reduce many nights, and say what became of each when it is finished.

    :raises NightsError: some could not be reduced.
    """
    for name in ("output", "masters", "record", "every_hdu", "quality", "figure", "report", "save_recipe"):
        if getattr(options, name):
            switch = "-o" if name == "output" else f"--{name.replace('_', '-')}"
            raise SettingError(f"{switch} goes with one night, reduced by this process; for many there is --output-dir")
    survey = _survey_of(options, asked.recipe)
    lists = [options.filelist, *options.more]
    written = {path.resolve() for path in night_outputs(lists, options.output_dir, each=options.each)}
    for path in asked.files:
        if (path.parent if options.each else path).resolve() in written:
            raise OutputError(f"{path}: is to be read for the recipe, and would be written over; choose another folder")
    check_outcomes(reduce_lists(lists, survey, options, say), say)


def _survey_of(options: argparse.Namespace, recipe: Recipe) -> Survey:
    return Survey(
        recipe=recipe,
        output_dir=options.output_dir,
        delimiter=delimiter_of(options),
        exposure_key=options.exposure_key,
        plane=options.plane,
        strict=options.strict,
        overwrite=options.overwrite,
        force=options.force,
        each=options.each,
    )


def reduce_lists(
    lists: Sequence[Path], survey: Survey, options: argparse.Namespace, say: Callable[[str], None]
) -> list[Outcome]:
    """Reduce the nights of lists by the workers that are asked for; say what became of each when it is finished."""
    told = set[Note]()

    def say_finished(outcome: Outcome, finished: int, nights: int) -> None:
        for note in outcome.notes:
            if note not in told:  # that of a master which several nights share is told with the first of them
                telling.say(attrs.evolve(note, words=f"{outcome.filelist}: {note.found}", frames=()))
        told.update(outcome.notes)
        say(f"[{finished}/{nights}] {outcome.filelist}: {outcome_words(outcome)}")

    here = bool(options.workers) and can_fork()  # else on workers of Dask, which start anywhere
    with client_of(options, here=here) as client:
        return reduce_many(
            lists,
            survey,
            client=client,
            processes=options.workers if here else 1,
            on_finished=say_finished,
            on_chosen=lambda why: say(f"working {why}"),
        )


def outcome_words(outcome: Outcome) -> str:
    """Say what became of a night."""
    if outcome.errors:
        return "not reduced; see below"
    words = [f"wrote {path}" for path in outcome.written]
    return ", ".join([*words, *(f"{path} is done already" for path in outcome.there)])


def check_outcomes(outcomes: Sequence[Outcome], say: Callable[[str], None]) -> None:
    """Count what was done, and tell which nights are bad.

    :raises NightsError: some could not be reduced.
    """
    bad = [outcome for outcome in outcomes if outcome.errors]
    written = sum(len(outcome.written) for outcome in outcomes)
    there = sum(len(outcome.there) for outcome in outcomes)
    done = f"{number_of(written, 'product')} written, {there} done already"
    say(f"{number_of(len(outcomes), 'night')}: {done}, {number_of(len(bad), 'night')} bad")
    for outcome in bad:
        for error in outcome.errors:
            if not isinstance(error, PipelineError | AssumptionWarning):
                raise error  # a bug of ours
    if bad:
        problems = tuple(f"{outcome.filelist}: {problem_words(error)}" for outcome in bad for error in outcome.errors)
        raise NightsError(len(outcomes), problems)


def problem_words(error: Exception) -> str:
    """Say what is wrong with a night."""
    if isinstance(error, AssumptionWarning):
        return refused_words(error)
    return str(error).replace(os.linesep, f"{os.linesep}  ")


# ---- each light of one night ----


@attrs.frozen
class _EachLight:
    """What is asked of the lights of a night, each for itself, and what of it is not there yet, made of just this.

    ``tasks`` are all, ``todo`` those of products that are to be made, ``masters`` the masters that are to be written,
    by their names, and where.
    """

    options: argparse.Namespace
    asked: RecipeAsked
    survey: Survey
    folder: Path
    tasks: Sequence[Task]
    todo: Sequence[Task]
    masters: Mapping[str, tuple[Task, Path]]

    @property
    def products(self) -> list[Path]:
        return [task.output for task in self.tasks if task.output]

    @property
    def record(self) -> Path | None:
        return self.folder / "reduced.json" if self.options.record else None

    @property
    def beside(self) -> list[Path]:
        """What is made of all products, when they are there."""
        return [path for path in (self.record, self.options.quality, self.options.save_recipe) if path]

    @property
    def replace(self) -> bool:
        return self.survey.overwrite or self.survey.force

    @property
    def to_run(self) -> list[Task]:
        """The tasks to be done: of what is not there, and of all images where a table is asked for."""
        wanted = {task.key for task in (self.tasks if self.options.quality else self.todo) if task.output}
        wanted |= {need for task in self.tasks if task.key in wanted for need in task.needs}
        for task, _ in self.masters.values():
            wanted |= {task.key, *task.needs}
        return [task for task in self.tasks if task.key in wanted]

    def checked(self) -> FrameSet:
        """Open the frames, and see that all can be written, over nothing that is to be read, or to stay."""
        filelist = self.options.filelist
        of_all = self.options.quality or self.record
        frames = open_frames_of(self.tasks if of_all else self.to_run, filelist, self.survey)
        for task in self.todo:
            check_output(task, filelist, self.survey)
        drawn = [path for task in self.todo for path in task.drawings]
        others = [*drawn, *(path for _, path in self.masters.values()), *self.beside]
        inputs = [*paths_of(frames), filelist, *self.asked.files]
        check_outputs(others, inputs, overwrite=self.replace)
        check_outputs([*self.products, *others], inputs, overwrite=True)
        return frames


@told_together()
def reduce_each_light(
    options: argparse.Namespace, asked: RecipeAsked, drawings: Sequence[Path], say: Callable[[str], None]
) -> None:
    """Reduce each light of a night to a product of its own, and its arcs, but for those that are there and up to date.

    Each is written when it is done, with what is drawn of it; masters, and what is made of all products, at the end.

    :param drawings: figures and report, in whose names those of the lights are put.
    """
    night = _each_light(options, asked, drawings)
    count = len(night.products)
    if not night.todo and not night.masters and all(path.is_file() for path in night.beside):
        for path in night.products:
            telling.say(*notes_beside(path))
        say(f"{options.filelist}: {count} products are in {night.folder} already, made of just this: nothing to do")
        return
    frames = night.checked()
    if len(night.todo) < count:
        say(f"{options.filelist}: {count - len(night.todo)} of {count} products are in {night.folder} already")
    images, made = _made(night, say)
    with written_together(say) as tell:
        for name, (task, path) in night.masters.items():
            if task.made and name in made:
                write_with_record(made[name], path, task.made, replace=night.replace)
        _write_of_all(night, frames, images, tell)


def _made(
    night: _EachLight, say: Callable[[str], None]
) -> tuple[list[ReducedImage], dict[str, MasterBias | MasterDark | MasterFlat]]:
    """Make what is to be made, and write products and what is drawn of each; give all images for a table, and masters.

    :raises PipelineError: what went wrong first; what was done before is there.
    """
    images: list[ReducedImage] = []
    made: dict[str, MasterBias | MasterDark | MasterFlat] = {}
    drawn: list[str] = []
    on_product = _on_product(night, images, drawn)

    def tell_of_masters(result: TaskResult) -> None:
        for name, master in result.masters.named.items():
            found = f"{combined_words(master.image.found)}{flag_words(master.image)}"
            say(f"master {name}: {'; '.join([found, *result.said])}")
            if name in night.masters:
                made[name] = master

    results = run_tasks(night.to_run, night.survey, on_product=on_product, on_master=tell_of_masters)
    kinds = [task.kind for task in night.to_run if task.output]
    for _, result in one_by_one(results, "product" if "arc" in kinds else "light", len(kinds)):
        if isinstance(result, Exception):
            raise result
        telling.say(*result.notes)
        for line in (*result.said, *drawn):
            say(line)
        drawn.clear()
    return images, made


def _on_product(night: _EachLight, images: list[ReducedImage], drawn: list[str]) -> OnProduct | None:
    """Give what keeps the images for a table, and draws those of which something is to be drawn; None for neither."""

    def keep_and_draw(image: ReducedImage, task: Task, frames: FrameSet, masters: Masters) -> None:
        if night.options.quality:
            images.append(image)
        if task.drawings and task in night.todo:
            _draw(image, task, frames, masters, night, drawn.append)

    return keep_and_draw if night.options.quality or any(task.drawings for task in night.todo) else None


def _each_light(options: argparse.Namespace, asked: RecipeAsked, drawings: Sequence[Path]) -> _EachLight:
    """Look at what is there, by records, sizes and times: no header of a light is read."""
    if options.output and options.output_dir:
        raise SettingError("-o and --output-dir each name a folder for the products; give one of them")
    survey, folder = _survey_of(options, asked.recipe), options.output or Path("reduced")
    if options.output_dir:
        (folder,) = night_outputs([options.filelist], options.output_dir, each=True)

    def with_drawings(task: Task) -> Task:
        if task.kind != "light" or task.output is None:
            return task
        stem = product_stem(task.output.name)
        return attrs.evolve(task, drawings=tuple(named_after(path, stem) for path in drawings))

    tasks = [with_drawings(task) for task in tasks_of_list(options.filelist, folder, survey)]
    todo = [task for task in tasks if task.output and (survey.force or not done_already(task))]
    of_kind = {task.kind: task for task in tasks if not task.output}
    masters: dict[str, tuple[Task, Path]] = {}
    if options.masters and of_kind:
        frames = open_frames_of(tuple(of_kind.values()), options.filelist, survey)  # exposures are in names of darks
        for name, path in master_paths(options.masters, frames, asked.recipe).items():
            task = of_kind[name.partition(" ")[0]]
            if survey.force or not (task.made and is_done(path, task.made)):
                masters[name] = task, path
    return _EachLight(options, asked, survey, folder, tasks, todo, masters)


def _draw(
    image: ReducedImage,
    task: Task,
    frames: FrameSet,
    masters: Masters,
    night: _EachLight,
    say: Callable[[str], None],
) -> None:
    """Draw a product of its own: the report, where one is asked for, is the last of its drawings."""
    from pipeline.cli.inspect import write_drawings  # and with it all that draws

    report = [task.drawings[-1]] if night.options.report else []
    figures = task.drawings[: len(task.drawings) - len(report)]
    measured = quality_of(raw_steps(night.asked.recipe)(frames), [image], masters.images) if report else []
    given = {"figure": figures, "report": next(iter(report), None), "output": task.output, "overwrite": night.replace}
    options, files = argparse.Namespace(**vars(night.options) | given), {image.kind: output_of(task)[0]}
    write_drawings([image], masters, frames, measured, night.asked.recipe, files, options, say)


def _write_of_all(
    night: _EachLight, frames: FrameSet, images: Sequence[ReducedImage], say: Callable[[str], None]
) -> None:
    """Write what is made of all products: quality, recipe, record."""
    options, recipe = night.options, night.asked.recipe
    if options.quality:
        measured = quality_of(raw_steps(recipe)(frames), images)
        write_table(options.quality, quality_table(measured), overwrite=night.replace)
        say(f"wrote {options.quality}: quality numbers of {len(measured)} images")
    if options.save_recipe:
        from pipeline.fits.read_recipe import write_recipe  # and with it all stages

        write_recipe(recipe, options.save_recipe, overwrite=night.replace)
        say(f"wrote {options.save_recipe}: the settings, for --recipe")
    products = [(told_beside(path), path) for path in night.products]
    record_command(night.record, "reduce", options, frames, products, say, recipe)
