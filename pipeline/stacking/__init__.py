"""Combining frames: one image out of a stack.

Open :mod:`~pipeline.stacking.combine` first, then ``plan`` (what has to be known before) and ``tiles``, the loop over
the pixels: ``screening`` tells which certainly lose nothing to the clip, ``judge`` settles those that may, by the
exact rounds of ``sigma_clip`` where nothing quicker tells. ``clip`` is the setting.

Imports from the folders above: headers, records, compose, statistics.
"""
