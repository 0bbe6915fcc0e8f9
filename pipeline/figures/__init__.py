"""Edge: frames and reductions to look at.

Open :mod:`~pipeline.figures.figure` first, then ``export``; ``html_page`` is the page that zooms in on every
pixel, ``night_report`` the report of a night, ``static_image`` draws without a browser.

Imports from the pure folders and ``fits``; plotly and Pillow are imported where they are needed.

Pages, images and reports
-------------------------
::

    ccd-pipeline reduce demo/night.csv -o figure.fits --figure figure.html figure.png --report report.html
    ccd-pipeline inspect figure.fits -o look.html look.json look.iframe.html

A figure is a page that holds every pixel, to a sixteenth of the noise: at first view blocks, with single hot pixels and
dead columns kept; every pixel when zoomed in, its value under the pointer; no server, nothing sent.  ``.svg`` and
``.pdf`` take kaleido and a Chromium (the extra ``static``); ``.json`` draws in any plotly.  The report is one page with
the notes, the products, the calibrations and their noise, what was rejected, the history, and the header, searchable.
In Python: ``figure(record)``, ``export_figure(record, "x.html")``, ``write_report``.

A page needs a browser of 2023 or later (``DecompressionStream``).
"""
