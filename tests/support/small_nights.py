"""Small nights to be reduced by the dozen, and what to compare of their products."""

import attrs
from astropy.io import fits

from pipeline.simulation.simulate import Counts, simulate, write_night

COUNTS = Counts(bias=3, dark=2, flat=3, light=2, arc=1)
OF_THE_WRITING = ("DATE", "CHECKSUM", "DATASUM")


def write_nights(folder, number, shape=(24, 40), counts=COUNTS):
    """Write nights of their own, each in its folder; give their lists."""
    return [write_night(simulate(seed=n, shape=shape, counts=counts), folder / f"n{n:02d}") for n in range(number)]


def borrow_biases(lender, *borrowers):
    """Have the lists of some nights name the biases of another."""
    for filelist in borrowers:
        text = filelist.read_text().replace("bias, raw/", f"bias, ../{lender.parent.name}/raw/")
        filelist.write_text(text)


def content(path):
    """Give what does not depend on when a product was written: the bits of all its pixels, and its cards."""
    with fits.open(path) as hdus:
        return [
            (hdu.data.tobytes(), [tuple(card) for card in hdu.header.cards if card.keyword not in OF_THE_WRITING])
            for hdu in hdus
        ]


def contents(folder):
    """Give the content of every product below a folder, by its name there."""
    return {str(path.relative_to(folder)): content(path) for path in sorted(folder.rglob("[!.]*.fits"))}


def facts_of(outcome):
    """The notes, in whatever order they and their frames come: records of products have another than a run."""
    return {attrs.evolve(note, frames=sorted(note.frames)) for note in outcome.notes}
