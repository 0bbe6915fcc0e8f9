"""Replay: a reduction repeated to the bit from its record, and what keeps it from being repeated."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipeline.cli.main import main


def reduce(*options):
    assert main(["reduce", "night.csv", "-o", "out.fits", "--record", "--quiet", *options]) == 0
    return json.loads(Path("out.json").read_text(encoding="utf-8"))


def rewrite(record):
    Path("out.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.parametrize("options", [[], ["--clip", "none"], ["--method", "median", "--no-overscan"]])
def test_a_reduction_is_repeated_to_the_bit(night, capsys, options):
    reduce(*options)
    before = {path: path.stat().st_mtime_ns for path in night.rglob("*.fits")}
    assert main(["replay", "out.json"]) == 0
    said = capsys.readouterr().out
    assert "out.fits: the same pixels, bit for bit\nout_arc.fits: the same pixels, bit for bit\n" in said
    assert before == {path: path.stat().st_mtime_ns for path in night.rglob("*.fits")}


def test_combining_is_repeated_too(night, capsys):
    assert main(["combine", "night.csv", "--type", "flat", "-o", "flat.fits", "--record"]) == 0
    assert main(["replay", "flat.json"]) == 0
    assert "flat.fits: the same pixels" in capsys.readouterr().out


def test_a_night_that_moved_as_a_whole_is_repeated(night, capsys):
    reduce("--quiet")
    (night / "moved").mkdir()
    for name in ("raw", "out.json"):
        shutil.move(night / name, night / "moved" / name)
    assert main(["replay", "moved/out.json"]) == 0


def test_the_list_may_change_and_its_delimiter_does_not_matter(night):
    rows = (night / "night.csv").read_text().replace(",", ";")
    (night / "night.csv").write_text(rows)
    reduce("--delimiter", ";")
    (night / "night.csv").unlink()
    assert main(["replay", "out.json"]) == 0


@pytest.mark.parametrize("hdu", ["PRIMARY", "MASK", "FLAGS"])
def test_other_pixels_are_told_with_other_versions(night, capsys, hdu):
    record = reduce()
    record["products"][0]["pixels"][hdu] = "0" * 64
    record["versions"]["numpy"] = "1.0"
    rewrite(record)
    assert main(["replay", "out.json"]) == 1
    said = capsys.readouterr().err
    assert f"out.json: other pixels in out.fits[{hdu}]; it was made with numpy 1.0, now {np.__version__}\n" in said


def test_other_settings_give_other_pixels(night, capsys):
    record = reduce("--clip", "none")
    record["settings"]["method"] = "median"
    rewrite(record)
    assert main(["replay", "out.json"]) == 1
    assert "other pixels in out.fits[PRIMARY]" in capsys.readouterr().err


def test_inputs_that_changed_or_are_gone_are_told_all_at_once(night, capsys):
    reduce()
    (night / "raw/bias_01.fits").unlink()
    content = bytearray((night / "raw/dark_01.fits").read_bytes())
    content[-1000] ^= 1
    (night / "raw/dark_01.fits").write_bytes(content)
    capsys.readouterr()
    assert main(["replay", "out.json"]) == 1
    said = capsys.readouterr().err
    assert "bias_01.fits: is gone" in said
    assert "dark_01.fits: has changed since" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "is no JSON"), ("[]", "is something else"), ('{"record": 99}', "expected a record that --record wrote")],
)
def test_what_is_no_record_is_refused(night, capsys, content, words):
    (night / "a.json").write_text(content)
    assert main(["replay", "a.json"]) == 1
    assert words in capsys.readouterr().err


def test_a_record_that_was_mangled_is_refused_and_nothing_is_written(night, capsys):
    record = reduce()
    mangled = [
        {**record, "inputs": [{**record["inputs"][0], "sha256": None}]},
        {**record, "inputs": [{"path": "a.fits"}]},
        {**record, "inputs": 3},
        {**record, "products": []},
        {**record, "products": [{"pixels": {}}]},
        {**record, "settings": [1]},
        *(
            {**record, "products": [{**record["products"][0], "name": name}]}
            for name in ("../../evil.fits", "/e", "..", 1)
        ),
    ]
    before = sorted(night.rglob("*"))
    for content in mangled:
        rewrite(content)
        assert main(["replay", "out.json"]) == 1
        assert "expected a record that --record wrote" in capsys.readouterr().err
    assert sorted(night.rglob("*")) == before


def test_a_record_that_is_not_there_is_refused(night, capsys):
    assert main(["replay", "none.json"]) == 1
    assert "none.json: cannot be read: No such file" in capsys.readouterr().err


def test_a_setting_of_another_version_is_refused(night, capsys):
    record = reduce()
    record["settings"]["magic"] = 1
    rewrite(record)
    assert main(["replay", "out.json"]) == 1
    assert "settings that this version does not know: magic" in capsys.readouterr().err


NAMES_OF_0_1 = {"declare": "take_as", "add_images": "add"}
"""Stages whose names were others when records of 0.1 were written; all its settings have their names still."""


@pytest.mark.parametrize(
    ("options", "renamed"),
    [
        (["--raw", "dark"], {"declare"}),
        (["--saturated-fraction", "0.9"], set()),
        ([], {"add_images"}),
    ],
    ids=["--raw", "--saturated-fraction", "arcs of two lamps"],
)
def test_a_record_of_0_1_is_repeated_to_the_bit(night, capsys, options, renamed):
    for number, lamp in ((1, "Ne"), (2, "Ar")):
        path = night / "raw" / f"arc_{number:02d}.fits"
        if number > 1:
            shutil.copy(night / "raw" / "arc_01.fits", path)
        fits.setval(path, "LAMP", value=lamp)
    with fits.open(night / "raw" / "flat_01.fits", mode="update") as hdus:
        hdus[0].data[20, 30] = 65535  # saturated in one flat of three
    with (night / "night.csv").open("a") as rows:
        rows.write("arc, raw/arc_02.fits\n")
    record = reduce(*options)

    def as_0_1_named(part):
        if isinstance(part, list):
            return [as_0_1_named(item) for item in part]
        if not isinstance(part, dict):
            return part
        named = {key: as_0_1_named(value) for key, value in part.items()}
        return named | ({"stage": NAMES_OF_0_1.get(part["stage"], part["stage"])} if "stage" in part else {})

    old = as_0_1_named(record["products"])
    assert all(f'"stage": "{NAMES_OF_0_1[name]}"' in json.dumps(old) for name in renamed)
    versions = record["versions"] | {"ccd-pipeline": "0.1.0"}
    rewrite(record | {"creator": "ccd-pipeline 0.1.0", "versions": versions, "products": old})
    assert main(["replay", "out.json"]) == 0
    assert "out.fits: the same pixels, bit for bit\nout_arc.fits: the same pixels" in capsys.readouterr().out


@pytest.mark.slow
def test_both_real_nights_are_repeated_to_the_bit(shared_data, tmp_path, capsys):
    for night in ("lt_sprat", "kast_blue"):
        command = ["reduce", str(shared_data / night / "filelist.csv"), "-o", str(tmp_path / f"{night}.fits")]
        assert main([*command, "--record"]) == 0
        assert main(["replay", str(tmp_path / f"{night}.json")]) == 0
        assert f"{night}.fits: the same pixels, bit for bit" in capsys.readouterr().out
