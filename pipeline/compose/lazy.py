"""Steps over frames on disk that wait until rows are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from pipeline.compose.running import running
from pipeline.compose.stage import Step, is_master, skips
from pipeline.errors import StepError
from pipeline.records.arrays import Array
from pipeline.records.frames import Image
from pipeline.records.pixels import Flag, Pixels


def lazily(step: Callable[[Image], Image]) -> Callable[[Image], Image]:
    """Let a pixelwise step over an image on disk wait until rows are asked for; any other runs as it is."""
    if not isinstance(step, Step) or not step.stage.rows:
        return step

    waiting: Step[Image, Image] = step

    def wait(image: Image) -> Image:
        lazy = waiting.chosen_for(image)
        if image.in_memory or not lazy.stage.by_rows(image, dict(lazy.settings)):
            return lazy(image)
        for _, value in lazy.settings:
            if is_master(value) and value.image.shape != image.shape:
                return lazy(image)  # which says what does not fit
        if skips(lazy, image):
            return lazy(image)  # nothing to compute, and perhaps pixels to look at
        image = attrs.evolve(image, data=image.source.loaded()) if lazy.stage.looks else image
        before = image.rows(0, 0)  # no pixel yet: see what the step does to the rest of the record
        after = lazy.on_no_rows(before, image)
        if after.shape[1:] != image.shape[1:]:
            raise StepError(
                f"{lazy.stage.name} gave {after.shape[1]} of {image.shape[1]} columns; a stage with rows=True keeps "
                "the shape: leave rows=True out"
            )
        untouched = after.data is before.data
        return attrs.evolve(after, data=image.data if untouched else LazyRows(image, lazy, after.pixels.values.dtype))

    return wait


@attrs.frozen
class LazyRows:
    """A source whose rows are those of an image passed through a pixelwise step when they are asked for."""

    image: Image
    step: Step[Image, Image]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.image.shape

    def rows(self, start: int, stop: int) -> Pixels:
        """Read some rows and pass them through the step."""
        with running(quiet=True):
            if self.step.stage.ceiling is not None:
                pixels = self.image.rows(start, stop).pixels
                return pixels if self._own == math.inf else pixels.flagged(pixels.values >= self._own, Flag.SATURATED)
            return self.step.on_rows(start, stop, self.shape)(self.image.rows(start, stop)).pixels

    @property
    def stored(self) -> tuple[str, float] | None:
        """What a step gives is not stored anywhere, unless all it does is to flag values from a ceiling up."""
        return None if self.step.stage.ceiling is None else self.image.source.stored

    @property
    def ceiling(self) -> float:
        """The lower of the step's own ceiling and that of what it waits for."""
        return min(self.image.source.ceiling, self._own)

    @cached_property
    def _own(self) -> float:
        """The step's ceiling for the whole image, of which it may look at pixels: once, and not some rows at a time."""
        own = self.step.stage.ceiling
        return math.inf if own is None else own(self.image, **dict(self.step.settings))

    def read_stored(self, start: int, stop: int, into: Array) -> None:
        """Read some rows as they are stored, where they are: see :attr:`stored`."""
        if self.step.stage.ceiling is None:
            raise StepError(f"{self.image.name}: rows {start} to {stop} are computed, not stored as {into.dtype}")
        self.image.source.read_stored(start, stop, into)

    def check_unchanged(self) -> None:
        """Refuse what the step waits for if that has changed."""
        self.image.source.check_unchanged()

    def loaded(self) -> LazyRows:
        """Give the same, over a source that is quick to read."""
        return attrs.evolve(self, image=attrs.evolve(self.image, data=self.image.source.loaded()))
