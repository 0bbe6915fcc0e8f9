"""What flows through a reduction: immutable records with read-only arrays.

Open :mod:`~pipeline.records.frames` first (Image, FrameSet), then ``pixels``: values, flags and variance with their
arithmetic. ``source`` is how pixels are read when asked for, ``history`` what a record went through, ``identity`` the
hash and the key that tell records apart.

Imports from ``headers``.

Records are values
------------------
They compare, hash without a look at pixels, pickle, and show themselves in notebooks; their arrays are read-only.  A
FrameSet is a sequence: slices and ``+`` give FrameSets, and a list of frames will do wherever one is taken.  A header
is a mapping.  ``np.asarray(image)`` gives the values; arithmetic, which would lose header, flags and history, is
refused.  The repr of a step is the Python that makes it, and ``step.names`` holds the masters that it names.

>>> import numpy as np
>>> from pipeline import FrameSet, Image, combine, running
>>> frames = FrameSet(Image.of(np.full((2, 2), value), exposure=30) for value in (100.0, 102.0, 104.0))
>>> night = frames + [Image.of(np.ones((2, 2)), header={"FILTER": "R"}, exposure=60)]
>>> night.group_by("FILTER")
{None: FrameSet(3 light), 'R': FrameSet(1 light)}
>>> night.filter(lambda frame: frame.exposure > 30)[0].header["FILTER"], night.sort_by("FILTER")[:1], len(night[1:])
('R', FrameSet(1 light), 3)
>>> combine([frames[0], frames[1]]) == combine(frames[:2])
True
>>> frames[0] + 1
Traceback (most recent call last):
TypeError: arithmetic with an Image would lose its header, flags, variance and history; calculate with its values, ...

An array, a Quantity, an HDU, a ``CCDData`` (with mask, flags, unit, WCS, and uncertainty of any kind) or a product is
taken where a frame is; an astropy Table, a pandas DataFrame or a list of dictionaries where a file list is.  Products
go out by ``to_hdu()``, ``to_hdulist()`` and ``to_ccddata()``.

Flags
-----
Why a pixel is not to be trusted; ``FLAGS`` of a product adds them up, ``MASK`` is 1 where there is any.

| bit | name | set where | by |
|---|---|---|---|
| 1 | NONFINITE | no frame has a finite value: NaN, infinite, BLANK, between chips | always |
| 2 | SATURATED | one frame at least is saturated | `flag_saturated`, `--saturation`, `--saturated-fraction` |
| 4 | NO_FLAT | the flat is not positive at 5 σ, or sees no slit | `normalise_flat`, then `divide` |
| 8 | HOT | the dark stands above its surroundings | `flag_hot`, `--hot` |
| 16 | DEAD | the flat is far below its surroundings | `flag_dead`, `--dead` |
| 32 | COSMIC_RAY | L.A.Cosmic found a hit, and put a value there | `clean_cosmic_rays`, `--cosmic-rays` |
| 64 | BAD | a mask says so, or few of a kind are saturated | `flag_bad`, `--mask`; `drop_rare_saturation` |
| 128 | HEALED | the value is an interpolation | `heal`, `--heal`, `clean_cosmic_rays` |
| 256 | UNCOVERED | no frame sees this place of the sky | `align`, `--align` |
| 512 | NOISY | values scatter far more than those around | `noisy_pixels`, `--noisy` |
| 1024 | SOURCE | stars or their wings lie in every flat | `mask_sources`, `--flat-sources` |

``grow_flags`` (``--grow``, ``--no-diagonals``) gives them to neighbours, for the same reason.  SATURATED needs one
frame that is, the others every frame.

Notes
-----
What had to be assumed, or looks wrong, is said in a :class:`~pipeline.Note`, whoever put the steps together.  Notes
are data: each belongs to the step that said it, and goes through masters into products.

>>> odd = FrameSet(Image.of(np.ones((2, 2)), name=f"{band}.fits", header={"FILTER": band}) for band in "rR")
>>> with running(on_note=lambda note: None):
...     image = combine(odd, clip=None)
>>> [(note.kind, note.frames) for note in image.notes]
[('assumption', ('r.fits', 'R.fits'))]
>>> with running(strict=True):
...     combine(odd, clip=None)
Traceback (most recent call last):
pipeline.errors.AssumptionWarning: r.fits and 1 more: frames that are reduced together differ in their headers: ...

A product has them in HISTORY, as entries ``NOTE (kind) ...`` that are read back, counted by ``NNOTES``; with figures
and what to do in its ``--record``; at the top of its report; in a survey's outcomes.  Once a call each is told: a line
of the command or a Python warning at your line (:mod:`pipeline.errors` draws the tree), or to ``on_note``.
``--strict`` and ``running(strict=True)`` refuse assumptions and what headers say wrong, not skipped steps, nor files
and cards that were only mended.
"""
