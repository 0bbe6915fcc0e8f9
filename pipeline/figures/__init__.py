"""Edge: frames and reductions to look at.

Open :mod:`~pipeline.figures.figure` first, then ``export``; ``html_page`` is the page that zooms in on every
pixel, ``night_report`` the report of a night, ``static_image`` draws without a browser.

Imports from the pure folders and ``fits``; plotly and Pillow are imported where they are needed.
"""
