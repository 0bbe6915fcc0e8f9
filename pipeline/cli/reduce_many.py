"""Edge: ``ccd-pipeline reduce`` of many nights: what it is asked for, and what it says of each night.

``reduce`` imports this file only where many nights are asked for.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from pipeline.cli.options import RecipeAsked, client_of, delimiter_of
from pipeline.cli.terminal import refused_words
from pipeline.compose import telling
from pipeline.compose.running import running
from pipeline.errors import AssumptionWarning, NightsError, OutputError, PipelineError, SettingError
from pipeline.records.note import Note
from pipeline.survey.plan import Survey, night_outputs
from pipeline.survey.reduce_many import Outcome, reduce_many


def reduce_nights(options: argparse.Namespace, asked: RecipeAsked, say: Callable[[str], None]) -> None:
    """Reduce many nights, and say what became of each when it is finished.

    :raises NightsError: some could not be reduced.
    """
    for name in ("output", "masters", "record", "each", "every_hdu", "quality", "figure", "report", "save_recipe"):
        if getattr(options, name):
            switch = "-o" if name == "output" else f"--{name.replace('_', '-')}"
            raise SettingError(f"{switch} goes with one night, reduced by this process; for many there is --output-dir")
    survey = Survey(
        recipe=asked.recipe,
        output_dir=options.output_dir,
        delimiter=delimiter_of(options),
        exposure_key=options.exposure_key,
        plane=options.plane,
        strict=options.strict,
        overwrite=options.overwrite,
        force=options.force,
    )

    lists = [options.filelist, *options.more]
    written = {path.resolve() for path in night_outputs(lists, options.output_dir)}
    for path in asked.files:
        if path.resolve() in written:
            raise OutputError(f"{path}: is to be read for the recipe, and would be written over; choose another folder")
    check_outcomes(reduce_lists(lists, survey, options, say), say)


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

    with client_of(options) as client, running(progress=None):  # of the whole it is told night by night
        return reduce_many(lists, survey, client=client, on_finished=say_finished)


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
    say(f"{len(outcomes)} nights: {written} products written, {there} done already, {len(bad)} nights bad")
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
