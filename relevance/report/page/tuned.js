"use strict";
// The page of a tuning. `payload`, all numbers as in the CSV files beside the page:
//   dataset, strategy, noun   of what; "boosts" or "values"
//   answer                    better, worse, open (undecided), today (today's values stay), short (nothing reaches them)
//   verdict, optimism, changed, facts, snippet   sentences; the table for relevance.toml, or null
//   parameters                what was tried of each, today's value and the winner's
//   means                     nDCG of today and of the winner: [tuning split, held out]
//   interval                  of the held-out difference
//   outcomes                  every combination: values, means by `metrics`, mark
//   trials                    how often TPE chose; 0 where all were tried
//   held_out                  [id, text, today, winner, difference]

const { parameters, outcomes, means, metrics } = payload;
const KINDS = {
  better: ["is-good", "Better"], worse: ["is-loss", "Worse"], open: ["is-undecided", "Undecided"],
  today: ["is-none", "Nothing to change"], short: ["is-none", "Nothing to change"],
};
const NDCG = metrics.length - 1;
const ndcgs = outcomes.map((one) => one.means[NDCG]);
const [lowest, highest] = [ndcgs.reduce((one, other) => Math.min(one, other)), ndcgs.reduce((one, other) => Math.max(one, other))];
const isWinner = (one) => /^winner/.test(one.mark);
const isToday = (one) => /today$/.test(one.mark);
const keeps = payload.answer === "today" || payload.answer === "short";

function verdict() {
  const [kind, word] = KINDS[payload.answer];
  const title = keeps ? word : `${word}: ${parameters.map((one) => `${one.name} ${one.winner}`).join(", ")}`;
  const { difference, ends, level, queries: number } = payload.interval;
  const css = Math.abs(difference) < SAME ? "" : difference > 0 ? "rose" : "fell";
  const reach = reachOf([difference, ...ends]);
  const lead = means.winner[0] - means.today[0];
  const rows = [
    ["tuning split, where it was chosen", count(payload.tuned_on), fixed(means.today[0]), fixed(means.winner[0]), signed(lead), "–", ""],
    ["held out", count(number), fixed(means.today[1]), fixed(means.winner[1]), el("span", { class: css }, signed(difference)), `${signed(ends[0])} to ${signed(ends[1])}`, interval(difference, ends, reach, css)],
  ];
  const heads = [["Queries", ""], ["Number", "num"], ["Today", "num"], ["Winner", "num"], ["Change", "num"], [`${Math.round(level * 100)}% interval`, "num"], ["", ""]];
  return el("section", { id: "verdict", class: `verdict ${kind}`, "aria-label": "Verdict" },
    el("h1", {}, title),
    el("p", {}, payload.verdict),
    table("nDCG@10 of today and of the winner", heads, rows),
    payload.optimism ? el("p", { class: "note small" }, `The winner was chosen on the tuning split, so its figure there may flatter it: ${payload.optimism}.`) : null,
  );
}

function chosen() {
  const part = section("values", `The ${payload.noun}`);
  const rows = parameters.map((one) => [
    one.title, one.today, one.winner === one.today ? one.winner : el("strong", {}, one.winner), one.choices.join(one.any_between ? " to " : ", "),
    one.is_idle ? "changed no mean" : "",
  ]);
  part.append(table("Parameters", [["Parameter", ""], ["Today", "num"], ["Winner", "num"], ["Tried", ""], ["", ""]], rows));
  if (payload.snippet) part.append(el("h3", {}, "For relevance.toml"), el("pre", { class: "scroll", tabindex: "0" }, payload.snippet));
  return part;
}

// what was tried

