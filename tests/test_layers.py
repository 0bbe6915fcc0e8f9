"""Modules import only from those above them in the list that the package's docstring draws."""

import ast
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


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["plotly", "PIL", "dask", "astropy.wcs", "astropy.nddata", "astropy.stats", "matplotlib", "scipy"]
    code = f"import sys, pipeline; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
