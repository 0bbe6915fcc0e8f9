"""(e) A whole night, whole processes: bias, dark, flat, three lights in; one reduced image out."""

import statistics

import numpy as np

from benchmarks import peers
from benchmarks.shared.process import folder as folder_of
from benchmarks.shared.process import image
from benchmarks.shared.rounds import heading, interleave, ratios, spread
from pipeline.simulate import Counts, Detector, Exposures, simulate, write_night

EXPOSURES = Exposures(dark=120.0, flat=8.0, light=120.0)  # s; lights as long as darks: Siril scales none
MEBIBYTE = 2**20


def table(scale, folder):
    bias, dark, flat, light = scale.night
    counts = Counts(bias=bias, dark=dark, flat=flat, light=light, arc=0)
    night = simulate(shape=(scale.size, scale.size), counts=counts, exposures=EXPOSURES, detector=Detector(overscan=0))
    listed = write_night(night, folder / "night")
    truth, sigma = night.light, night.sigma
    del night
    heading(
        f"(e) {bias} bias, {dark} dark, {flat} flat, {light} light of {scale.size}², whole processes; "
        f"median (range) of {scale.runs}"
    )
    makers = peers.nights()
    jobs = {name: maker(listed, folder_of(folder / "nights", name)) for name, maker in makers.items()}
    costs, failed = interleave(jobs, scale.runs)
    widths = "{:12}{:>20}{:>20}{:>9}{:>24}{:>9}{:>9}{:>8}"
    print(widths.format("", "CPU s", "wall s", "peak MB", "CPU, times ours", "scale", "noise", "off"))
    for name, usage in costs.items():
        cpu = [run.cpu for run in usage]
        times = ratios(cpu, [run.cpu for run in costs[peers.ours.NAME]])
        peak = statistics.median(run.peak for run in usage) / MEBIBYTE
        wall = spread((run.wall for run in usage), ".2f")
        found = quality(image(jobs[name]), truth, sigma)
        print(widths.format(name, spread(cpu, ".2f"), wall, f"{peak:.0f}", spread(times, ".2f"), *found))
    for name, reason in failed.items():
        print(f"{name}: failed: {reason}")
    print(
        "scale: of the image over the truth (what its flat is divided by).  noise: of the image about the truth, "
        "typical, times what\nplain means of unhit frames would have.  off: the share of pixels further than 5 σ from "
        "the truth."
    )


def quality(result, truth, sigma):
    scale = np.median(result / truth)
    pulls = (result / scale - truth) / sigma
    pulls -= np.median(pulls)
    return f"{scale:.4f}", f"{1.4826 * np.median(np.abs(pulls)):.3f}", f"{np.mean(np.abs(pulls) > 5):.1e}"
