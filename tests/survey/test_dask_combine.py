"""One stack combined by workers, in blocks of rows: the same to the bit, and each block reads its own rows."""

import sys

import numpy as np
import pytest
from astropy.io import fits

from pipeline import (
    Clip,
    FrameSet,
    Image,
    MasterBias,
    Noise,
    chain,
    combine,
    combine_on,
    each,
    errors,
    flag_saturated,
    open_frame,
    running,
    subtract_bias,
)

pytestmark = pytest.mark.slow
distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: pip install 'ccd-pipeline[distributed]'"
)


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
        {"weights": np.linspace(1, 9, 5 * 67 * 45).reshape(5, 67, 45)},
    ],
    ids=["noise", "median", "no clip", "mad", "with steps", "weights"],
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
