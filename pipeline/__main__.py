"""``python -m pipeline`` and the command ``ccd-pipeline``: what has to come before anything large is imported."""

import gc
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

from pipeline.cli.interrupt import leave_on_ctrl_c

THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""What tells OpenBLAS how many threads to start, the first that is set."""


UNITS = "astropy.units"
FOR_ANNOTATIONS = ("Quantity", "UnitBase")
"""What astropy.utils.data, which astropy.io.fits imports, asks of astropy.units: to annotate two functions with."""


class _UnitsLater(ModuleType):
    """Stands for astropy.units until something of it is used: half of what astropy.io.fits costs goes into its units.

    Reading and writing FITS uses none.  What annotations ask for are empty classes; whatever else is asked for, by
    whichever version of astropy, is that of the true module, which takes its place then.
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(UNITS) is self:
            if name in FOR_ANNOTATIONS:
                return type(name, (), {})
            if name == "__path__":
                astropy = importlib.util.find_spec("astropy")
                places = astropy.submodule_search_locations if astropy else None
                return [f"{place}/units" for place in places or ()]
            if name.startswith("__"):  # by whoever looks through all modules, as inspect does
                raise AttributeError(name)
        self.leave()
        return getattr(importlib.import_module(UNITS), name)

    def leave(self) -> None:
        """Let whoever imports astropy.units from now on have it."""
        if sys.modules.get(UNITS) is self:
            del sys.modules[UNITS]


def main() -> int:
    """Run the command; give its exit status."""
    leave_on_ctrl_c()
    if not any(name in os.environ for name in THREADS):
        os.environ[THREADS[0]] = "1"  # numpy starts a thread for each core, which spin; we have no large matrices
    gc.disable()  # a sixth of the time of the imports goes into looking for garbage where there is none
    units = _UnitsLater(UNITS)
    sys.modules.setdefault(UNITS, units)
    try:
        from pipeline.cli.main import parsed, run

        options = parsed()
    finally:
        units.leave()
    gc.freeze()  # what is imported stays: never look at it again, nor at the end of the process
    gc.enable()
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
