"use strict";
// The page of `relevance mutate`. `payload`:
//   results   what mutations.json holds
//   of        what was measured, a line each
//   wrong     what the gate should have said otherwise, a line each
//   notes     what else is to be said
//   neutral   whether nothing of it should fail

const { results, neutral } = payload;
const main = document.getElementById("main");
const planted = results.mutations;
const NOTHING = 0.0005;
const CLASSES = { loss: "is-loss", "undecided, fails": "is-undecided", "likely loss": "is-likely", undecided: "is-undecided", "no loss": "is-good", refused: "is-loss" };
const FATES = {
  caught: ["Caught", neutral ? "is-loss" : "is-good", "the session would have failed"],
  survived: ["Survived", neutral ? "is-good" : "is-likely", "the session would have passed"],
  none: ["Nothing to catch", "is-none", "no hit changed, or it means nothing here"],
};
const badge = (text, css) => el("span", { class: `answer ${css || "is-none"}` }, text);
const fate = (one) => (one.caught === null ? "none" : one.caught ? "caught" : "survived");
const titled = (one) => (planted.filter((other) => other.kind === one.kind).length > 1 || one.group === "noise" ? `${one.kind} (${one.seed})` : one.kind);
/** How a metric moved, as a share of what it was: below 0 where it became worse. */
const change = (found) => (found.relative === null ? null : -found.relative);
const changeText = (found) => (found.relative === null ? "from 0" : percent(change(found)));
const css = (found) => (found.relative === null || Math.abs(found.relative) < NOTHING ? "" : found.relative > 0 ? "fell" : "rose");
/** The strategy of the largest drop, or the one that is asked for; null where it did not change. */
function shownOf(one, strategy) {
  if (strategy) return one.strategies.find((found) => found.strategy === strategy) || null;
  const rated = one.strategies.filter((found) => found.relative !== null);
  return rated.reduce((most, found) => (most && most.relative >= found.relative ? most : found), null);
}
const drop = (one, strategy) => shownOf(one, strategy)?.relative ?? -Infinity;
const strategyNames = [...new Set(planted.flatMap((one) => one.strategies.map((found) => found.strategy)))];
const byFate = Object.fromEntries(Object.keys(FATES).map((name) => [name, planted.filter((one) => fate(one) === name)]));

function verdict() {
  const [caught, tried] = [byFate.caught.length, byFate.caught.length + byFate.survived.length];
  const headline = !tried
    ? "Nothing to catch: no change had an effect"
    : neutral
      ? `${count(caught)} of ${plural(tried, "neutral change")} ${caught === 1 ? "fails" : "fail"}`
      : `${count(caught)} of ${plural(tried, "change")} ${caught === 1 ? "was" : "were"} caught`;
  const of = neutral ? "What must not fail, planted" : "Regressions, planted";
  const sentence = `${of} one at a time: ${plural(planted.length, "change")}, each measured by ${results.measure} beside the system as it is.`;
  const tiles = Object.entries(FATES).map(([name, [title, kind, means]]) => {
    const number = byFate[name].length;
    return el("li", { class: number ? kind : "zero" }, el("b", {}, count(number)), el("span", {}, title.toLowerCase()), el("p", {}, means));
  });
  const parts = [el("h1", {}, headline), el("p", {}, sentence), el("ul", { class: "tiles" }, tiles)];
  if (payload.wrong.length) parts.push(el("h2", {}, neutral ? "Fails, and should not" : "Passes, and should not"), lines(payload.wrong));
  if (payload.notes.length) parts.push(el("h2", {}, "Notes"), lines(payload.notes));
  const kind = payload.wrong.length ? "is-loss" : tried ? "is-good" : "is-none";
  return el("section", { id: "verdict", class: `verdict ${kind}`, "aria-label": "Verdict" }, parts);
}

const SHOWN = 20;
const state = { fate: "", strategy: "", group: "", text: "" };

/** The table of what was planted, with filters: what survived first, each by its drop. */
function changes() {
  const part = section("changes", "What was planted");
  const body = el("div", {});
  const status = el("p", { class: "quiet", role: "status" });
  const more = el("button", { type: "button", onclick: () => set({}, Infinity) });
  const order = ["survived", "caught", "none"];
  function set(some, most = SHOWN) {
    Object.assign(state, some);
    const words = state.text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const shown = planted.filter((one) => {
      const text = `${one.kind} ${one.what} ${one.drawn}`.toLocaleLowerCase();
      const has = !state.strategy || one.strategies.some((found) => found.strategy === state.strategy);
      return has && (!state.fate || fate(one) === state.fate) && (!state.group || one.group === state.group) && words.every((word) => text.includes(word));
    });
    shown.sort((one, other) => order.indexOf(fate(one)) - order.indexOf(fate(other)) || drop(other, state.strategy) - drop(one, state.strategy));
    status.textContent = `${plural(shown.length, "change")}${state.strategy ? ` with an effect on ${state.strategy}` : ", each with the strategy that dropped most"}.`;
    body.replaceChildren(changeTable(shown.slice(0, most)));
    more.hidden = shown.length <= most;
    more.textContent = `Show ${count(shown.length - SHOWN)} more`;
  }
  const fates = [["", "All"], ...Object.entries(FATES).filter(([name]) => byFate[name].length).map(([name, [title]]) => [name, title])];
  const groups = [...new Set(planted.map((one) => one.group))];
  const search = el("input", { type: "search", autocomplete: "off", spellcheck: "false", oninput: () => set({ text: search.value }) });
  part.append(
    el("div", { class: "filters" },
      el("label", { class: "search" }, "Search", search),
      choice("Outcome", fates, "", (one) => set({ fate: one })),
      picker("Strategy", [["", "the worst of each"], ...strategyNames.map((one) => [one, one])], "", (one) => set({ strategy: one })),
      picker("Group", [["", "all groups"], ...groups.map((one) => [one, one])], "", (one) => set({ group: one }))),
    status, body, el("div", {}, more),
  );
  set({});
  return part;
}

