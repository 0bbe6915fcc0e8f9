"""(g) Looking at a frame: our page beside a heatmap of every pixel, and static images."""

import statistics
import sys
import time

import numpy as np
from astropy.io import fits

from benchmarks.shared.browser import Browser, found
from benchmarks.shared.process import Job
from benchmarks.shared.process import folder as folder_of
from benchmarks.shared.rounds import heading, interleave, ratios, spread
from pipeline import export_figure

READY = "[...document.querySelectorAll('.frame')].every((frame) => frame.dataset.ready === 'yes')"
DRAWN = f"document.querySelector('.js-plotly-plot .hm') && {READY}"
VIEWS = ((0.30, 0.12), (0.55, 0.25), (0.10, 0.50))
"""Where zooms begin, and what part of the frame's side they show."""

KINDS = ("megabytes", "Python", "drawing", "zooming")


def table(scale, folder):
    values = sky(scale.figure_size)
    pages(values, folder_of(folder, "pages"), scale.runs)
    return pictures(values, folder_of(folder, "pictures"), scale.runs)


def sky(size):
    """Make a sky of noise 7 with a slope, a dead column and a hot pixel."""
    values = np.random.default_rng(1).normal(1000, 7, (size, size)) + np.linspace(0, 50, size)
    values[:, size // 3] = 0
    values[size // 2, size // 4] = 60000
    return values.astype(np.float32)


def pages(values, folder, runs):
    heading(f"(g) a page of {len(values)}², seconds of processor time; median (range) of {runs}")
    for write in (plain, ours):
        write(values[:64, :64], folder / "imports.html")
    costs, _ = interleave({"plain": plain, "ours": ours}, runs, measure=lambda write: cost_of(write, values, folder))
    if not found():
        print("left out: drawing and zooming, for want of a Chromium")
    print(f"{'':12}{'heatmap':>24}{'ours':>24}{'ours / heatmap':>24}")
    for kind in KINDS if found() else KINDS[:2]:
        theirs, mine = ([run[kind] for run in costs[name]] for name in ("plain", "ours"))
        cells = spread(theirs, ".2f"), spread(mine, ".2f"), spread(ratios(mine, theirs), ".3f")
        print(f"{kind:12}" + "".join(f"{cell:>24}" for cell in cells))


def plain(values, path):
    """Write what plotly makes of an array: every pixel as base64."""
    import plotly.graph_objects as go

    path.write_text(go.Figure(go.Heatmap(z=values)).to_html(), encoding="utf-8")


def ours(values, path):
    export_figure(values, path, overwrite=True)


def cost_of(write, values, folder):
    path = folder / f"{write.__name__}.html"
    start = time.process_time()
    write(values, path)
    cost = {"Python": time.process_time() - start, "megabytes": path.stat().st_size / 1e6}
    return cost | in_browser(path, len(values), folder) if found() else cost


def in_browser(path, size, folder):
    """Open a page, zoom in on parts of its frame, and give what each took, until the browser rests."""
    with Browser(folder) as chromium:
        before = chromium.settled()
        chromium.open(path)
        chromium.wait(DRAWN)
        drawn, zooms = chromium.settled(), []
        for start, part in VIEWS:
            last = chromium.settled()
            zoom(chromium, start * size, (start + part) * size)
            zooms.append(chromium.settled() - last)
            zoom(chromium, -0.5, size - 0.5)  # back, which costs less
    return {"drawing": drawn - before, "zooming": statistics.mean(zooms)}


def zoom(chromium, low, high):
    """Bring a square of the frame to the screen."""
    chromium.run(
        "const plot = document.querySelector('.js-plotly-plot');"
        f"await Plotly.relayout(plot, {{'xaxis.range': [{low}, {high}], 'yaxis.range': [{low}, {high}]}});"
        "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));"
    )
    chromium.wait(READY)


def pictures(values, folder, runs):
    heading(f"(g) images of {len(values)}², whole processes, seconds of processor time; median (range) of {runs}")
    fits.writeto(folder / "sky.fits", values)
    jobs = {kind: picture(folder_of(folder, kind), kind) for kind in ("png", "svg", "pdf")}
    costs, failed = interleave(jobs, runs)
    for name, usage in costs.items():
        print(f"{name:12}{spread((run.cpu for run in usage), '.2f'):>24}")
    for name, reason in failed.items():
        print(f"{name}: failed: {reason}")
    return failed


def picture(work, kind):
    out = work / f"sky.{kind}"
    command = [sys.executable, "-m", "pipeline", "inspect", str(work.parent / "sky.fits"), "-o", str(out)]
    return Job(command, work, out)
