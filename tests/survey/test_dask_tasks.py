"""On real workers: the same bits as in one process, each master once, one stack in blocks, stages in anyone's graph."""

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
from small_nights import borrow_biases, contents, write_nights

from pipeline import (
    Clip,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    Survey,
    chain,
    combine,
    combine_on,
    divide,
    each,
    errors,
    flag_saturated,
    normalise_flat,
    open_frame,
    read_night,
    reduce_many,
    running,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
    workers,
)
from pipeline.cli.main import main
from pipeline.survey.dask_client import size_of

distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: pip install 'ccd-pipeline[distributed]'"
)
dask = pytest.importorskip("dask")


@pytest.fixture(scope="module")
def client():
    """Two workers, each a process of its own."""
    with workers(2) as client:
        yield client


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
    assert any("no bias" in note for note in noted.notes)
    assert plain.notes == ()
    strict = reduce_many(nights[:1], Survey(strict=True, force=True), client=client)
    assert {type(error) for error in strict[0].errors} == {errors.AssumptionWarning}


def test_a_worker_that_dies_costs_nothing(nights, tmp_path):
    reduce_many(nights, Survey(output_dir=tmp_path / "here"))
    with workers(2) as client:
        pids = list(client.run(os.getpid).values())
        killed = []

        def kill(outcome, *_):
            if not killed:
                killed.append(os.kill(pids[0], signal.SIGKILL))

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
                    os.kill(os.getpid(), signal.SIGKILL)
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
    assert len(list(deaths.iterdir())) == 4  # two of two trials: the second was alone


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


def test_where_no_workers_are_left_a_stack_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["pipeline.survey.dask_client"], "PATIENCE", 0.3)
    frames = stack(tmp_path, 3)
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, protocol="tcp", dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
        combine_on(client),
        pytest.raises(errors.WorkerError, match="has had no workers"),
    ):
        combine(frames)


def stack(folder, count, shape=(67, 45), kind="flat", seed=1):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    scene = 800 + 4000 * np.exp(-((y - 30 + x / 20) ** 2) / 8)
    frames = []
    for number in range(count):
        values = rng.normal(scene * (1 + 0.05 * number), np.sqrt(scene)).clip(0, 65535).round()
        values[rng.random(shape) < 2e-3] += 3000
        path = folder / f"{kind}_{number}.fits"
        fits.writeto(path, values.astype(np.uint16))
        frames.append(open_frame(path, kind=kind))
    return FrameSet(frames)


def with_variance(frames):
    images = (Image.of(f.pixels.values, kind=f.kind, name=f.name) for f in frames)
    return FrameSet(
        Image.of(
            type(i.pixels).of(i.pixels.values, variance=i.pixels.values + 25),
            kind=i.kind,
            name=i.name,
        )
        for i in images
    )


def packed(frames):
    for frame in frames:
        fits.writeto(f"{frame.name}.gz", frame.pixels.values.astype(np.uint16))
    return FrameSet(open_frame(f"{frame.name}.gz", kind="flat") for frame in frames)


def minus_bias(frames):
    bias = MasterBias.of(combine(FrameSet(Image.of(np.full((67, 45), v), kind="bias") for v in (10.0, 11.0, 12.0))))
    return each(chain(flag_saturated(level=4000.0), subtract_bias(bias=bias)))(frames)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda frames: frames, id="on disk"),
        pytest.param(lambda frames: FrameSet(Image.of(f.pixels, kind="flat") for f in frames), id="in memory"),
        pytest.param(lambda frames: FrameSet([Image.of(frames[0].pixels, kind="flat"), *frames.frames[1:]]), id="both"),
        pytest.param(packed, id="compressed"),
        pytest.param(minus_bias, id="lazily calibrated"),
        pytest.param(with_variance, id="with variance"),
    ],
)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "median"},
        {"clip": None},
        {"clip": Clip("mad")},
        {"clip": Clip(noise=Noise(25.0, 1.0, 1e-4, 0.3))},  # which asks for the rows beside each
    ],
    ids=["noise", "median", "no clip", "mad", "with steps"],
)
def test_a_stack_combined_in_blocks_is_the_same_to_the_bit(client, tmp_path, made, settings):
    frames = made(stack(tmp_path, 5))
    with running(threads=1):
        serial = combine(frames, **settings)
    with combine_on(client):
        blocks = combine(frames, **settings)
    assert blocks == serial
    assert blocks.found == serial.found


def test_each_block_reads_its_own_rows_only(client, tmp_path):
    frames = stack(tmp_path, 4, shape=(400, 64))
    done = []
    with combine_on(client), running(progress=lambda rows, of: done.append((rows, of))):
        combine(frames, clip=None)
    assert done == [(50 * block, 400) for block in range(1, 9)]


def test_what_goes_wrong_in_a_block_is_told_in_our_words(client, tmp_path):
    frames = stack(tmp_path, 3)
    with (tmp_path / "flat_1.fits").open("r+b") as stream:
        stream.truncate(5000)
    with combine_on(client), pytest.raises(errors.FrameError, match="changed since it was opened"):
        combine(frames, clip=None)


STAGES = [
    flag_saturated(level=150.0),
    subtract_overscan(),
    subtract_bias(bias=None),
    subtract_dark(dark=None),
    divide(flat=None),
    chain(flag_saturated(), subtract_bias(bias=None)),
]


@pytest.mark.parametrize("step", STAGES, ids=repr)
def test_steps_run_in_anyones_graph(client, step):
    image = Image.of(np.arange(100.0, 200.0).reshape(10, 10), exposure=30.0)
    here = step(image)
    assert client.submit(step, image).result() == here
    assert client.gather(client.map(step, [image, image])) == [here, here]
    assert dask.delayed(step)(image).compute(scheduler="sync") == here
    assert client.compute(dask.delayed(step)(image)).result() == here


def test_stages_run_with_settings_that_are_still_to_come(client):
    flats = FrameSet(Image.of(np.full((8, 8), v), kind="flat", exposure=1.0) for v in (90.0, 100.0, 110.0))
    bias = Image.of(np.full((8, 8), 10.0), kind="bias")
    later = dask.delayed(combine)(flats, clip=None)
    later = dask.delayed(subtract_bias)(later, bias=dask.delayed(MasterBias.of)(bias))
    flat = dask.delayed(normalise_flat)(later)
    light = Image.of(np.full((8, 8), 500.0))
    (image,) = dask.compute(dask.delayed(divide)(light, flat=flat))
    assert image == divide(
        light, flat=normalise_flat(subtract_bias(combine(flats, clip=None), bias=MasterBias.of(bias)))
    )


def test_dask_knows_how_large_records_are():
    from dask.sizeof import sizeof

    image = Image.of(np.zeros((100, 100), np.float32))
    assert 50_000 <= sizeof(image) <= 52_000  # values of four bytes, flags of one
    assert sizeof(FrameSet([image] * 3)) == size_of(FrameSet([image] * 3)) > 150_000


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


def test_a_scheduler_that_does_not_answer_is_told_of(nights, capsys):
    with dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}):
        assert main(["reduce", str(nights[0]), "--cluster", "tcp://127.0.0.1:9"]) == 1
    assert "tcp://127.0.0.1:9: no Dask scheduler answers there" in capsys.readouterr().err


def test_the_frames_of_a_night_become_dask_tasks_one_by_one(client, nights):
    frames = read_night(nights[0])
    ready = chain(flag_saturated(), subtract_overscan())
    prepared = FrameSet(client.gather(client.map(ready, frames.light)))
    assert combine(prepared) == combine(each(ready)(frames.light))
