// The values of the first and the last colour: by a rule, typed, or dragged on the histogram.
"use strict";

class LimitsTool {
  constructor(frame, bar) {
    this.frame = frame;
    const { rules, look } = frame.page;
    this.group = group("limits of the colours", rules.map(({ key, label }) => [label, key === look.limits, () => this.by(key)]));
    this.group.dataset.keys = rules.map(({ key }) => key).join(" ");
    this.fields = ["low", "high"].map((end) => this.field(end));
    const typed = document.createElement("span");
    typed.className = "typed";
    typed.append(this.fields[0], "to", this.fields[1]);
    bar.append(this.group, typed);
    this.handles = ["low", "high"].map((end) => this.handle(end));
  }

  by(key) {
    const { range } = this.frame.page.rules.find((rule) => rule.key === key);
    return this.set(range[0], range[1], key);
  }

  set(low, high, key = null) {
    for (const [i, button] of [...this.group.children].entries())
      button.setAttribute("aria-pressed", this.frame.page.rules[i].key === key);
    return Plotly.relayout(this.frame.plot, {
      "coloraxis.cmin": low, "coloraxis.cmax": high, "shapes[0].x0": low, "shapes[0].x1": high,
    });
  }

  get now() {
    const { cmin, cmax } = this.frame.plot._fullLayout.coloraxis;
    return { low: cmin, high: cmax };
  }

  field(end) {
    const input = document.createElement("input");
    Object.assign(input, { type: "text", inputMode: "decimal", size: 8, spellcheck: false, autocomplete: "off" });
    input.setAttribute("aria-label", `value of the ${end === "low" ? "first" : "last"} colour`);
    input.onchange = () => {
      const asked = { ...this.now, [end]: Number(input.value.replace("−", "-").replace(",", ".")) };
      const sound = input.value.trim() && Number.isFinite(asked[end]) && asked.low < asked.high;
      input.setAttribute("aria-invalid", !sound);
      if (sound) this.set(asked.low, asked.high);
    };
    return input;
  }

  // A handle on the histogram, for the pointer and for the arrow keys.
  handle(end) {
    const handle = within(this.frame.room, "handle"), { room } = this.frame;
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", `${end === "low" ? "first" : "last"} colour`);
    const move = (value) => {
      const limits = { ...this.now, [end]: value };
      if (limits.low < limits.high) this.set(limits.low, limits.high);
    };
    const stop = (event) => event.stopPropagation();
    for (const kind of ["mousedown", "touchstart"]) handle.addEventListener(kind, stop);
    handle.addEventListener("pointerdown", (event) => {
      stop(event);
      handle.setPointerCapture(event.pointerId);
      let next = null;
      const drag = ({ clientX }) => {
        if (next === null) requestAnimationFrame(() => { move(next); next = null; });
        next = this.valueAt(clientX - room.getBoundingClientRect().left);
      };
      handle.addEventListener("pointermove", drag);
      handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", drag), { once: true });
    });
    handle.addEventListener("pointermove", stop);
    handle.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const [first, last] = this.axis().range;
      move(this.now[end] + (way * (last - first)) / 100);
    });
    return handle;
  }

  axis() {
    const { _offset: offset, _length: length, range } = this.frame.plot._fullLayout.xaxis2;
    return { offset, length, range: range.map(Number) };
  }

  valueAt(across) {
    const { offset, length, range: [first, last] } = this.axis();
    return first + (Math.min(Math.max(across - offset, 0), length) / length) * (last - first);
  }

  // Bring handles and fields to the limits there are, after whoever changed them.
  place() {
    const { offset, length, range: [first, last] } = this.axis(), { now } = this;
    const { _offset: top, _length: tall } = this.frame.plot._fullLayout.yaxis2;
    ["low", "high"].forEach((end, i) => {
      const part = Math.min(Math.max((now[end] - first) / (last - first), 0), 1), handle = this.handles[i];
      handle.hidden = false;
      put(handle, offset + part * length - 7, top - 4, 14, tall + 8);
      for (const [name, value] of [["min", first], ["max", last], ["now", now[end]]])
        handle.setAttribute(`aria-value${name}`, String(Number(value.toPrecision(6))));
      const text = String(Number(now[end].toPrecision(6)));
      if (document.activeElement !== this.fields[i] || !this.fields[i].matches("[aria-invalid=true]"))
        this.fields[i].value = text;
    });
  }
}
