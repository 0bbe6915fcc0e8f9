"""What each step around the core finds of what was put in, beside the peers that have such a step.

Run ``python -m benchmarks.recovery [--seeds N]``.  ASPIRED and ccdproc run in the same process, so it takes an
environment with all of them: ``pip install . astroscrappy ccdproc aspired==0.5.1 "setuptools<81" "numpy<2.4"``; those
that are not there are left out.
"""

import argparse
import importlib
import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline import (
    FrameSet,
    Image,
    LACosmic,
    MasterFringe,
    Recipe,
    clean_cosmic_rays,
    combine,
    linearise,
    open_frame,
    read_night,
    reduce,
    subtract_fringe,
    subtract_overscan,
    to_electrons,
)
from pipeline.night.masters import pair_noise
from pipeline.simulation.simulate import Counts, Detector, simulate, write_night

GAINS, NOISES, SHAPE = (1.3, 2.1), (3.0, 5.0), (200, 400)


def peer(name):
    """Import a peer, if it is here."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def fringes(seed):
    """Fringes of 12 e⁻ at 0.4 to 1.6 times the master's strength, on 400 e⁻ of sky with stars: the error of the fit."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    pattern = 12 * np.sin(x / 9 + 3 * np.sin(y / 40))
    sky = 400 + simulate(seed=seed, shape=SHAPE, scene="stars", counts=Counts(0, 0, 0, 0, 0)).light * 1.5 - 200
    strength = rng.uniform(0.4, 1.6)
    light = rng.poisson(np.maximum(sky + strength * pattern, 0)) + rng.normal(0, 4, SHAPE)
    out = subtract_fringe(Image.of(light), fringe=MasterFringe.of(Image.of(pattern)))
    found = next(value for key, value, _ in out.added if key == "FRNGSCAL")
    left = np.std(out.pixels.values - light + strength * pattern) / np.std(strength * pattern)
    return {"fringe, error of the strength": {"ours": found / strength - 1}, "fringe, rms left of it": {"ours": left}}


def curves(seed):
    """A readout that is 5 % short of linear at 50,000 ADU: the largest error that is left, of the value."""
    true = np.random.default_rng(seed).uniform(100, 50_000, SHAPE)
    raw = (np.sqrt(1 + 4 * 1e-6 * true) - 1) / 2e-6  # raw + 1e-6 raw² is true
    out = linearise(Image.of(raw + 1000), coefficients=(1.0, 1e-6), pedestal=1000.0).pixels.values - 1000
    error = {"none": np.abs(raw / true - 1).max(), "ours": np.abs(out / true - 1).max()}
    return {"non-linearity, largest error": error}


def amplifiers(seed, folder):
    """Two amplifiers of gains 1.3 and 2.1 in HDUs of a file: the step between them, and the gains that frames show."""
    rng = np.random.default_rng(seed)
    names = {"bias": [], "flat": []}
    for kind, level in (("bias", 0.0), ("flat", 20_000.0)):
        for number in range(5):
            hdus = fits.HDUList([fits.PrimaryHDU()])
            for amplifier, (gain, noise) in enumerate(zip(GAINS, NOISES, strict=True)):
                counted = rng.poisson(level, (SHAPE[0], 200)) + rng.normal(0, noise, (SHAPE[0], 200))
                strip = rng.normal(0, noise, (SHAPE[0], 32))
                raw = np.hstack([counted, strip]) / gain + 1000 + 150 * amplifier
                data = raw.round().clip(0, 65535).astype("u2")
                span = (400, 201) if amplifier else (1, 200)
                cards = {"DATASEC": f"[1:200,1:{SHAPE[0]}]", "BIASSEC": f"[201:232,1:{SHAPE[0]}]", "GAIN": gain,
                         "DETSEC": f"[{span[0]}:{span[1]},1:{SHAPE[0]}]"}  # fmt: skip
                hdus.append(fits.ImageHDU(data, fits.Header(cards), name=f"im{amplifier + 1}"))
            names[kind].append(folder / f"{kind}{number}_{seed}.fits")
            hdus.writeto(names[kind][-1])
    whole = to_electrons(subtract_overscan(open_frame(names["flat"][0], "*"))).pixels.values
    step = {"ours": whole[:, :200].mean() / whole[:, 200:].mean() - 1}
    if ccdproc := peer("ccdproc"):
        step["ccdproc"] = one_gain(ccdproc, names["flat"][0])
    rows = {"amplifiers, step between them": step}
    for hdu, gain in enumerate(GAINS, start=1):
        bias, flat = (
            combine(FrameSet(open_frame(path, hdu, kind=kind) for path in paths)).found for kind, paths in names.items()
        )
        shown = pair_noise(bias, flat)
        rows[f"gain {gain} shown by five biases and flats, error"] = {"ours": 1 / shown.b / gain - 1}
    return rows


