// One frame of a page: plotly's axes, colour bar and histogram, the picture under them, and the tools over them.
"use strict";

const CLOSEST = 6;         // the least number of pixels that a view is wide

class Frame {
  constructor(element, page) {
    this.page = page;
    this.element = element;
    this.room = element.querySelector(".plot");
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", page.told);
    this.plot = document.createElement("div");
    this.room.replaceChildren(this.canvas, this.plot);
    this.image = page.tiles && new Tiled(page.shape, page.tiles, page.flags, page.side);
    this.sigmas = page.sigmas && new Tiled(page.shape, page.sigmas, null, page.side);
    this.state = { outliers: true, masked: true, tool: "zoom", cuts: false };
    this.colours = { map: page.look.colours, stretch: page.look.stretch, inverted: false };
    this.unit = page.unit ? ` ${page.unit}` : "";
    this.counted = page.figure.layout.xaxis2.title.text;
    this.coarser = new Map();
    this.asked = 0;
    this.scale = window.devicePixelRatio || 1;
    this.tools = [];
    this.desk = null;
  }

  async start() {
    this.first = await this.overview();
    const { layout, data, config } = this.page.figure;
    written(layout, this.fitted());
    await Plotly.newPlot(this.plot, data, themed(layout), {
      ...config, responsive: false, displayModeBar: false, doubleClick: "reset",
    });
    await this.refresh();
    const bar = this.element.querySelector(".controls");
    this.limits = new LimitsTool(this, bar);
    this.region = new Region(this);
    this.readout = new Readout(this);
    this.cuts = new Cuts(this);
    this.tools = [this.limits, this.region, this.readout, this.cuts];
    this.follow();
    this.placed();
  }

  // Keep the picture and the tools where the axes are, whoever moves them.
  follow() {
    const moves = (change) => Object.keys(change).some((key) => /^[xy]axis\.(auto)?range/.test(key));
    this.plot.on("plotly_relayout", (change) => {
      this.placed();
      this.refresh();
      if (moves(change) && !this.led) this.desk?.moved(this);
    });
    this.plot.on("plotly_relayouting", () => this.placed());
    let width = this.element.clientWidth;
    new ResizeObserver(() => {
      const now = this.element.clientWidth;
      if (Math.abs(now - width) < 2 || !now) return;             // none: hidden for now
      width = now;
      this.arrange();
    }).observe(this.element);
    // A finger scrolls the page, unless it is to zoom.
    this.plot.addEventListener("touchstart", (event) => { if (!this.state.touch) event.stopPropagation(); }, true);
    this.room.addEventListener("pointerdown", () => this.room.focus({ preventScroll: true }));
    this.room.addEventListener("wheel", (event) => this.turn(event), { passive: false });
  }

  placed() {
    this.paint();
    for (const tool of this.tools) tool.place();
  }

  // Lay the figure out anew, for another width or with another tool.
  arrange() {
    this.scale = window.devicePixelRatio || 1;
    // plotly leaves parts of a colour bar that is turned
    this.plot.querySelectorAll(".colorbar").forEach((bar) => bar.remove());
    return Plotly.relayout(this.plot, this.fitted());
  }

  // The blocks of the first view, which the page holds beside the tiles.
  async overview() {
    const { page } = this, [height, width] = page.shape;
    const shape = [Math.ceil(height / page.block), Math.ceil(width / page.block)];
    if (!page.overview) return null;
    const part = emptyWindow(0, width, 0, height, page.block), { mean, excess, masked } = page.overview;
    const read = async (tiles, into) => {
      if (!tiles) return;
      const all = await new Tiled(shape, tiles, null, page.side).window(0, shape[1], 0, shape[0], 1);
      into.set(all.mean);
    };
    await Promise.all([read(mean, part.mean), read(excess, part.extreme), read(masked, part.masked)]);
    for (let i = 0; i < part.extreme.length; i++)
      part.extreme[i] = part.extreme[i] ? part.mean[i] + part.extreme[i] : NaN;
    return part;
  }

