"""Proposed file lists: what headers say, and nothing lost on the way to the list."""

import string

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from pipeline import Image, Policy, parse_filelist, propose_filelists, read_night
from pipeline.cli.scan import write_lists
from pipeline.errors import FrameError, OutputError
from pipeline.library.scan import filelists_of, frame_of


def found(path, kind, shape=(3, 3), **cards):
    """Give a frame as it is found in a folder."""
    header = {"IMAGETYP": kind} | cards if kind else cards
    return frame_of(Image.of(np.ones(shape), header=header, name=path), path)


def listed(text):
    """Give the rows of a list as (kind, path, hdu)."""
    return {(frame.kind, frame.data.path, frame.data.hdu) for frame in parse_filelist(text)}


@pytest.mark.parametrize(
    ("night", "lists"),
    [
        ("kast_blue", {"J1217p3905": "filelist.csv"}),
        ("lt_sprat", {"LHS6328": "filelist.csv", "Hilt102": "filelist_standard.csv"}),
    ],
)
def test_the_lists_of_real_nights_are_proposed(shared_data, night, lists):
    """But for a dark of 13 months later, whose header says neither gain nor instrument: it is left out, and why."""
    proposed = propose_filelists(shared_data / night)
    assert set(proposed) == set(lists)
    for target, name in lists.items():
        by_hand = listed((shared_data / night / name).read_text())
        assert listed(proposed[target]) == {row for row in by_hand if row[0] != "dark"}
    if night == "lt_sprat":
        assert "398 days after, valid for 365 days" in proposed["LHS6328"]
        policy = Policy(dark_days=400, silent=True, scale_without_bias=True)
        wider = propose_filelists(shared_data / night, policy=policy)
        assert listed(wider["LHS6328"]) == listed((shared_data / night / "filelist.csv").read_text())


def test_lights_of_several_targets_exposures_and_filters_go_to_lists_of_their_own():
    m31 = {"OBJECT": "M31", "FILTER": "R"}
    frames = [
        found("b.fits", "bias"),
        found("fr.fits", "flat", FILTER="R"),
        found("fv.fits", "flat", FILTER="V"),
        found("a.fits", "arc", OBJECT="arc for M 31", FILTER="R"),
        *(found(f"m{i}.fits", "light", EXPTIME=60.0 + i / 10, **m31) for i in range(2)),
        found("long.fits", "light", EXPTIME=600.0, **m31),
        found("n.fits", "light", OBJECT="NGC 1", FILTER="V", EXPTIME=60.0),
    ]
    proposed = filelists_of(frames)
    assert {name: sorted(path[:-5] for _, path, _ in listed(text)) for name, text in proposed.items()} == {
        "M31": ["a", "b", "fr", "m0", "m1"],
        "M31_2": ["a", "b", "fr", "long"],
        "NGC_1": ["b", "fv", "n"],
    }
    assert "# arc: none: the nearest is a.fits: filter R for V" in proposed["NGC_1"]


def test_sizes_and_binning_are_not_mixed():
    light = found("l.fits", "light", (9, 9), CCDSUM="1 1")
    good = found("good.fits", "bias", (9, 9))
    small = found("small.fits", "bias", (4, 4))
    binned = found("binned.fits", "dark", (9, 9), CCDSUM="2 2")
    (text,) = filelists_of([light, good, small, binned]).values()
    assert {path for _, path, _ in listed(text)} == {"l.fits", "good.fits"}
    assert "# bias, small.fits  # left out: 4x4 pixels" in text
    assert "# dark: none: the nearest is binned.fits: binning 2 2 for 1 1" in text
    assert "# dark, binned.fits  # left out: binned 2x2, 9x9 pixels, binning 2 2 for 1 1" in text


def darks_of_two_exposures(*others):
    frames = [
        found("l.fits", "light", EXPTIME=60.0),
        found("d.fits", "dark", EXPTIME=60.0),
        found("f.fits", "flat", EXPTIME=2.0),
        found("df.fits", "FlatDark", EXPTIME=2.0),
    ]
    (text,) = filelists_of([*frames, *others]).values()
    return text


def test_darks_of_the_flats_stand_in_the_list_beside_those_of_the_lights():
    text = darks_of_two_exposures()
    assert {(kind, path) for kind, path, _ in listed(text)} == {
        ("light", "l.fits"), ("dark", "d.fits"), ("flat", "f.fits"), ("dark", "df.fits")
    }  # fmt: skip
    assert "# dark of the flats: 1 frame" in text
    assert "left out" not in text


def test_darks_of_the_flats_are_only_said_where_a_bias_scales_those_of_the_lights():
    text = darks_of_two_exposures(found("b.fits", "bias", EXPTIME=0.0))
    assert "df.fits" not in {path for _, path, _ in listed(text)}
    assert "# dark of the flats, not listed: 1 frame" in text


names = st.text(st.sampled_from(string.ascii_letters + " ,#\"'é_-."), min_size=1, max_size=12).filter(str.strip)


