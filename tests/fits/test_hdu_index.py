"""Which HDU is meant, and what there is where it holds no image."""

import pytest

from pipeline import open_frame
from pipeline.errors import FrameError

CONTENTS = "0 PRIMARY (no data), 1 EVENTS (a table), 2 CUBE (2×3×4), 3 LINE (5)"


@pytest.mark.parametrize(
    ("hdu", "words"),
    [
        (0, f"[0]: holds no data; expected an image; the file has {CONTENTS}"),
        ("EVENTS", f"[1]: holds a table; expected an image; the file has {CONTENTS}"),
        (2, "[2]: is a cube, 2×3×4; expected an image; choose a plane"),
        (3, "[3]: is one-dimensional, 5 values"),
        (4, f": has no HDU 4; it has {CONTENTS}"),
        (-1, f": has no HDU -1; it has {CONTENTS}"),
        ("SCI", f": has no HDU 'SCI'; it has {CONTENTS}"),
    ],
)
def test_an_hdu_that_is_no_image_is_refused_with_what_there_is(mixed, hdu, words):
    with pytest.raises(FrameError) as caught:
        open_frame(mixed, hdu)
    assert f"{mixed}{words}" in str(caught.value)
