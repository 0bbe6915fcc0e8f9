"""Whether frames are what they should be: checks that stages ask, each of which gives notes and changes nothing.

Open :mod:`~pipeline.checks.same_setup` first: what frames that are reduced together share, as their headers say.

Imports from the folders above, statistics the last; stages and ``combine`` say what is found here.
"""