def one_gain(ccdproc, path):
    """Do to each HDU what ccdproc has for it: overscan, trim, and one gain for all, since it knows of no other."""
    from astropy import units

    halves = []
    for hdu in (1, 2):
        ccd = ccdproc.CCDData(fits.getdata(path, hdu).astype(float), unit="adu")
        ccd = ccdproc.trim_image(ccdproc.subtract_overscan(ccd, fits_section="[201:232,:]"), fits_section="[1:200,:]")
        halves.append(ccdproc.gain_correct(ccd, GAINS[0] * units.electron / units.adu).data.mean())
    return halves[0] / halves[1] - 1


def tracks(rng, shape, count):
    """Straight tracks of one to eight pixels, in e⁻."""
    hit = np.zeros(shape)
    for _ in range(count):
        length, angle = int(rng.integers(1, 9)), rng.uniform(0, np.pi)
        y = (rng.uniform(0, shape[0]) + np.arange(length) * np.sin(angle)).astype(int)
        x = (rng.uniform(0, shape[1]) + np.arange(length) * np.cos(angle)).astype(int)
        inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        hit[y[inside], x[inside]] += rng.uniform(300, 8000)
    return hit


def changed_by_aspired(raw, detector, settings, folder):
    """Clean a raw light as ASPIRED does while it loads it; it keeps no mask, so tell by what has changed."""
    from aspired.image_reduction import ImageReducer

    fits.PrimaryHDU(raw.astype(np.float32)).writeto(folder / "light.fits", overwrite=True)
    (folder / "light.csv").write_text(f"light,{folder / 'light.fits'}\n")
    reducer = ImageReducer(log_level="CRITICAL", log_file_name=None)
    reducer.set_cosmic_properties(cosmicray=True, fsmode=settings.fsmode, psfmodel=settings.psfmodel)
    reducer.set_cosmic_properties(kwargs={"psffwhm": settings.psffwhm})
    reducer.set_detector_properties(gain=detector.gain, readnoise=detector.read_noise)
    reducer.add_filelist(str(folder / "light.csv"))
    reducer.load_data()
    ratio = reducer.light_ccddata[0].data / raw.astype(np.float32)
    return np.abs(ratio / np.median(ratio) - 1) > 1e-5


def cosmic_rays(seed, scene, folder):
    """300 tracks on one light: which of the pixels hit by more than 10 σ are found, and which good ones are taken."""
    rng = np.random.default_rng(seed)
    detector = Detector(cosmic_rays=0, overscan=0)
    night = simulate(seed=seed, shape=SHAPE, scene=scene, counts=Counts(0, 0, 0, 1, 0), detector=detector)
    light = night.frames.light[0].pixels.values.astype(float) - detector.bias
    hits = tracks(rng, SHAPE, 300)
    values = (light + hits / detector.gain).astype(np.float32)
    strong = hits > 10 * np.sqrt(np.maximum(light * detector.gain, 0) + detector.read_noise**2)
    image = Image.of(values, header={"ZEROCOR": "done"})
    settings = LACosmic(fsmode="convolve", psfmodel="gaussy", psffwhm=4.7) if scene == "spectrum" else LACosmic()
    cleaned = clean_cosmic_rays(image, gain=detector.gain, read_noise=detector.read_noise, by=settings)
    taken = {"ours": cleaned.pixels.mask}
    if ccdproc := peer("ccdproc"):
        said = {"fsmode": settings.fsmode, "psfmodel": settings.psfmodel, "psffwhm": settings.psffwhm}
        ccd = ccdproc.CCDData(values, unit="adu")
        done = ccdproc.cosmicray_lacosmic(
            ccd, gain=detector.gain, readnoise=detector.read_noise, gain_apply=False, **said
        )
        taken["ccdproc"] = done.mask
    if peer("aspired"):
        taken["ASPIRED"] = changed_by_aspired(values + detector.bias, detector, settings, folder)
    found = {who: mask[strong].mean() for who, mask in taken.items()}
    false = {who: mask[hits == 0].mean() for who, mask in taken.items()}
    return {f"cosmic rays on a {scene}, found": found, f"cosmic rays on a {scene}, good pixels taken": false}


