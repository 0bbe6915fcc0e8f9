"""Content addresses: equal content, equal key; other content, another key."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pipeline
from pipeline import Clip, Image, Recipe, chain, combine, divide, flag_saturated, subtract_overscan
from pipeline.provenance.up_to_date import code_digest
from pipeline.records.identity import content_key


@pytest.mark.parametrize(
    "other",
    [
        Recipe(method="median"),
        Recipe(clip=None),
        Recipe(clip=Clip(low=5.000001)),
        Recipe(overscan=None),
        Recipe(saturation=60_000.0),
    ],
    ids=repr,
)
def test_each_setting_of_a_recipe_counts(other):
    assert content_key(Recipe()) == content_key(Recipe(clip=Clip()))
    assert content_key(other) != content_key(Recipe())


def test_each_pixel_and_its_type_count():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    changed = values.copy()
    changed[1, 2] += 1
    arrays = [values, changed, values.astype(np.float64), values.reshape(4, 3), values.astype(">f4")]
    assert len({content_key(array) for array in arrays}) == 5
    assert len({content_key(Image.of(array)) for array in arrays[:4]}) == 4
    assert content_key(Image.of(values)) == content_key(Image.of(values.copy()))


def test_steps_count_with_their_settings():
    steps = [combine(), combine(method="median"), flag_saturated(level=1.0), divide(flat=None), subtract_overscan()]
    assert len({content_key(step) for step in [*steps, chain(*steps[2:])]}) == 6


@pytest.mark.slow
def test_a_key_is_the_same_in_another_process():
    imports = "from pipeline import Recipe; from pipeline.records.identity import content_key; "
    code = imports + "print(content_key(Recipe(), 'bias', {'b': 1, 'a': 2}))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == content_key(Recipe(), "bias", {"a": 2, "b": 1})


@pytest.mark.slow
def test_a_comment_in_any_source_and_another_numpy_count(tmp_path):
    copy = tmp_path / "pipeline"
    shutil.copytree(Path(pipeline.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    ask = "from pipeline.provenance.up_to_date import code_digest; print(code_digest())"

    def digest(more=""):
        command = [sys.executable, "-c", f"import numpy; {more}\n{ask}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert digest() == code_digest()
    assert digest("numpy.__version__ += '.post9'") != code_digest()
    with (copy / "stages" / "dark.py").open("a") as stream:
        stream.write("# another\n")
    assert digest() != code_digest()


def test_paths_count_as_they_are_written():
    assert content_key(Path("a/b")) != content_key(Path("a/../a/b"))
