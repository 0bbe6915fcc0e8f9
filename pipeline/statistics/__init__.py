"""The numbers of a stack of frames: arrays in, arrays out.

Open :mod:`~pipeline.statistics.noise` first (what two equal exposures may differ by), then ``pixel_summary``, what
one pass over the frames finds of each pixel, and ``medians``.

Knows arrays and settings; only ``photon_noise`` asks headers, for a gain. Knows no stages.

What is known of the noise
--------------------------
``UNCERT`` is the standard deviation of each pixel, masters included; what light, dark and flat share, such as their
bias, is counted once.  Of frames that repeat it comes from the noise that all pixels show together, at each pixel's
level and for the values that were kept; a pixel's own few values tell too little (``--variance scatter`` uses them all
the same).  The gain of lights and arcs, which may have moved, and all of the noise of a single frame are taken from
what is given (``--gain``, ``--read-noise``), or its header, or what the bias and flat frames show.  Where the noise
cannot be known there is no ``UNCERT``, and a note says why; ``--variance none`` follows none.

Counts are skewed, so that their median lies below their mean: with the noise clip ``--method median`` brings it up
(``correct_median``), with ``--clip none`` it is numpy's.  Photons are counted above the bias, however that climbs
across the frame: ``reduce`` says ``combine(zero=bias)`` of raw lights.

``measure_noise(raw.flat)`` gives the noise of two or more frames by itself, as a ``Noise`` for ``Clip(noise=...)``.
``combine(weights="variance")`` weighs each value by the variance that it carries, or frames by what they show;
``weights`` also takes numbers, one a frame or (frames, ny, nx), and ``scale`` factors.

On simulated nights, (reduced − truth)/σ has a standard deviation of 1.00 ± 0.02 from 50 e⁻ of sky up, and a mean
within 0.02 + 1/(2σ√n) of 0, for n lights of σ electrons each (``python benchmarks/variance.py``).

What it does not know
---------------------
- The median of lights that were cleaned or scaled one by one, or whose gain nothing tells, lies below the mean of
  their counts by up to a sixth of an electron.  Where nothing tells the gain, motion between lights counts as photons.
- A master of another program does not say which of its errors it shares with others: a bias in its dark counts twice.
  Ours do, in HDUs ``SHARED1``, ``SHARED2``, ...: a reduction from written masters has the variance of one from raw
  frames.
- The error of an overscan level is the same in all pixels of a frame; ``UNCERT`` holds it pixel by pixel, and an
  average over many pixels is less certain than that.
- Amplifiers of different noise are told apart where they split the frame into bands or quarters, not in other shapes.
"""
