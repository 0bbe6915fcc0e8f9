"""The chip and its amplifiers: where each lies.

Open :mod:`~pipeline.detector.section` first, then ``amplifiers``: which part of a frame each amplifier read.

Imports from the folders above, stacking the last; touches no files.

Several amplifiers
------------------
What a file holds, and what to say:

- Amplifiers of one image, each in its HDU with ``DETSEC`` (NOAO, DECam, Gemini, Rubin): ``*`` as the HDU in the list,
  or a pattern of EXTNAMEs, ``im*``.  They make one frame; its overscans are taken out one by one, and the data go where
  ``DETSEC`` says, mirrored where it runs backwards, binned as ``CCDSUM`` says; between chips NaN, flagged.  Where no
  header has ``BIASSEC``, as Rubin's, one ``--amplifier DATA OVERSCAN`` stands for all HDUs.
- Detectors, each in its HDU: ``--every-hdu`` (``read_every_hdu``, ``write_every_hdu``).  Each is reduced on its own,
  all go into one product.
- Amplifiers side by side in one HDU: nothing, where its header has their sections; else ``--amplifier``, once for each.

HDUs of several amplifiers are never put together unasked: a list that names none may mean a detector beside a guider.
Gain, read noise and saturation of each amplifier come from its HDU, from cards with its letter or number (``GAINA``,
``GAIN1``), or from ``--gain 1.2,3.7 --read-noise 3,4``.  Where gains differ, ``--electrons`` comes before the flat,
which would even them out.  The product has the section of each in ``DSECn``, and of all in ``DETSEC``.

Sections are read from ``BIASSEC`` with ``TRIMSEC`` or ``DATASEC``, these with letters or numbers, ``BSEC11`` and
``TSEC11``, and ESO's ``DET OUT``.  ``--amplifier`` says it where headers do not, as for Lick's Kast::

    --amplifier '[1:1024,*]' '[2049:2080,*]' --amplifier '[1025:2048,*]' '[2081:2112,*]'

Limits
------
- Two amplifiers behind one ``BIASSEC`` are told apart only by ``--amplifier``.
- Chips put together by ``DETSEC`` share one WCS, that of the first; where another's lies more than a pixel off it is
  said.
- One overscan level a frame leaves in what drifts from row to row: see ``--overscan-order rows``.
- Crosstalk between amplifiers is said, not mended, and only where little else shines about its ghosts.
"""
