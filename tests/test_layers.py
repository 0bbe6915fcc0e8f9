"""A file imports from folders above its own and from its own; inside a folder there is no circle."""

import ast
import pickle
import pydoc
import re
import subprocess
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest

import pipeline

PACKAGE = Path(pipeline.__file__).parent
FOLDERS = (
    *("headers", "records", "compose", "statistics", "checks", "stacking", "detector", "stages", "night"),
    *("fits", "simulation", "provenance", "library", "figures", "survey", "cli", "testing"),
)
"""In import order: that of the data and of the physics.  ``testing`` is for the tests of others and of ours."""
EDGE = FOLDERS[FOLDERS.index("fits") :]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)
PURE = [path for path in FILES if path.parts[0] not in EDGE]
FACE = Path("__init__")
BY_NAME = re.compile(r"import_module|__import__")


def imports(path, text=None):
    """Give the modules of the package that a file imports, as paths: a folder or the package where that is imported.

    Wherever in the file, by whatever form of import, and whether it is run or only read by a type checker.
    """
    here = ("pipeline", *path.parent.parts)
    for node in ast.walk(ast.parse(text or (PACKAGE / path).read_text())):
        if isinstance(node, ast.ImportFrom):
            above = here[: len(here) + 1 - node.level] if node.level else ()
            module = (*above, *(node.module or "").split("."))
            yield from (module_of((*module, alias.name)) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (module_of(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.Call) and BY_NAME.search(ast.unparse(node.func)):
            names = (word.value for word in ast.walk(node) if isinstance(word, ast.Constant))
            yield from (module_of(name.split(".")) for name in names if isinstance(name, str))


def module_of(names):
    """Give the longest path of a module or folder that names spell, or None where they are not the package's."""
    package, *inside = filter(None, names)
    if package != "pipeline":
        return None
    for count in range(len(inside), 0, -1):
        path = Path(*inside[:count])
        if (PACKAGE / path).is_dir() or (PACKAGE / path).with_suffix(".py").exists():
            return path
    return FACE


def test_folders_are_those_of_the_rule():
    assert {path.parent.name for path in PACKAGE.rglob("*.py")} == {PACKAGE.name, *FOLDERS}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "__main__", "errors", "version"}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_import_only_from_folders_above_and_their_own(path):
    """And each name from its home: the face of the package would bring whatever it asks for.

    ``testing`` alone asks it, which names are public.
    """
    above = {*FOLDERS[: FOLDERS.index(path.parts[0]) + 1], "errors", "version"}
    above |= {"__init__"} if path.parts[0] == "testing" else set()
    assert [str(found) for found in imports(path) if found and found.parts[0] not in above] == []


def test_what_stands_beside_the_folders_imports_nothing_and_the_command_begins_in_cli():
    assert [found for name in ("errors.py", "version.py") for found in imports(Path(name)) if found] == []
    assert {found.parts[0] for found in imports(Path("__main__.py")) if found} <= {"cli", "errors", "version"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import pipeline.stages.dark as d", "stages/dark"),
        ("import numpy, pipeline.stages", "stages"),
        ("from pipeline.stages import dark", "stages/dark"),
        ("from pipeline.stages.dark import MasterDark", "stages/dark"),
        ("from pipeline.stages import *", "stages"),
        ("from pipeline import stages", "stages"),
        ("from pipeline import combine", "__init__"),
        ("import pipeline", "__init__"),
        ("from ..stages import dark", "stages/dark"),
        ("from .. import combine", "__init__"),
        ("from . import cards", "headers/cards"),
        ("from .cards import Cards", "headers/cards"),
        ("def late():\n    from pipeline.stages import dark", "stages/dark"),
        ("if TYPE_CHECKING:\n    from pipeline.stages.dark import MasterDark", "stages/dark"),
        ("importlib.import_module('pipeline.stages.dark')", "stages/dark"),
        ("import_module('.dark', package='pipeline.stages')", "stages"),
        ("__import__('pipeline.stages')", "stages"),
    ],
)
def test_every_form_of_import_is_seen(text, found):
    assert Path(found) in list(imports(Path("headers/wcs.py"), text))