@quick
@given(st.lists(st.tuples(st.sampled_from(["bias", "flat", "light", "arc", "dark", ""]), names), max_size=8))
def test_every_frame_is_in_the_list_or_said_to_be_left_out(rows):
    frames = [found(f"{number}{name}.fits", kind) for number, (kind, name) in enumerate(rows)]
    for text in filelists_of(frames).values():
        known = {(frame.kind, frame.path, 0) for frame in frames if frame.kind}
        if known:
            assert listed(text) == known
        for frame in frames:
            assert frame.path.replace('"', '""') in text or f"# ?, {frame.path}" in text


def test_a_folder_of_all_sorts(tmp_path):
    (tmp_path / "raw" / "deep").mkdir(parents=True)
    data = np.zeros((3, 4), np.uint16)
    fits.writeto(tmp_path / "raw" / "l2.fits", data, fits.Header({"IMAGETYP": "light", "OBJECT": "M1", "EXPTIME": 5}))
    fits.writeto(tmp_path / "raw" / "l10.fit", data, fits.Header({"IMAGETYP": "light", "OBJECT": "M1", "EXPTIME": 5}))
    header = fits.Header({"IMAGETYP": "bias"})
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, header)]).writeto(tmp_path / "raw" / "deep" / "b,1.fits.gz")
    fits.writeto(tmp_path / "raw" / "what.fits", data)
    (tmp_path / "raw" / "broken.fits").write_text("no FITS")
    (tmp_path / "raw" / "notes.txt").write_text("clouds")
    (text,) = propose_filelists(tmp_path).values()
    rows = [line.split("  #")[0] for line in text.splitlines()[1:] if not line.startswith("#")]
    assert rows == ['bias, "raw/deep/b,1.fits.gz", 1', "light, raw/l2.fits, 0", "light, raw/l10.fit, 0"]
    assert "# ?, raw/what.fits  # left out: 4x3 pixels, no type of image in its header that is known" in text
    assert "# ?, raw/broken.fits  # left out: begins with b'no FIT'" in text
    write_lists(propose_filelists(tmp_path), tmp_path / "night.csv")
    assert [frame.kind for frame in read_night(tmp_path / "night.csv")] == ["bias", "light", "light"]
    with pytest.raises(OutputError, match="is there already"):
        write_lists(propose_filelists(tmp_path), tmp_path / "night.csv")


def test_paths_are_relative_to_where_the_list_will_lie(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "lists").mkdir()
    fits.writeto(tmp_path / "raw" / "l.fits", np.zeros((2, 2)), fits.Header({"IMAGETYP": "light"}))
    lists = propose_filelists(tmp_path / "raw", beside=tmp_path / "lists")
    assert listed(lists["lights"]) == {("light", "../raw/l.fits", 0)}
    (path,) = write_lists(lists, tmp_path / "lists" / "n.csv")
    assert read_night(path).light[0].shape == (2, 2)


def test_links_keep_their_names_and_each_file_and_folder_is_found_once(tmp_path):
    data, header = np.zeros((2, 2)), fits.Header({"IMAGETYP": "light"})
    for folder in ("archive/deep", "night/own"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("archive/1.fits", "archive/deep/2.fits", "archive/3.fits", "night/own/4.fits"):
        fits.writeto(tmp_path / name, data, header)
    night = tmp_path / "night"
    for link, to in {
        "linked": "../archive", "again": "../archive", "up": "..", "same": "own",
        "best.fits": "../archive/3.fits", "twin.fits": "own/4.fits", "gone.fits": "nothing.fits",
    }.items():  # fmt: skip
        (night / link).symlink_to(to)
    (text,) = propose_filelists(night).values()
    assert listed(text) == {("light", f"{name}.fits", 0) for name in ("again/1", "again/deep/2", "again/3", "own/4")}
    assert "# ?, gone.fits  # left out: is a link to a file that is not there" in text
    (night / "again").unlink()
    (night / "linked").unlink()
    (text,) = propose_filelists(night, beside=tmp_path).values()
    assert listed(text) == {("light", f"night/{name}.fits", 0) for name in ("best", "own/4")}


def test_what_is_wrong_with_a_file_is_said_without_its_path_again(tmp_path):
    fits.writeto(tmp_path / "cut.fits", np.zeros((90, 90)), fits.Header({"IMAGETYP": "light"}))
    (tmp_path / "cut.fits").write_bytes((tmp_path / "cut.fits").read_bytes()[:5760])
    (text,) = propose_filelists(tmp_path).values()
    assert "# ?, cut.fits  # left out: the file is cut, " in text


def test_no_folder_and_an_empty_one_are_said(tmp_path):
    with pytest.raises(FrameError, match="is no folder"):
        propose_filelists(tmp_path / "none")
    with pytest.raises(FrameError, match="no FITS files in it"):
        propose_filelists(tmp_path)
