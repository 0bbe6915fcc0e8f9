"""Cases of figures and pages: what is drawn, as text."""

from functools import partial

from benchmarks.identical.case import Case
from benchmarks.identical.cases.frames import on_disk
from benchmarks.identical.cases.nights import night, printed
from benchmarks.identical.described import Files
from benchmarks.identical.tolerance import api


def cases():
    """Give the cases."""
    for name in ("x.json", "x.html", "x.iframe.html", "x.png"):
        yield Case(f"figure {name}", partial(exported, name), needs=("PIL",) if name.endswith("png") else ())
    yield Case("figure by command", inspected)
    yield Case("figure, report of a night", reported)


def exported(name):
    """Draw a combination of lights in two ways."""
    record = api.attach_header(api.combine(on_disk("light", 5), variance="noise"))
    form = api.FigureFile(plotlyjs="cdn", compact=True)
    api.export_figure(record, name, form=form)
    api.export_figure(record, f"other_{name}", look=api.Appearance("minmax", "asinh", "grey"), form=form)
    return Files(".")


def inspected():
    """Draw a file by the command."""
    command = ["inspect", str(night().parent / "raw" / "light_01.fits"), "-o", "a.json", "a.html", "--plotlyjs", "cdn"]
    return {**printed([*command, "--full", "--stretch", "log"]), "files": Files(".")}


def reported():
    """Write the report of a night, with its figure."""
    command = ["reduce", str(night()), "-o", "out.fits", "--report", "night.html", "--figure", "out.html"]
    return {**printed([*command, "--plotlyjs", "cdn"]), "files": Files(".")}
