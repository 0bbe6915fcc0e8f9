"""For tests of what is built on ccd-pipeline: hypothesis strategies of every record and step, and what tests ask.

``from hypothesis import given`` and ``from pipeline.testing import images, steps``, or ``st.from_type(Image)`` of any
public record, once this is imported: ``drawn_images.py``, ``drawn_steps.py``.  ``nights`` are simulated, with their
truth; ``assert_same_image`` says where two images differ; ``check_stage`` holds a stage to its laws.
May import every folder, and the public names; nothing imports it.  Needs hypothesis, the extra ``testing``.
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
from pipeline.testing.drawn_values import SHAPE, records, values_as
from pipeline.testing.registered import register
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
