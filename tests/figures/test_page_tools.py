"""A page's tools, worked by real events of mouse, wheel and keys in one browser; and coordinates, beside astropy's."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from browser import chromium

from pipeline import Cards, Flag, Pixels, ReducedImage, export_figure
from pipeline.figures.view import sky_grids

SHAPE = (120, 160)
READY = "window.ccdFrames?.every((f) => f.element.dataset.ready === 'yes') && document.querySelector('.bar .group')"


def described(projection="TAN", pixel=0.4, **more):
    """Make a header whose WCS turns the sky by 30°."""
    header = fits.Header({"CTYPE1": f"RA---{projection}", "CTYPE2": f"DEC--{projection}", "OBJECT": "M 1"})
    turn, size = np.deg2rad(30), pixel / 3600
    header.update(CRVAL1=359.999, CRVAL2=62.5, CRPIX1=31.0, CRPIX2=90.5, RADESYS="ICRS")
    header.update(CD1_1=-size * np.cos(turn), CD1_2=size * np.sin(turn))
    header.update(CD2_1=size * np.sin(turn), CD2_2=size * np.cos(turn), **more)
    return header


SIP = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 2e-5, "A_1_1": -1e-5, "B_0_2": 3e-5, "B_2_0": 1e-5}


@pytest.mark.parametrize(
    "header",
    [
        described(),
        described("TAN-SIP", **SIP),
        described("SIN", 60.0),
        described("ZEA", 1200.0),
        described("CAR", 30.0),
        fits.Header({"CTYPE1": "WAVE-LOG", "CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CDELT1": 2.0, "CTYPE2": ""}),
    ],
    ids=["TAN", "SIP", "wide SIN", "very wide ZEA", "CAR", "wavelength"],
)
def test_coordinates_between_the_nodes_are_astropys(header):
    (grid,) = sky_grids(Cards.of(header), SHAPE)
    wcs = WCS(header, naxis=2)
    y, x = (
        np.random.default_rng(1).uniform(-0.5, 0.5, (2, 200)) * np.subtract(SHAPE, 1)[:, None]
        + 0.5 * np.subtract(SHAPE, 1)[:, None]
    )
    cells = grid.nodes.shape[1] - 1
    s, t = (x + 0.5) / SHAPE[1] * cells, (y + 0.5) / SHAPE[0] * cells
    i, j = s.astype(int), t.astype(int)
    s, t = s - i, t - j
    low, high = ((1 - s) * grid.nodes[:, j + k, i] + s * grid.nodes[:, j + k, i + 1] for k in (0, 1))
    found = (1 - t) * low + t * high
    if len(found) == 3:
        direction = np.stack([np.arctan2(found[1], found[0]), np.arctan2(found[2], np.hypot(*found[:2]))], -1)
        back = wcs.all_world2pix(np.rad2deg(direction), 0)
        assert np.hypot(*(back.T - [x, y])).max() < 0.05
    else:
        there, next_to_it = (1e10 * wcs.all_pix2world(np.stack([at, y], -1), 0)[:, 0] for at in (x, x + 1))
        assert (np.abs(found[0] - there) / (next_to_it - there)).max() < 0.05
        assert (grid.unit, grid.digits, there.min()) == ("Angstrom", 1, pytest.approx(4000, abs=5))


def test_a_header_without_a_wcs_has_no_coordinates_and_one_that_is_broken_neither(tmp_path):
    assert sky_grids(Cards.of({"OBJECT": "M 1"}), SHAPE) == []
    broken = described()
    broken["CTYPE2"] = "DEC--SIN"
    export_figure(ReducedImage(Pixels.of(np.ones(SHAPE)), Cards.of(broken)), tmp_path / "a.html")
    assert '"sky":[]' in (tmp_path / "a.html").read_text(encoding="utf-8")


@pytest.fixture
def browser(tmp_path, monkeypatch):
    """Start a browser whose events are real ones."""
    chromium()
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    from benchmarks.shared.browser import Browser

    with Browser(tmp_path, 1280, 1100) as started:
        yield started
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


class Hand:
    """A hand on the mouse and the keys of a page."""

    def __init__(self, browser):
        self.browser = browser

    def place(self, x, y):
        """Give where on the screen a pixel of the first frame lies."""
        return self.browser.run(
            "const { plot, room } = ccdFrames[0], v = viewOf(plot), b = room.getBoundingClientRect();"
            f"return [b.left + v.left + v.across({x}), b.top + v.top + v.down({y})];"
        )

    def mouse(self, kind, at, **more):
        self.browser.ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **more)

    def drag(self, start, end, modifiers=0):
        held = {"button": "left", "buttons": 1, "modifiers": modifiers}
        self.mouse("mouseMoved", start)
        self.mouse("mousePressed", start, clickCount=1, **held)
        for part in (0.3, 0.7, 1):
            self.mouse("mouseMoved", np.array(start) + part * np.subtract(end, start), **held)
        self.mouse("mouseReleased", end, clickCount=1, **held)

    def key(self, key, modifiers=0):
        text = {"text": key} if len(key) == 1 else {}
        self.browser.ask("Input.dispatchKeyEvent", type="keyDown", key=key, modifiers=modifiers, **text)
        self.browser.ask("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=modifiers)

    def told(self, frame=0):
        """Give what the page tells of the pixel that is pointed at."""
        lines = f"[...ccdFrames[{frame}].readout.line.children].map((e) => [e.className, e.textContent])"
        return dict(self.browser.run(f"return {lines}"))

    def wait(self, condition):
        self.browser.wait(condition, 10)


STAR = """
    const part = emptyWindow(0, 48, 0, 32, 8), at = (column, row) => row * part.columns + column;
    part.mean.fill(0);
    for (const place of [at(5, 0), at(5, 1), at(5, 2)]) part.extreme[place] = -9;
    for (const place of [at(2, 1), at(0, 2), at(1, 2), at(0, 3), at(1, 3)]) part.extreme[place] = 9;
    const { spots } = dotsOf(part, { ...ccdFrames[0].look(), shades: ccdFrames[0].shades });
    return spots.map(([column, row]) => [column, row]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
"""
"""What is painted as standing out: a hot pixel, a dead column, and a star over two by two blocks."""


@pytest.mark.slow
def test_mouse_wheel_and_keys_work_the_tools_of_two_frames_at_once(browser, tmp_path):
    """A product that lost four columns and three rows of its raw frame: both show the same place of the sky."""
    rng = np.random.default_rng(2)
    raw = np.rint(rng.normal(1000, 9, (SHAPE[0] + 3, SHAPE[1] + 4))).astype(np.float32)
    values = raw[3:, 4:] - 500
    flags = np.zeros(SHAPE, np.uint16)
    flags[50, 70] = Flag.HOT | Flag.SATURATED
    variance = np.full(SHAPE, 81.0)
    header = described(LTV1=-4.0, LTV2=-3.0)
    product = ReducedImage(Pixels.of(values, flags, variance=variance), Cards.of(header))
    export_figure([product, raw], tmp_path / "two.html", name=["product.fits", "raw.fits"])
    hand = Hand(browser)
    browser.open(tmp_path / "two.html")
    browser.wait(READY)

    assert browser.run(STAR) == [[2, 1], [5, 0], [5, 1], [5, 2]]  # the hot pixel and the dead column, not the star

    hand.mouse("mouseMoved", hand.place(70, 50))
    hand.wait("ccdFrames[1].readout.line.querySelector('.value')")
    told = hand.told()
    assert (told["pixel"], told["counted"]) == ("x 70, y 50", "71, 51 counted from 1")
    assert told["value"] == f"{values[50, 70]:.0f} ± {np.exp(0.04 * round(np.log(9) / 0.04)):.1f} adu"
    assert told["flags"] == "saturated, hot"
    place = WCS(header).pixel_to_world(70, 50)
    assert told["sky"].startswith(
        f"RA {place.ra.to_string('hourangle', sep=':', precision=3, pad=True)}, "
        f"Dec +{place.dec.to_string(sep=':', precision=2, pad=True)} ICRS"
    )
    assert hand.told(1)["pixel"] == "x 74, y 53"
    assert hand.told(1)["value"] == f"{raw[53, 74]:.0f}"

    hand.key("c")
    hand.wait("ccdFrames[0].cuts.lines.y.shown?.at === 70")
    for axis, line in (("x", values[50]), ("y", values[:, 70])):
        shown = browser.run(f"return Array.from(ccdFrames[0].cuts.lines.{axis}.shown.values)")
        np.testing.assert_array_equal(shown, line)
    hand.key("c")

    hand.drag(hand.place(60, 40), hand.place(80, 55), modifiers=8)
    hand.wait("ccdFrames.every((f) => f.region.statistics)")
    box = np.where(flags[40:56, 60:81], np.nan, values[40:56, 60:81])
    found = browser.run("return ccdFrames[0].region.statistics")
    assert (found["count"], found["flagged"]) == (box.size - 1, 1)
    assert found["mean"] == pytest.approx(np.nanmean(box))
    assert found["median"] == np.nanmedian(box)
    assert found["sigma"] == pytest.approx(np.nanstd(box, ddof=1))
    assert browser.run("return ccdFrames[1].region.statistics.mean") == pytest.approx(raw[43:59, 64:85].mean())

    at = hand.place(100, 80)
    hand.mouse("mouseWheel", at, deltaX=0, deltaY=-300)
    hand.wait("ccdFrames[0].edges[0] > 5 && !ccdFrames[0].next && !ccdFrames[1].next")
    np.testing.assert_allclose(hand.place(100, 80), at, atol=2)  # it zooms about the pointer
    one, other = (browser.run(f"return ccdFrames[{i}].edges") for i in (0, 1))
    np.testing.assert_allclose(np.subtract(other, one), [4, 4, 3, 3], atol=1e-6)
    hand.key("ArrowRight")
    hand.wait(f"ccdFrames[0].edges[0] > {one[0]} + 5 && !ccdFrames[0].next")
    hand.key("0")
    hand.wait("ccdFrames[0].edges[0] === -0.5 && !ccdFrames[0].next")
    hand.key("+")
    hand.wait("ccdFrames[0].edges[0] > 5")
    hand.key("ArrowLeft", modifiers=8)
    hand.wait("ccdFrames[0].readout.line.getAttribute('aria-live') === 'polite'")

    handle = browser.run(
        "const b = ccdFrames[0].limits.handles[0].getBoundingClientRect(); return [b.left + b.width / 2, b.top + 9];"
    )
    before = browser.run("return ccdFrames[0].limits.now")
    hand.drag(handle, (handle[0] + 30, handle[1]))
    hand.wait(f"ccdFrames[0].limits.now.low > {before['low']}")
    assert browser.run("return ccdFrames[0].limits.now.high") == before["high"]
    browser.run("const f = ccdFrames[0].limits.fields[1]; f.focus(); f.select();")
    browser.ask("Input.insertText", text="777")
    browser.ask("Input.dispatchKeyEvent", type="keyDown", key="Enter", windowsVirtualKeyCode=13, text="\r")
    hand.wait("ccdFrames[0].limits.now.high === 777")
    browser.run("document.activeElement.blur()")

    for key in "imds":
        hand.key(key)
    time.sleep(0.1)
    assert browser.run("return document.documentElement.dataset.theme") == "dark"
    assert browser.run("return ccdFrames[1].colours") == {"map": "cividis", "stretch": "log", "inverted": True}
    assert browser.run("return ccdFrames[0].plot._fullLayout.coloraxis.colorscale[0][1]") == "rgb(254,232,56)"
    hand.key("n")
    assert browser.run("return ccdFrames.map((f) => getComputedStyle(f.element).visibility)") == ["hidden", "visible"]
    hand.key("?")
    assert browser.run("return document.getElementById('keys').open")
