"""Edge: the command ``ccd-pipeline``.

Open :mod:`~pipeline.cli.main` first; each command is a file of its own name. ``options`` and ``step_options``
turn the command line into a recipe, ``terminal`` is what is printed.

Imports from all folders; nothing imports from here.
"""
