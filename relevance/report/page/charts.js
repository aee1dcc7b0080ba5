"use strict";
// The pictures of all pages. They take data and words, never a page's payload, and use `frame.js` alone. A picture is given as
// the nodes of a figure (`pictured`): what is drawn, its words, the same in numbers.

const SAME = 1e-9;

/** What stands in a figure: a drawing that scrolls by itself, its words, and `numbers`, a table that opens. */
function pictured(label, drawing, words, numbers = null) {
  const nodes = [
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, drawing),
    el("figcaption", { class: "note small" }, words),
  ];
  return numbers ? [...nodes, el("details", {}, el("summary", {}, "The same in numbers"), numbers)] : nodes;
}

/** A drawing of that size; `words` say what is on it. */
function drawing(width, height, words, parts) {
  return svg("svg", { class: width > 800 ? "large" : null, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words }, parts);
}

/** The colours of a picture: `[name of a colour of frame.css, text]`. */
function key(items) {
  return el("ul", { class: "key" }, items.map(([colour, text]) => {
    const mark = el("i");
    mark.style.background = `var(--${colour})`;
    return el("li", {}, mark, text);
  }));
}

const logOf = (value) => Math.log10(Math.max(value, 1e-3));

/** 1, 2 and 5 of each power of ten. */
function logTicks(low, high) {
  const values = [];
  for (let power = Math.floor(logOf(low)); power <= logOf(high); power += 1) {
    values.push(...[1, 2, 5].map((one) => one * 10 ** power));
  }
  return values.filter((one) => one >= low && one <= high).map((one) => [one, one >= 1 ? count(one) : String(Number(one.toPrecision(1)))]);
}

/**
 * Axes: where values lie, and the lines and texts around them.
 * `size`: { width, height, left, right, top, bottom }, all optional.
 * `across`, `up`: { low, high, log, label, ticks: [[value, text]] }; `ticks` are round values where none are given.
 * Gives { x(value), y(value), parts, width, height, left, right, top, bottom }.
 */
