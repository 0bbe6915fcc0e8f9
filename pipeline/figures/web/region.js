// A box over the picture, and the statistics of the pixels in it.
"use strict";

const ALL_SORTED = 1 << 22;      // of more pixels, the median is that of an even sample of so many or fewer

class Region {
  constructor(frame) {
    this.frame = frame;
    this.box = within(frame.room, "region");
    this.told = document.createElement("p");
    this.told.className = "statistics";
    this.told.setAttribute("role", "status");
    frame.room.before(this.told);
    frame.room.addEventListener("pointerdown", (event) => this.begin(event), true);
    // plotly would zoom, of the mouse's own events
    frame.room.addEventListener("mousedown", (event) => { if (this.start) event.stopPropagation(); }, true);
  }

  begin(event) {
    const { frame } = this, [x, y] = frame.pixelAt(event);
    if (event.button || !(frame.state.tool === "box" || event.shiftKey) || !frame.holds(x, y)) return;
    event.preventDefault();
    event.stopPropagation();
    frame.room.focus({ preventScroll: true });
    frame.room.setPointerCapture(event.pointerId);
    this.start = [x, y];
    const drag = (move) => this.stretch(frame.pixelAt(move));
    const end = (last) => {
      frame.room.removeEventListener("pointermove", drag);
      this.start = null;
      if (last.type === "pointerup" && this.edges) frame.choose(this.edges);
      else this.clear();
    };
    this.clear();
    frame.room.addEventListener("pointermove", drag);
    frame.room.addEventListener("pointerup", end, { once: true });
  }

  // Let the box reach from where it began to a place, in whole pixels.
  stretch([x, y]) {
    const [height, width] = this.frame.page.shape, inside = (value, most) => Math.min(Math.max(value, 0), most);
    const edge = (one, other, size) =>
      [Math.min(one, other), Math.max(one, other)].map((value, i) => inside(Math.round(value) + i, size));
    const [x0, x1] = edge(this.start[0], x, width), [y0, y1] = edge(this.start[1], y, height);
    this.edges = { x0, x1, y0, y1 };
    this.place();
  }

  clear() {
    this.edges = null;
    this.statistics = null;
    this.box.hidden = true;
    this.told.textContent = "";
  }

  // Put the box around columns x0 to x1 and rows y0 to y1, the last not counted, and tell its statistics.
  async show(edges) {
    const { frame } = this, [height, width] = frame.page.shape;
    const [x0, x1] = [edges.x0, edges.x1].map((x) => Math.min(Math.max(x, 0), width));
    const [y0, y1] = [edges.y0, edges.y1].map((y) => Math.min(Math.max(y, 0), height));
    if (x1 <= x0 || y1 <= y0) { this.clear(); return; }
    const asked = (this.edges = { x0, x1, y0, y1 });
    this.place();
    this.told.textContent = "…";
    const found = await statisticsOf(frame, asked);
    if (this.edges !== asked) return;
    this.statistics = found;
    const say = (name, value) => `${name} ${frame.number(value, 1)}`, { count, flagged, sampled } = found;
    const where = `columns ${x0}–${x1 - 1}, rows ${y0}–${y1 - 1} (from 0)`;
    const words = found.blocks ? `${count} blocks` : `${count} good pixels`;
    this.told.textContent = [
      where, words, say("mean", found.mean), `${say(sampled ? "median of a sample" : "median", found.median)}`,
      say("σ", found.sigma), `${frame.number(found.low)} to ${frame.number(found.high)}${frame.unit}`,
      `${flagged} flagged`, found.odd ? `${found.odd} not finite` : "",
    ].filter(Boolean).join(" · ");
  }

  place() {
    this.box.hidden = !this.edges;
    if (!this.edges) return;
    const view = viewOf(this.frame.plot), { x0, x1, y0, y1 } = this.edges;
    const within01 = (value, most) => Math.min(Math.max(value, 0), most);
    const [left, right] = [x0 - 0.5, x1 - 0.5].map((x) => within01(view.across(x), view.wide));
    const [top, bottom] = [y1 - 0.5, y0 - 0.5].map((y) => within01(view.down(y), view.tall));
    put(this.box, view.left + left, view.top + top, right - left, bottom - top);
  }
}

// Give mean, median and standard deviation (divided by n − 1) of the good pixels, and count the others.
async function statisticsOf(frame, edges) {
  const good = [], taken = { count: 0, flagged: 0, odd: 0, low: Infinity, high: -Infinity };
  const area = (edges.x1 - edges.x0) * (edges.y1 - edges.y0), every = Math.ceil(area / ALL_SORTED);
  let sum = 0, offset = null, squares = 0;
  for await (const { values, masked } of frame.pieces(edges)) {
    const kept = new Float64Array(Math.ceil(values.length / every));
    let n = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (masked[i]) { taken.flagged++; continue; }
      if (!Number.isFinite(value)) { taken.odd++; continue; }
      offset ??= value;                                        // near the mean: squares of large numbers lose digits
      sum += value - offset;
      squares += (value - offset) ** 2;
      if (taken.count++ % every === 0) kept[n++] = value;
      if (value < taken.low) taken.low = value;
      if (value > taken.high) taken.high = value;
    }
    good.push(kept.subarray(0, n));
  }
  const all = new Float64Array(good.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of good) { all.set(part, at); at += part.length; }
  all.sort();
  const { count } = taken, middle = all.length >> 1;
  const median = all.length % 2 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
  const spread = count > 1 ? Math.sqrt(Math.max(squares - sum ** 2 / count, 0) / (count - 1)) : NaN;
  const mean = count ? offset + sum / count : NaN;
  return { ...taken, mean, median: count ? median : NaN, sigma: spread, sampled: every > 1, blocks: !frame.image };
}
