"""A master that is kept in a file is taken again with every bit, or not at all."""

from pathlib import Path

import numpy as np

from pipeline.night.masters import make_masters
from pipeline.provenance.kept_masters import KEPT_RECORDS, keep, kept
from pipeline.records.identity import content_key
from pipeline.simulation.simulate import simulate
from pipeline.stacking.clip import Clip


def test_a_master_that_was_kept_is_the_one_that_was_made_with_all_that_is_said_of_it(tmp_path):
    for name, master in make_masters(simulate(shape=(32, 48)).frames).named.items():
        keep((master, master.image.notes), tmp_path / ".masters" / name, "key")
        again, notes = kept(tmp_path / ".masters" / name, "key")
        assert again == master
        assert notes == master.image.notes
        assert content_key(again.image) == content_key(master.image)
        assert kept(tmp_path / ".masters" / name, "another key") is None


def test_a_file_of_a_master_that_is_not_whole_or_names_what_is_not_ours_is_as_none(tmp_path, monkeypatch):
    path = tmp_path / "bias"
    assert kept(path, "key") is None
    keep((np.arange(70, dtype=">f4"), Path), path, "key")
    assert not path.exists()  # no record of a master, and so not kept
    keep((np.arange(70, dtype=">f4"), Clip()), path, "key")
    whole = path.read_bytes()
    assert kept(path, "key")[1] == Clip()
    for at in [*range(0, 280, 40), *range(320, len(whole))]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        found = kept(path, "key")
        assert found is None, at
        path.write_bytes(whole[:at])
        assert kept(path, "key") is None, at
    path.write_bytes(whole)
    monkeypatch.delitem(KEPT_RECORDS, "Clip")
    assert kept(path, "key") is None
