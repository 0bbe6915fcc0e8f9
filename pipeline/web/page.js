// Frames in a page: a picture in blocks at first, every pixel when zoomed in.  Everything is in the page; nothing is
// fetched and nothing is sent.
"use strict";

const STANDS_OUT = 5;      // as in blocks.py
const KEPT_TILES = 96;

// ---- values out of text: see codes.py ----

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflated(base64) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function decodedTile(tile, height, width) {
  const [offset, step, noise, rule, planes, data, odd] = tile;
  const octets = await inflated(data), count = height * width;
  const folded = new Uint32Array(count), values = new Float64Array(count);
  folded.set(octets.subarray(0, count));
  for (let plane = 1; plane < planes; plane++)
    for (let i = 0, from = plane * count, shift = 8 * plane; i < count; i++) folded[i] |= octets[from + i] << shift;
  if (rule === 3) values.set(new Float32Array(folded.buffer));
  else {
    const numbers = new Int32Array(count);
    for (let i = 0; i < count; i++) numbers[i] = (folded[i] >>> 1) ^ -(folded[i] & 1);
    unpredict(numbers, rule, height, width);
    for (let i = 0; i < count; i++) values[i] = offset + step * numbers[i];
  }
  if (odd) (await inflated(odd)).forEach((kind, i) => { if (kind) values[i] = [0, NaN, Infinity, -Infinity][kind]; });
  return { values, noise, step };
}

function unpredict(numbers, rule, height, width) {
  if (rule === 1)
    for (let y = 0, i = 0; y < height; y++, i++) for (let x = 1; x < width; x++) { i++; numbers[i] += numbers[i - 1]; }
  if (rule === 2)
    for (let y = 1; y < height; y++)
      for (let i = y * width + 1; i < (y + 1) * width - 1; i++) {
        const above = i - width;
        numbers[i] += (numbers[above - 1] + numbers[above] + numbers[above + 1] + numbers[i - 1]) >> 2;
      }
}

// ---- an image of which some part is asked for ----

class Tiled {
  constructor([height, width], tiles, flags, side) {
    Object.assign(this, { height, width, tiles, flags, side, columns: Math.ceil(width / side), kept: new Map() });
  }

  async tile(row, column) {
    const key = row * this.columns + column;
    let found = this.kept.get(key);
    if (found) this.kept.delete(key);        // the tile used last stands last
    else found = this.decoded(key, row, column);
    this.kept.set(key, found);
    if (this.kept.size > KEPT_TILES) this.kept.delete(this.kept.keys().next().value);
    return found;
  }

  async decoded(key, row, column) {
    const height = Math.min(this.side, this.height - row * this.side);
    const width = Math.min(this.side, this.width - column * this.side);
    const tile = await decodedTile(this.tiles[key], height, width);
    return { ...tile, height, width, flags: this.flags && this.flags[key] ? await inflated(this.flags[key]) : null };
  }

  // Give columns x0 to x1 and rows y0 to y1, which are multiples of `size`, in blocks of size × size.
  async window(x0, x1, y0, y1, size) {
    const part = emptyWindow(x0, x1, y0, y1, size), side = this.side, jobs = [];
    for (let row = Math.floor(y0 / side); row * side < y1; row++)
      for (let column = Math.floor(x0 / side); column * side < x1; column++)
        jobs.push(this.tile(row, column).then((tile) => fill(part, tile, row * side, column * side)));
    await Promise.all(jobs);
    if (part.reasons) part.masked.set(part.reasons.map(Boolean));
    return part;
  }
}

function emptyWindow(x0, x1, y0, y1, size) {
  const rows = Math.ceil((y1 - y0) / size), columns = Math.ceil((x1 - x0) / size), count = rows * columns;
  return {
    x0, x1, y0, y1, size, rows, columns,
    mean: new Float64Array(count).fill(NaN), extreme: new Float64Array(count).fill(NaN),
    masked: new Float32Array(count), reasons: size === 1 ? new Uint8Array(count) : null, step: 0,
  };
}

