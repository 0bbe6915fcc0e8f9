"""The report of a night, in a browser, and in words."""

import base64
import html
import json
import re
from urllib.parse import unquote

import attrs
import numpy as np
import pytest
from browser import run_in_page
from hypothesis import given
from hypothesis import strategies as st

from pipeline import (
    FrameSet,
    Image,
    MasterBias,
    Masters,
    Note,
    Recipe,
    attach_header,
    combine,
    make_masters,
    measure_quality,
    orient,
    recipe_from_toml,
    reduce,
    write_report,
)
from pipeline.cli.main import main
from pipeline.errors import FileWarning, OutputError
from pipeline.figures.html_page import plotly_script
from pipeline.figures.night_report import before_and_after, notes_panel, quality_section
from pipeline.figures.view import view_of
from pipeline.simulation.simulate import simulate


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The text of the report of a simulated night, and its product."""
    frames = simulate(seed=3).frames
    masters = make_masters(frames)
    products = [reduce(frames, masters=masters), reduce(frames, masters=masters, kind="arc")]
    path = tmp_path_factory.mktemp("night") / "night.html"
    write_report(path, products, masters, frames)
    with pytest.raises(OutputError, match="is there already"):
        write_report(path, products, masters, frames)
    return path.read_text(encoding="utf-8"), products[0], masters


@pytest.mark.slow
def test_the_report_tells_what_combining_found(report):
    text, product, masters = report
    for image in (product, masters.bias.image, masters.dark.image, masters.flat.image):
        for rejected in image.found.rejected:
            assert f"<td>{rejected}</td>" in text
    assert f"read noise {masters.bias.image.found.noise.a**0.5:.3g} adu" in text
    assert text.count("<li><code>") == len(product.history)


@pytest.mark.parametrize(("noise", "told"), [(0.2, "read noise unknown"), (2.0, "read noise 1.96 adu")])
def test_a_read_noise_that_rounding_hides_is_not_told(noise, told, tmp_path):
    """Of frames that hardly leave one whole number the scatter depends on where between two of them they lie."""
    rng = np.random.default_rng(1)
    frames = [Image.of(rng.normal(300, noise, (64, 64)).round().astype("u2"), kind="bias") for _ in range(5)]
    master = MasterBias.of(combine(frames))
    path = tmp_path / "night.html"
    write_report(path, [attach_header(master.image)], Masters(bias=master), FrameSet(frames), plotlyjs="cdn")
    assert told in path.read_text(encoding="utf-8")


def test_the_report_lists_the_quality_of_every_frame_and_product(report):
    text, product, _ = report
    (table,) = re.findall(r'<table class="quality">(.*?)</table>', text, re.DOTALL)
    heads = re.findall(r"<th>(.*?)</th>", table)
    assert heads[2:5] == ["exposure (s)", "level (adu)", "noise (adu)"]
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in table.split("<tbody>", 1)[1].split("</tr>")[:-1]]
    assert len(rows) == len(simulate(seed=3).frames) + 2
    last = measure_quality(product)
    cells = next(row for row in rows if row[1] == f"product of {len(product.sources)} light")
    assert cells[3:5] == [f"{last.level:.2f}", f"{last.noise:.2f}"]
    assert cells[7:] == [str(last.saturated), str(last.flagged), str(last.rejected), "", f"{last.dark:g}"]
    first = next(row for row in rows if row[1] == "light_01.fits")
    assert first[9] == str(product.found.rejected[0])
    assert float(first[10][:-2]) == pytest.approx(
        100 * product.found.rejected[0] / product.pixels.values.size, rel=0.05
    )


@given(st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_numbers_of_quality_have_three_digits_of_the_noise(noise, level):
    row = attrs.evolve(measure_quality(np.ones((3, 3))), noise=noise, level=level, unit="")
    cells = re.findall(r"<td>(.*?)</td>", quality_section([row])[-1])
    shown, told = (float(cells[at].replace("−", "-")) for at in (2, 3))
    assert told == pytest.approx(noise, rel=0.006)
    assert abs(shown - level) <= max(0.5, 0.006 * noise)
    assert noise > 1000 or len(cells[3].replace(".", "").lstrip("0")) in (3, 4)


def test_units_that_differ_stand_in_tables_of_their_own():
    adu = measure_quality(np.ones((3, 3)))
    heads = [
        re.findall("<th>(level.*?)</th>", table)
        for table in quality_section([attrs.evolve(adu, unit=unit) for unit in ("adu", "electron", "adu")])[1:]
    ]
    assert heads == [["level (adu)"], ["level (electron)"]]


def test_the_report_leads_to_its_sections_and_files_and_holds_the_recipe(tmp_path):
    """A name of a file is text, and its link leads there from where the report lies."""
    product = attach_header(Image.of(np.ones((2, 3))))
    odd = tmp_path / "javascript:alert(1) <b>#.fits"
    odd.touch()
    (tmp_path / "pages").mkdir()
    path = tmp_path / "pages" / "n.html"
    recipe = Recipe(method="median", electrons=None)
    write_report(path, [product], Masters(), [], plotlyjs="cdn", recipe=recipe, files={"light": odd})
    text = path.read_text(encoding="utf-8")
    (written,) = set(re.findall('<a href="([^#"]*)">(.*?)</a>', text))
    assert (path.parent / unquote(written[0])).resolve() == odd
    assert written == ("../javascript%3Aalert%281%29%20%3Cb%3E%23.fits", html.escape(odd.name))
    contents = re.findall('<li><a href="#(.*?)">', text)
    assert ["notes", *contents] == re.findall('<section id="(.*?)".*?><h2>', text)
    assert contents == ["the-reduced-image", "quality", "history", "recipe", "header"]
    (settings,) = re.findall("<pre.*?>(.*?)</pre>", text, re.DOTALL)
    assert recipe_from_toml(html.unescape(settings)) == recipe


def test_the_report_fetches_nothing(report):
    text, *_ = report
    assert re.findall(r"https?://cdn|<script src|<link[^>]*href=\"http", text) == []


@pytest.mark.slow
def test_the_report_draws_every_frame_and_searches_the_header(report, tmp_path):
    text, product, _ = report
    shown = run_in_page(
        text,
        "await new Promise((r) => setTimeout(r, 300));"
        "const find = document.getElementById('find'); find.value = 'exptime'; find.oninput();"
        "const rows = [...document.querySelectorAll('#cards tr')];"
        "return { frames: ccdFrames.length, drawn: document.querySelectorAll('.chart .main-svg').length > 0,"
        " found: rows.filter((r) => !r.hidden).map((r) => r.textContent), wide: document.body.scrollWidth,"
        " z: ccdFrames[0].part.mean[100 * ccdFrames[0].part.columns + 200] };",
        tmp_path,
    )
    assert shown["frames"] == 5
    assert shown["drawn"]
    assert any(line.startswith("EXPTIME") for line in shown["found"])
    assert shown["wide"] <= 1280
    noise = 7
    assert abs(shown["z"] - product.pixels.values[100, 200]) < noise


def test_plotly_js_is_put_beside_a_report(report, tmp_path):
    _, product, masters = report
    write_report(tmp_path / "n.html", [product], masters, FrameSet([]), plotlyjs="directory")
    assert '<script src="plotly.min.js">' in (tmp_path / "n.html").read_text(encoding="utf-8")
    assert (tmp_path / "plotly.min.js").read_bytes() == plotly_script()


def test_a_long_card_stands_in_lines_as_in_a_file(report):
    text, product, _ = report
    long = next(card.image for card in product.header.to_header().cards if len(card.image) > 80)
    assert "CONTINUE" in long
    assert html.escape(f"{long[:80].rstrip()}\nCONTINUE") in text


def test_a_report_is_a_page(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert main(["reduce", "demo/night.csv", "-o", "x.fits", "--report", "x.pdf"]) == 2
    assert "end its name in .html" in capsys.readouterr().err
    assert not (tmp_path / "x.fits").exists()


NOTES = (
    Note("is <dark>", frames=tuple(f"raw/{n}.fits" for n in range(5)), mend="say dark=None", at_command="--no-dark"),
    Note("was rounded", FileWarning, frames=("b.fits",)),
)


def test_the_panel_counts_the_notes_and_says_what_made_them_in_the_words_of_who_asked():
    product = attach_header(attrs.evolve(Image.of(np.ones((2, 3))), said=NOTES))
    (asked,), (python,) = notes_panel([product], "ccd-pipeline reduce 'a b.csv'"), notes_panel([product])
    for panel in (asked, python):
        assert "<h2>2 notes: 1 of assumptions, 1 of files</h2>" in panel
        assert "is &lt;dark&gt;" in panel
        assert all(f"{n}.fits" in panel for n in range(5))
        assert 'class="accused"' in panel
    assert "--no-dark" in asked
    assert "say dark=None" not in asked
    assert html.escape("ccd-pipeline reduce 'a b.csv'") in asked
    assert "say dark=None" in python
    assert "pipe(frames.light, attach_header())" in python


@pytest.mark.parametrize(("named", "more", "said"), [(1, 0, ""), (1, 4, " and 4 more"), (5, 0, " and 2 more")])
def test_the_panel_counts_frames_that_it_does_not_name(named, more, said):
    note = Note("is dark", frames=[f"{n}.fits" for n in range(named)], more=more)
    (panel,) = notes_panel([attach_header(attrs.evolve(Image.of(np.ones((2, 3))), said=(note,)))])
    first = ", ".join(f"{n}.fits" for n in range(min(3, named)))
    assert (f"{first}{said}</" if said else f"<td>{first}</td>") in panel


def test_a_quiet_night_says_so_at_the_top():
    (panel,) = notes_panel([attach_header(Image.of(np.ones((2, 3))))])
    assert "<h2>no notes</h2>" in panel
    assert "accused" not in panel


def test_before_and_after_are_drawn_as_the_product_lies():
    """A raw frame of 20 rows and 30 columns, turned: both lines along x are of 20 means."""
    raw = Image.of(np.arange(20.0)[:, None] + np.zeros((20, 30)), exposure=1.0)
    product = attach_header(orient(raw, saxis=0))
    (text,) = before_and_after(raw, product, view_of(product))
    specs = [json.loads(spec) for spec in re.findall(r'json" id="[^"]*">(.*?)</script>', text)]
    along, up = ([decoded(line["y"]) for line in spec["data"]] for spec in specs)
    np.testing.assert_allclose(along, [np.arange(20.0)] * 2)
    np.testing.assert_allclose(up, [[9.5] * 30] * 2)


def decoded(values):
    """Give numbers that plotly has as a list, or as base64."""
    if isinstance(values, list):
        return values
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
