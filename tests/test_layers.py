"""Modules import only from those above them in the list that the package's docstring draws."""

import ast
import pickle
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline

PACKAGE = Path(pipeline.__file__).parent
ORDER = re.findall(r"^    (\w+) {2,}", pipeline.__doc__, re.MULTILINE)
EDGE = ORDER[ORDER.index("files") :]


def imports(module):
    """Give the modules of the package that a module imports."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pipeline":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline."):
            yield node.module.removeprefix("pipeline.")


def test_every_module_is_in_the_list():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert modules == set(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_modules_import_only_from_above(module):
    above = ORDER[: ORDER.index(module)]
    assert [name for name in imports(module) if name not in above] == []


@pytest.mark.parametrize("module", [name for name in ORDER if name not in EDGE])
def test_only_the_edge_touches_files_and_clocks(module):
    text = (PACKAGE / f"{module}.py").read_text()
    assert re.findall(r"\bopen\(|\bprint\(|\bPath\(|datetime\.now|time\.time|fits\.open|\.writeto\(", text) == []


# ---- public names ----


def test_public_names_are_those_that_are_typed():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(typed.test) == "TYPE_CHECKING"
    homes = {alias.asname: node.module.removeprefix("pipeline.") for node in typed.body for alias in node.names}
    assert homes == pipeline._HOMES
    assert sorted(homes) == pipeline.__all__


@pytest.mark.parametrize("name", pipeline.__all__)
def test_public_names_are_found(name):
    assert getattr(pipeline, name) is getattr(sys.modules[f"pipeline.{pipeline._HOMES[name]}"], name)
    assert name in dir(pipeline)


CLASHING = [name for name in pipeline.__all__ if name in ORDER]


@pytest.mark.parametrize("before", ["import pipeline.{}", "from pipeline import {}", "import pipeline.cli.main  # {}"])
def test_a_function_named_as_its_module_stays_the_function(before):
    """Whichever is imported first: Python sets a module as an attribute of its package, under the same name."""
    assert CLASHING == ["running", "scan", "workers"]
    lines = [before.format(name) for name in CLASHING]
    lines += [f"import pipeline.{name}; from pipeline import {name}; assert callable({name})" for name in CLASHING]
    lines += [f"assert pipeline.{name} is {name} is sys.modules['pipeline.{name}'].{name}" for name in CLASHING]
    subprocess.run([sys.executable, "-c", "\n".join(["import sys", *lines, "from pipeline import *"])], check=True)


def test_a_name_that_is_not_there_is_missed():
    with pytest.raises(AttributeError, match="module 'pipeline' has no attribute 'combines'"):
        _ = pipeline.combines
    with pytest.raises(ImportError, match="cannot import name 'combines' from 'pipeline'"):
        from pipeline import combines  # noqa: F401


@pytest.mark.parametrize("name", ["combine", "scan", "workers", "running", "Recipe"])
def test_public_names_survive_pickling(name):
    assert pickle.loads(pickle.dumps(getattr(pipeline, name))) is getattr(pipeline, name)


def test_help_tells_of_public_names():
    text = pydoc.render_doc(pipeline, renderer=pydoc.plaintext)
    assert [name for name in pipeline.__all__ if name not in text] == []
