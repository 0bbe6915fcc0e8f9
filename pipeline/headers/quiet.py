"""Calls of astropy without its warnings, exact in threads.

Astropy warns of every unusual card and of a file that is cut; what matters of that is said in our own words.
``warnings.catch_warnings`` would change the filters of the whole process, and put back those of another thread: its
warnings were lost, or everybody's from then on.  A filter whose category counts in one context alone does not.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from astropy.utils.exceptions import AstropyWarning

_quiet: ContextVar[tuple[type[Warning], ...]] = ContextVar("quiet", default=())
"""The categories that this thread, or task, leaves unsaid now."""


class _InThisContext(type):
    def __subclasscheck__(cls, category: type) -> bool:
        return issubclass(category, _quiet.get())


class _Unsaid(Warning, metaclass=_InThisContext):
    """Every warning that is left unsaid where it is asked: to other threads a filter of this is none."""


_FILTER = ("ignore", None, _Unsaid, None, 0)
_changing = threading.Lock()


@contextmanager
def quiet(*categories: type[Warning]) -> Iterator[None]:
    """Leave warnings unsaid, by default those of astropy, in this thread alone.

    The filters stay the list that they are, but for an entry in front while this lasts.
    """
    before = _quiet.set((*_quiet.get(), *(categories or (AstropyWarning,))))
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    with _changing:
        filters.insert(0, _FILTER)  # in front each time: others may have put theirs there meanwhile
    try:
        yield
    finally:
        _quiet.reset(before)
        with _changing, suppress(ValueError):  # where someone has reset the filters it is gone
            filters.remove(_FILTER)
