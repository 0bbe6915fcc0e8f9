"""Edge: what was made of what.

Open :mod:`~pipeline.provenance.record` first: the record beside a product; ``replay`` repeats a reduction from it,
``up_to_date`` tells whether a product has to be made again.

Imports from the pure folders and ``fits``.
"""
