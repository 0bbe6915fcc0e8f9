"""Files of several detectors, each in an HDU of its own: each reduced on its own, all in one product."""

import re

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

from pipeline import open_frame, read_every_hdu, read_night, reduce, write_every_hdu
from pipeline.cli.main import main
from pipeline.errors import FileListError
from pipeline.simulation.simulate import Counts, simulate

NAMES = ("RED", "BLUE")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two detectors of different sizes: their nights in files of one image each, and in files of two HDUs."""
    folder = tmp_path_factory.mktemp("detectors")
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


@pytest.mark.slow
@pytest.mark.parametrize("way", ["both", "bare"])
def test_every_hdu_is_reduced_as_if_it_stood_alone(folder, tmp_path, way):
    out = tmp_path / "product.fits"
    assert main(["reduce", str(folder / f"{way}.csv"), "-o", str(out), "--every-hdu", "--quiet"]) == 0
    called = NAMES if way == "both" else ("HDU1", "HDU2")
    with fits.open(out, checksum=True) as hdus:
        hdus.verify("exception")
        assert [(hdu.name, hdu.ver) for hdu in hdus[1:]] == [
            (name, version)
            for version, image in enumerate(called, start=1)
            for name in (image, "MASK", "UNCERT", "FLAGS")
        ]
        assert hdus[0].data is None
        assert hdus[0].header["TELESCOP"] == "ours"
        assert hdus[0].header["NCOMBINE"] == 2
        assert "GAINCOR" not in hdus[0].header
    for name, detector in zip(called, NAMES, strict=True):
        for file, kind in ((out, "light"), (tmp_path / "product_arc.fits", "arc")):
            alone = reduce(read_night(folder / f"{detector}.csv"), kind=kind)
            read = open_frame(file, name)
            assert read.pixels.values.tobytes() == alone.pixels.values.tobytes()
            np.testing.assert_array_equal(read.pixels.flags, alone.pixels.flags)
            np.testing.assert_allclose(read.pixels.variance, alone.pixels.total_variance, rtol=1e-6)
            assert read.state.bias
    assert CCDData.read(out, hdu=called[0]).shape == (20, 30)


@pytest.mark.slow
def test_in_python_each_night_is_its_own_and_masters_serve_later_lists(folder, tmp_path):
    nights = read_every_hdu(folder / "both.csv")
    assert {name: frames.light[0].shape for name, frames in nights.items()} == {"RED": (20, 46), "BLUE": (24, 34)}
    products = {name: reduce(frames) for name, frames in nights.items()}
    write_every_hdu(products, tmp_path / "p.fits")
    assert open_frame(tmp_path / "p.fits", "BLUE").pixels.values.tobytes() == products["BLUE"].pixels.values.tobytes()
    for way in ("both", "bare"):
        out = str(tmp_path / f"{way}.fits")
        masters = ["--masters", str(tmp_path / way)]
        assert main(["reduce", str(folder / f"{way}.csv"), "-o", out, "--every-hdu", *masters, "--quiet"]) == 0
        lights = [line for line in (folder / f"{way}.csv").read_text().splitlines() if line.startswith("light")]
        later = folder / f"{way}_later.csv"
        later.write_text("\n".join([*lights, *(f"{k}, {tmp_path / way}/master_{k}.fits" for k in ("bias", "flat"))]))
        again = str(tmp_path / f"{way}_later.fits")
        assert main(["reduce", str(later), "-o", again, "--every-hdu", "--quiet"]) == 0
        for number in (1, 5):
            np.testing.assert_array_equal(fits.getdata(again, number), fits.getdata(out, number))


def test_what_does_not_fit_is_told_by_line(folder):
    other = folder / "other.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((3, 4)), name="GREEN")]).writeto(other, overwrite=True)
    fits.PrimaryHDU().writeto(folder / "none.fits", overwrite=True)
    rows = (folder / "both.csv").read_text().splitlines()
    (folder / "bad.csv").write_text(
        "\n".join([rows[0], "bias, other.fits", f"{rows[1]}, RED", "flat, none.fits", "x", "flat, y.fits"])
    )
    with pytest.raises(FileListError) as error:
        read_every_hdu(folder / "bad.csv")
    _, *lines = str(error.value).splitlines()
    expected = (
        r"line 2: .*has the image HDUs GREEN, the first file RED, BLUE", r"line 3: names HDU 'RED'",
        r"line 4: .*no HDU holds an image", r"line 5: 1 column", r"line 6: .*cannot be read: No such file",
    )  # fmt: skip
    assert [bool(re.search(words, line)) for words, line in zip(expected, lines, strict=True)] == [True] * 5


@pytest.mark.parametrize("switch", [["--each"], ["--record"], ["--report", "r.html"], ["--quality", "q.csv"]])
def test_switches_for_one_image_are_refused(folder, capsys, switch):
    assert main(["reduce", str(folder / "both.csv"), "--every-hdu", *switch]) == 2
    assert "does not go with --every-hdu" in capsys.readouterr().err
    assert main(["reduce", str(folder / "both.csv"), "--every-hdu", "--output-dir", "x"]) == 2


def test_a_mask_is_read_for_each_hdu(folder, tmp_path):
    masks = fits.HDUList([fits.PrimaryHDU()])
    for name, shape in (("RED", (20, 30)), ("BLUE", (24, 18))):
        bad = np.zeros(shape, "u1")
        bad[3, 4] = name == "BLUE"
        masks.append(fits.ImageHDU(bad, name=name))
    masks.writeto(tmp_path / "mask.fits")
    out = tmp_path / "product.fits"
    command = ["reduce", str(folder / "both.csv"), "-o", str(out), "--every-hdu", "--quiet"]
    assert main([*command, "--mask", str(tmp_path / "mask.fits")]) == 0
    assert open_frame(out, "BLUE").pixels.flags[3, 4] & 64
    assert not open_frame(out, "RED").pixels.flags[3, 4] & 64