function changeTable(shown) {
  const found = shown.map((one) => shownOf(one, state.strategy));
  const reach = reachOf(found.flatMap((one) => (one ? [...(one.interval || []), one.after - one.before] : [])));
  const heads = [["Change", ""], ["Outcome", ""], ["Verdict", ""], ["Strategy", ""], [`Change of ${results.measure}`, "num"], ["95% interval", ""], ["Adjusted p", "num"], ["Visible from", "num"]];
  const rows = shown.map((one, at) => {
    const its = found[at];
    const [title, kind] = FATES[fate(one)];
    const why = one.not_applicable || one.refused || `${one.drawn ? `${one.drawn}: ` : ""}${one.what}`;
    const said = state.strategy && its ? its.answer : one.verdict;
    return [
      el("span", {}, titled(one), el("span", { class: "table-note" }, why)),
      el("span", { title: one.below_floors.join(", ") || null }, badge(title.toLowerCase(), kind), one.below_floors.length ? el("span", { class: "table-note nowrap" }, `${count(one.below_floors.length)} below floors`) : null),
      badge(said, CLASSES[said]),
      its ? its.strategy : "–",
      ...(its
        ? [el("span", {}, el("span", { class: css(its) }, changeText(its)), el("span", { class: "table-note" }, `${fixed(its.before)} → ${fixed(its.after)}`)),
          el("span", {}, interval(its.after - its.before, its.interval, reach, css(its)), el("span", { class: "table-note nowrap" }, its.interval ? `${signed(its.interval[0])} to ${signed(its.interval[1])}` : "none")),
          chance(its.adjusted_p), share(its.smallest_visible)]
        : ["–", "–", "–", "–"]),
    ];
  });
  return table("What was planted, and what was seen", heads, rows, { class: "wide-first" });
}

const chance = (p) => (p === null ? "–" : p >= 1e-4 ? String(Number(p.toPrecision(2))) : p.toExponential(0));
const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)}%`);

/** Every change by every strategy. */
function map() {
  const changed = planted.filter((one) => one.strategies.length);
  if (!changed.length) return null;
  const part = section("map", "By change and strategy");
  const rows = changed.map((one) => [titled(one), ...strategyNames.map((name) => cell(one, one.strategies.find((found) => found.strategy === name), name))]);
  part.append(
    el("p", { class: "note" }, `How ${results.measure} of each strategy changed, as a share of what it was, and what the gate says of it. An empty cell: nothing changed.`),
    table("Changes by strategies", [["Change", ""], ...strategyNames.map((name) => [name, "num"])], rows, { class: "heat" }),
    key([["loss", "loss"], ["open", "undecided, fails"], ["likely-soft", "likely loss"], ["down-soft", "passes, fell by 2% or more"], ["sunk", "about the same"], ["up-soft", "rose by 2% or more"]]),
  );
  return part;
}

function cell(one, found, name) {
  if (!found) return heatCell("", { css: "same" });
  const better = change(found) || 0;
  const side = better >= 0.02 ? "up" : better <= -0.02 ? "down" : "same";
  const says = { loss: "loss", "undecided, fails": "blocks", "likely loss": "likely" }[found.answer] || side;
  return heatCell(changeText(found), { css: says, title: `${titled(one)}, ${name}: ${fixed(found.before)} → ${fixed(found.after)}, ${found.answer}` });
}

/** What sizes of drops the gate sees. */
function sizes() {
  const answers = Object.keys(Object.values(results.bands)[0]);
  const part = section("sizes", "Which drops are seen");
  const rows = Object.entries(results.bands).map(([band, counts]) => [band, ...answers.map((one) => count(counts[one]))]);
  part.append(
    el("p", { class: "note" }, "Strategies that a change had an effect on, by what was measured and what was said. Where large drops pass, there are too few queries, or the limits are too wide."),
    table("Strategies by drop and answer", [[`Drop of ${results.measure}`, ""], ...answers.map((one) => [one, "num"])], rows),
  );
  const visible = strategyNames.filter((name) => results.smallest_visible[name] !== undefined);
  if (visible.length) {
    const passed = (name) => {
      const drops = byFate.survived.map((one) => drop(one, name)).filter((one) => one > NOTHING && Number.isFinite(one));
      return drops.length ? share(Math.max(...drops)) : "none";
    };
    const seen = visible.map((name) => [name, share(results.smallest_visible[name]), passed(name)]);
    part.append(
      el("h3", {}, "The smallest drop that these queries show"),
      el("p", { class: "note" }, "Four times of five, median over the changes; beside it the largest drop that survived."),
      table("Smallest visible drop by strategy", [["Strategy", ""], ["Smallest visible", "num"], ["Largest that survived", "num"]], seen, { class: "wide-first" }),
    );
  }
  return part;
}

function about() {
  const facts = [
    ["the suite as it is", `${results.cold_s.toFixed(1)} s`],
    ["all changes, without trainings", `${results.seconds.toFixed(1)} s`],
    ["legs", `${count(results.legs_searched)} searched, ${count(results.legs_known)} known`],
    ["indices made", count(results.indices)],
  ];
  return section("about", "What was measured", lines(payload.of), table("What it took", [["Part", ""], ["Took", "num"]], facts));
}

const parts = [sizes(), changes(), map(), about()].filter(Boolean);
main.replaceChildren(verdict(), ...parts);
bar("What the gate would catch", parts);
document.getElementById("foot").append(el("p", {}, "Made by relevance. All numbers are those of mutations.json; nothing is loaded from elsewhere."));
