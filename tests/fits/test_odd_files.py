"""FITS files of every sort as light and as bias: read as they are meant, or refused with what to do."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from odd_files import ODD, VALUES, card, plain

from pipeline import open_frame, read_night, running
from pipeline.cli.main import main
from pipeline.errors import AssumptionWarning, FileListError, SettingError


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def reduce(rows, *options):
    Path("night.csv").write_text("\n".join(rows))
    return main(["reduce", "night.csv", "-o", "out.fits", "--variance", "none", *options])


def listed(odd):
    path = f"odd.{odd.suffix}"
    Path(path).write_bytes(odd.content)
    return f"{path}, {odd.hdu}"


def check_refusal(odd, error):
    """See that a message is for people: it names the file, the fault and nothing of Python's."""
    assert re.search(odd.refused, error, re.MULTILINE)
    assert f"odd.{odd.suffix}" in error
    assert not re.search(r"Traceback|\bobject\b|operand|NoneType|Error\b", error)


def check_outcome(odd, status, said, expected, within):
    """See that a file is refused and nothing written, or that the product has the values that it should."""
    if odd.values is None:
        assert (status, Path("out.fits").exists()) == (1, False)
        check_refusal(odd, said.err)
    else:
        assert status == 0
        np.testing.assert_allclose(fits.getdata("out.fits"), expected, atol=within)


def check_notes(odd, said):
    """See that what is odd is said, in one line, and counted; and nothing else."""
    lines = said.err.splitlines()
    assert len(lines) == bool(odd.said)
    assert all(odd.said in line for line in lines)
    assert ("1 note: 1 of " in said.out) == bool(odd.said)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_as_light(odd, capsys):
    status = reduce([f"light, {listed(odd)}"])
    said = capsys.readouterr()
    check_outcome(odd, status, said, odd.values, odd.within)
    if odd.values is not None:
        check_notes(odd, said)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_as_bias(odd, capsys):
    if odd.name.startswith("EXPTIME"):
        pytest.skip("an exposure that no bias needs is left aside")
    bias = VALUES if odd.values is None else odd.values
    fits.writeto("light.fits", bias.astype(np.float64) + 7)
    status = reduce([f"bias, {listed(odd)}", "light, light.fits"])
    check_outcome(odd, status, capsys.readouterr(), np.where(np.isnan(bias), np.nan, 7.0), odd.within + 1e-3)


def test_strict_refuses_what_is_doubtful_of_a_file_and_not_what_is_only_odd(capsys):
    doubtful = [odd for odd in ODD if re.search("CHECKSUM is false|sum up to|applied, as|all named", odd.said)]
    odd_only = [odd for odd in ODD if re.search("rounded|last block|mended|kept as", odd.said)]
    assert len(doubtful) + len(odd_only) == sum(bool(odd.said) for odd in ODD)
    for odd in doubtful:
        assert reduce([f"light, {listed(odd)}"], "--strict") == 1
        assert odd.said in (error := capsys.readouterr().err)
        assert "--strict" in error
    for odd in odd_only:
        assert reduce([f"light, {listed(odd)}"], "--strict", "--overwrite") == 0


# ---- planes of cubes ----

CUBE = np.stack([VALUES, VALUES + 1, VALUES + 2])


@pytest.fixture(params=["cube.fits", "cube.fits.gz", "tiles.fits"])
def cube(request):
    hdu = fits.PrimaryHDU(CUBE) if "cube" in request.param else fits.CompImageHDU(CUBE)
    fits.HDUList([hdu] if "cube" in request.param else [fits.PrimaryHDU(), hdu]).writeto(request.param)
    return request.param, int("tiles" in request.param)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_plane_of_a_cube_counts_from_0(cube, plane):
    path, hdu = cube
    frame = open_frame(path, hdu, plane=plane)
    np.testing.assert_array_equal(frame.pixels.values, CUBE[plane])
    np.testing.assert_array_equal(frame.source.loaded().rows(3, 5).values, CUBE[plane][3:5])
    fits.writeto("flat.fits", VALUES)
    assert reduce([f"light, {path}, {hdu}", "arc, flat.fits"], "--plane", str(plane)) == 0
    np.testing.assert_array_equal(fits.getdata("out.fits"), CUBE[plane])
    np.testing.assert_array_equal(fits.getdata("out_arc.fits"), VALUES)  # which is no cube
    assert fits.getheader("out.fits")["LIGHT1"].endswith(f"[plane {plane}]")


def test_planes_of_more_axes_count_in_the_order_of_the_file():
    fits.writeto("deep.fits", np.stack([CUBE, CUBE + 10])[:, :, None])
    values = open_frame("deep.fits", plane=4).pixels.values
    np.testing.assert_array_equal(values, CUBE[1] + 10)


def test_a_plane_that_is_not_there_is_refused_with_those_that_are(cube, capsys):
    path, hdu = cube
    assert reduce([f"light, {path}, {hdu}"], "--plane", "3") == 1
    assert f"{path}[{hdu}]: is a cube, 3×12×16; it has planes 0 to 2, and no plane 3" in capsys.readouterr().err


@pytest.mark.parametrize("plane", [-1, 1.0, "1", True])
def test_a_plane_that_is_no_number_from_0_is_refused(plane):
    fits.writeto("a.fits", CUBE)
    with pytest.raises(SettingError, match=r"plane=.*; expected a whole number from 0, or None"):
        open_frame("a.fits", plane=plane)


def test_planes_of_one_file_are_replayed_and_reduced_among_many(capsys):
    fits.writeto("cube.fits", CUBE)
    assert reduce(["light, cube.fits"], "--plane", "1", "--record") == 0
    assert main(["replay", "out.json"]) == 0
    assert "the same pixels, bit for bit" in capsys.readouterr().out
    for plane in ("1", "2"):  # the second is no leftover of the first
        options = ["--output-dir", "many", "--plane", plane, "--variance", "none", "--overwrite"]
        assert main(["reduce", "night.csv", *options]) == 0
        np.testing.assert_array_equal(fits.getdata("many/night.fits"), CUBE[int(plane)])


# ---- said in Python ----


def test_under_strict_all_problems_come_at_once():
    scaled, cut = plain(card("BZERO", "5.0"), values=VALUES.astype("f4")), plain(pad=False)[:-1]
    for name, content in {"a.fits": scaled, "b.fits": cut, "c.fits": scaled}.items():
        Path(name).write_bytes(content)
    Path("night.csv").write_text("light, a.fits\nlight, b.fits\nlight, c.fits")
    with pytest.warns(AssumptionWarning), pytest.raises(FileListError) as caught:
        read_night("night.csv")
    assert len(caught.value.problems) == 1
    with running(strict=True), pytest.raises(FileListError) as caught:
        read_night("night.csv")
    assert [problem[:6] for problem in caught.value.problems] == ["line 1", "line 2", "line 3"]


def test_there_are_twice_as_many_odd_files_as_in_the_collection():
    assert len({odd.name for odd in ODD}) == len(ODD) >= 2 * 43
