"""Files whose amplifiers have each their HDU, made of a known image, as NOAO's cameras, DECam and Rubin write them."""

import attrs
import numpy as np
from astropy.io import fits
from hypothesis import strategies as st


@attrs.frozen
class Layout:
    """How a detector is read: edges of its amplifiers along x and y in binned pixels, and how each is stored.

    ``flips`` are (along x, along y) for each amplifier, row by row; ``gaps`` are (after each column, after each row of
    amplifiers) in binned pixels, ``order`` that of the HDUs; ``trims`` takes so many pixels of data off by TRIMSEC.
    """

    xs: tuple[int, ...]
    ys: tuple[int, ...]
    flips: tuple[tuple[bool, bool], ...]
    order: tuple[int, ...]
    binning: tuple[int, int] = (1, 1)
    overscan: int = 3
    prescan: int = 1
    gaps: tuple[int, int] = (0, 0)

    @property
    def shape(self):
        """Rows and columns without gaps."""
        return self.ys[-1], self.xs[-1]

    @property
    def windows(self):
        """What each amplifier reads of an image without gaps."""
        return [
            (slice(y1, y2), slice(x1, x2))
            for y1, y2 in zip(self.ys, self.ys[1:], strict=False)
            for x1, x2 in zip(self.xs, self.xs[1:], strict=False)
        ]

    def spread(self, image, fill=np.nan):
        """Put the gaps between amplifiers into an image."""
        across, up = len(self.xs) - 1, len(self.ys) - 1
        whole = np.full(
            (self.shape[0] + self.gaps[1] * (up - 1), self.shape[1] + self.gaps[0] * (across - 1)), fill, np.float64
        )
        for number, window in enumerate(self.windows):
            y, x = (part.start for part in self.place(number))
            part = image[window]
            whole[y : y + part.shape[0], x : x + part.shape[1]] = part
        return whole

    def place(self, number):
        """Where an amplifier lies in the image with its gaps."""
        across = len(self.xs) - 1
        rows, columns = self.windows[number]
        x, y = (number % across) * self.gaps[0], (number // across) * self.gaps[1]
        return slice(rows.start + y, rows.stop + y), slice(columns.start + x, columns.stop + x)

    def detsec(self, number):
        """Where that is on the detector, unbinned, backwards where it is stored so; the detector begins at 101, 201."""
        spans = []
        for part, back, step, first in zip(
            self.place(number)[::-1], self.flips[number], self.binning, (101, 201), strict=True
        ):
            span = (first + part.start * step, first + part.stop * step - 1)
            spans.append(span[::-1] if back else span)
        (a, b), (c, d) = spans
        return f"[{a}:{b},{c}:{d}]"


def hdus_of(image, layout, levels, cards=None, each=None, dtype="u2", kind=fits.ImageHDU):
    """Cut an image up: one HDU for each amplifier, its overscan at the right end of its own rows.

    ``cards`` are of the primary header, ``each`` gives those of an amplifier by its number.
    """
    hdus = [fits.PrimaryHDU(header=fits.Header(cards or {}))]
    for number in layout.order:
        data = image[layout.windows[number]]
        left, down = layout.flips[number]
        data = data[:: -1 if down else 1, :: -1 if left else 1] + levels[number]
        rows, columns = data.shape
        pre, post = (np.full((rows, width), levels[number]) for width in (layout.prescan, layout.overscan))
        hdu = kind(np.hstack([pre, data, post]).astype(dtype), name=f"im{number + 1}")
        first = layout.prescan + 1
        hdu.header["CCDSUM"] = "{} {}".format(*layout.binning)
        hdu.header["DATASEC"] = f"[{first}:{first + columns - 1},1:{rows}]"
        if layout.overscan:
            hdu.header["BIASSEC"] = f"[{first + columns}:{first + columns + layout.overscan - 1},1:{rows}]"
        hdu.header["DETSEC"] = layout.detsec(number)
        hdu.header.update(each(number) if each else {})
        hdus.append(hdu)
    return fits.HDUList(hdus)


@st.composite
def layouts(draw, most=3, gaps=True):
    """Draw a layout of up to 3 × 3 amplifiers of any sizes."""
    sizes = st.lists(st.integers(2, 6), min_size=1, max_size=most)
    xs, ys = (tuple(np.cumsum([0, *draw(sizes)]).tolist()) for _ in range(2))
    count = (len(xs) - 1) * (len(ys) - 1)
    flips = draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=count, max_size=count))
    return Layout(
        xs,
        ys,
        tuple(flips),
        tuple(draw(st.permutations(range(count)))),
        binning=draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        overscan=draw(st.integers(1, 4)),
        prescan=draw(st.integers(0, 2)),
        gaps=draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) if gaps else (0, 0),
    )
