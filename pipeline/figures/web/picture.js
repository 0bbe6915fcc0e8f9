// The picture of a frame: a canvas under plotly's axes, painted here; plotly would draw every cell anew at each zoom.
"use strict";

const SHADES = 1 << 16;    // so many that a logarithm's first steps are told apart
const SPOT = 2;            // the least side, in pixels of the page, of what stands out: fewer are overlooked
const MOST_SPOTS = 4000;   // of more, none is overlooked

// Give the colours of a plotly colour scale, [[0, "rgb(r,g,b)"], ...], as canvas has them in memory.
function shadesOf(scale) {
  const stops = scale.map(([at, colour]) => [at, ...colour.match(/[\d.]+/g).map(Number)]);
  const shades = new Uint32Array(SHADES);
  for (let i = 0, stop = 1; i < SHADES; i++) {
    const at = i / (SHADES - 1);
    while (stop < stops.length - 1 && at > stops[stop][0]) stop++;
    const [low, high] = [stops[stop - 1], stops[stop]], part = (at - low[0]) / (high[0] - low[0]);
    shades[i] = shade(low.slice(1).map((v, c) => v + part * (high[c + 1] - v)));
  }
  return shades;
}

function shade([red, green, blue]) {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}

function mixed(shadeOf, [red, green, blue], share) {
  const part = (shift, colour) => ((shadeOf >>> shift) & 255) * (1 - share) + colour * share;
  return shade([part(0, red), part(8, green), part(16, blue)]);
}

// Paint the blocks of a window, one dot each, the top row first, as `coloured` in static_image.py; list what stands out.
function dotsOf(part, { shades, low, high, outliers, masked, nothing, mark }) {
  const { rows, columns, mean, extreme } = part, image = new ImageData(columns, rows), spots = [];
  const dots = new Uint32Array(image.data.buffer), slope = (SHADES - 1) / (high - low), none = shade(nothing);
  for (let row = 0, from = 0; row < rows; row++)
    for (let at = (rows - 1 - row) * columns, end = from + columns; from < end; from++, at++) {
      const out = outliers && !Number.isNaN(extreme[from]) && !inStar(part, row, from), value = out ? extreme[from] : mean[from];
      const place = (value - low) * slope + 0.5;
      let dot = Number.isFinite(value) ? shades[place < 0 ? 0 : place >= SHADES ? SHADES - 1 : place | 0] : none;
      if (masked && part.masked[from]) dot = mixed(dot, mark, 0.35 + 0.65 * part.masked[from]);
      dots[at] = dot;
      if (out && spots.length <= MOST_SPOTS) spots.push([from % columns, row, dot]);
    }
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return { canvas, spots: spots.length <= MOST_SPOTS ? spots : [] };
}

// Tell whether blocks beside and above or below a block stand out as it does, as `shown` in blocks.py.  Pixels that do so alone or in a line are
// a detector's; what is as wide as high is a star, which painted by its brightest pixels would be a square.
function inStar({ rows, columns, mean, extreme }, row, at) {
  const up = extreme[at] > mean[at], alike = (other) => (up ? extreme[other] > mean[other] : extreme[other] < mean[other]);
  const column = at - row * columns;
  const beside = (column > 0 && alike(at - 1)) || (column < columns - 1 && alike(at + 1));
  return beside && ((row > 0 && alike(at - columns)) || (row < rows - 1 && alike(at + columns)));
}

// ---- where things lie on the screen ----

// Give what plotly shows and where, in pixels of the page from the corner of the plot.
function viewOf(plot) {
  const { xaxis, yaxis } = plot._fullLayout, [x0, x1] = xaxis.range.map(Number), [y0, y1] = yaxis.range.map(Number);
  const view = { x0, x1, y0, y1, left: xaxis._offset, top: yaxis._offset, wide: xaxis._length, tall: yaxis._length };
  return {
    ...view,
    across: (x) => ((x - x0) / (x1 - x0)) * view.wide,
    down: (y) => ((y1 - y) / (y1 - y0)) * view.tall,
    x: (across) => x0 + (across / view.wide) * (x1 - x0),
    y: (down) => y1 - (down / view.tall) * (y1 - y0),
  };
}

// Put painted windows on the canvas, the later over the earlier, as far as they lie in the view and in the frame.
function compose(canvas, view, layers, [height, width], scale) {
  const round = (length) => Math.max(1, Math.round(length * scale));
  Object.assign(canvas, { width: round(view.wide), height: round(view.tall) });
  Object.assign(canvas.style, {
    left: `${view.left}px`, top: `${view.top}px`, width: `${view.wide}px`, height: `${view.tall}px`,
  });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.scale(canvas.width / view.wide, canvas.height / view.tall);
  context.beginPath();
  context.rect(view.across(-0.5), view.down(height - 0.5), view.across(width - 0.5) - view.across(-0.5),
    view.down(-0.5) - view.down(height - 0.5));
  context.clip();
  for (const { part, dots: { canvas: dots, spots } } of layers) {
    const within = (value, most) => Math.min(Math.max(value, 0), most);      // only what is seen: zooms go far
    const first = within(Math.floor((view.x0 + 0.5 - part.x0) / part.size), part.columns);
    const last = within(Math.ceil((view.x1 + 0.5 - part.x0) / part.size), part.columns);
    const bottom = within(Math.floor((view.y0 + 0.5 - part.y0) / part.size), part.rows);
    const top = within(Math.ceil((view.y1 + 0.5 - part.y0) / part.size), part.rows);
    if (last <= first || top <= bottom) continue;
    const x = (column) => view.across(part.x0 + column * part.size - 0.5);
    const y = (row) => view.down(part.y0 + row * part.size - 0.5);
    context.drawImage(dots, first, part.rows - top, last - first, top - bottom,
      x(first), y(top), x(last) - x(first), y(bottom) - y(top));
    if (x(1) - x(0) >= SPOT) continue;
    for (const [column, row, dot] of spots) {
      context.fillStyle = `rgb(${dot & 255},${(dot >>> 8) & 255},${(dot >>> 16) & 255})`;
      context.fillRect(Math.round(x(column + 0.5)) - SPOT / 2, Math.round(y(row + 0.5)) - SPOT / 2, SPOT, SPOT);
    }
  }
}
