// The values of a frame: out of the page's text, and brought to blocks.
"use strict";

const STANDS_OUT = 5;      // as in blocks.py
const KEPT_TILES = 96;

// ---- values out of text: see tile_codec.py ----

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflated(base64) {
  const { writable, readable } = new DecompressionStream("deflate"), writer = writable.getWriter();
  writer.write(bytesOf(base64)).catch(() => {});     // what is wrong with it, reading says
  writer.close().catch(() => {});
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

// Put whole numbers together from the planes of their bytes, the lowest first.
function numbersOf(octets, count, planes = octets.length / count) {
  const numbers = new Int32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = octets[i];
  for (let plane = 1; plane < planes; plane++)
    for (let i = 0, from = plane * count, shift = 8 * plane; i < count; i++) numbers[i] |= octets[from + i] << shift;
  return numbers;
}

async function decodedTile(tile, height, width) {
  const [offset, step, noise, rule, planes, data, odd] = tile;
  const count = height * width, numbers = numbersOf(await inflated(data), count, planes);
  if (rule === 3) return told(Float64Array.from(new Float32Array(numbers.buffer)), noise, step, odd);
  for (let i = 0; i < count; i++) numbers[i] = (numbers[i] >>> 1) ^ -(numbers[i] & 1);
  unpredict(numbers, rule, height, width);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = offset + step * numbers[i];
  return told(values, noise, step, odd);
}

async function told(values, noise, step, odd) {
  if (odd) (await inflated(odd)).forEach((kind, i) => { if (kind) values[i] = [0, NaN, Infinity, -Infinity][kind]; });
  return { values, noise, step, finite: !odd };
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
    const flags = this.flags && this.flags[key] ? numbersOf(await inflated(this.flags[key]), height * width) : null;
    return { ...tile, height, width, flags };
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
    masked: new Float32Array(count), reasons: size === 1 ? new Int32Array(count) : null, step: 0,
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
  const blockOf = tile.finite && !flags ? soundBlock : mixedBlock;
  for (let y = firstY; y < lastY; y += size)
    for (let x = firstX; x < lastX; x += size) {
      const from = (y - top) * tile.width + x - left, at = ((y - part.y0) / size) * part.columns + (x - part.x0) / size;
      const { mean, low, high, masked } = blockOf(tile, from, Math.min(size, lastX - x), Math.min(size, lastY - y));
      part.mean[at] = mean;
      part.masked[at] = masked;
      const extreme = high - mean >= mean - low ? high : low;
      if (Math.abs(extreme - mean) > STANDS_OUT * noise) part.extreme[at] = extreme;
    }
}

// A block of numbers alone, none of them flagged: most blocks are.
function soundBlock({ values, width }, from, columns, rows) {
  let sum = 0, low = Infinity, high = -Infinity;
  for (let row = 0; row < rows; row++)
    for (let i = from + row * width, end = i + columns; i < end; i++) {
      const value = values[i];
      sum += value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  return { mean: sum / (rows * columns), low, high, masked: 0 };
}

function mixedBlock({ values, flags, width }, from, columns, rows) {
  let sum = 0, count = 0, all = 0, finite = 0, low = Infinity, high = -Infinity, masked = 0;
  for (let row = 0; row < rows; row++)
    for (let i = from + row * width, end = i + columns; i < end; i++) {
      const value = values[i], bad = flags && flags[i];
      if (bad) masked++;
      if (!Number.isFinite(value)) continue;
      all += value; finite++;
      if (!bad) { sum += value; count++; }
      if (value < low) low = value;
      if (value > high) high = value;
    }
  return { mean: count ? sum / count : all / finite, low, high, masked: masked / (rows * columns) };
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