function tried() {
  const part = section("tried", payload.trials ? "The trials" : "The grid");
  const figure = el("figure", {});
  const views = [];
  if (!payload.trials && parameters.length > 1 && parameters.every((one) => !one.any_between)) views.push(["grid", "two by two", () => figure.replaceChildren(...heatMap())]);
  parameters.forEach((one, at) => views.push([`by ${at}`, `by ${one.name}`, () => figure.replaceChildren(...byParameter(at))]));
  if (payload.trials) views.unshift(["course", "trial by trial", () => figure.replaceChildren(...course())]);
  const show = (wanted) => views.find(([name]) => name === wanted)[2]();
  if (views.length > 1) part.firstChild.append(picker("Show", views.map(([name, text]) => [name, text]), views[0][0], show));
  part.append(figure, best());
  show(views[0][0]);
  return part;
}

/** The first two parameters against each other, the others at values that are chosen: at first the winner's. */
function heatMap() {
  const [down, across, ...others] = parameters;
  const at = others.map((one) => (one.choices.includes(one.winner) ? one.winner : one.choices[0]));
  const byValues = new Map(outcomes.map((one) => [JSON.stringify(one.values), one]));
  const body = el("div", {});
  const cell = (first, second) => {
    const one = byValues.get(JSON.stringify([first, second, ...at]));
    if (!one) return heatCell("–", { css: "same" });
    const mark = isWinner(one) ? "★ " : isToday(one) ? "○ " : "";
    return heatCell(`${mark}${fixed(one.means[NDCG])}`, { css: shade(one.means[NDCG], lowest, highest), title: one.mark || one.ranks_as });
  };
  function draw() {
    const heads = [[`${down.name} ↓ ${across.name} →`, ""], ...across.choices.map((text) => [text, "num"])];
    const rows = down.choices.map((first) => [first, ...across.choices.map((second) => cell(first, second))]);
    body.replaceChildren(table(`nDCG@10 by ${down.name} and ${across.name}`, heads, rows, { class: "heat" }));
  }
  const pickers = others.map((one, place) => picker(one.name, one.choices.map((text) => [text, text]), at[place], (value) => {
    at[place] = value;
    draw();
  }));
  draw();
  const words = `nDCG@10 of ${plural(payload.tuned_on, "tuning query", "tuning queries")}: the stronger the colour the higher, from ${fixed(lowest)} to ${fixed(highest)}; ★ the winner, ○ today.`;
  return [...(pickers.length ? [el("div", { class: "filters" }, pickers)] : []), body, el("figcaption", { class: "note small" }, words)];
}

/** Every combination over one parameter: numbers where they lie, anything else in its order. */
function byParameter(at) {
  const one = parameters[at];
  const place = (outcome) => (one.numbers && outcome.numbers[at] !== null ? outcome.numbers[at] : one.choices.indexOf(outcome.values[at]));
  const shown = outcomes.filter((outcome) => one.numbers || one.choices.includes(outcome.values[at]));
  const places = shown.map(place);
  const [low, high] = [Math.min(...places), Math.max(...places)];
  const log = Boolean(one.numbers) && low > 0 && (one.is_ratio || high >= 10 * low);
  const marks = one.any_between ? undefined : one.choices.map((text, number) => [one.numbers ? one.numbers[number] : number, text]);
  const room = log ? { low: low / 1.15, high: high * 1.15 } : { low: low - (high - low || 1) * 0.04, high: high + (high - low || 1) * 0.04 };
  const points = shown.map((outcome) => ({ x: place(outcome), y: outcome.means[NDCG], best: isWinner(outcome), title: `${outcome.values.join(" / ")}: ${fixed(outcome.means[NDCG])} ${outcome.mark}` }));
  points.sort((first, second) => Number(first.best) - Number(second.best));
  return lineChart([{ css: "hidden", points }], {
    label: `Picture of ${one.name}`,
    words: `nDCG@10 of every combination on the tuning split, by ${one.title}; the coloured point is the winner (${one.winner}), the dashed line is today (${one.today}).`,
    across: { ...room, log, label: log ? `${one.title}, log scale` : one.title, ...(marks ? { ticks: marks } : {}) },
    size: { width: 1080, height: 270 },
    level: means.today[0],
  });
}

