"""Edge: one stack combined in blocks of rows by the workers of Dask, each reading only its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from uuid import uuid4

import attrs
import numpy as np

from pipeline.compose.lazy import LazyRows
from pipeline.compose.running import how_to_run, running
from pipeline.errors import StepError
from pipeline.fits.frame_source import FitsSource
from pipeline.records.arrays import Array
from pipeline.records.frames import Image, Location
from pipeline.records.pixels import NotStored, Pixels
from pipeline.stacking.plan import Plan
from pipeline.stacking.tiles import Band, combine_band, join_bands
from pipeline.stacking.weights import PixelWeights
from pipeline.survey.dask_client import pass_through, result_of

BLOCKS_PER_THREAD = 4
"""So many blocks of rows, that no thread of the workers waits long for the last."""

NEIGHBOUR_ROWS = 1
"""The noise of a pixel may ask for the rows beside it."""


@contextmanager
def combine_on(client: Any) -> Iterator[None]:
    """Have the workers of a Dask client combine, in blocks of rows, whatever is combined within this block.

    Plain files are read by the workers, which see them under the same names; of frames that are in memory, or come
    from compressed files, each is sent its rows.  The result is the same to the bit::

        with workers(8) as client, combine_on(client):
            image = combine(frames)

    >>> import numpy as np
    >>> from pipeline import Image, combine, combine_on
    >>> with combine_on(None):
    ...     combine([Image.of(np.ones((2, 3)))], clip=None)
    Image(light, light array, 2×3)

    :param client: None: this process combines.
    :raises WorkerError: the workers run another version.
    """
    with running(combine_with=None if client is None else lambda plan: _combine_on_workers(client, plan)):
        yield


def _combine_on_workers(client: Any, plan: Plan) -> tuple[Pixels, Array, Array | None]:
    how = how_to_run()
    height = plan.shape[0]
    threads = sum(client.nthreads().values())
    edges = np.unique(
        np.linspace(0, height, min(height, BLOCKS_PER_THREAD * max(threads, 1)) + 1).round().astype(int)
    ).tolist()
    token = uuid4().hex
    on_disk = client.submit(pass_through, _without_memory(plan), key=f"stack-{token}")
    futures = [
        client.submit(
            _combine_block,
            on_disk,
            start,
            stop,
            _rows_to_send(plan, start, stop),
            plan.pixel_weights and plan.pixel_weights.rows(start, stop),
            key=("rows", token, start),
        )
        for start, stop in pairwise(edges)
    ]
    bands: list[Band] = []
    try:
        for future, stop in zip(futures, edges[1:], strict=True):
            band = result_of(future, f"rows before {stop} of {plan.frames[0].name} and {len(plan.frames) - 1} more")
            if isinstance(band, Exception):
                raise band
            bands.append(band)
            if how.progress:
                how.progress(stop, height)
    finally:
        client.cancel(futures)
    return join_bands(plan, bands)


@attrs.frozen
class SentRows(NotStored):
    """Some rows of an image, sent to a worker that cannot read it, under the numbers that they have in it."""

    pixels: Pixels
    first: int
    shape: tuple[int, int]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.pixels.dtype

    def rows(self, start: int, stop: int) -> Pixels:
        """Give some rows.

        :raises StepError: they are not among those that are here.
        """
        if not self.first <= start <= stop <= self.first + self.pixels.shape[0]:
            raise StepError(f"rows {start} to {stop} asked for; {self.first} and {self.pixels.shape[0]} on are here")
        return self.pixels.cut(slice(start - self.first, stop - self.first))


def _any_process_reads(image: Image) -> bool:
    """Tell whether any process can read an image: not one in memory, or unpacked into an anonymous file, here."""
    source = image.source
    if isinstance(source, LazyRows):
        return _any_process_reads(source.image)
    return isinstance(source, FitsSource) and not any(array.in_spool for array in source.arrays)


def _without_memory(plan: Plan) -> Plan:
    """Leave out of a plan what only this process can read, and weights, of which each block is sent its own."""
    frames = (
        frame if _any_process_reads(frame) else attrs.evolve(frame, data=Location("here")) for frame in plan.frames
    )
    return attrs.evolve(plan, frames=tuple(frames), pixel_weights=None)


def _rows_to_send(plan: Plan, start: int, stop: int) -> tuple[SentRows | None, ...]:
    """Give the rows that a block needs of frames that only this process can read; None for the others."""
    beside = NEIGHBOUR_ROWS if plan.moved is None else plan.moved.reach
    first, last = max(start - beside, 0), min(stop + beside, plan.shape[0])
    return tuple(
        None if _any_process_reads(frame) else SentRows(frame.rows(first, last).pixels, first, frame.shape)
        for frame in plan.frames
    )


def _combine_block(
    plan: Plan, start: int, stop: int, sent: tuple[SentRows | None, ...], weights: PixelWeights | None
) -> Band:
    """Combine a block of rows, on a worker."""
    frames = (
        attrs.evolve(frame, data=rows or frame.source.loaded()) for frame, rows in zip(plan.frames, sent, strict=True)
    )
    return combine_band(attrs.evolve(plan, frames=tuple(frames), pixel_weights=weights), start, stop)
