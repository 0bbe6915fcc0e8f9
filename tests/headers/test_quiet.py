"""Astropy without its warnings, in one thread alone."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning, AstropyWarning

from pipeline import open_frame
from pipeline.headers.cards import Cards
from pipeline.headers.quiet import quiet

UNUSUAL = "LONGER_KEYWORD = 1".ljust(80) + "X       =   1 2 3".ljust(80)


def test_what_astropy_warns_of_is_left_unsaid_and_all_else_is_said():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        with quiet():
            warnings.warn("of a card", AstropyUserWarning, stacklevel=1)
            warnings.warn("of a number", RuntimeWarning, stacklevel=1)
            with quiet(RuntimeWarning):
                warnings.warn("of a number within", RuntimeWarning, stacklevel=1)
                warnings.warn("of a card within", AstropyUserWarning, stacklevel=1)
        warnings.warn("of a card afterwards", AstropyUserWarning, stacklevel=1)
        assert list(warnings.filters) == filters
    assert [str(one.message) for one in caught] == ["of a number", "of a card afterwards"]


@pytest.mark.parametrize("meanwhile", [warnings.resetwarnings, lambda: warnings.simplefilter("error")])
def test_filters_that_others_set_meanwhile_stay(meanwhile):
    with warnings.catch_warnings():
        with quiet():
            meanwhile()
        found = list(warnings.filters)
        meanwhile()
        assert list(warnings.filters) == found


def test_another_thread_that_records_warnings_loses_none_and_finds_its_filters_again(tmp_path):
    for number in range(8):
        hdu = fits.PrimaryHDU(np.full((8, 8), number, np.int16))
        path = tmp_path / f"{number}.fits"
        hdu.writeto(path)
        path.write_bytes(path.read_bytes().replace(b"EXTEND  ", b"Extend  "))  # of which astropy warns
    reading, together = threading.Event(), threading.Barrier(9)

    def read(number):
        together.wait(timeout=60)
        for turn in range(40):
            open_frame(tmp_path / f"{number}.fits")
            assert Cards(UNUSUAL + f"N       = {turn:20d}".ljust(80)).get("N") == turn
        reading.set()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before, there = warnings.filters, list(warnings.filters)
        with ThreadPoolExecutor(8) as pool:
            done = [pool.submit(read, number) for number in range(8)]
            together.wait(timeout=60)
            said = 0
            while not reading.is_set():
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    warnings.warn(f"number {said}", AstropyUserWarning, stacklevel=1)
                    warnings.warn(f"number {said}", RuntimeWarning, stacklevel=1)
                # filters that this thread puts in front of another's let a word of astropy's through: none may be lost
                assert [(str(one.message), one.category) for one in caught if "number" in str(one.message)] == [
                    (f"number {said}", AstropyUserWarning),
                    (f"number {said}", RuntimeWarning),
                ]
                said += 1
            for one in done:
                one.result(timeout=60)
        assert said
        assert warnings.filters is before
        assert list(warnings.filters) == there


def test_a_thread_that_is_quiet_hushes_no_other():
    quiet_now, warned = threading.Event(), threading.Event()

    def hush():
        with quiet(Warning):
            quiet_now.set()
            warned.wait(timeout=60)

    with ThreadPoolExecutor(1) as pool:
        hushed = pool.submit(hush)
        quiet_now.wait(timeout=60)
        with pytest.warns(AstropyWarning, match="here"):
            warnings.warn("here", AstropyUserWarning, stacklevel=1)
        warned.set()
        hushed.result(timeout=60)
