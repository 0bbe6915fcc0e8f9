// Where on the sky, or at which wavelength, a pixel lies: between nodes that astropy calculated; see view.py.
"use strict";

// Give the words for a pixel, whose centre has whole x and y; "" where its coordinates are not known.
function skyWords(grids, [height, width], x, y) {
  return (grids || []).map((grid) => {
    const at = between(grid, (x + 0.5) / width, (y + 0.5) / height);
    if (!at.every(Number.isFinite)) return "";
    return at.length === 3 ? celestialWords(grid, at) : `${grid.names[0]} ${at[0].toFixed(grid.digits)} ${grid.unit}`;
  }).filter(Boolean).join(", ");
}

// Interpolate at a place that goes from 0 to 1 over the frame, along both axes.
function between({ nodes }, across, up) {
  const cells = nodes[0].length - 1, place = (part) => {
    const at = part * cells, low = Math.min(Math.max(Math.floor(at), 0), cells - 1);
    return [low, at - low];
  };
  const [i, s] = place(across), [j, t] = place(up);
  return nodes.map((node) => {
    const along = (row) => row[i] + s * (row[i + 1] - row[i]), known = [node[j], node[j + 1]];
    if (known.some((row) => row[i] === null || row[i + 1] === null)) return NaN;
    return along(known[0]) + t * (along(known[1]) - along(known[0]));
  });
}

// Give longitude and latitude of a direction, in degrees.
function directionOf([x, y, z]) {
  return [((Math.atan2(y, x) * 180) / Math.PI + 360) % 360, (Math.atan2(z, Math.hypot(x, y)) * 180) / Math.PI];
}

function celestialWords({ names, unit, digits }, direction) {
  const [longitude, latitude] = directionOf(direction), sign = latitude < 0 ? "−" : "+", more = digits + 4;
  const degrees = `${longitude.toFixed(more)}° ${sign}${Math.abs(latitude).toFixed(more)}°`;
  if (names[0] !== "RA") return `${names.join(", ")} ${degrees}`;
  const hours = sexagesimal(longitude / 15, digits + 1, 24), arc = sexagesimal(Math.abs(latitude), digits, Infinity);
  return `RA ${hours}, Dec ${sign}${arc}${unit ? ` ${unit}` : ""} (${degrees})`;
}

// Write 5.5 as 05:30:00; no 60 may stand in it, as rounding would have it.
function sexagesimal(value, digits, turn) {
  const units = 10 ** digits, all = Math.round(value * 3600 * units), whole = Math.floor(all / units);
  const two = (number) => String(number).padStart(2, "0"), part = all - whole * units;
  const seconds = two(whole % 60) + (digits ? `.${String(part).padStart(digits, "0")}` : "");
  return `${two(Math.floor(whole / 3600) % turn)}:${two(Math.floor(whole / 60) % 60)}:${seconds}`;
}
