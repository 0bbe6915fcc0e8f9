// A desk: frames that are looked at together, with one toolbar, the keys, and one view for all of them.
"use strict";

const BLINK = 700;         // milliseconds that a frame is seen while frames blink

class Desk {
  constructor(element, frames) {
    Object.assign(this, { element, frames, current: 0, linking: false });
    for (const frame of frames) frame.desk = this;
    this.bar = document.createElement("div");
    this.bar.className = "bar";
    this.bar.setAttribute("role", "toolbar");
    this.bar.setAttribute("aria-label", "how the picture looks, and tools");
    element.prepend(this.bar);
  }

  // Fill the toolbar, of frames that are drawn.
  start() {
    const [{ page, colours, element, mark }] = this.frames, keys = Object.keys(page.maps);
    this.element.style.setProperty("--mark", `rgb(${mark.join(",")})`);
    if (this.frames.length > 1) this.comparing();
    else this.bar.append(element.querySelector(".controls"));
    this.stretch = group("stretch of the colours", ["linear", "asinh", "log"].map((stretch) =>
      [stretch, stretch === colours.stretch, () => this.all((frame) => frame.colour({ stretch }))]));
    this.map = choice("colour map", keys, colours.map, (map) => this.paint(map));
    this.invert = switchButton("invert", (inverted) => this.all((frame) => frame.colour({ inverted })), "key i");
    this.tool = group("what dragging does", [["zoom", "key z"], ["pan", "key p"], ["box", "key b: statistics"]].map(
      ([tool]) => [tool, tool === "zoom", () => this.take(tool)]));
    this.cuts = switchButton("cuts", (on) => this.cut(on), "row and column under the pointer: key c");
    const whole = button("whole", () => this.active.moveTo(this.active.wholeEdges()), "the whole frame: key 0");
    const save = button("save", () => this.active.save(), "what is seen, as PNG");
    for (const single of [whole, save]) single.className = "single";
    this.bar.append(this.stretch, this.map, this.invert, ...this.switches(), this.tool, this.cuts, whole, save);
  }

  paint(map) {
    this.element.style.setProperty("--mark", `rgb(${this.frames[0].page.marks[map].join(",")})`);
    return this.all((frame) => frame.colour({ map }));
  }

  // What is painted over the values, or may be left out.
  switches() {
    const toggle = (key) => (on) => this.all((frame) => { frame.state[key] = on; frame.paint(); }), found = [];
    if (this.frames.some(({ page }) => page.masked))
      found.push(box("masked", true, toggle("masked"), "flagged pixels have a colour that no value has", "marked"));
    if (this.frames.some(({ part, page }) => part.size > 1 || page.block > 1))
      found.push(box("outliers", true, toggle("outliers"), "single pixels that stand out of the mean of their block"));
    if (matchMedia("(pointer: coarse)").matches) found.push(box("a finger zooms", false, toggle("touch")));
    return found;
  }

  all(act) {
    return Promise.all(this.frames.map(act));
  }

  // The frame that keys and buttons mean.
  get active() {
    const pointed = this.frames.find(({ at }) => at);
    return this.blinks || !pointed ? this.frames[this.current] : pointed;
  }

  // Whether wheel and keys are this desk's: on a page of figures always, in a report where it was clicked on.
  get listens() {
    return this.element.matches(".desk") || this.element.contains(document.activeElement);
  }

  take(tool) {
    for (const frame of this.frames) frame.state.tool = tool;
    this.element.dataset.tool = tool;
    return this.all((frame) => Plotly.relayout(frame.plot, { dragmode: tool === "box" ? false : tool }));
  }

  cut(on) {
    return this.all((frame) => {
      frame.state.cuts = on;
      return frame.arrange();
    });
  }

  // ---- several frames ----

  comparing() {
    const shown = [["side by side", true, () => this.blink(false)], ["blink", false, () => this.blink(true)]];
    this.tabs = group("frame", this.frames.map(({ page }, i) => [page.label, i === 0, () => this.turn(i)]));
    this.playing = switchButton("play", (on) => this.play(on), "one after the other");
    this.modes = group("frames", shown);
    this.tabs.hidden = this.playing.hidden = true;
    this.bar.append(this.modes, this.tabs, this.playing);
  }

  blink(on) {
    this.blinks = on;
    this.element.classList.toggle("blinks", on);
    this.tabs.hidden = this.playing.hidden = !on;
    if (!on && this.clock) this.playing.click();
    this.turn(this.current);
  }

