"""What is planned for many nights: where products go, what each is made of, which masters nights share."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_nights import borrow_biases, write_nights
from strategies import examples

from pipeline import Survey
from pipeline.errors import AssumptionWarning, FileListError, FrameError, OutputError, SettingError, StepError
from pipeline.records.frames import Image
from pipeline.survey.plan import NightPlan, Task, night_outputs, output_of, plan_night, shared_and_own_tasks, source_of

lists = st.lists(st.builds("{}/{}.csv".format, st.sampled_from("ab"), st.sampled_from("xyz")), min_size=1, unique=True)


@given(lists)
def test_each_list_has_a_product_of_its_own_below_the_folder(names):
    outputs = night_outputs([Path("/nights") / name for name in names], Path("out"))
    assert len(set(outputs)) == len(names)
    for name, output in zip(names, outputs, strict=True):
        assert output.is_relative_to("out")
        assert output.stem == Path(name).stem


def test_products_are_named_by_hand():
    one, two, other = Path("/n/1/night.csv"), Path("/n/2/night.csv"), Path("/n/2/b.csv")
    assert night_outputs([one, two], None) == [Path("/n/1/reduced.fits"), Path("/n/2/reduced.fits")]
    assert night_outputs([one, other], Path("o")) == [Path("o/night.fits"), Path("o/b.fits")]
    assert night_outputs([one, two], Path("o")) == [Path("o/1/night.fits"), Path("o/2/night.fits")]
    with pytest.raises(SettingError, match=r"would both be written to .*; give --output-dir"):
        night_outputs([two, other], None)
    with pytest.raises(SettingError, match="give them once"):
        night_outputs([one, one], Path("o"))


@examples(60)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=5))
def test_tasks_are_each_nights_own_or_shared_and_none_is_lost(nights):
    plans = [NightPlan(Path(f"{n}.csv"), tuple(Task(key, "bias", ()) for key in keys)) for n, keys in enumerate(nights)]
    shared, own = shared_and_own_tasks(plans)
    assert set(shared) == {key for key in "abcdefgh" if sum(key in keys for keys in nights) > 1}
    left = iter(own)
    for keys in nights:
        mine = [key for key in keys if key not in shared]
        if mine:
            night = next(left)
            assert [task.key for task in night.tasks] == mine
            assert list(night.needs) == [key for key in keys if key in shared]
    assert not list(left)


def test_a_task_comes_after_what_it_needs_and_has_the_same_key_for_the_same_files(tmp_path):
    one, two, three = write_nights(tmp_path, 3)
    borrow_biases(one, two)
    plans = [plan_night(night, night.with_name("r.fits"), Survey()) for night in (one, two, three)]
    bias, dark, flat, light, arc = plans[0].tasks
    assert [task.kind for task in (bias, dark, flat, light, arc)] == ["bias", "dark", "flat", "light", "arc"]
    assert (bias.needs, dark.needs, flat.needs) == ((), (bias.key,), (bias.key, dark.key))
    assert light.needs == arc.needs == (bias.key, dark.key, flat.key)
    assert (light.output, arc.output) == (one.with_name("r.fits"), one.with_name("r_arc.fits"))
    assert [one.frame.kind for one in arc.frames] == ["arc", "light"]
    assert [plan.tasks[0].key == bias.key for plan in plans] == [True, True, False]
    assert list(shared_and_own_tasks(plans)[0]) == [bias.key]
    strict = plan_night(one, one.with_name("r.fits"), Survey(strict=True))
    assert {task.key for task in strict.tasks}.isdisjoint(task.key for task in plans[0].tasks)
    assert not list(tmp_path.rglob("r*.fits"))


def test_what_is_wrong_with_a_night_stands_in_its_plan(tmp_path):
    (night,) = write_nights(tmp_path, 1)
    light = night.parent / "raw" / "light_01.fits"
    assert isinstance(plan_night(night, light, Survey(force=True)).error, OutputError)
    assert isinstance(plan_night(tmp_path / "none.csv", tmp_path / "r.fits", Survey()).error, FileListError)
    folder = Survey(output_dir=night / "sub")
    assert "cannot be made a folder" in str(plan_night(night, night / "sub" / "r.fits", folder).error)


def test_an_assumption_is_a_note_and_under_strict_an_error(tmp_path):
    (night,) = write_nights(tmp_path, 1)
    night.write_text(f"{night.read_text()}bias, raw/bias_01.fits\n")  # the same frame twice
    plan = plan_night(night, tmp_path / "r.fits", Survey())
    assert plan.error is None
    assert len(plan.notes) == 1
    assert isinstance(plan_night(night, tmp_path / "r.fits", Survey(strict=True)).error, AssumptionWarning)


def test_masters_make_no_product_and_frames_in_memory_have_no_file():
    with pytest.raises(FrameError, match="is not read from a FITS file"):
        source_of(Image.of(np.ones((2, 3))))
    with pytest.raises(StepError, match="bias-1: makes no product"):
        output_of(Task("bias-1", "bias", ()))
