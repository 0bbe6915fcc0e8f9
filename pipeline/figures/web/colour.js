// Colours of values: a map of a few stops, stretched and perhaps turned round.  The same numbers as in colour.py.
"use strict";

const STOPS = 32;          // at equal distances in colour, so that a map stays smooth where its stretch is steep
const UNSTRETCHED = {
  linear: (place) => place,
  asinh: (place) => Math.sinh(place * Math.asinh(10)) / 10,
  log: (place) => Math.expm1(place * Math.log1p(1000)) / 1000,
};

// Give a plotly colour scale, [[0, "rgb(r,g,b)"], ...], of a map written "rrggbb rrggbb ...".
function scaleOf(map, stretch, inverted) {
  const stops = map.split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  if (inverted) stops.reverse();
  const count = stretch === "linear" ? stops.length : STOPS;
  return Array.from({ length: count }, (_, i) => {
    const place = i / (count - 1), at = place * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
    const colour = stops[low].map((v, c) => Math.round(v + (at - low) * (stops[low + 1][c] - v)));
    return [i === count - 1 ? 1 : UNSTRETCHED[stretch](place), `rgb(${colour.join(",")})`];
  });
}