def test_modules_are_imported_by_a_name_made_up_in_one_place_alone():
    """Where a step is found again by its stage's name when it is unpickled."""
    calls = {
        (str(path), ast.unparse(node))
        for path in FILES
        for node in ast.walk(ast.parse((PACKAGE / path).read_text()))
        if isinstance(node, ast.Call) and BY_NAME.search(ast.unparse(node.func))
    }
    assert {path for path, call in calls if not re.search(r"\(['\"]", call)} == {"compose/stage.py"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_circle_inside_a_folder(folder):
    inside = [path for path in FILES if path.parts[0] == folder]
    graph = {
        path.with_suffix(""): [found for found in imports(path) if found and found.parts[0] == folder]
        for path in inside
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which draws the circle


@pytest.mark.parametrize("folder", FOLDERS[:-1])
def test_every_folder_has_a_face_without_code(folder):
    text = (PACKAGE / folder / "__init__.py").read_text()
    (docstring,) = ast.parse(text).body
    assert isinstance(docstring.value.value, str)
    assert 3 <= len(re.split(r"\n\n.*\n---", text)[0].splitlines()) <= 8  # before what it tells at length


def test_the_face_of_testing_is_what_its_users_import_and_nothing_else():
    """It asks for hypothesis, which nothing else does, and tells it of our records."""
    body = ast.parse((PACKAGE / "testing" / "__init__.py").read_text()).body[1:]
    assert {type(node) for node in body} <= {ast.ImportFrom, ast.Try, ast.Expr, ast.Assign}
    assert [ast.unparse(node) for node in body if isinstance(node, ast.Expr)] == ["register()"]
    asking = {path for path in FILES for name in names_imported((PACKAGE / path).read_text()) if "hypothesis" in name}
    assert {path.parts[0] for path in asking} == {"testing"}


OUTSIDE = re.compile(
    r"(asyncio|dask|distributed|glob|io|matplotlib|mmap|multiprocessing|os|pathlib|PIL|plotly|random|shutil|signal|socket"
    r"|subprocess|sys|tempfile|time|tqdm|urllib|uuid)(\..*)?"
)
"""What a pure file has no use for: what lies outside of the program, and chance."""
ALLOWED = {
    Path("compose/spool.py"): {"os", "tempfile"},
    Path("records/notebook.py"): {"PIL.Image", "io.BytesIO"},
}
"""Frames that the memory does not hold wait in a temporary file without a name; and a thumbnail is drawn where a
notebook asks an image to show itself, by what is imported then and there: the two exceptions."""


def names_imported(text):
    """Give the full names of all that a file imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            yield from (module + alias.name for alias in node.names)


@pytest.mark.parametrize("path", PURE, ids=str)
def test_only_the_edge_touches_files_and_clocks(path):
    text = (PACKAGE / path).read_text()
    outside = {name for name in names_imported(text) if OUTSIDE.fullmatch(name)} - {"pathlib.PurePath"}
    assert outside == ALLOWED.get(path, set())
    touched = r"\b(open|print|input|exec|eval)\(|\bPath\(|\.(now|utcnow|today|writeto|tofile|fromfile|memmap)\("
    assert re.findall(touched, text) == []


# ---- sizes and names: what a newcomer can hold in mind ----


def test_a_folder_holds_at_most_18_files_and_the_package_200():
    files = [path.parent.name for path in PACKAGE.rglob("*.py")]
    assert len(files) <= 200
    assert {folder: files.count(folder) for folder in FOLDERS if files.count(folder) > 18} == {}


def test_a_module_is_a_subject_and_no_fragment():
    """Three may be shorter than 40 lines, where a subject is so small."""
    sizes = {str(path): len((PACKAGE / path).read_text().splitlines()) for path in FILES if path.stem != "__init__"}
    assert len({path: size for path, size in sizes.items() if size < 40}) <= 3


def test_one_name_is_one_thing():
    """Six public functions or classes may have namesakes, as ``main`` has."""
    homes = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(str(path.relative_to(PACKAGE)))
    shared = {name: sorted(paths) for name, paths in homes.items() if len(paths) > 1}
    assert len(shared) <= 6, shared


@pytest.mark.parametrize("path", [path for path in FILES if path.stem != "__init__"], ids=str)
def test_whoever_changes_a_file_finds_its_test(path):
    assert (Path(__file__).parent / path.parent / f"test_{path.name}").exists()


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
    assert told.index("reduce a night") < told.index("a stage of your own") < places[0]
