"""The tests that ccdproc and astropy have of their own, run on ours; where ccdproc is absent, its are skipped.

Those of ccdproc 2.5.1 run through the adapter in ``tests/support/ccdproc_adapter.py``, in an environment that has it::

    pip install ccdproc==2.5.1 astroscrappy pytest hypothesis . && pytest tests/laws/test_tests_of_others.py
"""

import os
import subprocess
import sys
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest

import pipeline

pytestmark = pytest.mark.slow

CCDPROC = "combiner ccdproc gain cosmicray ccdproc_logging bitfield rebin wrapped_external_funcs ccdmask"
LEFT_OUT = {
    # ours has no such thing, and the README says so
    "bitfield_*": "astropy.nddata has it; ours has Flag, one bit a reason",
    "rebin_*": "changes what a pixel is; astropy.nddata has it",
    "block_*": "as rebin",
    "transform_*": "any function of the values: a stage of one's own",
    "catch_transform_wcs_warning": "as transform_image",
    "medianfilter_*": "scipy.ndimage has it",
    "background_deviation_*": "photutils has it",
    "cosmicray_median*": "takes the cores of stars; ours clips two frames or more, and has L.A.Cosmic for one",
    "ccdmask_*": "by the ratio of two flats; ours by the dark (flag_hot) and by the flat (flag_dead)",
    "wcs_project_*": "resamples, as reproject does; ours aligns by whole pixels",
    "ystep_calculation": "a helper of theirs: nothing of ours is called",
    "unit_mismatch_behaves_as_expected": "of astropy alone: nothing of ours is called",
    # ours says it otherwise
    "cosmicray_lacosmic_pssl_*": "given up by astroscrappy itself; ours has background=",
    "combiner_3d": "three axes; an image of ours has two",
    "3d_combiner_with_scaling": "three axes",
    "clip_extrema_3d": "three axes",
    "_overscan_schange": "an overscan of one axis",
    "implicit_logging": "a card for each function called; ours has the steps in HISTORY",
    "loggin_without_keyword_args": "a card for each function called",
    "combine_bad_input": "asks for their words, in a refusal that ours has in others",
    "combine_overwrite_output": "asks for their words",
    "flat_correct_norm_value_bad_value": "asks for their words",
    "cosmicray_lacosmic_detects_inconsistent_units": "asks for their words",
    "subtract_dark_fails": "asks for exposures in one of three ways; ours reads them in the headers",
    "ccddata_combiner_units": "asks for a refusal when frames are put together; ours comes when they are combined",
    # ours does otherwise, for a reason
    "combiner_uncertainty_*": "errors divided by n, not n - 1, or by the MAD: too small for few frames",
    "*_combine_uncertainty": "an error by any function: that of the test, a sum, comes out below zero",
    "create_deviation_from_negative": "NaN for the error of values below zero; ours gives that of the readout",
    "create_deviation[u_image4-u_gain4-u_readnoise4-True]": "a gain, without unit, for what is in electrons already",
    "cosmicray_lacosmic_warns_on_ccd_in_electrons": "multiplies electrons by the gain again, and warns; ours refuses",
    "flat_correct_deviation": "divides by a flat of 2 electrons, with a noise of 1.5; ours refuses one without light",
    "flat_correct_does_not_change_input": "divides by a flat of zeros",
    "logging_with_really_long_parameter_value": "a section that reaches beyond the frame, which ours refuses",
    "cosmicray_lacosmic": "wants 30 hits, counting 29 of them and a pixel of sky; ours finds the 30, and that pixel",
    "cosmicray_lacosmic_ccddata": "as cosmicray_lacosmic",
}
"""Tests of ccdproc that do not count, and why."""

STATED = "test_sigma_clip_fast_all_rejected"
"""The exception to "keeps what astropy keeps": where astropy leaves out all values of a pixel, ours keeps those nearest
to the centre."""


@attrs.frozen
class Case:
    """A test of others: its name, whether it passed, and what of ours it came to."""

    name: str
    passed: bool
    skipped: bool
    used: str


def run(plugin, modules, folder):
    """Run tests of others in a process of their own, where a plugin has put ours in their place or beside it."""
    here = [str(Path(__file__).parents[1] / "support"), str(Path(pipeline.__file__).parents[1])]
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}", f"--junitxml={report}"]
    options = ["-p", plugin, "-p", "no:cacheprovider", "-p", "no:randomly", "--pyargs", *modules]
    paths = os.pathsep.join([*here, os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command + options, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert report.exists(), ran.stdout + ran.stderr
    return [
        Case(
            name=found.get("name"),
            passed=not {"failure", "error", "skipped"} & {part.tag for part in found},
            skipped=found.find("skipped") is not None,
            used="".join(told.get("value") for told in found.iter("property")),
        )
        for found in ElementTree.parse(report).iter("testcase")
    ]


def is_of(pattern, case):
    name = case.name.removeprefix("test_")
    return pattern == name or fnmatch(name.split("[")[0], pattern)


def test_ccdprocs_own_tests_pass_but_for_those_left_out_for_a_reason(tmp_path):
    """Nothing passes by ccdproc's own code, and what is left out is there and would not pass by ours."""
    try:
        found = version("ccdproc")
    except PackageNotFoundError:
        pytest.skip("ccdproc is not in this environment")
    if found != "2.5.1":
        pytest.skip(f"ccdproc {found} is here; what is left out is told of the tests of 2.5.1")
    cases = run("ccdproc_adapter", [f"ccdproc.tests.test_{name}" for name in CCDPROC.split()], tmp_path)
    left_out = {pattern: [case for case in cases if is_of(pattern, case)] for pattern in LEFT_OUT}
    rest = [case for case in cases if not any(case in of for of in left_out.values())]
    passed, failed = [case for case in rest if case.passed], [case.name for case in rest if not case.passed]
    assert len(cases) == 210
    assert failed == []
    assert len(passed) >= 110
    assert [case.name for case in passed if not case.used] == []
    assert [pattern for pattern, of in left_out.items() if not of] == []
    assert [case.name for of in left_out.values() for case in of if case.passed and case.used] == []


def test_ours_keeps_what_astropys_own_tests_keep_but_for_one(tmp_path):
    cases = run("watched_sigma_clip", ["astropy.stats.tests.test_sigma_clipping"], tmp_path)
    failed = {case.name for case in cases if not case.passed and not case.skipped}
    assert failed <= {STATED}
    assert STATED not in {case.name for case in cases} - failed
    assert sum(int(case.used or 0) for case in cases) > 60