/** What TPE tried, one after the other, and the best so far. */
function course() {
  let top = -Infinity;
  const points = outcomes.map((one, at) => ({ x: at + 1, y: one.means[NDCG], best: isWinner(one), title: `${at + 1}: ${one.values.join(" / ")}: ${fixed(one.means[NDCG])}` }));
  const soFar = points.map(({ x, y }) => {
    top = Math.max(top, y);
    return { x, y: top };
  });
  return lineChart([{ css: "hidden", points }, { css: "course", points: soFar, dots: false }], {
    label: "Picture of the trials",
    words: "nDCG@10 on the tuning split of what TPE tried, in that order, and the best so far; the coloured point is the winner, the dashed line is today.",
    across: { low: 0, high: points.length + 1, label: "combination" },
    size: { width: 1080, height: 270 },
    level: means.today[0],
  });
}

const SHOWN = 10;

/** The best combinations; those that rank as another one are left out. */
function best() {
  const own = outcomes.filter((one) => !one.ranks_as || isWinner(one));
  const sorted = own.toSorted((one, other) => other.means[NDCG] - one.means[NDCG] || Number(isWinner(other)) - Number(isWinner(one)));
  const heads = [...parameters.map((one, at) => [one.name, at ? "num" : ""]), ...metrics.map((text) => [text, "num"]), ["", ""]];
  const row = (one) => [...one.values, ...one.means.map((mean) => fixed(mean)), one.mark];
  const rest = sorted.slice(SHOWN);
  return el("div", {},
    el("h3", {}, "The best"),
    table("The best combinations", heads, sorted.slice(0, SHOWN).map(row)),
    rest.length ? el("details", {}, el("summary", {}, `${count(rest.length)} more that rank differently`), table("The other combinations", heads, rest.slice(0, 500).map(row)), rest.length > 500 ? el("p", { class: "note small" }, "The rest is in combinations.csv.") : null) : null,
  );
}

// queries

function queryList() {
  const part = section("queries", "Held-out queries");
  const sorted = payload.held_out.toSorted((one, other) => other[4] - one[4]);
  const [won, lost] = [sorted.filter((row) => row[4] > SAME).length, sorted.filter((row) => row[4] < -SAME).length];
  const found = listing("Held-out queries", {
    outcomes: [["Changed", (row) => Math.abs(row[4]) > SAME], ["Gained", (row) => row[4] > SAME], ["Lost", (row) => row[4] < -SAME], ["All", () => true]],
    words: ([id, text]) => `${text}\n${id}`,
    line: ([id, text, before, after, change]) => {
      const values = el("span", { class: "num" }, Math.abs(change) > SAME ? `${fixed(before)} → ${fixed(after)}` : fixed(after));
      return el("li", {}, el("div", { class: "row" }, el("span", { class: "text" }, text || "(empty)"), el("span", { class: "name" }, id), values, delta(change)));
    },
  });
  const words = `The change of nDCG@10 of every held-out query, sorted: ${payload.changed}.`;
  part.append(el("figure", {}, sortedChanges(sorted.map((row) => row[4]), { left: `${count(won)} gained`, right: `${count(lost)} lost`, words })), ...found.nodes);
  found.show(sorted.toSorted((one, other) => Math.abs(other[4]) - Math.abs(one[4])));
  return part;
}

function about() {
  return section("about", "What was tried on what", lines(payload.facts));
}

const parts = [chosen(), tried(), ...(keeps ? [] : [queryList()]), about()];
document.getElementById("main").replaceChildren(verdict(), ...parts);
bar(`${payload.strategy}, ${payload.dataset}`, parts);
document.getElementById("foot").append(el("p", {}, "Made by relevance. All numbers are those of the CSV files beside this page; nothing is loaded from elsewhere."));
