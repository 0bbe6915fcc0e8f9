"""Many nights on real workers: the same bits as in one process, each master once, whatever dies."""

import importlib
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from small_nights import borrow_biases, contents, facts_of, write_nights

from pipeline import (
    Note,
    Survey,
    combine,
    each,
    errors,
    flag_saturated,
    read_night,
    reduce_many,
    workers,
)
from pipeline.cli.main import main

pytestmark = pytest.mark.slow
distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: pip install 'ccd-pipeline[distributed]'"
)

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""What no process can refuse; Windows has but one."""


@pytest.fixture
def nights(tmp_path):
    return write_nights(tmp_path / "nights", 4)


def ran_on(client):
    """Give the kinds of tasks that the workers have begun since they started, with their keys."""
    stories = client.run(lambda dask_worker: [event[0] for event in dask_worker.state.log if event[1] == "executing"])
    return [key for keys in stories.values() for key in keys if isinstance(key, str)]


def test_many_nights_give_the_same_bits_as_in_one_process(client, nights, tmp_path):
    borrow_biases(nights[0], nights[1])
    nights[3].write_text("light, none.fits\n")
    here = reduce_many(nights, Survey(output_dir=tmp_path / "here"))
    told = []
    survey = Survey(output_dir=tmp_path / "there")
    there = reduce_many(nights, survey, client=client, on_finished=lambda *words: told.append(words))
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert len(contents(tmp_path / "there")) == 6
    for one, other in zip(here, there, strict=True):
        assert one.notes == other.notes
        assert [str(error) for error in one.errors] == [str(error) for error in other.errors]
    assert [finished for _, finished, _ in told] == [1, 2, 3, 4]


def test_a_master_of_the_same_files_is_made_once(client, nights, tmp_path):
    borrow_biases(nights[0], *nights[1:])
    before = set(ran_on(client))
    reduce_many(nights, Survey(output_dir=tmp_path / "out"), client=client)
    kinds = Counter(key.split("-")[0] for key in ran_on(client) if key not in before)
    del kinds["survey"]
    assert kinds == {"plan": 4, "bias": 1, "night": 4}  # what a night shares with no other is made with it


def test_masters_made_of_shared_masters_are_shared(client, nights, tmp_path):
    for filelist in nights[1:3]:  # one whole set of masters for three nights
        words = filelist.read_text()
        for kind in ("bias", "dark", "flat"):
            words = words.replace(f"{kind}, raw/", f"{kind}, ../{nights[0].parent.name}/raw/")
        filelist.write_text(words)
    here = Survey(output_dir=tmp_path / "here")
    reduce_many(nights, here)
    before = set(ran_on(client))
    reduce_many(nights, Survey(output_dir=tmp_path / "there"), client=client)
    kinds = Counter(key.split("-")[0] for key in ran_on(client) if key not in before)
    assert {kind: kinds[kind] for kind in ("bias", "dark", "flat", "night")} == {
        "bias": 1,
        "dark": 1,
        "flat": 1,
        "night": 4,
    }
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_what_is_done_here_is_done_there(client, nights, tmp_path):
    survey = Survey(output_dir=tmp_path / "out")
    reduce_many(nights[:2], survey)
    outcomes = reduce_many(nights, survey, client=client)
    assert [(len(o.there), len(o.written)) for o in outcomes] == [(2, 0), (2, 0), (0, 2), (0, 2)]


def test_assumptions_are_refused_there_too(client, nights):
    lines = [line for line in nights[0].read_text().splitlines() if not line.startswith("bias")]
    nights[0].write_text("\n".join(lines))
    noted, plain = reduce_many(nights[:2], Survey(), client=client)
    assert any("no bias" in note.words for note in noted.notes)
    assert not any("no bias" in note.words for note in plain.notes)
    (strict,) = reduce_many(nights[:1], Survey(strict=True, force=True), client=client)
    assert {type(error) for error in strict.errors} == {errors.AssumptionWarning}
    assert {error.note.fact for error in strict.errors} <= {note.fact for note in noted.notes}  # its data came along
    (here,) = reduce_many(nights[:1], Survey(force=True))
    (there,) = reduce_many(nights[:1], client=client)  # done, and read from its record
    assert all(isinstance(note, Note) for note in noted.notes)
    assert noted.notes == here.notes
    assert facts_of(there) == facts_of(here)


def test_a_worker_that_dies_costs_nothing(nights, tmp_path):
    reduce_many(nights, Survey(output_dir=tmp_path / "here"))
    with workers(2) as client:
        pids = list(client.run(os.getpid).values())
        killed = []

        def kill(outcome, *_):
            if not killed:
                killed.append(os.kill(pids[0], KILL))

        outcomes = reduce_many(nights, Survey(output_dir=tmp_path / "there"), client=client, on_finished=kill)
    assert killed
    assert [outcome.errors for outcome in outcomes] == [()] * 4
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def killing(place, name, path, deaths):
    """Give a plugin by which a worker kills itself when it calls a function with anything that names a path."""
    deaths.mkdir()

    class Poison(distributed.WorkerPlugin):
        def setup(self, worker):  # noqa: ARG002 - Dask gives it by name
            module = importlib.import_module(place)
            function = getattr(module, name)

            def or_die(asked, *others):
                if str(path) in repr(asked):
                    tempfile.mkstemp(dir=deaths)
                    os.kill(os.getpid(), KILL)
                return function(asked, *others)

            setattr(module, name, or_die)

    return Poison()


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param("pipeline.survey.dask_tasks", "run_own_tasks", id="made"),
        pytest.param("pipeline.survey.plan", "plan_night", id="planned"),
    ],
)
def test_a_night_that_kills_its_workers_stops_no_other(nights, tmp_path, place, name):
    deaths = tmp_path / "deaths"
    reduce_many(nights, Survey(output_dir=tmp_path / "here"))
    with workers(2) as client:
        client.register_plugin(killing(place, name, nights[1].parent, deaths))
        outcomes = reduce_many(nights, Survey(output_dir=tmp_path / "there"), client=client)
    assert [[type(error).__name__ for error in outcome.errors] for outcome in outcomes] == [[], ["WorkerError"], [], []]
    assert "every worker that tried it died" in str(outcomes[1].errors[0])
    expected = {name: one for name, one in contents(tmp_path / "here").items() if not name.startswith("n01")}
    assert contents(tmp_path / "there") == expected
    assert 2 <= len(list(deaths.iterdir())) <= 4  # two of two trials, but for those that Dask sent to a dead worker


def test_where_no_workers_are_left_nothing_is_waited_for_any_longer(nights, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["pipeline.survey.dask_client"], "PATIENCE", 0.3)
    out = tmp_path / "out"
    words = ["reduce", *map(str, nights), "--output-dir", str(out)]

    async def none_again():
        pass

    with workers(1) as client:
        for nanny in client.cluster.workers.values():
            nanny.instantiate = none_again  # as of itself when the worker that it starts dies on the way
        client.register_plugin(
            killing("pipeline.survey.dask_tasks", "run_own_tasks", nights[2].parent, tmp_path / "deaths")
        )
        assert main([*words, "--cluster", client.scheduler.address]) == 1
    said = capsys.readouterr().err
    assert "no workers for 0.3 s; look at their logs" in said
    left = [path for path in (out / f"n0{night}" / "night.fits" for night in range(4)) if not path.exists()]
    assert out / "n02" / "night.fits" in left
    listed = [Path(line.strip()) for line in said.splitlines() if line.startswith("  ")]
    assert f"{4 - len(listed)} of 4 are done, and these are not:\n" in said
    assert set(left) <= set(listed)  # one may have been made and its worker lost before it could tell
    made = contents(out)
    assert main([*words, "--quiet"]) == 0
    assert made.items() <= contents(out).items()
    assert len(contents(out)) == 8


def test_the_command_works_on_workers(nights, tmp_path, capsys):
    lists = list(map(str, nights[:2]))
    assert main(["reduce", *lists, "--output-dir", str(tmp_path / "out"), "--workers", "2"]) == 0
    assert "2 nights: 4 products written, 0 done already, 0 nights bad" in capsys.readouterr().out
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=":0", silence_logs=50
    ) as cluster:
        address = cluster.scheduler_address
        assert main(["reduce", *lists, "--output-dir", str(tmp_path / "two"), "--cluster", address]) == 0
        flat = str(tmp_path / "flat.fits")
        assert main(["combine", lists[0], "--type", "flat", "-o", flat, "--cluster", address]) == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "out")
    here = read_night(nights[0]).flat
    np.testing.assert_array_equal(fits.getdata(flat), combine(each(flag_saturated())(here)).pixels.values)
