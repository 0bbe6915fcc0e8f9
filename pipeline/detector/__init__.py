"""The chip and its amplifiers: where each lies, and how it was set.

Open :mod:`~pipeline.detector.section` first, then ``amplifiers``: which part of a frame each amplifier read.
``same_setup`` tells whether frames belong together.

Imports from the folders above, stacking the last; touches no files.
"""
