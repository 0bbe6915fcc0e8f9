"""Every public record is drawn by its type, from a plain import, and nothing else asks for hypothesis."""

import pickle
import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

import pipeline
from pipeline.records.identity import content_key
from pipeline.testing.drawn_values import public_records

RECORDS = sorted(public_records(), key=lambda record: record.__name__)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_record_is_drawn_by_its_type_and_survives_a_pickle(record):
    @examples(20)
    @given(st.from_type(record))
    def look(one):
        assert isinstance(one, record)
        again = pickle.loads(pickle.dumps(one))
        assert again == one
        assert content_key(again) == content_key(one)

    look()


def test_no_public_record_is_missing():
    public = {one for name in pipeline.__all__ if isinstance(one := getattr(pipeline, name), type)}
    assert {one for one in public if attrs.has(one)} <= set(RECORDS)


def run(code):
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


def test_hypothesis_is_asked_for_here_alone_and_missed_with_a_word():
    code = (
        "import sys, pipeline; [getattr(pipeline, name) for name in dir(pipeline)];"
        "assert 'hypothesis' not in sys.modules"
    )
    assert run(code).returncode == 0
    without = run("import sys; sys.modules['hypothesis'] = None; import pipeline.testing")
    assert without.returncode == 1
    assert "SettingError: pipeline.testing needs hypothesis" in without.stderr
    assert "pip install 'ccd-pipeline[testing]'" in without.stderr


def test_a_plain_import_is_enough():
    code = (
        "import pipeline.testing; from pipeline import Image; from hypothesis import Phase, find, settings;"
        "from hypothesis.strategies import from_type;"
        "drawn = settings(phases=[Phase.generate]);"  # as it is drawn: to shrink it takes seconds
        "print(type(find(from_type(Image), lambda image: True, settings=drawn)).__name__)"
    )
    assert run(code).stdout == "Image\n"