  // Give what changes in the layout for the room there is: a picture of its own proportions, the histogram beside it
  // or below, and cuts at its edges.
  fitted() {
    const [height, width] = this.page.shape, room = Math.max(this.element.clientWidth, 240), narrow = room < 620;
    const cut = this.state.cuts ? CUT + CUT_GAP : 0, left = 70, most = narrow ? 520 : 720, bar = (narrow ? 12 : 110) + cut;
    const wide = Math.min(room - left - bar, (most * width) / height);
    const tall = Math.max(Math.min((wide * height) / width, most), 90);
    const beside = room - left - bar - wide > 320, two = narrow || beside, right = beside ? 20 : bar;
    const across = beside ? room - left - right : Math.max(wide, Math.min(room - left - right, 320));
    const along = beside ? tall : tall + 190, counts = (beside ? Math.min(tall, 260) : 105) / along;
    const top = (narrow ? 66 : 12) + cut, bottom = two ? 74 : 56;
    const layout = {
      width: across + left + right, height: along + top + bottom, "margin.autoexpand": false,
      "margin.l": left, "margin.r": right, "margin.t": top, "margin.b": bottom,
      "xaxis.domain": [0, Math.min(1, wide / across)], "yaxis.domain": [1 - tall / along, 1],
      "xaxis2.domain": [beside ? (wide + bar + 60) / across : 0, 1], "yaxis2.domain": [0, counts],
      "shapes[0].y1": counts,
      "yaxis.title.text": tall < 130 ? "y" : "y (row, from 0)",
      "xaxis2.title.text": two ? this.counted.replace(" · ", "<br>") : this.counted,
    };
    const place = narrow
      ? { orientation: "h", x: 0, xanchor: "left", y: 1 + cut / along, yanchor: "bottom", len: wide / across,
          thickness: 10, "title.side": "top" }
      : { orientation: "v", x: (wide + cut + 10) / across, xanchor: "left", y: 1, yanchor: "top", len: tall / along,
          thickness: 16, "title.side": "right" };
    for (const [key, value] of Object.entries(place)) layout[`coloraxis.colorbar.${key}`] = value;
    return layout;
  }

  // Choose the smallest blocks that have a pixel of the screen each.
  fitting({ x0: left, x1: right, y0: bottom, y1: top, wide, tall }) {
    const [height, width] = this.page.shape, { block, side } = this.page;
    let size = 1;
    while ((right - left) / size > wide * this.scale + 1 || (top - bottom) / size > tall * this.scale + 1) size *= 2;
    const fromTiles = Boolean(this.image && (!this.first || size < block));
    if (!fromTiles) return { x0: 0, x1: width, y0: 0, y1: height, size: Math.max(size, block), fromTiles };
    size = Math.min(size, side);
    const from = (value) => Math.floor(Math.max(value, 0) / size) * size;
    const to = (value, end) => Math.min(end, Math.ceil(value / size) * size);
    const across = { x0: from(left + 0.5), x1: to(right + 0.5, width) };
    return { ...across, y0: from(bottom + 0.5), y1: to(top + 0.5, height), size, fromTiles };
  }

  // Bring the blocks that the view asks for to the screen.
  async refresh() {
    const want = this.fitting(viewOf(this.plot)), { x0, x1, y0, y1, size } = want, key = JSON.stringify(want);
    if (x1 <= x0 || y1 <= y0 || key === this.shown) return;      // moved off the frame, or there already
    const turn = ++this.asked;
    this.element.dataset.ready = "";
    const part = await (want.fromTiles ? this.image.window(x0, x1, y0, y1, size) : this.coarse(size));
    if (turn !== this.asked) return;                             // another view was asked for meanwhile
    this.shown = key;
    this.whole ||= part;                                         // stays below, for while others are read
    this.part = part;
    this.paint();
    this.element.dataset.ready = "yes";
  }

