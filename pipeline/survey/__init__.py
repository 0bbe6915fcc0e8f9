"""Edge: many nights, here or on the workers of a Dask cluster.

Open :mod:`~pipeline.survey.reduce_many` first, then ``plan`` (nights as tasks) and ``tasks`` (doing one);
``dask_client`` starts workers, ``dask_combine`` combines one stack on them.

Imports from all folders above; Dask only where it is asked for.
"""
