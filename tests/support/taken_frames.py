"""Frames with headers that say how and when they were taken, and nights drawn of them."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from pipeline import Image

PIXELS = {shape: np.ones(shape) for shape in ((2, 3), (4, 3))}


def taken(kind, days, name="", shape=(2, 3), **cards):
    """Give a frame taken so many days after a night in 2021."""
    date = (datetime(2021, 3, 2, 22) + timedelta(days=days)).isoformat()
    header = {"DATE-OBS": date} | {key.replace("_", "-"): value for key, value in cards.items()}
    return Image.of(PIXELS[shape], kind=kind, header=header, name=name or f"{kind} {days} {sorted(cards.items())}")


cards = st.fixed_dictionaries(
    {
        "EXPTIME": st.sampled_from([2.0, 60.0, 120.0]),
        "FILTER": st.sampled_from(["R", "V"]),
        "GAIN": st.sampled_from([100, 0]),
    },
    optional={"CCD-TEMP": st.sampled_from([-10.0, -10.3, -15.0]), "SLIT": st.sampled_from(["1.0", "2.0"])},
)


@st.composite
def nights(draw):
    """Draw frames of all kinds, of a few setups, over some days and a year."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["bias", "dark", "flat", "arc", "light", "light"]),
                st.sampled_from([0.0, 0.01, 0.2, 0.4, 1.1, 40.0, 400.0]),
                cards,
                st.sampled_from([(2, 3), (2, 3), (2, 3), (4, 3)]),
            ),
            min_size=1,
            max_size=12,
        )
    )
    return [
        taken(kind, days, f"{number}.fits", shape, **said) for number, (kind, days, said, shape) in enumerate(drawn)
    ]
