"""Edge: a client of Dask's workers: starting them, waiting for them, and what goes wrong with them in our words.

Dask is imported by the functions that need it, and comes with ``pip install 'ccd-pipeline[distributed]'``.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty
from time import monotonic
from typing import Annotated, Any, TypeVar

import attrs
import numpy as np

from pipeline.compose.settings import Limits, checked_call
from pipeline.errors import SettingError, WorkerError
from pipeline.version import CREATOR

T = TypeVar("T")

DASK_SETTINGS = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.scheduler.allowed-failures": 1,
}
"""By default Dask has workers hand back each tile's memory at once, to be cleared and handed out again: that costs half
as much processor time again as the reduction itself.  And by default they put what memory does not hold on disk as
pickles, which whoever can write there can make run anything.  Two deaths instead of four suffice to give a task up, for
it is tried again alone."""

PATIENCE = 60.0
"""For so many seconds the scheduler may be without workers before nothing is waited for any longer."""


@checked_call
@contextmanager
def workers(count: Annotated[int, Limits(least=1)] | None = None, address: str | None = None) -> Iterator[Any]:
    """Start workers of one thread each on this machine, or reach those of a scheduler; give a Dask client.

    >>> from pipeline import workers
    >>> with workers(1) as client:
    ...     client.submit(sum, [1, 2]).result()
    3

    :param count: how many to start; they end with the block.
    :param address: of a scheduler that is running, such as tcp://10.0.0.1:8786.
    :raises SettingError: Dask is not installed, or there is no such number of workers.
    :raises WorkerError: no scheduler answers there.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise SettingError(
            "workers need Dask, which is not installed: pip install 'ccd-pipeline[distributed]'"
        ) from error
    with ExitStack() as stack:
        if address is None:
            with dask.config.set(DASK_SETTINGS):
                cluster = LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    dashboard_address=":0",
                    silence_logs=logging.CRITICAL,
                    preload=[__name__],
                )
            client = stack.enter_context(Client(stack.enter_context(cluster)))
        else:
            try:
                client = stack.enter_context(Client(address))
            except (OSError, ValueError) as error:
                raise WorkerError(f"{address}: no Dask scheduler answers there: {error}; is it running?") from error
        yield client


def dask_setup(_: Any) -> None:
    """Let a worker of ours, as it starts, leave Ctrl-C to the process that started it, which ends it (Dask's hook)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def check_versions(client: Any) -> None:
    """See that the workers run this version.

    :raises WorkerError: there are none, or one runs another.
    """
    try:
        versions: dict[str, str] = client.run(version_here)
    except (ImportError, AttributeError) as error:
        raise WorkerError(f"a worker cannot import ccd-pipeline: {error}; install {CREATOR} where it runs") from error
    if not versions:
        raise WorkerError("the scheduler has no workers yet; start some: dask worker ADDRESS")
    for worker, version in versions.items():
        if version != CREATOR:
            raise WorkerError(f"{worker}: runs {version}, this is {CREATOR}; install one version everywhere")


def version_here() -> str:
    """Name the version that runs here."""
    return CREATOR


def pass_through(thing: T) -> T:
    """Give back what is given: a task that holds what many others need, and can be done again."""
    return thing


def wait_while_workers_last(client: Any, wait: Callable[[float], T]) -> T:
    """Wait for something as long as there are workers, or may be soon.

    A worker that dies is started again by Dask, but not always, and on a cluster perhaps never.

    :param wait: waits for so many seconds, and raises Empty or TimeoutError after them.
    :raises WorkerError: there were none for ``PATIENCE``.
    """
    seen = monotonic()
    while True:
        try:
            return wait(PATIENCE / 10)
        except (Empty, TimeoutError):
            if client.nthreads():
                seen = monotonic()
            elif monotonic() - seen > PATIENCE:
                raise WorkerError(
                    f"the scheduler has had no workers for {PATIENCE:g} s; look at their logs for why they died, "
                    "and start again: products that are made are not made again"
                ) from None


def was_killed(future: Any) -> bool:
    """Tell whether a task, or one that it needs, was given up because workers died."""
    from distributed.scheduler import KilledWorker

    return not future.cancelled() and isinstance(wait_while_workers_last(future.client, future.exception), KilledWorker)


def result_of(future: Any, name: str) -> Any:
    """Give what a task gave, or what went wrong with it, as an exception that is not raised.

    :raises WorkerError: there are no workers any more to do it.
    """

    def found(seconds: float) -> Any:  # what died with its worker is made again, so this may wait as well
        error = future.exception(seconds)
        return future.result(seconds) if error is None else error.with_traceback(future.traceback(seconds))

    if future.cancelled():
        return WorkerError(f"{name}: the scheduler has dropped the task; start again")
    if was_killed(future):
        return WorkerError(f"{name}: every worker that tried it died; is there memory enough? ({future.exception()})")
    return wait_while_workers_last(future.client, found)


def register_sizes(sizeof: Any) -> None:
    """Tell Dask how large our records are, by which it places tasks and spares memory (its hook ``dask.sizeof``)."""

    @sizeof.register_lazy("pipeline")  # type: ignore[untyped-decorator]
    def register() -> None:
        from pipeline.compose.stage import Step
        from pipeline.records.frames import FrameSet, Image
        from pipeline.records.pixels import Pixels
        from pipeline.stages.bias import MasterBias
        from pipeline.stages.dark import MasterDark
        from pipeline.stages.flat import MasterFlat
        from pipeline.stages.header import ReducedImage
        from pipeline.survey.plan import TaskResult

        for record in (Pixels, Image, FrameSet, MasterBias, MasterDark, MasterFlat, ReducedImage, Step, TaskResult):
            sizeof.register(record, size_of)


def size_of(thing: Any) -> int:
    """Count the bytes of the arrays in a record, and a little for the rest."""
    if isinstance(thing, np.ndarray):
        return int(thing.nbytes)
    if isinstance(thing, tuple | list):
        return 64 + sum(map(size_of, thing))
    if attrs.has(type(thing)):
        return 64 + sum(size_of(getattr(thing, field.name)) for field in attrs.fields(type(thing)))
    return 64
