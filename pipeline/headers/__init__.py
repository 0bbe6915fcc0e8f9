"""What a FITS header says: text in, values out.

Open :mod:`~pipeline.headers.cards` first, a header that cannot change; then ``keyword_tables``, which keywords say
what, and ``keywords``, which asks them. ``product_cards`` tells what becomes of each card of a raw header.

Imports nothing of the package but ``errors``; reads no files.

What is read
------------
Exposure, gain, read noise, how the instrument was set and the like come from ordered tables of keywords with their
units and traps (:mod:`~pipeline.headers.keyword_tables`): the science HDU's header first, then the primary one; in a
header the first card of the table.  A unit in the card's comment goes before the table's; ``EXPOSURE`` is minutes in
plate scans and days at Kepler.  ``'060.00'`` and ``'30 s'`` are read; ``1,5``, NaN and negative exposures are refused
with file, keyword and value; empty and undefined cards count as none.  Cards that should agree and do not are told of.
A keyword of your own goes first: ``--exposure-key MYEXP``, ``--exposure-key 'MYEXP [ms]'``,
``read_night(path, exposure_key="MYEXP")``.

What is written
---------------
Every card of the first light is kept, verbatim and in order, but for these:

- the raw file's layout, storage, compression, checksums, table columns, distortion tables (``DROPPED`` in
  :mod:`~pipeline.headers.product_cards`): dropped; a stale ``BZERO`` adds 32768
- sections, after trimming: dropped; ``CRPIXn`` and ``LTVn`` follow; of several amplifiers ``DSECn`` says which pixels
  each read
- ``EXPTIME`` ``AXPOSURE`` ``XPOSURE`` ``NCOMBINE`` ``DATE-BEG`` ``DATE-AVG`` ``DATE-END`` ``BUNIT`` ``CREATOR``
  ``DATE`` ``RECIPEID``, and what steps record: written anew
- unquoted or mistyped values, lower case, odd characters, dates in other forms, ``EPOCH``, missing WCS cards: mended,
  and said
- without a value, given again with another one, beyond mending, ``CDi_j`` or ``CROTAn`` beside ``PCi_j``: kept as
  ``COMMENT``, and said

Every step with all its settings is in ``HISTORY``, and every note, counted by ``NNOTES``.  fitsverify finds no errors
and no warnings in what is written.
"""
