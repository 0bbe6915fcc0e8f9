"""Nights of two detectors of different sizes, in files of one image each and in files of two HDUs."""

from astropy.io import fits

from pipeline.simulation.simulate import Counts, simulate

NAMES = ("RED", "BLUE")


def write_detectors(folder):
    """Write their frames and lists: RED.csv and BLUE.csv of one detector, both.csv of named HDUs, bare.csv of unnamed.

    :returns: the folder.
    """
    counts = Counts(bias=3, dark=0, flat=2, light=2, arc=1)
    nights = [simulate(seed=seed, shape=shape, counts=counts) for seed, shape in ((1, (20, 30)), (2, (24, 18)))]
    rows = {name: [] for name in (*NAMES, "both", "bare")}
    for frames in zip(*(night.frames for night in nights), strict=True):
        name, kind = frames[0].name, frames[0].kind
        images = [fits.ImageHDU(f.pixels.values.astype("u2"), f.header.to_header()) for f in frames]
        for detector, image in zip(NAMES, images, strict=True):
            (folder / detector).mkdir(exist_ok=True)
            fits.PrimaryHDU(image.data, image.header).writeto(folder / detector / name)
            rows[detector].append(f"{kind}, {detector}/{name}")
        for way in ("both", "bare"):
            hdus = fits.HDUList([fits.PrimaryHDU(header=fits.Header({"TELESCOP": "ours"})), *images])
            for detector, image in zip(NAMES, images, strict=True):
                image.name = detector if way == "both" else ""
            (folder / way).mkdir(exist_ok=True)
            hdus.writeto(folder / way / name)
            rows[way].append(f"{kind}, {way}/{name}")
    for way, listed in rows.items():
        (folder / f"{way}.csv").write_text("\n".join(listed))
    return folder
