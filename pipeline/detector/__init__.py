"""The chip and its amplifiers: where each lies.

Open :mod:`~pipeline.detector.section` first, then ``amplifiers``: which part of a frame each amplifier read.

Imports from the folders above, stacking the last; touches no files.
"""
