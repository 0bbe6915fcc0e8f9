"""Which version of this program runs, and by what name it signs what it writes."""

from importlib import metadata

try:
    __version__ = metadata.version("ccd-pipeline")
except metadata.PackageNotFoundError:  # run from its sources: nothing tells
    __version__ = "unknown"

CREATOR = f"ccd-pipeline {__version__}"
