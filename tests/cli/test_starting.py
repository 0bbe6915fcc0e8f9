"""What starting costs: modules that are imported, threads, and looking for garbage."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

pytestmark = pytest.mark.slow
UNUSED = {"plotly", "PIL", "dask", "distributed", "tqdm", "astroscrappy", "matplotlib", "pandas", "scipy"}
UNUSED |= {"astropy.nddata", "astropy.stats", "astropy.table", "astropy.wcs", "asyncio", "multiprocessing", "xml"}
"""What a command that reads, combines and writes has no use for, unless astropy.io.fits has."""


@pytest.fixture(scope="module")
def unused():
    return UNUSED - loaded_by("import astropy.io.fits")


def loaded_by(code, *words):
    """Give the modules that are there after a fresh interpreter has run some code."""
    code = f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def of_ours(loaded):
    return {name.removeprefix("pipeline.") for name in loaded if name.startswith("pipeline.")}


@pytest.fixture
def stack(tmp_path):
    for number in range(3):
        header = fits.Header([("IMAGETYP", "bias")])  # which a proposal of lists asks for
        fits.writeto(tmp_path / f"b{number}.fits", np.full((8, 8), 100 + number, np.uint16), header)
    (tmp_path / "night.csv").write_text("".join(f"bias, {tmp_path}/b{number}.fits\n" for number in range(3)))
    return tmp_path


COMMAND = "from pipeline.__main__ import main\nif main(): raise SystemExit('the command failed')"


def test_the_package_alone_imports_nothing():
    loaded = loaded_by("import pipeline")
    assert of_ours(loaded) == set()
    assert {"numpy", "astropy", "attrs"} & loaded == set()


def test_a_name_imports_what_it_needs():
    loaded = of_ours(loaded_by("from pipeline import combine"))
    assert {"stacking.combine", "stacking.tiles"} <= loaded
    assert {name.split(".")[0] for name in loaded} == {
        "errors", "version", "headers", "records", "compose", "statistics", "checks", "stacking"
    }  # fmt: skip


OTHERS = {
    *("cli.reduce", "cli.reduce_many", "cli.every_hdu", "cli.inspect", "cli.demo", "cli.scan", "cli.replay"),
    *("fits.every_hdu", "night.quality"),
    *("survey", "figures", "simulation", "library"),
}
"""Files and folders that the command ``combine`` has no use for."""


def test_combining_imports_only_what_it_uses(stack, unused):
    words = ["combine", stack / "night.csv", "--type", "bias", "-o", stack / "out.fits", "--quiet"]
    loaded = loaded_by(COMMAND, *words)
    assert (stack / "out.fits").exists()
    assert loaded & unused == set()
    assert of_ours(loaded) & OTHERS == set()
    assert not [name for name in loaded if name.startswith("astropy.units")]


@pytest.mark.parametrize("other", sorted(OTHERS))
def test_what_is_not_to_be_imported_exists(other):
    """Where it is given another name, the test above would pass whatever is imported."""
    assert importlib.util.find_spec(f"pipeline.{other}")


@pytest.mark.parametrize("command", [["scan", ".", "-o", "proposed.csv"], ["demo", "made"]])
def test_other_commands_import_nothing_heavy(stack, unused, command, monkeypatch):
    monkeypatch.chdir(stack)
    assert loaded_by(COMMAND, *command) & (unused - {"astropy.wcs"}) == set()


@pytest.mark.parametrize("command", [["--help"], ["--version"]])
def test_asking_for_help_imports_no_command(command):
    loaded = loaded_by("from pipeline.__main__ import main\ntry: main()\nexcept SystemExit: pass", *command)
    assert loaded & {"numpy", "astropy"} == set()
    assert {name for name in of_ours(loaded) if name.startswith("cli.")} == {
        "cli.interrupt", "cli.main", "cli.terminal"
    }  # fmt: skip


@pytest.mark.parametrize("how", ["import astropy.units as early", "from astropy.units.core import Unit"])
def test_units_are_those_of_astropy_for_whoever_uses_them(stack, how):
    """Also for what asks for them while the command is imported."""
    asking = f"import pipeline.cli.main as command\ndef parsed(words=None, parsed=command.parsed):\n    {how}\n"
    asking += "    globals().update(locals())\n    return parsed(words)\ncommand.parsed = parsed\n"
    asked = "import astropy.units as u\nm = early.m if 'early' in globals() else Unit('m')\n"
    asked += "assert m is u.m and 2 * u.km == 2000 * m and isinstance(2 * m, u.Quantity)"
    words = ["combine", stack / "night.csv", "--type", "bias", "-o", stack / "out.fits", "--quiet"]
    subprocess.run([sys.executable, "-c", f"{asking}{COMMAND}\n{asked}", *map(str, words)], check=True)


# ---- threads and garbage ----

ASKED = "import gc, os\nprint(gc.isenabled(), gc.get_freeze_count() > 10_000, os.environ.get('OPENBLAS_NUM_THREADS'))"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3"), ({"OMP_NUM_THREADS": "3"}, "None")],
    ids=["by itself", "OpenBLAS told", "OpenMP told"],
)
def test_the_command_starts_no_threads_for_algebra_and_looks_at_no_module_for_garbage(stack, given, expected):
    words = ["combine", stack / "night.csv", "--type", "bias", "-o", stack / "out.fits", "--quiet"]
    plain = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    call = [sys.executable, "-c", f"{COMMAND}\n{ASKED}", *map(str, words)]
    ran = subprocess.run(call, env=plain | given, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True", expected]


def test_importing_changes_no_setting_of_the_process():
    code = "import gc, os\nbefore = dict(os.environ), gc.isenabled()\nimport pipeline.__main__, pipeline.cli.main\n"
    code += "assert (dict(os.environ), gc.isenabled()) == before and gc.get_freeze_count() == 0"
    subprocess.run([sys.executable, "-c", code], check=True)
