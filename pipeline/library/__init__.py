"""Edge: the frames and calibrations of many nights.

Open :mod:`~pipeline.library.scan`: file lists proposed for a folder.

Imports from the pure folders and ``fits``.
"""
