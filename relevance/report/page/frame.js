"use strict";
// What every page shares. Data enter a page by `textContent` and `setAttribute` alone, and no attribute that runs anything.

// A strategy may be called as something that every object has: a name that a table lacks is then not there, as any other.
delete Object.prototype.constructor;
delete Object.prototype.__proto__;

const payload = JSON.parse(document.getElementById("payload").textContent);

/** An element with attributes and children; a string among the children becomes text, `null` and `false` nothing. */
function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return node;
}

const count = (number) => number.toLocaleString("en");
const plural = (number, one, several = `${one}s`) => `${count(number)} ${number === 1 ? one : several}`;
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const queries = (number) => plural(number, "query", "queries");
const fixed = (value, digits = 4) => (value === null || value === undefined ? "–" : value.toFixed(digits));

/** A number with its sign; what rounds to zero has none. */
function signed(value, digits = 4) {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}
const percent = (share) => `${signed(share * 100, 1)}%`;

/** A section with a heading that the bar at the top leads to. */
function section(id, title, ...children) {
  const heading = el("h2", { id: `${id}-title` }, title);
  return el("section", { id, "aria-labelledby": `${id}-title` }, el("div", { class: "head" }, heading), ...children);
}

/** A name that a narrow column breaks behind its underscores, not within its words. */
const breakable = (name) => (typeof name === "string" ? name.split(/(?<=_)/).flatMap((part, at) => (at ? [el("wbr"), part] : [part])) : name);

/** A table that scrolls by itself where the window is narrow. `heads`: [text, class]; `rows`: lists of cells. */
function table(label, heads, rows, attributes = {}) {
  const cell = (content, at) =>
    at === 0
      ? el("th", { scope: "row" }, breakable(content))
      : content instanceof HTMLTableCellElement
        ? content
        : el("td", { class: heads[at][1] }, content);
  const head = el("thead", {}, el("tr", {}, heads.map(([text, kind]) => el("th", { scope: "col", class: kind }, text))));
  const body = el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell))));
  const inside = el("table", attributes, el("caption", { class: "hidden-visually" }, label), head, body);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, inside);
}

/** A labelled list to choose from; `options`: [value, text]. */
function picker(label, options, value, changed) {
  const select = el("select", { onchange: () => changed(select.value) });
  for (const [one, text] of options) select.append(el("option", { value: one, selected: one === value }, text));
  return el("label", {}, label, select);
}

/** Buttons of which one is pressed; `options`: [value, text]. */
function choice(label, options, value, changed) {
  const buttons = options.map(([one, text]) =>
    el("button", { type: "button", "aria-pressed": String(one === value), onclick: () => press(one) }, text),
  );
  function press(chosen) {
    options.forEach(([one], at) => buttons[at].setAttribute("aria-pressed", String(one === chosen)));
    changed(chosen);
  }
  const field = el("fieldset", { class: "choice" }, el("legend", {}, label), buttons);
  field.press = press;
  return field;
}

const lines = (texts) => el("ul", { class: "lines" }, texts.map((text) => el("li", {}, text)));

const ROWS_AT_ONCE = 20;

/**
 * A list that is searched and filtered. `outcomes`: [text, passes(item)], the first of them chosen; `words(item)`: what is
 * searched; `line(item)`: its element; `counted(number)`: how items are called. Gives `nodes`, and `show(items)` for their order.
 */
function listing(label, { outcomes, words, line, counted = queries, placeholder = "words or id" }) {
  const state = { items: [], outcome: 0, text: "", shown: ROWS_AT_ONCE };
  let found = [];
  const status = el("p", { class: "quiet", role: "status" });
  const list = el("ul", { class: "rows", "aria-label": label });
  const more = el("button", { type: "button", onclick: showMore });
  const search = el("input", { type: "search", placeholder, autocomplete: "off", spellcheck: "false", oninput: () => set({ text: search.value }) });
  const outcome = choice("Show", outcomes.map(([text], at) => [at, text]), 0, (one) => set({ outcome: one }));
  function set(some) {
    Object.assign(state, some, { shown: ROWS_AT_ONCE });
    const wanted = state.text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const has = (item) => wanted.every((word) => words(item).toLocaleLowerCase().includes(word));
    found = state.items.filter((item) => outcomes[state.outcome][1](item) && has(item));
    list.replaceChildren(...found.slice(0, state.shown).map(line));
    finish();
  }
  function showMore() {
    const from = state.shown;
    state.shown += 4 * ROWS_AT_ONCE;
    list.append(...found.slice(from, state.shown).map(line));
    finish();
  }
  function finish() {
    status.textContent = found.length ? `${counted(found.length)}.` : "None is like that.";
    more.hidden = state.shown >= found.length;
    more.textContent = `Show ${count(Math.min(4 * ROWS_AT_ONCE, found.length - state.shown))} more`;
  }
  const filters = el("div", { class: "filters" }, el("label", { class: "search" }, "Search", search), outcome);
  return { nodes: [filters, status, list, el("div", {}, more)], show: (items) => set({ items }) };
}

/** The bar at the top: what the page is about, its sections, light or dark. */
function bar(title, sections) {
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const button = el("button", { type: "button", onclick: toggle });
  function label() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
  }
  function toggle() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("relevance-theme", document.documentElement.dataset.theme);
    } catch { /* a browser may keep nothing for files */ }
    label();
  }
  try {
    const kept = localStorage.getItem("relevance-theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch { /* the same */ }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  const links = sections.map((one) => el("a", { href: `#${one.id}` }, one.querySelector("h2").textContent));
  const nav = el("nav", { "aria-label": "Parts of this page" }, links);
  document.getElementById("top").append(el("div", { class: "bar" }, el("strong", {}, title), nav, button));
}

/** Evenly spaced round values over a range, for an axis. */
function ticks(low, high, most = 5) {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / most));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => span / one <= most);
  const values = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) values.push(at * step + 0);
  return values;
}
