"""The benchmarks run, and judge results as they should."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import Pixels, combine

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture
def benchmarks(monkeypatch):
    """Make the benchmarks importable, with no peers but astropy."""
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.__main__
    import benchmarks.moving
    from benchmarks import peers

    monkeypatch.setattr(peers, "PEERS", (peers.astropy_stats,))
    yield benchmarks
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


@pytest.fixture
def tiny(benchmarks):
    from benchmarks.shared.scale import Scale

    return Scale(
        runs=1,
        size=128,
        counts=(3,),
        growth_counts=(3, 5),
        growth_sizes=(64, 128),
        growth_size=64,
        growth_count=3,
        rejection_counts=(3,),
        rejection_size=128,
        moving_counts=(3,),
        moving_seeds=1,
        moving_families=("still", "unequal, 4 px"),
        night=(3, 3, 3, 3),
        memory_counts=(3,),
        memory_size=64,
        figure_size=64,
    )


@pytest.mark.parametrize(("lows", "highs"), [(0, 0), (0, 1), (1, 0), (2, 1), (0, 3)])
def test_what_a_mean_left_out_is_seen_in_the_mean(benchmarks, lows, highs):
    from benchmarks.shared.judge import left_out

    values = np.random.default_rng(3).normal(1000, 5, (8, 50)).round()
    values[:lows] -= 300 * np.arange(1, lows + 1)[:, None]
    values[8 - highs :] += 500 * np.arange(1, highs + 1)[:, None]
    gone = left_out(values, values[lows : 8 - highs].mean(axis=0), np.full(50, 5.0))
    expected = np.zeros(8, bool)
    expected[:lows] = expected[8 - highs :] = True
    np.testing.assert_array_equal(gone, np.repeat(expected[:, None], 50, axis=1))


@pytest.mark.parametrize("frames", [2, 3, 10])
def test_the_judge_sees_what_combine_says_it_rejected(benchmarks, tmp_path, frames):
    from benchmarks.shared.judge import Verdict
    from benchmarks.shared.ours import opened
    from benchmarks.shared.stacks import make_stack

    stack = make_stack(tmp_path / "stack", frames, 128)
    master = combine(opened(stack.paths))
    verdict = Verdict(stack, master.pixels.values.astype(float))
    np.testing.assert_array_equal(verdict.gone.sum(axis=1), master.found.rejected)
    assert verdict.found == 1
    assert sum(master.found.rejected) > 0


def test_the_judge_calls_a_mean_with_its_hits_what_it_is(benchmarks, tmp_path):
    from benchmarks.shared.judge import Verdict
    from benchmarks.shared.stacks import make_stack

    stack = make_stack(tmp_path / "stack", 5, 128)
    plain, ideal = stack.means
    assert (Verdict(stack, plain).found, Verdict(stack, ideal).found) == (0, 1)
    assert Verdict(stack, plain).noise > 1.5
    assert Verdict(stack, ideal).noise == 1


def verdict_of(benchmarks, name, frames, image_of):
    """Judge what is made of the truth of a stack."""
    stack = benchmarks.moving.stack_of(benchmarks.moving.FAMILIES[name], frames, 1)
    truth, verdict = benchmarks.moving.Truth(stack), benchmarks.moving.Verdict()
    sigma = np.sqrt((stack.sigma**2).sum(axis=0)) / frames
    verdict.add(truth, image_of(truth), sigma**2)
    return verdict, {name: good for name, (_, good) in zip(NAMES, verdict.columns(frames), strict=True)}


NAMES = ("light", "place", "hits", "on it", "lost", "trail", "uncertainty")


@pytest.mark.parametrize("name", ["drift 1", "trail, dither 5", "trace, drift 1", "hot, dither 5", "empty"])
def test_the_judge_of_lights_that_move_knows_what_a_clip_should_do(benchmarks, name):
    """A perfect clip, none at all, one that takes starlight, one that takes a value of the sky too many."""
    perfect, good = verdict_of(benchmarks, name, 3, lambda truth: truth.clean)
    assert all(good.values())
    assert perfect.found == 1
    assert perfect.uncertainty == [pytest.approx(1, abs=0.02)]
    none, good = verdict_of(benchmarks, name, 3, lambda truth: truth.plain)
    assert none.found == 0
    assert (good["light"], good["place"], good["hits"], good["lost"]) == (True, True, False, True)
    assert good["trail"] == ("trail" not in name)
    if name != "empty":
        dim = 0.99
        less, good = verdict_of(benchmarks, name, 3, lambda truth: truth.sky + dim * (truth.clean - truth.sky))
        assert less.starlight == pytest.approx(dim, abs=1e-6)
        assert (good["light"], good["place"]) == (False, False)
    _, good = verdict_of(benchmarks, name, 3, lambda truth: truth.clean + (np.arange(300) % 5 == 0) * truth.noise)
    assert not good["lost"]


def test_weighed_lights_are_judged_by_their_weights(benchmarks):
    """Of 2, 3 and 60 s, the short ones hold 8 % of the light."""
    for image, found in (("clean", 1), ("plain", 0)):
        verdict, good = verdict_of(benchmarks, "unequal, 4 px", 3, lambda truth, image=image: getattr(truth, image))
        assert verdict.found == found
        assert good["light"]
        assert good["place"]


@pytest.mark.parametrize("name", ["combine", "floor", "growth", "rejection", "variants", "night", "memory", "figures"])
def test_every_table_runs(benchmarks, tiny, tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr(benchmarks.figures, "VIEWS", benchmarks.figures.VIEWS[:1])
    monkeypatch.setattr(benchmarks.figures.Browser.settled, "__defaults__", (0.02, 0.02))  # only a figure needs rest
    assert not benchmarks.__main__.TABLES[name].table(tiny, tmp_path)
    printed = capsys.readouterr().out
    assert "failed" not in printed
    assert len(printed.splitlines()) > 3


def test_ours_is_measured_against_that_of_another_checkout(benchmarks, tiny, tmp_path, capsys):
    benchmarks.floor.table(replace(tiny, against=sys.executable), tmp_path)
    printed = capsys.readouterr().out
    assert "ours over theirs" in printed
    assert printed.count("ours, ") == 4 * len(tiny.counts)


def test_a_process_that_fails_is_said(benchmarks, tmp_path):
    from benchmarks.shared.process import Job, RunError, run

    job = Job([sys.executable, "-c", "raise SystemExit('no such frame')"], tmp_path, tmp_path / "out.fits")
    with pytest.raises(RunError, match=r"wrote no out.fits: no such frame"):
        run(job)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are only adopted on Linux")
def test_a_process_costs_what_its_children_and_orphans_cost(benchmarks, tmp_path):
    from benchmarks.shared.process import Job, run

    burn = "import time\nwhile time.process_time() < 0.5: pass"
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {burn!r}])\nopen('out', 'w')"
    assert run(Job([sys.executable, "-c", parent], tmp_path, tmp_path / "out")).cpu > 0.5
    (tmp_path / "out").unlink()
    hungry = "held = bytearray(10**8)\nopen('out', 'w')"
    assert 100e6 < run(Job([sys.executable, "-c", hungry], tmp_path, tmp_path / "out")).peak < 150e6


def test_files_that_a_call_enters_are_counted_and_imports_are_not(benchmarks):
    from benchmarks.entered import PACKAGE, entered

    own = Path(sys.modules[Pixels.__module__].__file__)
    assert str(own.relative_to(PACKAGE)) in entered(lambda: Pixels.of(np.ones((8, 8))))
    assert entered(lambda: exec(compile("x = 1", own, "exec"))) == []


@pytest.mark.parametrize(
    ("key", "parent", "this", "says"),
    [
        ("values", [1.0, np.nan], [1.0, np.nan], ""),
        ("values", [0.0, 1.0], [-0.0, 1.0], "1 of 2 values, first at (0,): 0.0 -> -0.0"),
        ("values", np.ones(2, "f4"), np.ones(2), "type float32 -> float64"),
        ("values", np.ones(2, ">f4"), np.ones(2, "<f4"), ""),
        ("values", np.ones(2), np.ones(3), "shape (2,) -> (3,)"),
        ("light.flags", np.array([3, 4], "u1"), np.array([3, 4], "u2"), ""),
        ("found.left_out", np.array([3], "u1"), np.array([2], "u2"), "1 of 1 values, first at (0,): 3 -> 2"),
    ],
)
def test_arrays_are_compared_to_the_bit_and_flags_by_value(benchmarks, key, parent, this, says):
    from benchmarks.identical.compare import arrays_differ

    assert arrays_differ(key, np.asarray(parent), np.asarray(this)) == says


def test_stages_that_are_renamed_are_the_same_in_history_records_and_notes(benchmarks):
    from benchmarks.identical.compare import texts_differ

    assert not texts_differ("HISTORY", "combine()take_as(state='raw')\n", "combine()\ndeclare(state= 'raw')\n")
    assert not texts_differ("out.json.steps[2].stage", "spare_saturated", "drop_rare_saturation")
    assert not texts_differ(
        "error", "StepError: add: there are no frames", "StepError: add_images: there are no frames"
    )
    assert not texts_differ("stdout", "ccd-pipeline 0.1.0", "ccd-pipeline 0.2.0")
    assert texts_differ("product.OBJECT", "to add", "to add_images")


def test_a_difference_that_is_meant_is_told_from_one_that_is_not(benchmarks):
    from benchmarks.identical.compare import differences

    sides = [({"found.left_out": np.array([count])}, {"warnings": ""}) for count in (1999, 1)]
    assert all(reason for *_, reason in differences("combine 5 map_left_out, carried, std", *sides))
    assert not any(reason for *_, reason in differences("combine 5 map_left_out, std, mean", *sides))


def test_a_checkout_is_identical_to_itself(benchmarks, tmp_path):
    command = [sys.executable, "-m", "benchmarks.identical", "--parent", sys.executable, "--data", str(tmp_path)]
    done = subprocess.run([*command, "--every", "150"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " identical" in done.stdout.splitlines()[-1]