def nights(seed, folder):
    """A whole night: how wide (reduced − truth)/σ is, and how many pixels are off by more than 10 σ."""
    counts, detector = Counts(5, 5, 5, 3, 0), Detector(overscan=0, hot_pixels=0)
    night = simulate(seed=seed, shape=SHAPE, counts=counts, detector=detector)
    listed = write_night(night, folder / f"night{seed}")
    products = {"ours": reduce(read_night(listed), recipe=Recipe(variance=None)).pixels.values}
    if peer("ccdproc"):
        products["ccdproc"] = by_ccdproc(listed, folder / f"ccdproc{seed}.fits")
    if peer("aspired"):
        products["ASPIRED"] = by_aspired(listed)
    pulls = {who: (image - night.light) / night.sigma for who, image in products.items()}
    spread = {who: np.subtract(*np.percentile(pull, [84.13, 15.87])) / 2 for who, pull in pulls.items()}
    return {
        "night, width of (reduced − truth)/σ": spread,
        "night, pixels off by more than 10 σ": {who: (np.abs(pull) > 10).mean() for who, pull in pulls.items()},
        "night, median of (reduced − truth)/σ": {who: np.median(pull) for who, pull in pulls.items()},
    }


def by_ccdproc(listed, out):
    """Reduce a night as ccdproc's guide has it."""
    import runpy
    import sys

    script = Path(__file__).parent / "scripts" / "ccdproc_night.py"
    before, sys.argv = sys.argv, ["ccdproc_night", str(out), str(listed)]
    try:
        runpy.run_path(str(script))
    finally:
        sys.argv = before
    return fits.getdata(out)


def by_aspired(listed):
    """Reduce a night with ASPIRED's ImageReducer, its defaults but for the logs."""
    from aspired.image_reduction import ImageReducer

    rows = [line.split(",") for line in listed.read_text().splitlines()[1:]]
    whole = listed.with_name("aspired.csv")
    whole.write_text("".join(f"{kind},{listed.parent / path.strip()}\n" for kind, path in rows))
    reducer = ImageReducer(log_level="CRITICAL", log_file_name=None)
    reducer.add_filelist(str(whole))
    reducer.load_data()
    reducer.reduce()
    return np.asarray(reducer.light_reduced, np.float64)


def measured(seeds, folder):
    """Give each row's numbers, by who found them, over the seeds."""
    rows = {}
    for seed in range(1, seeds + 1):
        found = fringes(seed) | curves(seed) | amplifiers(seed, folder)
        if peer("astroscrappy"):
            found |= cosmic_rays(seed, "stars", folder) | cosmic_rays(seed, "spectrum", folder)
        for name, numbers in (found | nights(seed, folder)).items():
            for who, number in numbers.items():
                rows.setdefault(name, {}).setdefault(who, []).append(float(number))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        rows = measured(parser.parse_args().seeds, Path(folder))
    for name, numbers in rows.items():
        words = "   ".join(f"{who} {np.mean(n):+.3g} ± {np.std(n):.1g}" for who, n in numbers.items())
        print(f"{name:52} {words}")


if __name__ == "__main__":
    main()
