"""Edge: ``export_figure``: a figure into a file of the kind that its name asks for: page, image, JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.compose.running import at_work
from pipeline.compose.settings import checked_call
from pipeline.errors import OutputError, SettingError
from pipeline.figures.colour import Appearance
from pipeline.figures.figure import drawing, limits_of
from pipeline.figures.html_page import SCRIPT_NAME, iframe, page, page_of_several, panel, plotly_script
from pipeline.figures.layout import figure_layout
from pipeline.figures.plotly_json import as_json
from pipeline.figures.static_image import FigureFile, drawn
from pipeline.figures.view import View, view_of
from pipeline.fits.write import write_whole

JSON_CELLS = 1024
"""JSON holds at most this number of blocks, squared, unless all pixels are asked for."""

EVERY_CELL = 10**6


@checked_call
def export_figure(
    record: Any,
    path: str | Path,
    *,
    look: Appearance = Appearance(),  # noqa: B008 - an immutable record
    form: FigureFile = FigureFile(),  # noqa: B008 - an immutable record
    name: str | Sequence[str] = "",
    overwrite: bool = False,
) -> None:
    """Write the figure of a record to a file, whole or not at all.

    The name says what is written: .html a page that zooms in on every pixel, .iframe.html the same to paste into
    another page, .png, .jpg, .svg and .pdf a static image by matplotlib, .json what any plotly draws.  A list of
    records, such as a raw frame, its flat and the product, is a page that shows them side by side or blinking, with one
    view for all.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pipeline import FigureFile, export_figure
    >>> with TemporaryDirectory() as folder:
    ...     export_figure(np.eye(30), f"{folder}/eye.html", form=FigureFile(plotlyjs="cdn"))
    ...     Path(folder, "eye.html").exists()
    True

    :param record: a ReducedImage, a master, an Image, Pixels, or an array, HDU or CCDData; or a list of them.
    :param look: limits, stretch and colours to begin with.
    :param form: how the file is written, where that is left open.
    :param name: the title; by default the record's own name.  Of several records, a name for each.
    :param overwrite: write over a file that is there.
    :raises OutputError: the name ends otherwise, or not in .html for several records; the file is there and may not be
        overwritten, cannot be written, or what its kind needs is not installed or, for axes on the sky, not in the
        header.
    :raises SettingError: there are several records, and not a name for each.
    :raises ShapeError: the record is no two-dimensional array of real numbers.
    """
    path = Path(path)
    several = isinstance(record, list | tuple)
    check_figure(path, several=several)
    make = _maker_of(path)
    with at_work(f"drawing {path.name}"):
        content = _several(record, name, look, form) if several else make(view_of(record, str(name)), look, form, path)
    if form.plotlyjs == "directory" and make in (_html, _iframe):
        write_plotly_beside(path)
    write_whole(path, content, overwrite=overwrite)


def write_plotly_beside(page: Path) -> None:
    """Put plotly.js beside a page, unless it lies there.

    :raises OutputError: another version lies there.
    """
    path, script = page.parent / SCRIPT_NAME, plotly_script()
    if path.is_file() and path.read_bytes() != script:
        raise OutputError(f"{path}: is another version of plotly.js; choose another folder, or embed it in the page")
    if not path.exists():
        write_whole(path, script)


def _several(records: Sequence[Any], names: str | Sequence[str], look: Appearance, form: FigureFile) -> bytes:
    """Give the page of several records."""
    if not records:
        raise SettingError("export_figure: the list of records is empty; give at least one")
    names = [""] * len(records) if isinstance(names, str) else list(names)
    if len(names) != len(records):
        raise SettingError(f"export_figure: {len(names)} names for {len(records)} records; give one for each")
    views = [view_of(record, name) for record, name in zip(records, names, strict=True)]
    panels = [
        panel(view, look, key=f"frame-{n}", label=name or f"{n} {view.title}")
        for n, (view, name) in enumerate(zip(views, names, strict=True), 1)
    ]
    title = " · ".join(dict.fromkeys(view.title for view in views))
    return page_of_several(panels, title, form.plotlyjs).encode(errors="replace")


def _html(view: View, look: Appearance, form: FigureFile, path: Path) -> bytes:  # noqa: ARG001 - one signature for all
    return page(panel(view, look), form.plotlyjs).encode(errors="replace")


def _iframe(view: View, look: Appearance, form: FigureFile, path: Path) -> bytes:  # noqa: ARG001
    height = figure_layout(view, look, limits_of(view))["height"] + 160
    return iframe(page(panel(view, look), form.plotlyjs), view.title, height).encode(errors="replace")


def _json(view: View, look: Appearance, form: FigureFile, path: Path) -> bytes:  # noqa: ARG001
    spec = drawing(view, look, EVERY_CELL if form.full else JSON_CELLS)
    if not form.compact:
        for trace in spec["data"][:2]:
            trace["z"] = _to_the_noise(trace["z"], view.noise)
    return (as_json(spec, compact=form.compact) + "\n").encode(errors="backslashreplace")


def _to_the_noise(values: Any, noise: Any) -> Any:
    """Round values to less than a thousandth of the noise: what is written as text should not be digits of nothing."""
    positive = noise[noise > 0]
    if not positive.size:
        return values
    return np.round(values.astype(np.float64), int(np.ceil(3 - np.log10(positive.min()))))


def _static(view: View, look: Appearance, form: FigureFile, path: Path) -> bytes:
    return drawn(view, look, form, path.suffix[1:].lower().replace("jpeg", "jpg"))


_Maker = Callable[[View, Appearance, FigureFile, Path], bytes]

_MAKERS: dict[str, _Maker] = {
    ".iframe.html": _iframe,
    ".html": _html,
    ".json": _json,
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".svg", ".pdf"), _static),
}


def _maker_of(path: Path) -> _Maker:
    """Give what makes a figure of the kind that a name asks for.

    :raises OutputError: no kind of figure has such a name.
    """
    for ending, make in _MAKERS.items():
        if path.name.lower().endswith(ending):
            return make
    raise OutputError(f"{path}: no kind of figure; end the name in {', '.join(sorted(_MAKERS))}")


def check_figure(path: Path, *, several: bool = False) -> None:
    """Tell whether a figure can be made, before there is anything to draw.

    :param several: of several records.
    :raises OutputError: no kind of figure has such a name, what draws it is not installed, or it holds one record only.
    """
    make = _maker_of(path)
    if several and make is not _html:
        raise OutputError(f"{path}: several frames are shown together in a page only; end the name in .html")
    if make is _static and not find_spec("matplotlib"):
        raise OutputError(
            f"{path}: takes matplotlib, which is not installed: pip install 'ccd-pipeline[static]'; .html and .json "
            "need nothing"
        )
