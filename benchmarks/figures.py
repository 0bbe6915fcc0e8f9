"""(g) Looking at a frame: our page beside a heatmap of every pixel; our PNG beside kaleido's."""

import importlib.util
import statistics
import time

import numpy as np

from benchmarks.shared import browser
from benchmarks.shared.rounds import heading, note, ratios, spread
from pipeline import Form, export_figure

DRAWN = "document.querySelector('.main-svg .hm, .frame[data-ready=yes]')"
VIEWS = ((0.30, 0.12), (0.55, 0.25), (0.10, 0.50))
"""Where zooms begin and how far they go, as parts of the frame."""


def table(scale, folder):
    pages(sky(scale.large), folder, scale.runs)
    return pictures(sky(scale.large), folder, scale.runs)


def sky(size):
    """A sky of noise 7 with a slope, stars, a dead column and a hot pixel."""
    rng = np.random.default_rng(1)
    values = rng.normal(1000, 7, (size, size)) + np.linspace(0, 50, size)
    values[:, size // 3] = 0
    values[size // 2, size // 4] = 60000
    return values.astype(np.float32)


def plain(values, path):
    import plotly.graph_objects as go

    path.write_text(go.Figure(go.Heatmap(z=values)).to_html(), encoding="utf-8")


def ours(values, path):
    export_figure(values, path, overwrite=True)


def pages(values, folder, runs):
    size = values.shape[0]
    heading(f"(g) A page of {size}×{size}, processor seconds; median (range) of {runs}")
    costs = {name: {"bytes": [], "Python": [], "drawing": [], "zooming": []} for name in ("plain", "ours")}
    for turn in range(runs):
        for name, write in (("plain", plain), ("ours", ours)):
            note(f"run {turn + 1} of {runs}: {name}")
            path = folder / f"{name}.html"
            start = time.process_time()
            write(values, path)
            costs[name]["Python"].append(time.process_time() - start)
            costs[name]["bytes"].append(path.stat().st_size)
            if browser.found():
                for what, spent in in_browser(path, size, folder).items():
                    costs[name][what].append(spent)
    note("")
    print(f"{'':12}{'heatmap':>24}{'ours':>24}{'ours / heatmap':>24}")
    for what in costs["ours"]:
        both = costs["plain"][what], costs["ours"][what]
        if both[0]:
            form = ".0f" if what == "bytes" else ".2f"
            cells = [spread(both[0], form), spread(both[1], form), spread(ratios(both[1], both[0]), ".3f")]
            print(f"{what:12}" + "".join(f"{cell:>24}" for cell in cells))


def in_browser(path, size, folder):
    with browser.Browser(folder) as chromium:
        before = chromium.settled()
        chromium.open(path)
        chromium.wait(DRAWN)
        drawn = chromium.settled()
        zooms, last = [], drawn
        for start, part in VIEWS:
            zoom(chromium, start * size, (start + part) * size)
            now = chromium.settled()
            zooms.append(now - last)
            zoom(chromium, -0.5, size - 0.5)
            last = chromium.settled()
        if chromium.said:
            raise browser.BrowserError(f"{path.name}: {chromium.said}")
        return {"drawing": drawn - before, "zooming": statistics.mean(zooms)}


def zoom(chromium, low, high):
    """Bring a square of the frame to the screen."""
    chromium.run(
        "const plot = document.querySelector('.js-plotly-plot');"
        f"await Plotly.relayout(plot, {{'xaxis.range': [{low}, {high}], 'yaxis.range': [{low}, {high}]}});"
        "await new Promise((done) => setTimeout(done, 50));"
    )
    chromium.wait("[...document.querySelectorAll('.frame')].every((frame) => frame.dataset.ready === 'yes')")


def pictures(values, folder, runs):
    if not (browser.found() and importlib.util.find_spec("kaleido")):
        print("left out: PNG by kaleido, which is not installed or has no Chromium")
        return
