"""Many nights in this process: what is made, once; what is left alone; what is told of bad nights."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from astropy.io import fits
from small_nights import borrow_biases, content, contents, facts_of, write_nights

import pipeline.provenance.up_to_date
import pipeline.survey.reduce_many
import pipeline.survey.tasks
from pipeline import Note, Recipe, Survey, errors, reduce_many
from pipeline.cli.main import main
from pipeline.fits.atomic import Draft


@pytest.fixture
def nights(tmp_path):
    return write_nights(tmp_path, 3)


@pytest.fixture
def made(monkeypatch):
    """The kinds of masters and products that are made, in order."""
    kinds = []
    run = pipeline.survey.tasks.run_task

    def counted(task, survey, *needs):
        kinds.append(task.kind)
        return run(task, survey, *needs)

    monkeypatch.setattr(pipeline.survey.tasks, "run_task", counted)
    return kinds


def without_biases(*filelists):
    for filelist in filelists:
        lines = [line for line in filelist.read_text().splitlines() if not line.startswith("bias")]
        filelist.write_text("\n".join(lines))


def lacks_bias(notes):
    return any("no bias" in note.words for note in notes)


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.fits*")}


def test_products_are_those_of_the_command_for_one_night(nights, tmp_path):
    outcomes = reduce_many(nights)
    for filelist, outcome in zip(nights, outcomes, strict=True):
        assert outcome.filelist == filelist
        assert [path.name for path in outcome.written] == ["reduced.fits", "reduced_arc.fits"]
        assert outcome.errors == () == outcome.there
        one = tmp_path / f"{filelist.parent.name}.fits"
        assert main(["reduce", str(filelist), "-o", str(one), "--quiet"]) == 0
        assert content(filelist.parent / "reduced.fits") == content(one)
        assert content(filelist.parent / "reduced_arc.fits") == content(one.with_name(f"{one.stem}_arc.fits"))


def test_a_master_of_the_same_files_is_made_once(nights, tmp_path, made):
    reduce_many(nights, Survey(output_dir=tmp_path / "own"))
    assert [made.count(kind) for kind in ("bias", "dark", "flat", "light", "arc")] == [3, 3, 3, 3, 3]
    borrow_biases(nights[0], nights[1], nights[2])
    made.clear()
    reduce_many(nights, Survey(output_dir=tmp_path / "shared"))
    assert [made.count(kind) for kind in ("bias", "dark", "flat", "light", "arc")] == [1, 3, 3, 3, 3]
    assert main(["reduce", str(nights[2]), "-o", str(tmp_path / "one.fits"), "--quiet"]) == 0
    assert content(tmp_path / "shared" / "n02" / "night.fits") == content(tmp_path / "one.fits")


def test_masters_are_not_shared_where_files_or_settings_differ(nights, tmp_path, made):
    text = nights[0].read_text().splitlines()
    fewer = nights[0].with_name("fewer.csv")
    fewer.write_text("\n".join(line for line in text if "bias_03" not in line))
    reduce_many([nights[0], fewer], Survey(output_dir=tmp_path / "out"))
    assert made.count("bias") == 2
    assert fits.getheader(tmp_path / "out" / "fewer.fits").get("BIAS3") is None


def test_what_is_done_is_left_alone_and_what_is_missing_is_made(nights, tmp_path, made):
    survey = Survey(output_dir=tmp_path / "out")
    reduce_many(nights, survey)
    before = times(tmp_path / "out")
    made.clear()
    again = reduce_many(nights, survey)
    assert made == []
    assert [len(outcome.there) for outcome in again] == [2, 2, 2]
    assert times(tmp_path / "out") == before
    (tmp_path / "out" / "n01" / "night.fits").unlink()
    third = reduce_many(nights, survey)
    assert sorted(made) == ["bias", "dark", "flat", "light"]
    assert [len(outcome.written) for outcome in third] == [0, 1, 0]


def test_force_makes_everything_again(nights, tmp_path, made):
    survey = Survey(output_dir=tmp_path / "out")
    reduce_many(nights, survey)
    expected = contents(tmp_path / "out")
    before = times(tmp_path / "out")
    made.clear()
    outcomes = reduce_many(nights, Survey(output_dir=tmp_path / "out", force=True))
    assert len(made) == 15
    assert [len(outcome.written) for outcome in outcomes] == [2, 2, 2]
    assert set(before.values()).isdisjoint(times(tmp_path / "out").values())
    assert contents(tmp_path / "out") == expected


def change_settings(nights, _product):
    return Survey(recipe=Recipe(method="median"))


def change_a_frame(nights, _product):
    path = nights[0].parent / "raw" / "flat_02.fits"
    path.touch()
    return Survey()


def change_the_product(_nights, product):
    with product.open("r+b") as stream:
        stream.seek(6000)
        stream.write(b"\1")
    return Survey()


def change_the_version(_nights, product):
    record = product.with_name(f"{product.name}.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"creator": "ccd-pipeline 0.0.1", "address": ""}))
    return Survey()


def change_the_code(_nights, product):
    record = product.with_name(f"{product.name}.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"code": "of yesterday", "address": ""}))
    return Survey()


def lose_the_record(_nights, product):
    product.with_name(f"{product.name}.json").unlink()
    return Survey()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (change_settings, "with other settings"),
        (change_a_frame, "from other files"),
        (change_the_product, "is not what was written"),
        (change_the_version, "made by ccd-pipeline 0.0.1"),
        (change_the_code, "made by other code of the same version"),
        (lose_the_record, "without a record"),
    ],
)
def test_a_product_made_otherwise_is_not_written_over_unasked(nights, change, why):
    reduce_many(nights[:1])
    product = nights[0].parent / "reduced.fits"
    survey = change(nights, product)
    before = product.read_bytes()
    (outcome,) = reduce_many(nights[:1], survey)
    assert [type(error) for error in outcome.errors] == [errors.OutputError]
    assert why in str(outcome.errors[0])
    assert "--overwrite" in str(outcome.errors[0])
    assert product.read_bytes() == before
    (outcome,) = reduce_many(nights[:1], Survey(recipe=survey.recipe, overwrite=True))
    assert outcome.errors == ()
    assert product in outcome.written
    (note,) = [note.words for note in outcome.notes if str(product) in note.frames]
    assert why in note
    assert note.endswith("; made again")


def test_bad_nights_are_told_of_and_stop_no_other(nights, tmp_path):
    nights[0].write_text(nights[0].read_text() + "light, raw/none.fits\n")
    flat = nights[1].parent / "raw" / "flat_02.fits"
    fits.writeto(flat, fits.getdata(flat), overwrite=True)  # declares no overscan now, and will not be trimmed
    lists = [*nights, tmp_path / "none.csv"]
    told = []
    survey = Survey(output_dir=tmp_path / "out")
    outcomes = reduce_many(lists, survey, on_finished=lambda *words: told.append(words))
    kinds = [[type(error).__name__ for error in outcome.errors] for outcome in outcomes]
    assert kinds == [["FileListError"], ["ShapeError"], [], ["FileListError"]]
    assert sorted(outcome.filelist for outcome, _, _ in told) == sorted(lists)
    assert [(finished, of) for _, finished, of in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_bad_master_is_told_of_once_for_light_and_arc(nights, tmp_path):
    path = nights[0].parent / "raw" / "bias_01.fits"
    fits.writeto(path, fits.getdata(path)[:5], overwrite=True)
    outcomes = reduce_many(nights, Survey(output_dir=tmp_path / "out"))
    assert [len(outcome.errors) for outcome in outcomes] == [1, 0, 0]
    assert not (tmp_path / "out" / "n00" / "night.fits").exists()


def test_a_frame_that_changes_after_its_list_was_read_is_told_of(nights, monkeypatch):
    def and_change(*arguments):
        plan = plan_night(*arguments)
        (nights[0].parent / "raw" / "light_02.fits").touch()
        return plan

    plan_night = pipeline.survey.reduce_many.plan_night
    monkeypatch.setattr(pipeline.survey.reduce_many, "plan_night", and_change)
    (outcome,) = reduce_many(nights[:1])
    assert "light_02.fits: changed since its list was read" in str(outcome.errors[0])
    assert [path.name for path in outcome.written] == ["reduced_arc.fits"]


def test_strict_refuses_assumptions_and_notes_are_handed_over(nights, tmp_path):
    without_biases(*nights[:2])
    outcomes = reduce_many(nights, Survey(output_dir=tmp_path / "a"))
    assert [lacks_bias(outcome.notes) for outcome in outcomes] == [True, True, False]
    strict = reduce_many(nights, Survey(output_dir=tmp_path / "b", strict=True))
    assert [{type(e) for e in outcome.errors} for outcome in strict] == [{errors.AssumptionWarning}] * 2 + [set()]
    assert [len(outcome.written) for outcome in strict] == [0, 0, 2]


def test_products_that_are_there_bring_the_notes_of_their_records(nights):
    without_biases(nights[0])
    first, second = reduce_many(nights[:2])
    assert [lacks_bias(first.notes), lacks_bias(second.notes)] == [True, False]
    assert all(isinstance(note, Note) for note in first.notes)
    again = reduce_many(nights[:2])
    assert [len(outcome.there) for outcome in again] == [2, 2]
    assert list(map(facts_of, again)) == list(map(facts_of, (first, second)))


def test_threads_have_each_the_notes_of_their_own_nights(nights, tmp_path):
    without_biases(nights[0], nights[2])

    def reduced(number, folder):
        (outcome,) = reduce_many([nights[number // 2]], Survey(output_dir=tmp_path / folder, strict=number % 2 == 1))
        return outcome.notes, [str(error) for error in outcome.errors]

    alone = [reduced(number, f"alone{number}") for number in range(6)]
    assert [lacks_bias(notes) for notes, _ in alone[::2]] == [True, False, True]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda number: reduced(number, f"thread{number}"), range(6))) == alone


def test_two_products_of_one_name_are_refused_before_anything_is_done(nights, tmp_path):
    twin = nights[0].with_name("twin.csv")
    twin.write_text(nights[0].read_text())
    with pytest.raises(errors.SettingError, match="would both be written"):
        reduce_many([nights[0], twin])
    arc = nights[0].with_name("night_arc.csv")
    arc.write_text(nights[0].read_text())
    with pytest.raises(errors.SettingError, match="the arc of one list"):
        reduce_many([nights[0], arc], Survey(output_dir=tmp_path / "out"))
    assert not list(tmp_path.rglob("reduced*"))
    assert not list(tmp_path.rglob("out/*.fits"))


def test_nothing_is_written_over_a_frame(nights):
    lines = nights[0].read_text().replace("raw/light_01.fits", "reduced.fits")
    (nights[0].parent / "raw" / "light_01.fits").rename(nights[0].parent / "reduced.fits")
    nights[0].write_text(lines)
    (outcome,) = reduce_many(nights[:1], Survey(force=True))
    assert "is one of the files to be read" in str(outcome.errors[0])


def test_a_stop_between_record_and_product_is_made_good(nights, tmp_path, monkeypatch):
    def stop(draft):
        if draft.path.suffix == ".fits":
            raise KeyboardInterrupt
        return place(draft)

    place = Draft.place
    monkeypatch.setattr(Draft, "place", stop)
    with pytest.raises(KeyboardInterrupt):
        reduce_many(nights[:1])
    monkeypatch.undo()
    assert (nights[0].parent / "reduced.fits.json").exists()
    assert not (nights[0].parent / "reduced.fits").exists()
    (outcome,) = reduce_many(nights[:1])
    assert len(outcome.written) == 2
