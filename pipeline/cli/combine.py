"""Edge: the command ``ccd-pipeline combine``."""

from __future__ import annotations

import argparse

from pipeline.cli.options import (
    NO_REDUCTION,
    add_combining_options,
    add_worker_options,
    combined_by,
    inputs_of,
    night_of,
    recipe_asked,
)
from pipeline.cli.outputs import (
    check_outputs,
    check_product_names,
    record_command,
    record_path,
    write_product,
    written_together,
)
from pipeline.cli.step_options import NO_CORE_STEPS, NO_OTHER_STEPS
from pipeline.cli.terminal import CommandParser, printer_of
from pipeline.compose.chain import pipe
from pipeline.errors import StepError
from pipeline.night.recipe_steps import aligned, combining, raw_steps
from pipeline.records.frames import KINDS
from pipeline.stages.header import attach_header


def add_combine(stack: CommandParser) -> None:
    """Add the options of the command."""
    add_combining_options(stack)
    stack.group("input").add_argument(
        "--type", required=True, choices=KINDS, dest="kind", help="which frames of the list"
    )
    add_worker_options(stack)
    stack.set_defaults(run=_combine, **NO_REDUCTION, **NO_CORE_STEPS, **NO_OTHER_STEPS)


def _combine(options: argparse.Namespace) -> None:
    asked = recipe_asked(options)
    recipe = asked.recipe
    frames = night_of(options)
    record = record_path(options.output) if options.record else None
    outputs = [options.output, *([record] if record else [])]
    check_outputs(outputs, inputs_of(options, frames, asked.files), overwrite=options.overwrite)
    check_product_names([options.output])
    if not frames.of_kind(options.kind).frames:
        raise StepError(f"{options.filelist}: no {options.kind} frames in it")
    chosen = frames.of_kind(options.kind)
    with combined_by(options):
        product = pipe(chosen, raw_steps(recipe), aligned(recipe), combining(recipe), attach_header)
    with written_together(printer_of(options)) as tell:
        write_product(product, options.output, options.overwrite, tell)
        record_command(record, "combine", options, frames, [(product, options.output)], tell, recipe)
