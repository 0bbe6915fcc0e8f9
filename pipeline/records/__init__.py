"""What flows through a reduction: immutable records with read-only arrays.

Open :mod:`~pipeline.records.frames` first (Image, FrameSet), then ``pixels``: values, flags and variance with their
arithmetic. ``source`` is how pixels are read when asked for, ``history`` what a record went through, ``identity`` the
hash and the key that tell records apart.

Imports from ``headers``.
"""
