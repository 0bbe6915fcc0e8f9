"""Doing the tasks of a survey: masters once and no longer than needed, what goes wrong told with the night."""

import os
import signal
import sys
import weakref

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_nights import borrow_biases, content, write_nights
from strategies import examples

import pipeline.survey.tasks
from pipeline import Recipe, Survey, read_night, reduce, reduce_many, write
from pipeline.errors import FrameError, WorkerError
from pipeline.records.note import Note
from pipeline.survey.plan import OwnTasks, Task, TaskResult, plan_night
from pipeline.survey.tasks import processes_that_pay, run_in_processes, run_own_tasks, run_task, run_tasks


@pytest.fixture
def tasks(tmp_path):
    """The tasks of a small night, whose product is r.fits."""
    (night,) = write_nights(tmp_path, 1)
    return plan_night(night, tmp_path / "r.fits", Survey()).tasks


def test_a_product_is_the_one_that_reduce_gives(tasks, tmp_path):
    results = list(run_tasks(tasks, Survey()))
    assert [(task.kind, type(result)) for task, result in results] == [("light", TaskResult), ("arc", TaskResult)]
    (tmp_path / "other").mkdir()
    for kind, name in (("light", "r.fits"), ("arc", "r_arc.fits")):
        alone = reduce(read_night(tmp_path / "n00" / "night.csv"), recipe=Recipe(), kind=kind)
        write(alone, tmp_path / "other" / name)
        assert content(tmp_path / name) == content(tmp_path / "other" / name)
    assert results[0][1].said[-1].startswith(f"wrote {tmp_path / 'r.fits'}: 24 rows × 40 columns")


@st.composite
def orders(draw):
    """Tasks of which each needs some masters before it; every third or so is a product."""
    tasks, masters = [], []
    for number in range(draw(st.integers(1, 8))):
        needs = tuple(draw(st.lists(st.sampled_from(masters), unique=True))) if masters else ()
        product = draw(st.integers(0, 2)) == 0
        tasks.append(
            Task(str(number), "light" if product else "bias", (), needs, f"{number}.fits" if product else None)
        )
        masters += [] if product else [str(number)]
    return tasks, draw(st.sets(st.sampled_from(range(len(tasks)))))


@examples(100)
@given(orders())
def test_a_product_fails_where_one_before_it_failed_and_nothing_else_does(drawn):
    tasks, bad = drawn
    ran = []

    def run(task, _survey, *needs):
        ran.append(task.key)
        assert [need.kind for need in needs] == [f"made {key}" for key in task.needs]
        if int(task.key) in bad:
            raise FrameError(task.key)
        return TaskResult(f"made {task.key}")

    failed = {}
    for task in tasks:
        own = [task.key] if int(task.key) in bad else []
        failed[task.key] = next((failed[need] for need in task.needs if failed[need]), None) or (own and own[0]) or None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.survey.tasks, "run_task", run)
        told = [
            (task.key, str(end) if isinstance(end, Exception) else None) for task, end in run_tasks(tasks, Survey())
        ]
    assert told == [(task.key, failed[task.key]) for task in tasks if task.output]
    assert ran == [task.key for task in tasks if not any(failed[need] for need in task.needs)]


@examples(60)
@given(orders())
def test_a_master_is_kept_until_no_task_needs_it_and_no_longer(drawn):
    tasks, _ = drawn
    made = {}

    def run(task, _survey, *_needs):
        left = {need for later in tasks[tasks.index(task) :] for need in later.needs}
        done = {need for earlier in tasks[: tasks.index(task)] for need in earlier.needs} - left
        assert [key for key, master in made.items() if master() is None] == [key for key in made if key in done]
        result = TaskResult(task.kind)
        if task.output is None:
            made[task.key] = weakref.ref(result)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.survey.tasks, "run_task", run)
        assert not [end for _, end in run_tasks(tasks, Survey()) if isinstance(end, Exception)]


def test_a_product_that_was_written_meanwhile_is_left_alone_but_by_force(tasks, tmp_path):
    list(run_tasks(tasks, Survey()))
    before = (tmp_path / "r.fits").stat().st_mtime_ns
    assert [result.said for _, result in run_tasks(tasks, Survey())] == [(), ()]
    assert (tmp_path / "r.fits").stat().st_mtime_ns == before
    assert all(result.said for _, result in run_tasks(tasks, Survey(force=True)))
    assert (tmp_path / "r.fits").stat().st_mtime_ns != before


def test_notes_of_what_a_task_needs_come_first_and_once(tasks):
    bias = run_task(tasks[0], Survey())
    noted = (
        TaskResult("bias", bias.master, (Note("one"), Note("two"))),
        TaskResult("dark", None, (Note("two"), Note("three"))),
    )
    assert run_task(tasks[2], Survey(), *noted).notes[:3] == (Note("one"), Note("two"), Note("three"))


def test_a_bug_takes_its_traceback_along_and_a_mistake_needs_none(tasks, monkeypatch):
    for error, notes in ((ZeroDivisionError("oh"), 1), (FrameError("x.fits: is torn"), 0)):
        monkeypatch.setattr(pipeline.survey.tasks, "master_bias", lambda *_, error=error: (_ for _ in ()).throw(error))
        ends = run_own_tasks(OwnTasks("night", tasks[:4]), Survey())  # up to the light
        assert list(ends.values()) == [error]
        assert len(getattr(error, "__notes__", [])) == notes
        assert notes == 0 or "Traceback" in error.__notes__[0]


def test_a_frame_that_changed_since_its_list_was_read_is_refused(tasks, tmp_path):
    (tmp_path / "n00" / "raw" / "bias_02.fits").touch()
    with pytest.raises(FrameError, match=r"bias_02\.fits: changed since its list was read"):
        run_task(tasks[0], Survey())


# ---- several processes ----


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_processes_give_what_this_one_gives_and_a_night_whose_process_dies_is_told(tmp_path, monkeypatch):
    nights = write_nights(tmp_path, 3)
    borrow_biases(nights[0], nights[1])  # a master that two of them share
    plans = [plan_night(night, night.with_name("r.fits"), Survey()) for night in nights]
    make, here = pipeline.survey.tasks.reduce, os.getpid()

    def reduce_or_die(frames, **settings):
        assert os.getpid() != here
        if str(nights[2].parent) in frames[0].name:
            os.kill(os.getpid(), signal.SIGKILL)
        return make(frames, **settings)

    monkeypatch.setattr(pipeline.survey.tasks, "reduce", reduce_or_die)
    ends = {task.output: end for task, end in run_in_processes(plans, Survey(), 2)}
    assert [type(ends[night.with_name("r.fits")]) for night in nights] == [TaskResult, TaskResult, WorkerError]
    monkeypatch.undo()
    expected = reduce_many(nights[:2], Survey(output_dir=tmp_path / "here"))
    assert not [outcome for outcome in expected if outcome.errors]
    for night in nights[:2]:
        made, alone = night.with_name("r.fits"), tmp_path / "here" / night.parent.name / "night.fits"
        assert content(made) == content(alone)


def test_no_process_is_started_where_it_does_not_pay(tmp_path):
    nights = write_nights(tmp_path, 2)
    plans = [plan_night(night, night.with_name("r.fits"), Survey()) for night in nights]
    assert processes_that_pay(plans[:1], 4) == (1, "in this process: one night is left to do")
    assert processes_that_pay([], 4) == (1, "in this process: nothing is left to do")
    assert processes_that_pay([attrs.evolve(plan, tasks=()) for plan in plans], 4)[0] == 1
    assert processes_that_pay(plans, 4)[0] in (1, 2)  # not more than nights