  // The blocks of the first view, some of them together, kept for later.
  coarse(size) {
    if (!this.coarser.has(size)) this.coarser.set(size, coarser(this.first, size / this.page.block));
    return this.coarser.get(size);
  }

  // Paint what is new, and put it where the axes are now.
  paint() {
    const look = this.look(), key = JSON.stringify(look);
    if (key !== this.painted) [this.painted, this.dots, this.shades] = [key, new WeakMap(), shadesOf(look.scale)];
    const layers = [...new Set([this.whole, this.part])].map((part) => {
      if (!this.dots.has(part)) this.dots.set(part, dotsOf(part, { ...look, shades: this.shades }));
      return { part, dots: this.dots.get(part) };
    });
    compose(this.canvas, viewOf(this.plot), layers, this.page.shape, this.scale);
  }

  look() {
    const { cmin: low, cmax: high, colorscale: scale } = this.plot._fullLayout.coloraxis, { nothing } = this.page;
    const { outliers, masked } = this.state;
    return { low, high, scale, nothing, mark: this.mark, outliers, masked };
  }

  get mark() {
    return this.page.marks[this.colours.map];
  }

  colour(colours) {
    this.colours = { ...this.colours, ...colours };
    const { map, stretch, inverted } = this.colours;
    return Plotly.relayout(this.plot, { "coloraxis.colorscale": scaleOf(this.page.maps[map], stretch, inverted) });
  }

  // ---- moving the view ----

  // Give what the axes show, or will show as soon as the screen is next drawn.
  get edges() {
    const { x0, x1, y0, y1 } = viewOf(this.plot);
    return this.next || [x0, x1, y0, y1];
  }

  // Move the axes when the screen is next drawn: a wheel turns faster than that.  Who is led by another frame does not
  // lead that one in turn: it comes later, and would hold it back.
  moveTo(edges, led = false) {
    if (!this.next) {
      requestAnimationFrame(async () => {
        const [x0, x1, y0, y1] = this.next;
        this.next = null;
        await Plotly.relayout(this.plot, { "xaxis.range": [x0, x1], "yaxis.range": [y0, y1] });
        if (!this.next) this.led = false;
      });
    }
    this.next = edges;
    this.led = led;
  }

  wholeEdges() {
    const [height, width] = this.page.shape;
    return [-0.5, width - 0.5, -0.5, height - 0.5];
  }

  // Show `times` as much about a place; never more than the whole frame, nor less than a few pixels.
  zoom(times, at) {
    const [x0, x1, y0, y1] = this.edges, whole = this.wholeEdges(), [x, y] = at || [(x0 + x1) / 2, (y0 + y1) / 2];
    const factor = Math.max(times, CLOSEST / Math.min(x1 - x0, y1 - y0));
    if (times < 1 && factor >= 1) return;
    const all = Math.max((x1 - x0) / (whole[1] - whole[0]), (y1 - y0) / (whole[3] - whole[2])) * factor >= 1;
    if (all) { this.moveTo(whole); return; }
    this.moveTo(this.inside([x + (x0 - x) * factor, x + (x1 - x) * factor, y + (y0 - y) * factor, y + (y1 - y) * factor]));
  }

  // Move by parts of what is seen.
  pan(across, up) {
    const [x0, x1, y0, y1] = this.edges, dx = (x1 - x0) * across, dy = (y1 - y0) * up;
    this.moveTo(this.inside([x0 + dx, x1 + dx, y0 + dy, y1 + dy]));
  }

  // Keep a view within the frame, as far as it is smaller.
  inside([x0, x1, y0, y1]) {
    const [left, right, bottom, top] = this.wholeEdges();
    const kept = (low, high, least, most) => {
      if (high - low >= most - least) return [(least + most - high + low) / 2, (least + most + high - low) / 2];
      const shift = Math.max(least - low, 0) || Math.min(most - high, 0);
      return [low + shift, high + shift];
    };
    return [...kept(x0, x1, left, right), ...kept(y0, y1, bottom, top)];
  }

