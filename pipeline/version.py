"""Which version of this program runs, and by what name it signs what it writes."""

from importlib import metadata

try:
    __version__ = metadata.version("ccd-pipeline")
except metadata.PackageNotFoundError:  # run from its sources: nothing tells
    __version__ = "unknown"

PROGRAM = "ccd-pipeline"
CREATOR = f"{PROGRAM} {__version__}"
"""What products bear in the card of that name.  Two trees that run from their sources sign alike, as unknown."""


def made_by_us(creator: object) -> bool:
    """Tell from what a header says in CREATOR whether this program wrote the file, in whichever version.

    >>> made_by_us("ccd-pipeline 0.1.0"), made_by_us("IRAF"), made_by_us(None)
    (True, False, False)
    """
    return str(creator).startswith(PROGRAM)
