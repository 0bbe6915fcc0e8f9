"""What a FITS header says: text in, values out.

Open :mod:`~pipeline.headers.cards` first, a header that cannot change; then ``keyword_tables``, which keywords say
what, and ``keywords``, which asks them. ``product_cards`` tells what becomes of each card of a raw header.

Imports nothing of the package but ``errors``; reads no files.
"""
