// One frame of a page: plotly's axes, colour bar and histogram, and the picture under them.
"use strict";

class Frame {
  constructor(element, page) {
    this.page = page;
    this.element = element;
    this.room = element.querySelector(".plot");
    this.canvas = document.createElement("canvas");
    this.plot = document.createElement("div");
    this.room.replaceChildren(this.canvas, this.plot);
    this.image = page.tiles && new Tiled(page.shape, page.tiles, page.flags, page.side);
    this.state = { outliers: true, masked: true };
    this.counted = page.figure.layout.xaxis2.title.text;
    this.coarser = new Map();
    this.asked = 0;
    this.scale = window.devicePixelRatio || 1;
  }

  async start() {
    this.first = await this.overview();
    const { layout, data, config } = this.page.figure;
    this.fit(layout);
    const saving = { name: "save", title: "Save what is seen as PNG", icon: Plotly.Icons.camera };
    saving.click = () => this.save();
    await Plotly.newPlot(this.plot, data, layout, {
      ...config, responsive: false, modeBarButtonsToRemove: [...config.modeBarButtonsToRemove, "toImage"],
      modeBarButtonsToAdd: [saving],
    });
    await this.refresh();
    this.follow();
    this.controls();
    this.readout = new Readout(this);
  }

  // Keep the picture under the axes, whoever moves them.
  follow() {
    this.plot.on("plotly_relayout", () => { this.paint(); this.refresh(); });
    this.plot.on("plotly_relayouting", () => this.paint());
    let width = this.element.clientWidth;
    new ResizeObserver(() => {
      const now = this.element.clientWidth;
      if (Math.abs(now - width) < 2 || !now) return;             // none: hidden for now
      width = now;
      this.scale = window.devicePixelRatio || 1;
      // plotly leaves parts of a colour bar that is turned
      this.plot.querySelectorAll(".colorbar").forEach((bar) => bar.remove());
      Plotly.relayout(this.plot, this.fitted());
    }).observe(this.element);
    // A finger scrolls the page, unless it is to zoom.
    this.plot.addEventListener("touchstart", (event) => { if (!this.state.touch) event.stopPropagation(); }, true);
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
  // or below.
  fitted() {
    const [height, width] = this.page.shape, room = Math.max(this.element.clientWidth, 240), narrow = room < 620;
    const left = narrow ? 68 : 70, most = narrow ? 520 : 720, bar = narrow ? 12 : 110;
    const wide = Math.min(room - left - bar, (most * width) / height);
    const tall = Math.max(Math.min((wide * height) / width, most), 90);
    const beside = room - left - bar - wide > 320, two = narrow || beside, right = beside ? 20 : bar;
    const across = beside ? room - left - right : Math.max(wide, Math.min(room - left - right, 320));
    const along = beside ? tall : tall + 190, counts = (beside ? Math.min(tall, 260) : 105) / along;
    const top = narrow ? 90 : 34, bottom = two ? 74 : 56;
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
      ? { orientation: "h", x: 0.5, xanchor: "center", yanchor: "bottom", len: 1, thickness: 10, "title.side": "top" }
      : { orientation: "v", x: (wide + 10) / across, xanchor: "left", yanchor: "top", len: tall / along, thickness: 16,
          "title.side": "right" };
    for (const [key, value] of Object.entries({ ...place, y: 1 })) layout[`coloraxis.colorbar.${key}`] = value;
    return layout;
  }

  // Write this into a layout that is not drawn yet.
  fit(layout) {
    for (const [path, value] of Object.entries(this.fitted())) {
      const keys = path.replace("[0]", ".0").split("."), last = keys.pop();
      let at = layout;
      for (const key of keys) at = at[key] = at[key] || {};
      at[last] = value;
    }
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
    const { cmin: low, cmax: high, colorscale: scale } = this.plot._fullLayout.coloraxis, { nothing, mark } = this.page;
    return { low, high, scale, nothing, mark, ...this.state };
  }

  // Say what lies at a pixel: its value, and what is painted there where that is a block.
  async told(x, y) {
    const { page, part } = this, unit = page.unit ? ` ${page.unit}` : "", lines = [`x ${x}, y ${y}`];
    if (this.image) {
      const tile = await this.image.tile(Math.floor(y / page.side), Math.floor(x / page.side));
      const at = (y % page.side) * tile.width + (x % page.side);
      lines.push(this.number(tile.values[at]) + unit);
      if (tile.flags && tile.flags[at]) lines.push(this.why(tile.flags[at]));
    }
    const shown = x >= part.x0 && x < part.x1 && y >= part.y0 && y < part.y1 ? part : this.whole, { size } = shown;
    const column = Math.floor((x - shown.x0) / size), row = Math.floor((y - shown.y0) / size);
    const at = row * shown.columns + column;
    if (size > 1) {
      const extreme = this.state.outliers && !Number.isNaN(shown.extreme[at]);
      const value = this.number(extreme ? shown.extreme[at] : shown.mean[at]) + unit;
      const words = extreme ? `stands out of ${size}×${size} pixels here` : `mean of ${size}×${size} pixels`;
      lines.push(...(this.image ? [`${words}: ${value}`] : [value, words]));
      if (!this.image && shown.masked[at]) lines.push(`${(100 * shown.masked[at]).toPrecision(2)} % of them masked`);
    }
    return { lines, x0: shown.x0 + column * size, y0: shown.y0 + row * size, size };
  }

  number(value) {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+∞" : "−∞";
    const { digits } = this.page;
    return (digits === null ? String(Number(value.toPrecision(7))) : value.toFixed(digits)).replace("-", "−");
  }

  why(bits) {
    return this.page.reasons.filter((_, i) => bits & (1 << i)).join(", ");
  }

  // Save axes, colour bar, histogram and picture as one image; the browser keeps it, nothing is sent.
  save() {
    const { data, layout } = this.plot, { title, name } = this.page;
    const place = { xref: "x domain", yref: "y domain", x: 0, y: 1, sizex: 1, sizey: 1, sizing: "stretch" };
    const seen = {
      ...layout, title, paper_bgcolor: "#fff", height: layout.height + 50,
      margin: { ...layout.margin, t: layout.margin.t + 50 },
      images: [{ ...place, source: this.canvas.toDataURL(), layer: "below" }],
    };
    Plotly.downloadImage({ data, layout: seen }, { format: "png", scale: 2, filename: name });
  }

  controls() {
    const bar = this.element.querySelector(".controls");
    const change = (choice) => () => Plotly.relayout(this.plot, choice.change);
    for (const [name, choices, active] of this.page.choices)
      bar.append(group(name, choices.map((c) => [c.label, c.key === active, change(c)])));
    const toggle = (key) => (on) => { this.state[key] = on; this.paint(); };
    if (this.page.masked)
      bar.append(box("masked pixels", true, toggle("masked"), `rgb(${this.page.mark.join(",")})`));
    if (this.part.size > 1 || this.page.block > 1)
      bar.append(box("single pixels that stand out", true, toggle("outliers")));
    if (matchMedia("(pointer: coarse)").matches) bar.append(box("a finger zooms", false, toggle("touch")));
  }
}

function group(name, choices) {
  const set = document.createElement("div");
  set.className = "group";
  set.setAttribute("role", "group");
  set.setAttribute("aria-label", name);
  for (const [label, active, act] of choices) {
    const button = document.createElement("button");
    button.textContent = label;
    button.setAttribute("aria-pressed", active);
    button.onclick = () => {
      for (const other of set.children) other.setAttribute("aria-pressed", other === button);
      act();
    };
    set.append(button);
  }
  return set;
}

function box(text, on, act, colour) {
  const label = document.createElement("label"), input = document.createElement("input");
  input.type = "checkbox";
  input.checked = on;
  input.onchange = () => act(input.checked);
  label.append(input, text);
  if (colour) label.style.setProperty("--mark", colour);
  return label;
}
