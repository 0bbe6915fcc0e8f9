"""Edge: nights whose truth is known.

Open :mod:`~pipeline.simulation.simulate` first, then ``camera``: scenes, and the detector that looks at them.

Imports from the pure folders and ``fits``.
"""
