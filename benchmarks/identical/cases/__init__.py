"""What is run on both sides, in today's names: ``every_case``."""

from benchmarks.identical.cases import combining, figures, mosaics, nights, real, stages


def every_case(data):
    """Give every case; ``data`` is the folder of real frames, which may be absent."""
    for module in (combining, stages, nights, mosaics, figures):
        yield from module.cases()
    yield from real.cases(data)
