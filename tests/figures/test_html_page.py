"""Pages in a real browser: what is seen at first, and every pixel when zoomed in."""

import re

import numpy as np
import pytest
from browser import run_in_page

from pipeline import Appearance, Flag, Image, Pixels
from pipeline.figures.colour import NOTHING, colours
from pipeline.figures.figure import CONFIG, limits_of
from pipeline.figures.html_page import page, panel
from pipeline.figures.static_image import coloured
from pipeline.figures.view import view_of

SIGMA = 7.0


def frame(height, width, seed=1):
    """A sky of noise 7 with a slope, a dead column and a hot pixel."""
    rng = np.random.default_rng(seed)
    sky = 1000 + 0.05 * np.arange(width) + rng.normal(0, SIGMA, (height, width))
    sky[:, width // 3] = 0
    sky[height // 2, width // 2] = 60000
    return sky.astype(np.float32)


def page_of(thing, **settings):
    return page(panel(view_of(thing), Appearance(), **settings))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(254, 1024), (1500, 1300)], ids=["small", "large"])
def test_zooming_in_gives_every_pixel_to_a_sixteenth_of_the_noise(shape, tmp_path):
    values = frame(*shape)
    height, width = shape
    y, x = height // 2 - 20, width // 2 - 30
    shown = run_in_page(
        page_of(values),
        f"const d = await zoom({x}, {x + 60}, {y}, {y + 40});"
        "return { x0: d.x0, y0: d.y0, size: d.size, z: rowsOf(d) };",
        tmp_path,
    )
    z = np.array(shown["z"])
    assert shown["size"] == 1
    window = values[shown["y0"] : shown["y0"] + z.shape[0], shown["x0"] : shown["x0"] + z.shape[1]]
    assert z.shape[0] >= 40
    assert z.shape[1] >= 60
    assert np.abs(z - window).max() <= SIGMA / 16
    assert abs(z.max() - 60000) <= SIGMA / 16


