"""The catalogue of mistakes: a spoilt night is never silent, an honest night is never accused.

A spoilt night is refused in words that name the mistake, or a note names it and ``running(strict=True)`` refuses, or
the result is right within its noise.  An honest night has no note that accuses, and its result is right.
"""

import attrs
import honest_nights
import honest_nights_of_all_sorts
import mistakes_in_calibrations
import mistakes_in_lights
import mistakes_in_settings
import mistakes_in_use
import numpy as np
import pytest
from spoilt_nights import CASES, ROUTES, Case, judged, sound_night
from toolz import groupby

from pipeline import Pixels, advise, read_night, reduce
from pipeline.errors import CalibrationError, FileWarning

CATALOGUE = (
    honest_nights,
    honest_nights_of_all_sorts,
    mistakes_in_calibrations,
    mistakes_in_lights,
    mistakes_in_settings,
    mistakes_in_use,
)
"""The modules that enter cases."""

NOT_YET: dict[str, str] = {
    "a_bias_that_is_also_a_dark": "two kinds are sampled at other pixels: copies are found within a kind",
    "arcs_of_another_slit": "slits of arcs and lights are not compared",
    "overscan_of_one_light_lit": "the overscan of a frame is not compared with that of the others",
    "quarter_of_one_light_dead": "half of a frame that is dead is found, a quarter is not",
    "rows_of_the_bias_moved": "rows wander by themselves in many a camera, and few of them are sampled",
}
"""Cases that do not come out as they should, and what that waits for."""

IN_BOTH_WAYS = ("broad_band", "darks_warmer", "flats_cropped")
"""Cases that a quick run reduces by the ten lines too."""

BY_TEN_LINES = 3
"""A slow run reduces one in so many cases of each area by the ten lines too: their stages are those of reduce."""

QUICK = 5
"""A quick run takes one in so many cases of each area, a slow one all."""


def _parameters():
    for cases in groupby(lambda case: (case.area, case.words is None), CASES.values()).values():
        for number, case in enumerate(cases):
            for route in ROUTES:
                quick = case.name in IN_BOTH_WAYS or (route == "reduce" and number % QUICK == 0)
                if not quick and route != "reduce" and number % BY_TEN_LINES:
                    continue
                marks = [] if quick else [pytest.mark.slow]
                if waits := NOT_YET.get(case.name) or NOT_YET.get(f"{case.name} by {route}"):
                    marks.append(pytest.mark.xfail(strict=True, reason=waits))
                yield pytest.param(case, route, id=f"{case.name} by {route}", marks=marks)


@pytest.mark.parametrize(("case", "route"), list(_parameters()))
def test_nothing_wrong_is_silent_and_nothing_right_accused(case, route, tmp_path):
    night = sound_night()
    case.spoil(night)
    if route not in (["reduce"] if night.program else night.routes):
        pytest.skip("is reduced in one way only")
    verdict = judged(case, night, tmp_path, route)
    assert verdict.fine, f"{case.what} {verdict.outcome}: {verdict.why}"


def test_what_is_not_yet_is_in_the_catalogue():
    assert {name.partition(" by ")[0] for name in NOT_YET} <= set(CASES)


# the judge


def _outcome(words, program, tmp_path):
    night = sound_night()
    night.program = program
    return judged(Case("", "", "", words, lambda _: None), night, tmp_path, "reduce").outcome


def _a_tenth_brighter(frames):
    image = reduce(frames)
    return attrs.evolve(image, pixels=Pixels.of(image.pixels.values * 1.1, 0, image.pixels.variance))


def _accused(frames):
    advise("the lamp was off")
    return reduce(frames)


def _informed(frames):
    advise("the lamp was off", FileWarning)
    return _a_tenth_brighter(frames)


def _refused(frames):
    raise CalibrationError("the lamp was off")


@pytest.mark.parametrize(
    ("words", "program", "outcome"),
    [
        ("lamp", reduce, "CORRECTED"),
        ("lamp", _a_tenth_brighter, "SILENT"),
        ("lamp", _accused, "SAID"),
        ("shutter", _accused, "CORRECTED"),
        ("lamp", _informed, "LAX"),
        ("lamp", _refused, "REFUSED"),
        ("shutter", _refused, "UNNAMED"),
        (None, reduce, "CLEAN"),
        (None, _a_tenth_brighter, "WRONG"),
        (None, _accused, "FALSE"),
        (None, _refused, "FALSE"),
    ],
)
def test_the_judge_tells_what_came_of_a_night(words, program, outcome, tmp_path):
    assert _outcome(words, program, tmp_path) == outcome


def test_noise_of_a_night_is_as_wanted(tmp_path):
    """Deviations from the truth have the standard deviation that the night says, so that z is z."""
    night = sound_night()
    image = reduce(read_night(night.write(tmp_path)))
    truth, sigma = night.wanted()
    assert np.std((image.pixels.values - truth) / sigma) == pytest.approx(1, abs=0.06)


def test_both_ways_are_known():
    assert tuple(ROUTES) == sound_night().routes
