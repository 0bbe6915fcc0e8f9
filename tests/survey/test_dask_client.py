"""Workers, and records and stages in anyone's graph of Dask."""

import numpy as np
import pytest
from small_nights import write_nights

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    chain,
    combine,
    divide,
    each,
    flag_saturated,
    normalise_flat,
    read_night,
    subtract_bias,
    subtract_dark,
    subtract_overscan,
)
from pipeline.cli.main import main
from pipeline.survey.dask_client import size_of

pytestmark = pytest.mark.slow
dask = pytest.importorskip("dask")


@pytest.fixture
def nights(tmp_path):
    return write_nights(tmp_path / "nights", 4)


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
    assert 60_000 <= sizeof(image) <= 62_000  # values of four bytes, flags of two
    assert sizeof(FrameSet([image] * 3)) == size_of(FrameSet([image] * 3)) > 180_000


def test_a_scheduler_that_does_not_answer_is_told_of(nights, capsys):
    with dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}):
        assert main(["reduce", str(nights[0]), "--cluster", "tcp://127.0.0.1:9"]) == 1
    assert "tcp://127.0.0.1:9: no Dask scheduler answers there" in capsys.readouterr().err


def test_the_frames_of_a_night_become_dask_tasks_one_by_one(client, nights):
    frames = read_night(nights[0])
    ready = chain(flag_saturated(), subtract_overscan())
    prepared = FrameSet(client.gather(client.map(ready, frames.light)))
    assert combine(prepared) == combine(each(ready)(frames.light))
