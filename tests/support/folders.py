"""Frames that are easily known again, and what a folder holds."""

from pathlib import Path

import numpy as np


def ramp(level, shape=(40, 50)):
    return (level + np.arange(np.prod(shape)) % 7).reshape(shape).astype(np.uint16)


def files(folder):
    """Give every file of a folder, hidden ones too, with what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
