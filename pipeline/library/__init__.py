"""Edge: the frames and calibrations of many nights.

Open :mod:`~pipeline.library.scan`: file lists proposed for a folder; and :mod:`~pipeline.library.match`, pure: which
calibrations belong to which frames, by :mod:`~pipeline.library.criteria` and a policy.

Imports from the pure folders and ``fits``.
"""
