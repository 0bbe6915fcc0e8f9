"""The command on files of several detectors: each HDU reduced on its own, all in one product."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from two_detectors import NAMES, write_detectors

from pipeline import open_frame, read_night, reduce
from pipeline.cli.main import main
from pipeline.errors import OutputError
from pipeline.fits.write import write_hdus


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_detectors(tmp_path_factory.mktemp("detectors"))


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


@pytest.mark.parametrize(
    "switch", [["--each"], ["--record"], ["--report", "r.html"], ["--quality", "q.csv"], ["--plane", "0"]]
)
def test_switches_for_one_image_are_refused(folder, tmp_path, monkeypatch, capsys, switch):
    monkeypatch.chdir(tmp_path)
    assert main(["reduce", str(folder / "both.csv"), "--every-hdu", *switch]) == 2
    assert "--every-hdu" in capsys.readouterr().err
    assert main(["reduce", str(folder / "both.csv"), "--every-hdu", "--output-dir", "x"]) == 2


def test_what_is_found_in_every_hdu_is_said_once(tmp_path, capsys):
    night = write_detectors(tmp_path)
    for path in sorted((night / "both").glob("*.fits")):
        for name in NAMES:
            fits.setval(path, "READMODE", value="slow" if "bias" in path.name else "fast", extname=name)
    main(["reduce", str(night / "both.csv"), "-o", str(tmp_path / "product.fits"), "--every-hdu"])
    lines = [line for line in capsys.readouterr().err.splitlines() if "READMODE" in line]
    assert len(lines) == 1, lines
    notes = [open_frame(tmp_path / "product.fits", name).notes for name in NAMES]
    assert all(any("READMODE" in note.words for note in some) for some in notes)  # and is kept by the product of each


def test_all_files_are_written_or_none(folder, tmp_path, monkeypatch, capsys):
    """The arc cannot be written: the light, which was finished before, is not there either."""
    written = []

    def fail_second(hdus, path, overwrite):
        written.append(path)
        if len(written) > 1:
            raise OutputError(f"{path}: no space left")
        write_hdus(hdus, path, overwrite)

    monkeypatch.setattr("pipeline.fits.every_hdu.write_hdus", fail_second)
    assert main(["reduce", str(folder / "both.csv"), "-o", str(tmp_path / "o.fits"), "--every-hdu"]) == 1
    assert len(written) == 2
    assert not list(tmp_path.iterdir())
    assert "wrote" not in capsys.readouterr().out


@pytest.mark.parametrize("way", ["option", "recipe"])
def test_a_mask_is_read_for_each_hdu(folder, tmp_path, way):
    masks = fits.HDUList([fits.PrimaryHDU()])
    for name, shape in (("RED", (20, 30)), ("BLUE", (24, 18))):
        bad = np.zeros(shape, "u1")
        bad[3, 4] = name == "BLUE"
        masks.append(fits.ImageHDU(bad, name=name))
    masks.writeto(tmp_path / "mask.fits")
    out = tmp_path / "product.fits"
    command = ["reduce", str(folder / "both.csv"), "-o", str(out), "--every-hdu", "--quiet"]
    (tmp_path / "r.toml").write_text('recipe = 1\nflagging = { mask = { file = "mask.fits" } }\n')
    asked = {"option": ("--mask", "mask.fits"), "recipe": ("--recipe", "r.toml")}[way]
    assert main([*command, asked[0], str(tmp_path / asked[1])]) == 0
    assert open_frame(out, "BLUE").pixels.flags[3, 4] & 64
    assert not open_frame(out, "RED").pixels.flags[3, 4] & 64
