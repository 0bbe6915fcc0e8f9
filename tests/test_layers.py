"""A file imports from folders above its own and from its own; inside a folder there is no circle."""

import ast
import pickle
import pydoc
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest

import pipeline

PACKAGE = Path(pipeline.__file__).parent
FOLDERS = (
    *("headers", "records", "compose", "statistics", "stacking", "detector", "stages", "night"),
    *("fits", "simulation", "provenance", "library", "figures", "survey", "cli"),
)
"""In import order: that of the data and of the physics."""
EDGE = FOLDERS[FOLDERS.index("fits") :]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def imports(path):
    """Give the modules of the package that a file imports, as paths: a folder where its face is imported."""
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pipeline":
            names = node.module.split(".")[1:]
            found = [[*names, alias.name] for alias in node.names]
            yield from {
                Path(*(full if (PACKAGE / Path(*full)).with_suffix(".py").exists() else names)) for full in found
            }
        elif isinstance(node, ast.Import):
            yield from (Path(*alias.name.split(".")[1:]) for alias in node.names if alias.name.startswith("pipeline."))


def test_folders_are_those_of_the_rule():
    assert {path.parent.name for path in PACKAGE.rglob("*.py")} == {PACKAGE.name, *FOLDERS}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "__main__", "errors", "version"}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_import_only_from_folders_above_and_their_own(path):
    here = FOLDERS.index(path.parts[0])
    below = [str(found) for found in imports(path) if found.parts and found.parts[0] in FOLDERS[here + 1 :]]
    assert below == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_circle_inside_a_folder(folder):
    inside = [path for path in FILES if path.parts[0] == folder]
    graph = {
        path.with_suffix(""): [found for found in imports(path) if found.parts[:1] == (folder,)] for path in inside
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which draws the circle


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_a_face_without_code(folder):
    text = (PACKAGE / folder / "__init__.py").read_text()
    (docstring,) = ast.parse(text).body
    assert isinstance(docstring.value.value, str)
    assert 3 <= len(text.splitlines()) <= 8


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] not in EDGE], ids=str)
def test_only_the_edge_touches_files_and_clocks(path):
    text = (PACKAGE / path).read_text()
    assert re.findall(r"\bopen\(|\bprint\(|\bPath\(|datetime\.now|time\.time|fits\.open|\.writeto\(", text) == []


# ---- public names ----


@pytest.mark.parametrize("name", pipeline.__all__)
def test_public_names_are_found(name):
    assert getattr(pipeline, name) is not None
    assert name in dir(pipeline)


def test_nothing_but_public_names_is_shown():
    assert dir(pipeline) == sorted(pipeline.__all__)
    assert pipeline.__version__ == metadata.version("ccd-pipeline")


def test_no_folder_bears_the_name_of_a_public_function():
    """Python sets a folder as an attribute of the package when it is imported, in place of the function."""
    assert set(FOLDERS) & set(pipeline.__all__) == set()


def test_importing_the_package_loads_none_of_it():
    code = "import sys, pipeline; print([name for name in sys.modules if name.startswith('pipeline.')])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_name_that_is_not_there_is_missed():
    with pytest.raises(AttributeError, match="No pipeline attribute combines"):
        _ = pipeline.combines
    with pytest.raises(ImportError, match="cannot import name 'combines' from 'pipeline'"):
        exec("from pipeline import combines")


@pytest.mark.parametrize("name", ["combine", "propose_filelists", "workers", "running", "Recipe"])
def test_public_names_survive_pickling(name):
    assert pickle.loads(pickle.dumps(getattr(pipeline, name))) is getattr(pipeline, name)


def test_help_tells_of_public_names_by_task_and_then_of_the_folders():
    text = pydoc.render_doc(pipeline, renderer=pydoc.plaintext)
    told = text[: text.index("PACKAGE CONTENTS")]
    public = [name for name in pipeline.__all__ if name != "errors" and not name.startswith("_")]
    assert [name for name in public if not re.search(rf"\b{name}\b", told)] == []
    places = [re.search(rf"^ +{folder} {{2,}}", told, re.MULTILINE).start() for folder in FOLDERS]
    assert places == sorted(places)
    assert told.index("Your own stages") < places[0]
