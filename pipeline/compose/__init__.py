"""How stages are made and put together.

Open :mod:`~pipeline.compose.stage` first: what a stage and a step are; then ``chain`` (pipe, chain, each).
``running`` says how stages run, which is none of their settings; ``written`` how a step is written as Python.

Imports from ``headers`` and ``records``; knows no stage.

Stages and steps
----------------
A *stage* is a pure function of one record with keyword settings.  Called with a record it runs; called with settings
only, it is a *step* that waits for its record.  A forgotten or misspelt setting is refused when the step is made; a
bias in place of a flat, a forgotten ``each``, steps in the wrong order do not type-check (mypy, strict) and fail loudly
when run.  Plain functions fit between steps, and leave a line in HISTORY by their name alone; but one that gives a bare
array to the next step is refused: header, variance and history would be lost.

A stage of your own
-------------------
Six lines, and it does all that ours do:

>>> from typing import Annotated
>>> import attrs, numpy as np
>>> from pipeline import FrameSet, Image, Limits, Pixels, check_stage, combine, pipe, stage
>>> @stage(rows=True)
... def scaled(image: Image, *, by: Annotated[float, Limits(above=0)] = 1.0) -> Image:
...     return attrs.evolve(image, data=image.pixels.times(by))
>>> scaled(by=np.float32(2))
scaled(by=2.0)
>>> scaled(by=-2)
Traceback (most recent call last):
pipeline.errors.SettingError: scaled: by=-2; expected a positive number

What is written, and what it means (``help(stage)`` has more):

- ``by: float``, ``Literal["mean", "median"]``, ``tuple[float, ...]``, ``Annotated[float, Limits(above=0, unit="s")]``,
  a record: checked when the step is made, with "did you mean"; scalars of numpy, Quantities, lists and arrays are kept
  as the plain values that are asked for
- ``plane: NDArray[Any]``: an array: sealed, in HISTORY by its content key, cut to the rows that the image is cut to
- ``sky: MasterSky``, where ``class MasterSky(Master)`` is frozen by attrs and has ``image: Image``: made of frames;
  their history and notes go into that of the image
- ``advise("is bright", of=image, mend="expose for less", figures=[("level", 5.0)])``: a note, which the step keeps

Pixels have ``minus``, ``times`` and ``over``, which follow flags and variance; ``attrs.evolve(image.pixels,
values=...)`` keeps them as they are.  History and notes come from the input, whatever the function makes.  Stages
pickle, also those of a notebook, which go to the workers of Dask whole.

``check_stage`` runs a stage in a test of yours, on an image with every flag, a variance and a history, and says which
law it breaks: purity, seals, flags, variance, provenance, effect, rows or pickling.

>>> frames = FrameSet(Image.of(np.full((2, 2), value), exposure=30) for value in (100.0, 102.0, 104.0))
>>> image = combine(frames, clip=None)
>>> check_stage(scaled(by=2), image)
>>> @stage
... def squared(image: Image) -> Image:
...     return attrs.evolve(image, data=Pixels.of(image.pixels.values**2, image.pixels.flags))
>>> check_stage(squared, image)
Traceback (most recent call last):
pipeline.errors.StepError: squared breaks the law of variance: the record has a variance and the result has none; ...

:mod:`pipeline.testing` draws records and steps for laws of your own; chains to learn from open as notebooks in
``tests/examples``: an imaging night, spectra to TwoDSpec and specreduce, stars by photutils, one's own stage and
combination, Dask, a flow of tasks.
"""