@pytest.mark.slow
def test_the_first_view_shows_a_hot_pixel_and_a_dead_column(tmp_path):
    values = frame(2600, 2500)
    shown = run_in_page(
        page_of(values),
        "const f = ccdFrames[0], d = f.part, v = viewOf(f.plot), seen = f.canvas.getContext('2d')"
        ".getImageData(Math.round(v.across(1250)) - 3, Math.round(v.down(1300)) - 3, 7, 7).data;"
        "return { size: d.size, wide: v.wide, z: rowsOf(d), seen: Array.from(seen) };",
        tmp_path,
    )
    z, size = np.array(shown["z"]), shown["size"]
    assert size > 1
    assert z.shape[1] <= shown["wide"] + 1  # each block has a dot of the screen
    red, _, blue, _ = np.reshape(shown["seen"], (-1, 4)).T
    assert np.count_nonzero((red > 200) & (blue < 80)) >= 4  # yellow, and large enough to be seen
    assert abs(z[1300 // size, 1250 // size] - 60000) < 2 * SIGMA
    assert (np.abs(z[:, 833 // size]) < 2 * SIGMA).all()
    rest = np.delete(np.delete(z, 1300 // size, axis=0), 833 // size, axis=1)
    assert np.count_nonzero(np.abs(rest - np.median(rest, axis=0)) > 5 * SIGMA) < 10


@pytest.mark.slow
def test_blocks_made_in_the_browser_are_those_made_here(tmp_path):
    values = frame(1500, 1300)
    view = view_of(values)
    shown = run_in_page(
        page(panel(view, Appearance())),
        "const p = await ccdFrames[0].image.window(0, 1300, 0, 1500, 4);"
        "return { mean: Array.from(p.mean), extreme: Array.from(p.extreme, (v) => Number.isNaN(v) ? null : v) };",
        tmp_path,
    )
    from pipeline.figures.blocks import in_blocks

    blocks = in_blocks(view.values, 4, masked=None, noise=view.noise)
    np.testing.assert_allclose(np.reshape(shown["mean"], blocks.mean.shape), blocks.mean, atol=SIGMA / 16)
    extreme = np.reshape(np.array(shown["extreme"], float), blocks.mean.shape)
    certain = np.abs(np.nan_to_num(blocks.extreme - blocks.mean)) > 7 * SIGMA
    np.testing.assert_allclose(extreme[certain], blocks.extreme[certain], atol=SIGMA / 16)
    assert np.isnan(extreme[~certain]).mean() > 0.999


@pytest.mark.slow
def test_masked_and_odd_pixels_are_told_with_their_reasons(tmp_path):
    values = frame(300, 400).astype(np.float64)
    values[7, 9], values[8, 9], values[9, 9] = np.nan, np.inf, -np.inf
    flags = np.zeros(values.shape, np.uint16)
    flags[20, 30] = Flag.SATURATED | Flag.HOT | Flag.UNCOVERED
    shown = run_in_page(
        page_of(Pixels.of(values, flags)),
        "const d = await zoom(0, 40, 0, 30), told = async (x, y) =>"
        " (await ccdFrames[0].told(x, y)).lines.map(([, words]) => words);"
        "return { odd: [await told(9, 7), await told(9, 8), await told(9, 9)], bad: await told(30, 20),"
        " none: await told(3, 3), marked: [[30, 20], [9, 7], [3, 3]].map(([x, y]) => d.masked[y * d.columns + x]) };",
        tmp_path,
    )
    assert [line for _, line, *_ in shown["odd"]] == ["NaN", "+∞", "−∞"]
    assert {why for _, _, why, _ in shown["odd"]} == {"nonfinite"}
    assert shown["bad"][2] == "saturated, hot, uncovered"
    assert len(shown["none"]) == 3
    assert shown["marked"] == [1, 1, 0]


POINT = """
    const point = async (frame, x, y) => {
      const view = viewOf(frame.plot), box = frame.room.getBoundingClientRect();
      frame.room.dispatchEvent(new PointerEvent("pointermove", {
        clientX: box.left + view.left + view.across(x), clientY: box.top + view.top + view.down(y) }));
      await new Promise((r) => setTimeout(r, 100));
      return [...frame.element.querySelector(".readout").children].map((line) => line.textContent);
    };
"""


@pytest.mark.slow
def test_the_pointer_tells_every_pixel_in_the_first_view_too(tmp_path):
    values = frame(2600, 2500)
    y, x = 1300, 1250
    first, near, zoomed, outside = run_in_page(
        page_of(values),
        f"{POINT} const f = ccdFrames[0], told = [await point(f, {x}, {y}), await point(f, {x + 1}, {y})];"
        f"await zoom({x - 20}, {x + 20}, {y - 20}, {y + 20}); told.push(await point(f, {x - 7}, {y + 5}));"
        f"await point(f, {x - 25}, {y}); told.push(f.element.querySelector('.readout').textContent); return told;",
        tmp_path,
    )
    assert first[0] == f"x {x}, y {y}"
    assert float(first[1]) == pytest.approx(60000, abs=SIGMA / 16)
    assert first[2].startswith("stands out of 4×4 pixels here: ")
    assert float(first[2].split()[-1]) == pytest.approx(60000, abs=SIGMA / 16)
    assert float(near[1]) == pytest.approx(values[y, x + 1], abs=SIGMA / 16)
    assert zoomed[0] == f"x {x - 7}, y {y + 5}"
    assert float(zoomed[1]) == pytest.approx(values[y + 5, x - 7], abs=SIGMA / 16)
    assert zoomed[2:] == [f"{x - 6}, {y + 6} counted from 1"]
    assert outside == "Point at a pixel."


DOTS = """
    const f = ccdFrames[0], dots = () => {
      const { width, height } = f.canvas, copy = new OffscreenCanvas(width, height).getContext("2d");
      copy.drawImage(f.canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, width, height);
      const view = viewOf(f.plot), at = (x, y) => 4 * (Math.floor((view.down(y) / view.tall) * height) * width
        + Math.floor((view.across(x) / view.wide) * width));
      return PLACES.map(([x, y]) => Array.from(data.subarray(at(x, y), at(x, y) + 3)));
    };
    const press = async (label) => {
      [...document.querySelectorAll("button, label")].find((b) => b.textContent === label).click();
      await new Promise((r) => setTimeout(r, 300));
      return dots();
    };
"""


@pytest.mark.slow
def test_the_picture_has_the_colours_of_its_values(tmp_path):
    values = np.random.default_rng(3).uniform(0, 1000, (60, 80))
    values[50, 70] = np.nan
    flags = np.zeros(values.shape, np.uint8)
    flags[40, 10] = Flag.HOT
    view = view_of(Pixels.of(values, flags))
    places = [(0, 0), (79, 59), (70, 50), (10, 40), (33, 21)]
    script = DOTS.replace("PLACES", str([list(place) for place in places]))
    seen = run_in_page(
        page(panel(view, Appearance(limits="minmax"))),
        f"{script} return [dots(), await press('log'), await press('linear'), await press('masked'),"
        "(await zoom(30, 40, 15, 25), dots()[4])];",
        tmp_path,
    )
    blocks, limits = view.blocks(512), limits_of(view)["minmax"]
    asinh, log, linear = (
        coloured(blocks, limits, Appearance("minmax", stretch))[::-1] for stretch in ("asinh", "log", "linear")
    )
    wanted = [[image[y, x].tolist() for x, y in places] for image in (asinh, log, linear, linear)]
    wanted[3][3] = colours("viridis", (values[40, 10] - limits.low) / (limits.high - limits.low)).tolist()
    wanted[3][2] = list(NOTHING)
    for found, right in zip(seen, [*wanted, wanted[2][4]], strict=True):
        np.testing.assert_allclose(found, right, atol=10)  # values are rounded to an eighth of their noise


@pytest.mark.slow
def test_buttons_change_colours_and_no_values(tmp_path):
    shown = run_in_page(
        page_of(frame(254, 400)),
        "const f = ccdFrames[0], state = () => [f.plot.layout.coloraxis.cmax, f.plot.layout.coloraxis.colorscale[1][0],"
        " f.part.mean[5 * 400 + 6]], told = [state()];"
        "const press = async (label) => { [...document.querySelectorAll('button')].find((b) => b.textContent === label)"
        ".click(); await new Promise((r) => setTimeout(r, 200)); told.push(state()); };"
        "await press('min–max'); await press('log');"
        "return { told, uploads: document.querySelectorAll('[data-title*=dit]').length };",
        tmp_path,
    )
    first, wide, log = shown["told"]
    assert first[0] < 1200
    assert wide[0] == log[0] == 60000
    assert log[1] < wide[1] / 10
    assert first[2] == wide[2] == log[2]
    assert shown["uploads"] == 0


def test_a_page_names_no_server_and_switches_the_upload_off():
    text = page_of(frame(64, 80))
    assert '"showSendToCloud":false' in text
    assert CONFIG["plotlyServerURL"] == ""
    assert re.findall(r"https?://[^\s\"'<]+", text) == []


@pytest.mark.slow
def test_no_header_ends_a_script_or_starts_one(tmp_path):
    evil = "</script><!--<script>document.title='caught'</script>"
    image = Image.of(frame(64, 80), exposure=1.0, header={"OBJECT": evil, "TELESCOP": "<b>&amp;", "BUNIT": evil})
    shown = run_in_page(
        page_of(image),
        "return [document.title, document.querySelector('h1').textContent, document.querySelectorAll('h1 *').length];",
        tmp_path,
    )
    assert shown == [evil, evil, 0]


def test_a_page_from_a_server_names_only_plotlys_with_its_digest():
    text = page(panel(view_of(frame(64, 80)), Appearance()), "cdn")
    (address,) = re.findall(r"https?://[^\s\"'<]+", text)
    assert address.startswith("https://cdn.plot.ly/plotly-")
    assert 'integrity="sha256-' in text


def test_a_page_of_2048_squared_takes_less_than_6_megabytes():
    assert len(page_of(frame(2048, 2048)).encode()) < 6e6


def test_the_step_is_stated():
    text = page_of(frame(254, 300))
    low, high = map(float, re.search(r"steps of ([\d.]+) to ([\d.]+)", text).groups())
    assert SIGMA / 8 * 0.8 < low <= high < SIGMA / 8
    assert "exact, whole numbers" in page_of(np.arange(6000, dtype=np.uint16).reshape(60, 100))