function axes(size, across, up) {
  const room = { width: 560, height: 300, left: 52, right: 16, top: 16, bottom: 44, ...size };
  const { width, height, left, right, top, bottom } = room;
  const place = (one, from, to) => {
    const of = one.log ? logOf : Number;
    const [low, high] = [of(one.low), of(one.high)];
    return (value) => from + ((to - from) * (of(value) - low)) / (high - low || 1);
  };
  const marks = (one, most) => {
    if (one.ticks) return one.ticks;
    if (one.log) return logTicks(one.low, one.high);
    const digits = one.high - one.low < 0.05 ? 4 : one.high - one.low < 5 ? 2 : 0;
    return ticks(one.low, one.high, most).map((value) => [value, digits ? value.toFixed(digits) : count(value)]);
  };
  const x = place(across, left, width - right);
  const y = place(up, height - bottom, top);
  const parts = [];
  for (const [value, text] of marks(up, 5)) {
    parts.push(svg("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    parts.push(svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  for (const [value, text] of marks(across, 6)) {
    if (!across.bare) parts.push(svg("line", { class: "axis", x1: x(value), x2: x(value), y1: top, y2: height - bottom }));
    const half = text.length * 3.3;
    const anchor = x(value) + half > width ? "end" : x(value) - half < 24 ? "start" : "middle";
    parts.push(svg("text", { x: x(value), y: height - bottom + 16, "text-anchor": anchor }, text));
  }
  if (across.label) parts.push(svg("text", { x: width - right, y: height - 6, "text-anchor": "end" }, across.label));
  if (up.label) parts.push(svg("text", { x: left + 4, y: top + 4 }, up.label));
  return { ...room, x, y, parts };
}

/** The ends of an axis on which all values have room; `share`: how much of it is left free at either end. */
function ends(values, share = 0.12) {
  const [low, high] = [values.reduce((one, other) => Math.min(one, other)), values.reduce((one, other) => Math.max(one, other))];
  const margin = (high - low || Math.abs(high) * 0.1 || 0.1) * share;
  return { low: low - margin, high: high + margin };
}

const BINS = 20;

/**
 * How many changes there are of which size: bars left and right of 0. `values`: changes, none of them 0.
 * `texts`: { left, right } stand above the bars, `words` below, `counted(number)` names what changed (default: queries).
 */
function histogram(values, { left: below, right: above, words, counted = queries }) {
  const reach = Math.max(0.1, Math.ceil(Math.max(0, ...values.map(Math.abs)) * 10 - SAME) / 10);
  const bins = Array(BINS).fill(0);
  for (const one of values) {
    const at = (Math.abs(one) / reach) * (BINS / 2);
    const place = Math.min(BINS / 2 - 1, Math.ceil(at - SAME) - 1);
    bins[one < 0 ? BINS / 2 - 1 - place : BINS / 2 + place] += 1;
  }
  const most = Math.max(1, ...bins);
  const edge = (at) => signed(((at - BINS / 2) * 2 * reach) / BINS, 2);
  const [width, height, left, bottom, top] = [560, 230, 44, 34, 16];
  const x = (at) => left + ((width - left) * at) / BINS;
  const y = (number) => height - bottom - ((height - bottom - top) * number) / most;
  const parts = ticks(0, most, 4).filter(Number.isInteger).flatMap((one) => [
    svg("line", { class: "axis", x1: left, x2: width, y1: y(one), y2: y(one) }),
    svg("text", { x: left - 6, y: y(one) + 4, "text-anchor": "end" }, count(one)),
  ]);
  bins.forEach((number, at) => {
    const bar = { class: at < BINS / 2 ? "bar-down" : "bar-up", x: x(at) + 1, width: x(1) - x(0) - 2, y: y(number), height: height - bottom - y(number) };
    parts.push(svg("rect", bar, svg("title", {}, `${edge(at)} to ${edge(at + 1)}: ${counted(number)}`)));
  });
  for (let at = 0; at <= BINS; at += BINS / 4) {
    parts.push(svg("text", { x: x(at), y: height - bottom + 16, "text-anchor": at === BINS ? "end" : "middle" }, edge(at)));
  }
  parts.push(svg("line", { class: "zero", x1: x(BINS / 2), x2: x(BINS / 2), y1: top - 8, y2: height - bottom }));
  parts.push(svg("text", { class: "strong", x: x(BINS / 2) - 8, y: 12, "text-anchor": "end" }, below));
  parts.push(svg("text", { class: "strong", x: x(BINS / 2) + 8, y: 12 }, above));
  const rows = bins.map((number, at) => [edge(at), edge(at + 1), count(number)]).filter((row) => row[2] !== "0");
  const numbers = table("The same in numbers", [["From", ""], ["To", "num"], ["Number", "num"]], rows);
  return pictured("Picture of the changes", drawing(width, height, words, parts), words, numbers);
}

/** Every change as a bar, in the order of `values`: sorted, the largest gain first. */
function sortedChanges(values, { left: first, right: last, words }) {
  const reach = Math.max(0.1, ...values.map(Math.abs));
  const plot = axes({ width: 1080, height: 250, bottom: 22 }, { low: 0, high: values.length, ticks: [], bare: true }, { low: -reach, high: reach });
  const side = (css, of) => {
    const inside = values.map(of);
    if (!inside.some(Boolean)) return null;
    const corners = inside.flatMap((one, at) => [[at, one], [at + 1, one]]);
    const outline = [[0, 0], ...corners, [values.length, 0]].map(([at, one]) => `${plot.x(at).toFixed(1)},${plot.y(one).toFixed(1)}`);
    return svg("polygon", { class: css, points: outline.join(" ") });
  };
  const parts = [
    ...plot.parts,
    side("bar-up", (one) => Math.max(0, one)),
    side("bar-down", (one) => Math.min(0, one)),
    svg("line", { class: "zero", x1: plot.left, x2: plot.width - plot.right, y1: plot.y(0), y2: plot.y(0) }),
    svg("text", { class: "strong", x: plot.left + 6, y: plot.height - 6 }, first),
    svg("text", { class: "strong", x: plot.width - plot.right, y: plot.height - 6, "text-anchor": "end" }, last),
  ];
  return pictured("Picture of every change, sorted", drawing(plot.width, plot.height, words, parts), words);
}

/**
 * Lines over an axis. `series`: { css, points: [{ x, y, title, best }], dots } each; `best` points are marked, and without `dots`
 * they alone. `band`: [{ x, low, high }] behind the lines; `level`: a value with a dashed line.
 * `across`, `up` as in `axes`; the ends are those of the data where none are given.
 */
function lineChart(series, { label, words, across = {}, up = {}, size = {}, band = [], level = null, numbers = null }) {
  const points = series.flatMap((one) => one.points);
  const heights = [...points.map((one) => one.y), ...band.flatMap((one) => [one.low, one.high]), ...(level === null ? [] : [level])];
  const plot = axes(size, { ...ends(points.map((one) => one.x), 0), ...across }, { ...ends(heights, 0.15), ...up });
  const at = (x, y) => `${plot.x(x).toFixed(1)},${plot.y(y).toFixed(1)}`;
  const parts = [...plot.parts];
  if (band.length > 1) {
    const outline = [...band.map((one) => at(one.x, one.high)), ...band.toReversed().map((one) => at(one.x, one.low))];
    parts.push(svg("polygon", { class: "band", points: outline.join(" ") }));
  }
  if (level !== null) parts.push(svg("line", { class: "level", x1: plot.left, x2: plot.width - plot.right, y1: plot.y(level), y2: plot.y(level) }));
  for (const one of series) parts.push(svg("polyline", { class: one.css || "course", points: one.points.map(({ x, y }) => at(x, y)).join(" ") }));
  for (const one of series.flatMap((line) => line.points.filter((point) => line.dots !== false || point.best))) {
    const title = one.title ? svg("title", {}, one.title) : null;
    parts.push(svg("circle", { class: one.best ? "dot best" : "dot", cx: plot.x(one.x), cy: plot.y(one.y), r: one.best && series.length > 1 ? 5 : 4 }, title));
  }
  return pictured(label, drawing(plot.width, plot.height, words, parts), words, numbers);
}

/** Mark the points { x: cost, y: quality } that no other beats in both as `best`; give these from the cheapest on. */
function paretoFront(points) {
  const beats = (one, other) => one.y >= other.y && one.x <= other.x && (one.y > other.y || one.x < other.x);
  for (const one of points) one.best = !points.some((other) => beats(other, one));
  return points.filter((one) => one.best).sort((one, other) => one.x - other.x);
}

/**
 * Points { name, x, y, title, best } with their names, where these have room, and a dashed line through the best (see
 * `paretoFront`). `across`, `up` as in `axes`.
 */
function scatter(points, { label, words, across, up, numbers = null }) {
  const front = points.filter((one) => one.best).sort((one, other) => one.x - other.x);
  const xs = points.map((one) => one.x);
  const wide = across.log
    ? { low: 10 ** (logOf(Math.min(...xs)) - 0.1), high: 10 ** (logOf(Math.max(...xs)) + 0.1) }
    : ends(xs);
  const plot = axes({ left: 44, right: 12, top: 14 }, { ...wide, ...across }, { ...ends(points.map((one) => one.y)), ...up });
  const { x, y, width, height, left, right, top, bottom, parts } = plot;
  if (front.length > 1) parts.push(svg("polyline", { class: "front", points: front.map((one) => `${x(one.x)},${y(one.y)}`).join(" ") }));
  const taken = [];
  for (const one of [...front, ...points.filter((other) => !other.best)]) {
    const [cx, cy] = [x(one.x), y(one.y)];
    parts.push(svg("circle", { class: one.best ? "dot best" : "dot", cx, cy, r: 5 }, svg("title", {}, one.title)));
    const text = one.name.length > 34 ? `${one.name.slice(0, 33)}…` : one.name;
    const size = text.length * 6.6;
    const places = [[cx + 9, cy + 4], [cx - 9 - size, cy + 4], [cx - size / 2, cy - 10], [cx - size / 2, cy + 19]];
    const free = ([px, py]) => px > left && px + size < width - right && py > top + 8 && py < height - bottom && !taken.some(([ox, oy, other]) => px < ox + other && px + size > ox && Math.abs(py - oy) < 13) && !points.some((other) => other !== one && x(other.x) > px - 6 && x(other.x) < px + size + 6 && Math.abs(y(other.y) - py + 4) < 9);
    const place = places.find(free);
    if (!place) continue;
    taken.push([...place, size]);
    parts.push(svg("text", { class: one.best ? "strong" : "", x: place[0], y: place[1] }, text));
  }
  const drawn = drawing(width, height, points.map((one) => one.title).join("; "), parts);
  return pictured(label, drawn, words, numbers);
}

/**
 * Two boxes a row, one above the other: quartiles and median, and whiskers. `rows`: { name, note, pairs: [[css, [five values]]] }.
 * `across` as in `axes`.
 */
function boxes(rows, { label, words, across, numbers = null }) {
  const size = { width: 1080, height: 50 + rows.length * 56, left: 150, top: 6 };
  const every = rows.flatMap((one) => one.pairs.flatMap(([, values]) => values));
  const plot = axes(size, { ...ends(every, 0.04), ...across }, { low: 0, high: rows.length, ticks: [] });
  const parts = [...plot.parts];
  rows.forEach((row, at) => {
    const top = plot.top + at * 56;
    parts.push(svg("text", { class: "strong", x: plot.left - 12, y: top + 26, "text-anchor": "end" }, row.name));
    parts.push(svg("text", { x: plot.left - 12, y: top + 41, "text-anchor": "end" }, row.note));
    row.pairs.forEach(([css, values], place) => {
      const [low, first, middle, third, high] = values.map(plot.x);
      const y = top + 8 + place * 22;
      const title = svg("title", {}, values.map((one) => fixed(one, 3)).join(" · "));
      parts.push(
        svg("line", { class: `span ${css}`, x1: low, x2: high, y1: y + 8, y2: y + 8 }),
        svg("rect", { class: `box ${css}`, x: first, width: Math.max(1, third - first), y, height: 16 }, title),
        svg("line", { class: `middle ${css}`, x1: middle, x2: middle, y1: y, y2: y + 16 }),
      );
    });
  });
  return pictured(label, drawing(plot.width, plot.height, words, parts), words, numbers);
}

/** A small picture for a cell: a value with its interval beside zero. `ends`: [low, high] or null; `reach`: of the axis, both ways. */
function interval(value, ends, reach, css = "") {
  const [width, height, at] = [150, 18, (one) => 75 + (one / reach) * 68];
  const parts = [svg("line", { class: "zero", x1: 75, x2: 75, y1: 0, y2: height })];
  if (ends) parts.push(svg("line", { class: `span ${css}`, x1: at(ends[0]), x2: at(ends[1]), y1: 9, y2: 9 }));
  parts.push(svg("circle", { class: `mark ${css}`, cx: at(value), cy: 9, r: 4 }));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" }, parts);
}

/** How far an axis of `interval` reaches, so that all these values and ends are on it. */
const reachOf = (values) => values.reduce((most, one) => Math.max(most, Math.abs(one)), 0.005);

/** A cell of a table of class `heat`. `css`: loss, blocks, likely, down, same, up, or what `shade` gives; a button with `press`. */
function heatCell(text, { css, label = null, title = null, press = null }) {
  const inside = press
    ? el("button", { type: "button", class: `cell ${css}`, "aria-label": label, title, onclick: press }, text)
    : el("span", { class: `cell ${css}`, title }, text);
  return el("td", {}, inside);
}

/** The class of a cell by how high a value is, in five steps. */
function shade(value, low, high) {
  return `shade-${high > low ? Math.min(4, Math.floor((5 * (value - low)) / (high - low))) : 2}`;
}

/** A change as a number, and as a bar beside zero. */
function delta(change) {
  const bar = el("i", { class: change < 0 ? "fell" : "rose" });
  const size = Math.min(50, Math.abs(change) * 50);
  bar.style.left = `${change < 0 ? 50 - size : 50}%`;
  bar.style.width = `${size}%`;
  const kind = Math.abs(change) < SAME ? "quiet" : change < 0 ? "fell" : "rose";
  return el("span", { class: "delta" }, el("span", { class: `num ${kind}` }, signed(change, 3)), el("span", { class: "track", "aria-hidden": "true" }, Math.abs(change) < SAME ? null : bar));
}

/** A course for a cell, without axes: its shape alone. */
function sparkline(values) {
  const [width, height] = [140, 26];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (at) => 3 + ((width - 6) * at) / Math.max(1, values.length - 1);
  const y = (value) => (high > low ? height - 4 - ((height - 8) * (value - low)) / (high - low) : height / 2);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    svg("polyline", { class: "course", points: values.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }),
    svg("circle", { class: "dot best", cx: x(values.length - 1), cy: y(values.at(-1)), r: 3 }));
}
