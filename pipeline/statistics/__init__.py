"""The numbers of a stack of frames: arrays in, arrays out.

Open :mod:`~pipeline.statistics.noise` first (what two equal exposures may differ by), then ``pixel_summary``, what
one pass over the frames finds of each pixel, and ``medians``.

Knows arrays and settings; only ``photon_noise`` asks headers, for a gain. Knows no stages.
"""