  turn(event) {
    const [x, y] = this.pixelAt(event), out = event.deltaY > 0;
    if (!this.desk?.listens || !this.holds(x, y) || event.ctrlKey || !event.deltaY) return;
    const [x0, x1, y0, y1] = this.edges, [left, right, bottom, top] = this.wholeEdges();
    if (out && x0 <= left && x1 >= right && y0 <= bottom && y1 >= top) return;      // the page scrolls on
    event.preventDefault();
    const lines = event.deltaMode === 0 ? event.deltaY / 100 : event.deltaY / 3;
    this.zoom(1.25 ** Math.min(Math.max(lines, -3), 3), [x, y]);
  }

  // ---- pixels: where they are, and what they hold ----

  // Give the place of an event, in pixels of the frame.
  pixelAt({ clientX, clientY }) {
    const view = viewOf(this.plot), box = this.room.getBoundingClientRect();
    const across = clientX - box.left - view.left, down = clientY - box.top - view.top;
    const seen = across >= 0 && down >= 0 && across <= view.wide && down <= view.tall;
    return seen || this.region?.start ? [view.x(across), view.y(down)] : [NaN, NaN];
  }

  holds(x, y) {
    const [height, width] = this.page.shape;
    return x >= -0.5 && y >= -0.5 && x < width - 0.5 && y < height - 0.5;
  }

  // Point at a pixel, or at none.
  point(at, told = true) {
    this.at = at;
    if (at) this.readout.show(...at);
    else this.readout.hide();
    this.cuts.place();
    if (told) this.desk?.pointed(this, at);
  }

  choose(edges, told = true) {
    const shown = this.region.show(edges);
    if (told) this.desk?.chosen(this, edges);
    return shown;
  }

  // Say what lies at a pixel: [kind, words] of its place, value, flags and coordinates, and of a block painted there.
  async told(x, y) {
    const { page, part, unit } = this, lines = [];
    const add = (kind, text) => { if (text) lines.push([kind, text]); };
    add("pixel", `x ${x}, y ${y}`);
    if (this.image) {
      const [values, sigmas] = await Promise.all([this.pixelOf(this.image, x, y), this.sigmas && this.pixelOf(this.sigmas, x, y)]);
      const error = sigmas && Number.isFinite(sigmas.value) ? ` ± ${twoDigits(Math.exp(sigmas.value))}` : "";
      add("value", this.number(values.value) + error + unit);
      add("flags", values.flags && this.why(values.flags));
    }
    const shown = x >= part.x0 && x < part.x1 && y >= part.y0 && y < part.y1 ? part : this.whole, { size } = shown;
    const column = Math.floor((x - shown.x0) / size), row = Math.floor((y - shown.y0) / size);
    const at = row * shown.columns + column;
    if (size > 1) {
      const extreme = this.state.outliers && !Number.isNaN(shown.extreme[at]) && !inStar(shown, row, at);
      const value = this.number(extreme ? shown.extreme[at] : shown.mean[at]) + unit;
      const words = extreme ? `stands out of ${size}×${size} pixels here` : `mean of ${size}×${size} pixels`;
      if (this.image) add("block", `${words}: ${value}`);
      else { add("value", value); add("block", words); }
      if (!this.image && shown.masked[at]) add("flags", `${(100 * shown.masked[at]).toPrecision(2)} % of them masked`);
    }
    add("counted", `${x + 1}, ${y + 1} counted from 1`);
    add("sky", skyWords(page.sky, page.shape, x, y));
    return { lines, x0: shown.x0 + column * size, y0: shown.y0 + row * size, size };
  }

  async pixelOf(image, x, y) {
    const { side } = this.page, tile = await image.tile(Math.floor(y / side), Math.floor(x / side));
    const at = (y % side) * tile.width + (x % side);
    return { value: tile.values[at], flags: tile.flags && tile.flags[at] };
  }

