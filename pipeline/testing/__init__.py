"""For tests of what is built on ccd-pipeline: hypothesis strategies of every record and step, and what tests ask.

``from hypothesis import given`` and ``from pipeline.testing import images, steps``, or ``st.from_type(Image)`` of any
public record, once this is imported: ``drawn_images.py``, ``drawn_steps.py``.  ``nights`` are simulated, with their
truth; ``assert_same_image`` says where two images differ; ``check_stage`` holds a stage to its laws.
May import every folder, and the public names; nothing imports it.  Needs hypothesis, the extra ``testing``.

What is drawn is small, fits together by its shape, and shrinks; settings are those that the annotations of a stage
allow.  ``assert_same_image`` says in which field two images differ, and where first: ``values: first at row 0, column
1, 1.0 and 0.0; 4 of 6 differ``.  Our own tests are written with these.

>>> from typing import Annotated
>>> import attrs
>>> from hypothesis import given, settings
>>> from pipeline import Image, Limits, check_stage, pipe, stage
>>> from pipeline.testing import assert_same_image, images, steps
>>> @stage(rows=True)
... def scaled(image: Image, *, by: Annotated[float, Limits(above=0)] = 1.0) -> Image:
...     return attrs.evolve(image, data=image.pixels.times(by))
>>> @settings(max_examples=10, deadline=None)
... @given(images(kind="light"), steps(scaled))
... def test_scaling_keeps_every_law_and_can_be_undone(image, step):
...     check_stage(step, image)
...     by = step.every_setting["by"]
...     again = pipe(image, step, scaled(by=1 / by))
...     assert_same_image(again, image, rtol=1e-5, atol=1e-9, ignore=["history"])
>>> test_scaling_keeps_every_law_and_can_be_undone()
"""

from pipeline.errors import SettingError

try:
    import hypothesis as _  # noqa: F401 - to say what is missing
except ModuleNotFoundError as error:
    raise SettingError(
        "pipeline.testing needs hypothesis, which draws what tests try: pip install 'ccd-pipeline[testing]'"
    ) from error

from pipeline.compose.laws import check_stage
from pipeline.simulation.simulate import simulate
from pipeline.testing.drawn_images import cards, frame_sets, images, nights, pixels, planes, raw_images
from pipeline.testing.drawn_masters import masters
from pipeline.testing.drawn_steps import chains, steps
from pipeline.testing.drawn_values import SHAPE, records, register, values_as
from pipeline.testing.same_image import assert_same_image

register()

__all__ = [
    "SHAPE",
    "assert_same_image",
    "cards",
    "chains",
    "check_stage",
    "frame_sets",
    "images",
    "masters",
    "nights",
    "pixels",
    "planes",
    "raw_images",
    "records",
    "simulate",
    "steps",
    "values_as",
]
