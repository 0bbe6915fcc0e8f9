"""Combining frames: one image out of a stack.

Open :mod:`~pipeline.stacking.combine` first, then ``plan``, what has to be known before, and ``tiles``, the
loop over the pixels. ``clip`` holds the setting, ``sigma_clip`` the exact rounds, ``screening`` what spares most
pixels them.

Imports from the folders above: headers, records, compose, statistics.
"""