// Put what a tile has of a window into its blocks: the mean of good pixels, and what stands out of it.
function fill(part, tile, top, left) {
  const { size } = part, { values, flags, noise } = tile;
  part.step = Math.max(part.step, tile.step);
  const firstY = Math.max(part.y0, top), lastY = Math.min(part.y1, top + tile.height);
  const firstX = Math.max(part.x0, left), lastX = Math.min(part.x1, left + tile.width);
  if (size === 1) {
    for (let y = firstY; y < lastY; y++) {
      const from = (y - top) * tile.width + firstX - left, to = from + lastX - firstX;
      const at = (y - part.y0) * part.columns + firstX - part.x0;
      part.mean.set(values.subarray(from, to), at);
      if (flags) part.reasons.set(flags.subarray(from, to), at);
    }
    return;
  }
  for (let y = firstY; y < lastY; y += size)
    for (let x = firstX; x < lastX; x += size) {
      let sum = 0, count = 0, all = 0, finite = 0, low = Infinity, high = -Infinity, masked = 0, area = 0;
      for (let v = y; v < Math.min(y + size, lastY); v++)
        for (let u = x; u < Math.min(x + size, lastX); u++) {
          const i = (v - top) * tile.width + u - left, value = values[i], bad = flags && flags[i];
          area++;
          if (bad) masked++;
          if (!Number.isFinite(value)) continue;
          all += value; finite++;
          if (!bad) { sum += value; count++; }
          if (value < low) low = value;
          if (value > high) high = value;
        }
      const at = ((y - part.y0) / size) * part.columns + (x - part.x0) / size;
      const mean = count ? sum / count : all / finite;
      part.mean[at] = mean;
      part.masked[at] = masked / area;
      const extreme = high - mean >= mean - low ? high : low;
      if (Math.abs(extreme - mean) > STANDS_OUT * noise) part.extreme[at] = extreme;
    }
}

// Bring blocks to blocks `times` as large, so that each has a pixel of the screen.
function coarser(part, times) {
  if (times === 1) return part;
  const made = emptyWindow(part.x0, part.x1, part.y0, part.y1, part.size * times);
  made.reasons = null;
  for (let row = 0; row < made.rows; row++)
    for (let column = 0; column < made.columns; column++) {
      let sum = 0, count = 0, masked = 0, area = 0;
      const inside = [];
      for (let y = row * times; y < Math.min((row + 1) * times, part.rows); y++)
        for (let x = column * times; x < Math.min((column + 1) * times, part.columns); x++) {
          const i = y * part.columns + x;
          area++;
          masked += part.masked[i];
          if (!Number.isNaN(part.mean[i])) { sum += part.mean[i]; count++; }
          if (!Number.isNaN(part.extreme[i])) inside.push(part.extreme[i]);
        }
      const at = row * made.columns + column, mean = sum / count;
      made.mean[at] = mean;
      made.masked[at] = masked / area;
      for (const value of inside)
        if (Number.isNaN(made.extreme[at]) || Math.abs(value - mean) > Math.abs(made.extreme[at] - mean))
          made.extreme[at] = value;
    }
  return made;
}

// ---- the picture on the screen ----

class Frame {
  constructor(element, page) {
    this.page = page;
    this.element = element;
    this.plot = element.querySelector(".plot");
    this.image = page.tiles && new Tiled(page.shape, page.tiles, page.flags, page.side);
    this.state = { outliers: true, masked: true };
    this.asked = 0;
    this.scale = window.devicePixelRatio || 1;
  }

