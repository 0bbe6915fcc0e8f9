"""Edge: who does the work, as the command line says: this process, or workers; nothing of theirs is imported before."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import SettingError


def add_worker_options(command: argparse.ArgumentParser) -> None:
    """Add the switches that tell who does the work."""
    where = command.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, metavar="N", help="work in N processes on this machine (needs Dask)")
    where.add_argument("--cluster", metavar="ADDRESS", help="work on the workers of this Dask scheduler")


@contextmanager
def client_of(options: argparse.Namespace) -> Iterator[Any]:
    """Give a client of the workers that are asked for; None for none."""
    if options.workers is not None and options.workers < 1:
        raise SettingError(f"--workers {options.workers}; expected one or more")
    if options.workers is None and options.cluster is None:
        yield None
    else:
        from pipeline.survey.dask_client import workers

        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what Dask gives up after Ctrl-C is nobody's concern
        with workers(options.workers, options.cluster) as client:
            yield client


@contextmanager
def combined_by(options: argparse.Namespace) -> Iterator[None]:
    """Have the workers that are asked for combine within this block, or this process."""
    with client_of(options) as client:
        if client is None:
            yield
        else:
            from pipeline.survey.dask_combine import spread

            with spread(client):
                yield
