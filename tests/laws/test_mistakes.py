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
from spoilt_nights import CASES, ROUTES, Case, Night, judged

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
    "a_bias_that_is_also_a_dark": "list: not yet",
    "an_amplifier_dead_in_lights": "amplifiers: not yet",
    "arcs_of_another_slit": "camera: not yet",
    "bias_without_bzero by ten lines": "calibrations are not compared yet",
    "columns_of_the_bias_moved": "calibrations are not compared yet",
    "darks_colder_untold": "calibrations are not compared yet",
    "darks_of_several_exposures": "calibrations are not compared yet",
    "darks_warmer_in_words": "calibrations are not compared yet",
    "every_light_byte_swapped": "lights are not looked at yet",
    "flats_of_the_other_pier_side": "flats are not looked at yet",
    "half_of_every_light_dead": "lights are not looked at yet",
    "lamp_off_in_one_arc": "arcs are not looked at yet",
    "lamp_off_in_one_flat by ten lines": "flats are not looked at yet",
    "lights_moved_untold": "lights are not aligned",
    "names_of_a_target_in_two_ways": "cards: not yet",
    "one_light_shifted_by_a_row": "lights are not looked at yet",
    "overscan_of_one_light_lit": "overscan: not yet",
    "quarter_of_one_light_dead": "lights are not looked at yet",
    "rows_of_the_bias_moved": "calibrations are not compared yet",
    "target_nodded_along_the_slit": "lights are not aligned",
}
"""Cases that do not come out as they should, and what that waits for."""

IN_BOTH_WAYS = ("broad_band", "darks_warmer", "flats_cropped")
"""Cases that are also reduced by the ten lines in a quick run; all others in a slow one."""


def _parameters():
    for case in CASES.values():
        night = _prepared(case)
        for route in ["reduce"] if night.program else night.routes:
            slow = route != "reduce" and case.name not in IN_BOTH_WAYS
            marks = [pytest.mark.slow] if slow else []
            if waits := NOT_YET.get(case.name) or NOT_YET.get(f"{case.name} by {route}"):
                marks.append(pytest.mark.xfail(strict=True, reason=waits))
            yield pytest.param(case, route, id=f"{case.name} by {route}", marks=marks)


def _prepared(case):
    night = Night()
    case.spoil(night)
    return night


@pytest.mark.parametrize(("case", "route"), list(_parameters()))
def test_nothing_wrong_is_silent_and_nothing_right_accused(case, route, tmp_path):
    verdict = judged(case, _prepared(case), tmp_path, route)
    assert verdict.fine, f"{case.what} {verdict.outcome}: {verdict.why}"


def test_what_is_not_yet_is_in_the_catalogue():
    assert {name.partition(" by ")[0] for name in NOT_YET} <= set(CASES)


# the judge


def _outcome(words, program, tmp_path):
    night = Night()
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
    night = Night()
    image = reduce(read_night(night.write(tmp_path)))
    truth, sigma = night.wanted()
    assert np.std((image.pixels.values - truth) / sigma) == pytest.approx(1, abs=0.06)


def test_both_ways_are_known():
    assert tuple(ROUTES) == Night().routes