  async start() {
    this.first = await this.overview();
    const { layout, data, config } = this.page.figure;
    Object.assign(layout, this.fitted());
    this.shown = this.fitting(...this.whole());
    const part = this.shown.fromTiles ? await this.tiled(this.shown) : coarser(this.first, this.shown.size / this.page.block);
    Object.assign(data[0], this.tracesOf(part, 0));
    Object.assign(data[1], this.tracesOf(part, 1));
    await Plotly.newPlot(this.plot, data, layout, { ...config, responsive: false });
    this.plot.on("plotly_relayout", (change) => { if (Object.keys(change).some((k) => /^[xy]axis\./.test(k))) this.refresh(); });
    this.controls();
    let width = this.element.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(this.element.clientWidth - width) < 2) return;
      width = this.element.clientWidth;
      Plotly.relayout(this.plot, this.fitted()).then(() => this.refresh());
    }).observe(this.element);
    this.element.dataset.ready = "yes";
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

  whole() {
    const [height, width] = this.page.shape;
    return [-0.5, width - 0.5, -0.5, height - 0.5];
  }

  // The layout for the room there is: a picture of its own proportions, the histogram below it.
  fitted() {
    const [height, width] = this.page.shape, room = this.element.clientWidth, narrow = room < 620;
    const left = narrow ? 52 : 70, right = narrow ? 10 : 95, top = narrow ? 62 : 14, most = narrow ? 520 : 720;
    const wide = Math.min(room - left - right, (most * width) / height);
    const tall = Math.max(Math.min((wide * height) / width, most), 90), whole = tall + 190, bottom = 56;
    this.size = { wide, tall };
    const bar = narrow
      ? { orientation: "h", x: 0.5, xanchor: "center", y: 1, yanchor: "bottom", len: 1, thickness: 10,
          "title.side": "top" }
      : { orientation: "v", x: 1.01, xanchor: "left", y: 1, yanchor: "top", len: tall / whole, thickness: 16 };
    const layout = {
      width: Math.max(wide, Math.min(room - left - right, 320)) + left + right, height: whole + top + bottom,
      "margin.l": left, "margin.r": right, "margin.t": top, "margin.b": bottom,
      "yaxis.domain": [190 / whole, 1], "yaxis2.domain": [0, 105 / whole],
      "shapes.0.y1": 105 / whole,
    };
    for (const [key, value] of Object.entries(bar)) layout[`coloraxis.colorbar.${key}`] = value;
    if (this.plot.data) {
      layout["shapes[0].y1"] = layout["shapes.0.y1"];
      delete layout["shapes.0.y1"];
      return layout;
    }
    for (const [path, value] of Object.entries(layout)) {       // newPlot takes no paths
      const keys = path.split("."), last = keys.pop();
      let at = this.page.figure.layout;
      for (const key of keys) at = at[key] = at[key] || {};
      at[last] = value;
    }
    return {};
  }

  // Choose the smallest blocks that have a pixel of the screen each.
  fitting(left, right, bottom, top) {
    const [height, width] = this.page.shape, { wide, tall } = this.size;
    let size = 1;
    while ((right - left) / size > wide * this.scale + 1 || (top - bottom) / size > tall * this.scale + 1) size *= 2;
    const fromTiles = this.image && (!this.first || size < this.page.block);
    if (!fromTiles) return { x0: 0, x1: width, y0: 0, y1: height, size: Math.max(size, this.page.block), fromTiles };
    const from = (value) => Math.floor(Math.max(value, 0) / size) * size;
    const to = (value, end) => Math.min(end, Math.ceil(value / size) * size);
    const x0 = from(left + 0.5), x1 = to(right + 0.5, width), y0 = from(bottom + 0.5), y1 = to(top + 0.5, height);
    return { x0, x1, y0, y1, size: Math.min(size, this.page.side), fromTiles };
  }

  tiled({ x0, x1, y0, y1, size }) {
    return this.image.window(x0, x1, y0, y1, size);
  }

  async refresh(again) {
    const { xaxis, yaxis } = this.plot._fullLayout, [left, right] = xaxis.range, [bottom, top] = yaxis.range;
    const want = this.fitting(Math.min(left, right), Math.max(left, right), Math.min(bottom, top), Math.max(bottom, top));
    if (want.x1 <= want.x0 || want.y1 <= want.y0) return;      // moved off the frame
    if (!again && JSON.stringify(want) === JSON.stringify(this.shown)) return;
    const turn = ++this.asked;
    this.element.dataset.ready = "";
    const part = want.fromTiles ? await this.tiled(want) : coarser(this.first, want.size / this.page.block);
    if (turn !== this.asked) return;                           // another view was asked for meanwhile
    this.shown = want;
    const [values, masked] = [this.tracesOf(part, 0), this.tracesOf(part, 1)];
    const both = {}, traces = this.page.masked ? [0, 1] : [0];
    for (const key of Object.keys(values)) both[key] = traces.map((trace) => [values, masked][trace][key]);
    await Plotly.restyle(this.plot, both, traces);
    this.element.dataset.ready = "yes";
  }

  // Give what a trace shows of a window: the values, or what is masked of them.
  tracesOf(part, trace) {
    const { size, rows, columns, x0, y0 } = part, z = [], { page, state } = this;
    const none = trace === 1 && !part.masked.some(Boolean);    // one empty cell is drawn sooner than many
    const reasons = part.reasons && part.reasons.some(Boolean) ? [] : null;
    for (let row = 0; row < (none ? 1 : rows); row++) {
      const from = row * columns, to = from + columns;
      if (none) z.push([null]);
      else if (trace === 1) z.push(Array.from(part.masked.subarray(from, to), (m) => m || null));
      else {
        const line = part.mean.slice(from, to);
        if (state.outliers)
          for (let i = 0; i < columns; i++) if (!Number.isNaN(part.extreme[from + i])) line[i] = part.extreme[from + i];
        z.push(line);
        if (reasons) reasons.push(Array.from(part.reasons.subarray(from, to), (bits) => this.why(bits)));
      }
    }
    const what = size === 1 ? "%{text}" : `<br>${state.outliers ? "mean, or what stands out," : "mean"} of ${size}×${size} pixels`;
    const unit = page.unit ? ` ${page.unit}` : "";
    return {
      z, x0: x0 + (size - 1) / 2, dx: size, y0: y0 + (size - 1) / 2, dy: size, text: trace === 0 && reasons ? reasons : undefined,
      hovertemplate: `x %{x}, y %{y}<br><b>%{z:${page.format}}</b>${unit}${reasons || size > 1 ? what : ""}<extra></extra>`,
    };
  }

  why(bits) {
    return bits ? `<br>${this.page.reasons.filter((_, i) => bits & (1 << i)).join(", ")}` : "";
  }

  controls() {
    const bar = this.element.querySelector(".controls");
    for (const [name, choices, active] of this.page.choices)
      bar.append(group(name, choices.map((c) => [c.label, c.key === active, () => Plotly.relayout(this.plot, c.change)])));
    const toggle = (key, act) => (on) => { this.state[key] = on; act(); };
    if (this.page.masked) bar.append(box("masked pixels", toggle("masked", () =>
      Plotly.restyle(this.plot, { visible: this.state.masked }, [1])), this.page.maskColour));
    if (this.page.block > 1) bar.append(box("single pixels that stand out", toggle("outliers", () => this.refresh(true))));
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

function box(text, act, colour) {
  const label = document.createElement("label"), input = document.createElement("input");
  input.type = "checkbox";
  input.checked = true;
  input.onchange = () => act(input.checked);
  label.append(input, text);
  if (colour) label.style.setProperty("--mark", colour);
  return label;
}

// ---- plotly.js, packed in the page or beside it, and then the frames ----

async function startPage() {
  const packed = document.getElementById("plotly-packed");
  if (packed) {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await inflated(packed.textContent.trim()));
    document.head.append(script);
  }
  const frames = [...document.querySelectorAll(".frame")].map((element) =>
    new Frame(element, JSON.parse(document.getElementById(element.dataset.frame).textContent)));
  window.ccdFrames = frames;
  for (const frame of frames) await frame.start();
}

const started = startPage();
started.catch((error) => {
  document.querySelectorAll(".plot").forEach((plot) => { plot.textContent = `The figure cannot be drawn: ${error}`; });
  throw error;
});
