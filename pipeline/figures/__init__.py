"""Edge: frames and reductions to look at.

Open :mod:`~pipeline.figures.figure` first, then ``export``; ``html_page`` is the page that zooms in on every
pixel, ``night_report`` the report of a night, ``static_image`` draws for a paper.

Imports from the pure folders and ``fits``; plotly and matplotlib are imported where they are needed.

Pages, images and reports
-------------------------
::

    ccd-pipeline reduce demo/night.csv -o figure.fits --figure figure.html figure.png --report report.html
    ccd-pipeline inspect figure.fits -o look.html look.json look.iframe.html
    ccd-pipeline inspect demo/raw/light_01.fits figure.fits -o compared.html # in one page, side by side or blinking

A figure is a page that holds every pixel, to a sixteenth of the noise: at first view blocks, with single hot pixels and
dead columns kept; every pixel when zoomed in.  Under the pointer it tells the value, its error and flags, the place
counted from 0 and from 1, and in the sky where there is a WCS; cuts along row and column, and the numbers of a box; the
limits of the colours by rule, typed or dragged; keys for all of it (? lists them), light and dark.  No server, nothing
sent.  ``.json`` draws in any plotly.  The report is one page to mail, on screen or printed: first the notes, the
command and links to the files, then products, quality frame by frame, the calibrations and their noise, history,
recipe, and the header, searchable.

``.png``, ``.jpg``, ``.svg`` and ``.pdf`` are for papers and take matplotlib (the extra ``static``)::

    ccd-pipeline inspect figure.fits -o figure.pdf --figure-size 3.5x3 --dpi 300 --no-title --no-histogram --axes pixel

``--axes sky`` draws coordinates by the header's WCS; in Python ``FigureFile(size=(3.5, 3), dpi=300, axes="sky")``.
In Python: ``figure(record)``, ``export_figure(record, "x.html")``, ``write_report``.

A page needs a browser of 2023 or later (``DecompressionStream``).
"""
