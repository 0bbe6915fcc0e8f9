// The line that tells the pixel under the pointer, and the frame around that pixel.
"use strict";

class Readout {
  constructor(frame) {
    this.frame = frame;
    this.line = frame.element.querySelector(".readout");
    this.hint = this.line.textContent;
    this.outline = within(frame.room, "outline");
    for (const kind of ["pointermove", "pointerdown"]) frame.room.addEventListener(kind, (event) => this.follow(event));
    frame.room.addEventListener("pointerleave", ({ pointerType }) => { if (pointerType !== "touch") frame.point(null); });
  }

  follow(event) {
    const [x, y] = this.frame.pixelAt(event);
    this.line.setAttribute("aria-live", "off");                // else a screen reader would never come to an end
    this.frame.point(this.frame.holds(x, y) ? [Math.round(x), Math.round(y)] : null);
  }

  hide() {
    this.at = null;
    this.outline.hidden = true;
    this.line.replaceChildren(this.hint);
  }

  async show(x, y) {
    const at = `${x},${y}`;
    this.at = at;
    const told = await this.frame.told(x, y);
    if (this.at !== at) return;                                // the pointer has moved on
    this.told = told;
    this.line.replaceChildren(...told.lines.map(([kind, text]) => {
      const part = document.createElement(kind === "value" ? "b" : "span");
      part.className = kind;
      part.textContent = text;
      return part;
    }));
    this.place();
  }

  // Put the outline where its pixel is now.
  place() {
    if (!this.at || !this.told) return;
    const view = viewOf(this.frame.plot), { x0, y0, size } = this.told;
    const [left, right] = [x0 - 0.5, x0 + size - 0.5].map(view.across);
    const [top, bottom] = [y0 + size - 0.5, y0 - 0.5].map(view.down);
    this.outline.hidden = left < -1 || top < -1 || right > view.wide + 1 || bottom > view.tall + 1;
    put(this.outline, view.left + left, view.top + top, right - left, bottom - top);
  }
}

// Make an element that lies over a plot.
function within(room, name, kind = "div") {
  const element = document.createElement(kind);
  element.className = name;
  element.hidden = true;
  room.append(element);
  return element;
}

function put(element, left, top, width, height) {
  Object.assign(element.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}
