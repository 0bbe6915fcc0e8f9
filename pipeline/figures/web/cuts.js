// Cuts through the frame: the row and the column of the pixel under the pointer, drawn along the picture's edges.
"use strict";

const CUT = 96;            // pixels of the page that a cut is high
const CUT_GAP = 6;

class Cuts {
  constructor(frame) {
    this.frame = frame;
    this.lines = { x: within(frame.room, "cut", "canvas"), y: within(frame.room, "cut", "canvas") };
    for (const canvas of Object.values(this.lines)) canvas.setAttribute("role", "img");
  }

  // Draw the cuts through a pixel, the latest that was asked for: tiles may have to be read for them.
  async show(x, y) {
    this.wanted = [x, y];
    if (this.busy || !this.frame.state.cuts) return;
    this.busy = true;
    while (this.wanted) {
      const [column, row] = this.wanted;
      this.wanted = null;
      const [across, up] = [await this.frame.line("x", row), await this.frame.line("y", column)];
      if (!this.frame.state.cuts) break;
      this.draw("x", across, row, column);
      this.draw("y", up, column, row);
    }
    this.busy = false;
  }

  hide() {
    for (const canvas of Object.values(this.lines)) canvas.hidden = true;
  }

  place() {
    const { at, state } = this.frame;
    if (state.cuts && at) this.show(...at);
    else this.hide();
  }

  // Draw one cut: values of good pixels as a line, those of flagged ones as dots, the pointer's place across it.
  draw(axis, { first, size, values, masked }, at, pointer) {
    const canvas = this.lines[axis], { frame } = this, view = viewOf(frame.plot), flat = axis === "x";
    const wide = flat ? view.wide : CUT, tall = flat ? CUT : view.tall, { scale } = frame;
    if (flat) put(canvas, view.left, view.top - CUT - CUT_GAP, wide, tall);
    else put(canvas, view.left + view.wide + CUT_GAP, view.top, wide, tall);
    Object.assign(canvas, { hidden: false, width: Math.round(wide * scale), height: Math.round(tall * scale) });
    const [low, high] = extentOf(values, masked), style = getComputedStyle(canvas), pen = canvas.getContext("2d");
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.scale(scale, scale);
    // The cut is drawn as one along a row; that along a column is turned, and grows to the right.
    if (!flat) pen.transform(0, -1, -1, 0, CUT, view.tall);
    const along = (pixel) => (flat ? view.across(pixel) : view.tall - view.down(pixel));
    const up = (value) => 14 + (CUT - 18) * (1 - (value - low) / (high - low || 1));
    pen.strokeStyle = colour("--line");
    stroke(pen, [[along(pointer), 0], [along(pointer), CUT]]);
    pen.strokeStyle = colour("--trace");
    pen.beginPath();
    let drawing = false;
    values.forEach((value, i) => {
      if (!Number.isFinite(value) || masked[i]) { drawing = false; return; }
      const [from, to] = [along(first + i * size - 0.5), along(first + (i + 1) * size - 0.5)];
      if (drawing) pen.lineTo(from, up(value));
      else pen.moveTo(from, up(value));
      pen.lineTo(to, up(value));
      drawing = true;
    });
    pen.stroke();
    pen.fillStyle = `rgb(${frame.mark.join(",")})`;
    values.forEach((value, i) => {
      if (Number.isFinite(value) && masked[i])
        pen.fillRect(along(first + (i + (1 - 1 / size) / 2) * size) - 1, Math.min(Math.max(up(value), 14), CUT - 3) - 1, 3, 3);
    });
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    const words = `${flat ? "row" : "column"} ${at}`, span = [low, high].map((value) => frame.number(value));
    pen.fillStyle = colour("--soft");
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    if (flat) {
      pen.fillText(`${words}: ${span.join(" to ")}${frame.unit}`, 2, 10);
    } else {
      [words, `${span[0]} to`, span[1]].forEach((text, i) => pen.fillText(text, 14, 12 + 13 * i));
    }
    canvas.setAttribute("aria-label", `cut along ${words}: from ${span.join(" to ")}${frame.unit}`);
    canvas.shown = { axis, at, first, size, values, low, high };
  }
}

function stroke(pen, points) {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
}

// Give the least and the greatest value of good pixels, of all where none is good.
function extentOf(values, masked) {
  let low = Infinity, high = -Infinity;
  const look = (all) => values.forEach((value, i) => {
    if (!Number.isFinite(value) || (masked[i] && !all)) return;
    if (value < low) low = value;
    if (value > high) high = value;
  });
  look(false);
  if (low > high) look(true);
  return low > high ? [0, 1] : [low, high];
}
