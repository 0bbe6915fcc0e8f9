"""Everything that can go wrong, as a tree.

::

    PipelineError                 a mistake in the data, the list or the chain: never a bug of ours
    ├── FileListError             a file list that cannot be understood; every problem in it at once
    ├── RecipeError               a recipe's text that cannot be understood; every problem in it at once
    ├── FrameError                a file that cannot be read as an image
    ├── HeaderError               a card that is there and cannot be believed
    ├── ShapeError                images that do not fit each other
    ├── SettingError              a setting that is unknown, missing, or makes no sense
    ├── StepError                 a step in the wrong place: wrong record, wrong order, asked for twice
    ├── CalibrationError          a calibration that would give a wrong image
    ├── OutputError               a product that cannot be written
    ├── ReplayError               a record that cannot be repeated, or gives other pixels
    ├── WorkerError               workers that cannot be had, or died at their task
    └── NightsError               nights of many that could not be reduced; every one of them

    PipelineWarning               the reduction goes on
    ├── AssumptionWarning         ... on an assumption that may be wrong: ``--strict`` refuses it and those below it
    │   ├── HeaderWarning         ... with cards that contradict each other, or the pixels
    │   ├── ClipWarning           ... with a clip that cannot do what was asked of it
    │   └── VarianceWarning       ... without the variance, or the weights, that were asked for
    ├── SkippedWarning            ... without a step that had been done before
    └── FileWarning               ... with a file or cards that are not quite what they should be; nothing is in doubt

A message says where, what was found, what was expected, and what to do; a warning does so in one line.
What is told so is data as well: ``image.notes`` are the notes of an image, each with its frames, figures and what to
do.  ``with running(strict=True):`` refuses assumptions as ``--strict`` does, where each is made, in this thread alone.
``warnings.simplefilter("error", AssumptionWarning)`` refuses them too: at the end of the call, in all threads.

>>> from pipeline import combine, errors
>>> try:
...     combine(method="avrage")
... except errors.SettingError as error:
...     print(error)
combine: method='avrage'; expected 'mean' or 'median'
"""

from __future__ import annotations

from typing import Any

MOST = 100
"""Problems of a list that are told one by one."""


class PipelineError(Exception):
    """A mistake in the data, the list or the chain."""


class FileListError(PipelineError):
    """A file list that cannot be understood; ``problems`` holds every one of them."""

    def __init__(self, where: str, problems: tuple[str, ...]) -> None:
        super().__init__(where, problems)
        self.where = where
        self.problems = problems

    def __str__(self) -> str:
        """Give one line per problem, under a heading that counts them."""
        if len(self.problems) == 1:
            return f"{self.where}: {self.problems[0]}"
        more = len(self.problems) - MOST
        rest = [f"... and {more} more"] if more > 0 else []
        return "\n  ".join([f"{self.where}: {len(self.problems)} problems", *self.problems[:MOST], *rest])


class RecipeError(FileListError):
    """A recipe's text that cannot be understood; ``problems`` holds every one of them, each with its line."""


class FrameError(PipelineError):
    """A file that cannot be read as an image."""


class HeaderError(PipelineError):
    """A card that is there and cannot be believed."""


class ShapeError(PipelineError):
    """Images that do not fit each other."""


class SettingError(PipelineError):
    """A setting that is unknown, missing, or makes no sense."""


class StepError(PipelineError):
    """A step in the wrong place: the wrong record, the wrong order, or asked for twice."""


class CalibrationError(PipelineError):
    """A calibration that would give a wrong image."""


class OutputError(PipelineError):
    """A product that cannot be written."""


class ReplayError(PipelineError):
    """A record that cannot be repeated, or that gives other pixels."""


class WorkerError(PipelineError):
    """Workers that cannot be had, or that died at their task."""


class NightsError(PipelineError):
    """Some of many nights that could not be reduced; ``problems`` tells of each."""

    def __init__(self, nights: int, problems: tuple[str, ...]) -> None:
        super().__init__(nights, problems)
        self.nights = nights
        self.problems = problems

    def __str__(self) -> str:
        """Give one line per problem, under a heading."""
        which = "the night" if self.nights == 1 else f"of {self.nights} nights, these"
        return "\n  ".join([f"{which} could not be reduced:", *self.problems])


class PipelineWarning(UserWarning):
    """The reduction goes on, and this is what should be known about it.

    ``note`` is the :class:`~pipeline.records.note.Note` that it tells.
    """

    note: Any = None


class AssumptionWarning(PipelineWarning):
    """Something was assumed that may be wrong."""


class HeaderWarning(AssumptionWarning):
    """Cards that contradict each other, or the pixels."""


class ClipWarning(AssumptionWarning):
    """A clip that cannot do what was asked of it."""


class VarianceWarning(AssumptionWarning):
    """A variance, or weights by it, that cannot be known."""


class SkippedWarning(PipelineWarning):
    """A step was left out, having been done before."""


class FileWarning(PipelineWarning):
    """A file, or cards of it, that are not quite what they should be: read or written as they are meant."""