  // Give the pixels of a row (along x) or a column (along y) as far as they are seen; blocks where there is no more.
  async line(axis, at) {
    const [x0, x1, y0, y1] = this.edges, [height, width] = this.page.shape;
    const [low, high, most] = axis === "x" ? [x0, x1, width] : [y0, y1, height];
    const first = Math.max(Math.floor(low + 0.5), 0), end = Math.min(Math.ceil(high + 0.5), most);
    if (!this.image) return this.blocks(axis, at, first, end);
    const part = await (axis === "x" ? this.image.window(first, end, at, at + 1, 1)
      : this.image.window(at, at + 1, first, end, 1));
    return { first, size: 1, values: part.mean, masked: part.masked };
  }

  blocks(axis, at, first, end) {
    const { size, columns, mean, extreme, masked } = this.first, from = Math.floor(first / size);
    const places = Array.from({ length: Math.ceil(end / size) - from }, (_, i) => {
      const along = from + i, across = Math.floor(at / size);
      return axis === "x" ? across * columns + along : along * columns + across;
    });
    const value = (i) => (Number.isNaN(extreme[i]) ? mean[i] : extreme[i]);
    return { first: from * size, size, values: places.map(value), masked: places.map((i) => masked[i] === 1) };
  }

  // Give the pixels of a box, tile by tile: of a large one, never all are in memory.
  async * pieces({ x0, x1, y0, y1 }) {
    if (!this.image) { yield this.cells({ x0, x1, y0, y1 }); return; }
    const { side } = this.page, from = (at) => Math.floor(at / side) * side;
    for (let y = from(y0); y < y1; y += side)
      for (let x = from(x0); x < x1; x += side) {
        const part = await this.image.window(Math.max(x, x0), Math.min(x + side, x1), Math.max(y, y0),
          Math.min(y + side, y1), 1);
        yield { values: part.mean, masked: part.masked };
      }
  }

  cells({ x0, x1, y0, y1 }) {
    const { size, columns, mean, masked } = this.first, found = { values: [], masked: [] };
    for (let row = Math.floor(y0 / size); row * size < y1; row++)
      for (let column = Math.floor(x0 / size); column * size < x1; column++) {
        found.values.push(mean[row * columns + column]);
        found.masked.push(masked[row * columns + column] === 1);
      }
    return found;
  }

  number(value, more = 0) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+∞" : "−∞";
    const { digits } = this.page;
    const words = digits === null ? String(Number(value.toPrecision(7))) : value.toFixed(digits + more);
    return words.replace(/-/g, "−");
  }

  why(bits) {
    return this.page.reasons.filter((_, i) => bits & (1 << i)).join(", ");
  }

  // Save axes, colour bar, histogram and picture as one image; the browser keeps it, nothing is sent.
  save() {
    const { data, layout } = this.plot, { title, name } = this.page, ink = "#1c2733", grid = "#dfe4ea";
    const place = { xref: "x domain", yref: "y domain", x: 0, y: 1, sizex: 1, sizey: 1, sizing: "stretch" };
    const light = Object.fromEntries(["xaxis", "yaxis", "xaxis2", "yaxis2"].map((axis) =>
      [axis, { ...layout[axis], color: ink, linecolor: ink, gridcolor: grid }]));
    const seen = {
      ...layout, ...light, title, paper_bgcolor: "#fff", height: layout.height + 50,
      font: { ...layout.font, color: ink }, margin: { ...layout.margin, t: layout.margin.t + 50 },
      images: [{ ...place, source: this.canvas.toDataURL(), layer: "below" }],
    };
    Plotly.downloadImage({ data, layout: seen }, { format: "png", scale: 2, filename: name });
  }
}

// Write 9.04 as 9.0 and 123.4 as 120: a standard deviation is told to 2 %.
function twoDigits(value) {
  const text = value.toPrecision(2);
  return value < 10 && !text.includes("e") ? text : String(Number(text));
}
