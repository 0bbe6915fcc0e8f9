"""(e) A whole night, whole processes: bias, dark, flat, three lights in; one reduced image out."""

import numpy as np

from benchmarks import peers
from benchmarks.shared.compare import compare
from benchmarks.shared.process import folder as folder_of
from benchmarks.shared.process import image
from benchmarks.shared.rounds import heading
from pipeline.simulation.simulate import Counts, Detector, Exposures, simulate, write_night

EXPOSURES = Exposures(dark=120.0, flat=8.0, light=120.0)  # s; lights as long as darks: Siril scales none


def table(scale, folder):
    bias, dark, flat, light = scale.night
    counts = Counts(bias=bias, dark=dark, flat=flat, light=light, arc=0)
    shape, detector = (scale.size, scale.size), Detector(overscan=0)
    night = simulate(shape=shape, counts=counts, exposures=EXPOSURES, detector=detector)
    listed, truth, sigma = write_night(night, folder / "night"), night.light, night.sigma
    del night  # its frames are on disk
    heading(
        f"(e) {bias} bias, {dark} dark, {flat} flat, {light} light of {scale.size}², 5 σ, whole processes; "
        f"median (range) of {scale.runs}"
    )
    jobs = {name: maker(listed, folder_of(folder / "nights", name)) for name, maker in peers.nights().items()}
    failed = compare(jobs, scale.runs, ("scale", "noise", "off"), lambda job: quality(image(job), truth, sigma))
    print(
        "scale: of the image over the truth (what its flat is divided by).  noise: of the image about the truth, "
        "typical, times what\nplain means of unhit frames would have.  off: the share of pixels further than 5 σ from "
        "the truth."
    )
    return failed


def quality(result, truth, sigma):
    scale = np.median(result / truth)
    pulls = (result / scale - truth) / sigma
    pulls -= np.median(pulls)
    return f"{scale:.4f}", f"{1.4826 * np.median(np.abs(pulls)):.3f}", f"{np.mean(~(np.abs(pulls) <= 5)):.1e}"
