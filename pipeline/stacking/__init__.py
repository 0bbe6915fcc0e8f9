"""Combining frames: one image out of a stack.

Open :mod:`~pipeline.stacking.combine` first, then ``plan`` (what has to be known before) and ``tiles``, the loop over
the pixels: ``screening`` tells which certainly lose nothing to the clip, ``judge`` settles those that may, by the
exact rounds of ``sigma_clip`` where nothing quicker tells. ``clip`` is the setting.

Imports from the folders above: headers, records, compose, statistics.

A combination of your own
-------------------------
``combined`` makes the image of what a rule of yours combined, as ``combine`` makes it: header, exposures, sources,
epoch, flags, notes and checks.

>>> import numpy as np
>>> from pipeline import FrameSet, Image, combined, stage
>>> @stage
... def minmax(frames: FrameSet, *, low: int = 1, high: int = 1) -> Image:
...     stack = np.array([np.where(frame.pixels.mask, np.nan, frame.values) for frame in frames])
...     good, rank = np.isfinite(stack), stack.argsort(axis=0).argsort(axis=0)  # NaN comes last
...     out = good & ((rank < low) | (rank >= good.sum(axis=0) - high))
...     return combined(frames, np.nanmean(np.where(out, np.nan, stack), axis=0), rejected=out)
>>> frames = FrameSet(Image.of(np.full((2, 2), value), exposure=30) for value in (100.0, 102.0, 104.0))
>>> image = minmax(frames, high=1)
>>> image.values[0, 0], image.found.rejected, str(image.history[-1])
(np.float64(102.0), (4, 0, 4), 'minmax(low=1, high=1)')

Lights that move
----------------
A clip takes what differs for a cosmic ray, also the star that was elsewhere in the other frames; ours tells motion by
what is bright.  Starlight kept, of the plain mean of the same frames without hits, at worst of three stacks of 300²
with seeing of 2, 3 and 6 px / hits of 10 σ and more found in the sky, % (``python -m benchmarks rejection``).  Of
three lights the others, at their usual 3 σ, find no hit and keep all starlight.

| lights that | ours, of 3 | ours, of 10 | astropy, of 10 | ccdproc, of 10 | Siril, of 10 |
|---|---|---|---|---|---|
| hold still | 0.999 / 99.5 | 1.000 / 100 | 1.000 / 99.1 | 1.000 / 99.1 | 1.000 / 92.8 |
| drift 1 px a frame | 1.000 / 99.8 | 1.000 / 99.9 | 0.873 / 99.0 | 0.907 / 99.0 | 0.902 / 93.8 |
| drift 3 px a frame | 1.000 / 99.8 | 1.000 / 99.9 | 0.069 / 99.1 | 0.134 / 99.1 | 0.142 / 93.2 |
| are dithered by ±5 px | 1.000 / 98.9 | 1.000 / 99.7 | 0.207 / 99.1 | 0.299 / 99.1 | 0.316 / 93.9 |
| are dithered by ±14 px | 1.000 / 98.5 | 1.000 / 99.6 | 0.027 / 99.1 | 0.046 / 99.1 | 0.051 / 93.9 |
| so by ±5 px, 1 % hot pixels | 1.000 / 99.3 | 1.000 / 99.9 | 0.261 / 98.9 | 0.390 / 98.9 | 0.414 / 93.5 |
| turn by 0.5° | 1.000 / 99.2 | 1.000 / 99.6 | 1.000 / 98.8 | 1.000 / 98.8 | 1.000 / 93.2 |
| have seeing ±30 % | 1.000 / 99.4 | 1.000 / 99.7 | 1.002 / 98.9 | 1.002 / 98.9 | 1.000 / 93.0 |
| drift 1 px, seeing and transparency ±30 % | 0.998 / 99.4 | 1.000 / 100 | 0.749 / 99.1 | 0.785 / 99.1 | 0.857 / 93.7 |
| are a trace that drifts 1 px | 1.000 / 98.8 | 1.000 / 99.2 | 0.927 / 99.1 | 0.943 / 99.1 | 0.931 / 93.5 |

Hits of 10 to 200 σ on 5e-4 of each frame's pixels: all found from 2, 3, 5, 10, 25 and 50 bias frames, and at most 3e-6
of the good values lost.  Harder: hits in a crowded field dithered by ±5 px 95 % (of three), in ten arcs, four of them
12 px off, 98.4 %, of two lights dithered by ±5 px 96 %, by ±14 px 95 %; in lights of 2, 3 and 60 s, 4 px apart, 99 %.
``UNCERT`` of blank sky is up to 1.12 of the truth in such a crowded field, and 1.64 in such arcs.

What it costs
-------------
Combining 20 uint16 frames of 2048² from disk, 5 σ, on a two-core virtual machine; each in one process, medians of seven
interleaved runs (``python -m benchmarks floor``).  The floor is one pass that reads the same pixels and swaps their
bytes.

| | seconds | times the floor |
|---|---|---|
| floor | 0.03 | 1 |
| **mean, noise clip (the default)** | **0.09** | **3.1** |
| median, noise clip | 0.13 | 4.0 |
| mean, standard-deviation clip (rejects nothing from 20 frames) | 0.06 | 1.8 |
| astropy.stats.sigma_clip and mean | 3.5 | 122 |
| ccdproc.Combiner | 7.3 | 268 |

Where that ends
---------------
- Where the one star that tells is cut by the edge, or has less than some 500 σ and moves by less than half a pixel,
  motion is not seen: such lights lose part of that star.  ``--each``, or ``--clip none``, keeps it.  A clip by ``std``
  or ``mad`` leaves out what moves on any stack; where stars tell, that is said.
- Of a satellite's trail of 10 σ in one of three frames 40 % stays, in its wings.
- In long darks hits hide pixels that are noisy, or are taken for such: with hits on 1e-3 of each frame 97 % are found
  from ten, and 4e-5 of others; with ten times as many 93 % and 1.5e-4.  Bias frames beside them mend that.
- With two frames the lower value holds; a single light keeps its cosmic rays unless ``--cosmic-rays`` is asked for.
"""
