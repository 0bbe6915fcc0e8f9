"""The physical steps, one a file, from linearity to orientation.

Open :mod:`~pipeline.stages.bias` first, the shortest whole one: a master, and the stage that takes it out. Each stage
is a pure function of one record with keyword settings; what it has to assume it says itself.

Imports from the folders above, detector the last; a stage knows no command line.
"""
