"""Records: what a reduction was, with every input and the pixels of every product by their digests."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.cli.main import main
from pipeline.fits.write import write_json
from pipeline.provenance.record import digests


def reduce(*options):
    assert main(["reduce", "night.csv", "-o", "out.fits", "--record", "--quiet", *options]) == 0
    return json.loads(Path("out.json").read_text(encoding="utf-8"))


def test_file_names_that_are_no_text_survive_a_record(tmp_path):
    record = {"é": os.fsdecode(b"caf\xe9.fits")}
    write_json(tmp_path / "a.json", record)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == record


def test_a_record_holds_what_it_takes(night):
    record = reduce("--sigma", "4", "--method", "median")
    assert record["command"] == "reduce"
    assert (record["settings"]["sigma"], record["settings"]["method"]) == (4.0, "median")
    assert set(record["versions"]) == {"ccd-pipeline", "python", "numpy", "astropy", "machine"}
    assert len(record["inputs"]) == 12
    for file in record["inputs"]:
        content = (night / file["relative"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    assert [product["name"] for product in record["products"]] == ["out.fits", "out_arc.fits"]
    steps = [step["stage"] for step in record["products"][0]["steps"]]
    assert steps[-2:] == ["attach_header", "reduce"]
    history = "".join(fits.getheader("out.fits")["HISTORY"])
    places = [history.index(f"{name}(") for name in steps[:-2]]
    assert places == sorted(places)


def test_a_record_is_not_written_over_unasked(night, capsys):
    (night / "out.json").write_text("mine")
    assert main(["reduce", "night.csv", "-o", "out.fits", "--record"]) == 1
    assert "out.json: is there already" in capsys.readouterr().err
    assert not (night / "out.fits").exists()
    assert (night / "out.json").read_text() == "mine"


def test_digests_tell_values_types_and_shapes_apart(tmp_path):
    arrays = [np.zeros((2, 3), "f4"), np.zeros((3, 2), "f4"), np.zeros((2, 3), "i4"), np.full((2, 3), -0.0, "f4")]
    found = set()
    for number, values in enumerate(arrays):
        fits.PrimaryHDU(values).writeto(tmp_path / f"{number}.fits")
        found.add(digests(tmp_path / f"{number}.fits")["PRIMARY"])
    assert len(found) == 4
