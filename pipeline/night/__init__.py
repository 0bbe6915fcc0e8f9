"""A night: its list, its recipe, its masters, its reduction; all of it pure.

Open :mod:`~pipeline.night.reduce` first: the order of the steps. ``recipe`` holds the settings, ``recipe_steps``
what they come to for the frames at hand; ``masters`` makes the calibrations, ``filelist`` reads the text of a list.

Imports from the folders above, stages the last; the edge begins below.
"""
