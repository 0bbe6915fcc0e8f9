"""Edge: nights whose truth is known.

Open :mod:`~pipeline.simulation.simulate` first, then ``camera``: scenes, and the detector that looks at them.
``moving_lights`` exposes lights that do not hold still: what they look at is in ``skies``, what hits them in
``strikes``.

Imports from the pure folders and ``fits``.
"""