  // Show a frame where frames blink.
  turn(index) {
    this.current = (index + this.frames.length) % this.frames.length;
    [...this.tabs.children].forEach((tab, i) => tab.setAttribute("aria-pressed", i === this.current));
    this.frames.forEach((frame, i) => frame.element.classList.toggle("behind", this.blinks && i !== this.current));
  }

  play(on) {
    clearInterval(this.clock);
    this.clock = on ? setInterval(() => this.turn(this.current + 1), BLINK) : null;
  }

  // Give the shift from the pixels of one frame to those of another: trimmed frames tell what they lost, by LTV.
  shift(from, to) {
    return from.page.origin.map((lost, axis) => to.page.origin[axis] - lost);
  }

  others(frame, act) {
    if (this.linking) return;
    this.linking = true;
    for (const other of this.frames) if (other !== frame) act(other, ...this.shift(frame, other));
    this.linking = false;
  }

  // Let all frames show what one shows.
  moved(frame) {
    const [x0, x1, y0, y1] = frame.edges;
    this.others(frame, (other, dx, dy) => {
      const wanted = [x0 + dx, x1 + dx, y0 + dy, y1 + dy], far = (x1 - x0) * 1e-6;
      if (other.edges.some((edge, i) => Math.abs(edge - wanted[i]) > far)) other.moveTo(wanted, true);
    });
  }

  pointed(frame, at) {
    this.others(frame, (other, dx, dy) => {
      const there = at && [at[0] + Math.round(dx), at[1] + Math.round(dy)];
      other.point(there && other.holds(...there) ? there : null, false);
    });
  }

  chosen(frame, { x0, x1, y0, y1 }) {
    this.others(frame, (other, dx, dy) => {
      const [i, j] = [Math.round(dx), Math.round(dy)];
      other.choose({ x0: x0 + i, x1: x1 + i, y0: y0 + j, y1: y1 + j }, false);
    });
  }

  // ---- keys ----

  key(event) {
    const frame = this.active, { key } = event, arrow = ARROWS[key];
    const press = (set, i) => set.children[i].click();
    const next = (set) => press(set, ([...set.children].findIndex((b) => b.ariaPressed === "true") + 1) % set.children.length);
    const acts = {
      "+": () => frame.zoom(1 / 1.5, frame.at), "=": () => frame.zoom(1 / 1.5, frame.at),
      "-": () => frame.zoom(1.5, frame.at), _: () => frame.zoom(1.5, frame.at),
      0: () => frame.moveTo(frame.wholeEdges()),
      z: () => press(this.tool, 0), p: () => press(this.tool, 1), b: () => press(this.tool, 2),
      c: () => this.cuts.click(), i: () => this.invert.click(), s: () => next(this.stretch), l: () => next(frame.limits.group),
      m: () => {
        this.map.selectedIndex = (this.map.selectedIndex + 1) % this.map.length;
        this.map.onchange();
      },
      v: () => this.seen(frame), Escape: () => this.all((one) => one.region.clear()),
    };
    if (this.frames.length > 1) {
      acts.n = () => { if (!this.blinks) press(this.modes, 1); this.turn(this.current + 1); };
      acts.N = () => { if (!this.blinks) press(this.modes, 1); this.turn(this.current - 1); };
    }
    const act = arrow ? () => this.arrow(frame, arrow, event.shiftKey) : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // Move the view; with Shift the pixel that is pointed at, by a dot of the picture.
  arrow(frame, [across, up], point) {
    if (!point) { frame.pan(across / 8, up / 8); return; }
    const [x0, x1, y0, y1] = frame.edges, step = frame.part.size;
    const [x, y] = frame.at || [Math.round((x0 + x1) / 2) - across * step, Math.round((y0 + y1) / 2) - up * step];
    const [height, width] = frame.page.shape, kept = (at, most) => Math.min(Math.max(at, 0), most - 1);
    frame.readout.line.setAttribute("aria-live", "polite");
    frame.point([kept(x + across * step, width), kept(y + up * step, height)]);
  }

  // The statistics of all that is seen.
  seen(frame) {
    const [x0, x1, y0, y1] = frame.edges.map((edge) => Math.round(edge + 0.5));
    frame.choose({ x0, x1, y0, y1 });
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function startKeys(desks) {
  const legend = document.getElementById("keys");
  document.getElementById("help").onclick = () => legend.showModal();
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.matches?.("input, select, textarea, [role=slider]") && key !== "Escape") return;
    if (legend.open) return;
    if (key === "?") { legend.showModal(); return; }
    if (key === "d") { document.getElementById("theme").click(); return; }
    desks.find((desk) => desk.listens)?.key(event);
  });
}
