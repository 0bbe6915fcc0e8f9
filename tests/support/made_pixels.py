"""What tests of pixels look at."""

import numpy as np

GRID = np.arange(6, dtype=np.float32).reshape(2, 3)


def arrays_of(record):
    """List every array that a record of pixels hands out."""
    shared = [sigma for _, sigma in record.shared]
    known = [record.variance, record.total_variance] if record.variance is not None else []
    return [record.values, record.flags, *known, *shared]
