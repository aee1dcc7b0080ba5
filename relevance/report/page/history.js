"use strict";
// The page of `relevance history`. `payload.results` is what history.json holds: versions by time; by strategy the values of all
// versions (null where it was not measured) and its steps; slow drift; what was accepted by hand.

const { results } = payload;
const { versions, strategies } = results;
const main = document.getElementById("main");
const names = Object.keys(strategies);
const badge = (text, css) => el("span", { class: `answer ${css}` }, text);
const kindOf = (change) => (change < 0 ? "fell" : "rose");
const relative = (before, after) => (before ? percent(after / before - 1) : "from 0");
const at = (version) => `${version.commit} of ${version.date}`;
/** The values that there are, each with its version. */
const measured = (name) => strategies[name].values.flatMap((value, place) => (value === null ? [] : [{ place, value, version: versions[place] }]));
const allSteps = names.flatMap((name) => strategies[name].steps.map((step) => ({ name, ...step }))).sort((one, other) => other.version - one.version);
const sizeWords = (step) => relative(step.before, step.after).replace(/^[−+]/, "");
const stepWords = (step) => `${step.after < step.before ? "fell" : "rose"} by ${sizeWords(step)} (${fixed(step.before)} → ${fixed(step.after)})`;

/** The steps by version and way, the newest first, the largest of each first. */
function changesOfLevel() {
  const groups = new Map();
  for (const step of allSteps) {
    const way = step.after < step.before ? "fell" : "rose";
    const id = `${step.version} ${way}`;
    if (!groups.has(id)) groups.set(id, { version: step.version, way, steps: [] });
    groups.get(id).steps.push(step);
  }
  const size = (step) => Math.abs(step.after / step.before - 1);
  for (const group of groups.values()) group.steps.sort((one, other) => size(other) - size(one));
  return [...groups.values()];
}

function verdict() {
  const [last] = changesOfLevel();
  const number = plural(versions.length, "version");
  const headline = results.drift.length
    ? `Slow drift: ${plural(results.drift.length, "strategy", "strategies")} fell in small steps`
    : last
      ? `Last step: ${last.steps.length > 1 ? plural(last.steps.length, "strategy", "strategies") : last.steps[0].name} ${last.way}${last.steps.length > 1 ? "" : ` by ${sizeWords(last.steps[0])}`}, ${versions[last.version].date}`
      : `No step in ${number}`;
  const sentence = `${results.metric} of ${plural(names.length, "strategy", "strategies")} on ${results.dataset} in ${number}, from ${versions[0].date} to ${versions.at(-1).date}, all on the newest version's queries.`;
  const parts = [el("h1", {}, headline), el("p", {}, sentence)];
  if (results.drift.length) parts.push(el("h2", {}, "Slow drift"), lines(results.drift));
  if (last) {
    const every = changesOfLevel();
    const shown = every.slice(0, 6).map(({ version, way, steps }) => {
      const few = steps.length > 4 ? ` and ${count(steps.length - 4)} more` : "";
      const which = steps.slice(0, 4).map((step) => `${step.name} by ${sizeWords(step)} (${fixed(step.before)} → ${fixed(step.after)})`).join(", ");
      return el("li", {}, badge(way, way === "fell" ? "is-loss" : "is-good"), el("div", {}, `${at(versions[version])}: ${versions[version].subject}`), el("p", { class: "small quiet" }, `${which}${few}`));
    });
    parts.push(el("h2", {}, "Where the steps are"), el("ul", { class: "points" }, shown));
    if (every.length > shown.length) parts.push(el("p", { class: "note small" }, `${plural(every.length - shown.length, "earlier version")} with a step, in the table of versions.`));
  }
  const kind = results.drift.length || (last && last.way === "fell") ? "is-loss" : last ? "is-good" : "is-none";
  return el("section", { id: "verdict", class: `verdict ${kind}`, "aria-label": "Verdict" }, parts);
}

function overview() {
  const heads = [["Strategy", ""], ["Course", ""], ["First", "num"], ["Now", "num"], ["Change", "num"], ["Steps", "num"], ["Last step", ""]];
  const rows = names.map((name) => {
    const points = measured(name);
    const [first, now] = [points[0].value, points.at(-1).value];
    const step = strategies[name].steps.at(-1);
    return [
      name, sparkline(points.map((one) => one.value)), fixed(first), fixed(now),
      el("span", { class: first === now ? "" : kindOf(now - first) }, `${signed(now - first)} (${relative(first, now)})`),
      count(strategies[name].steps.length),
      el("span", { class: "nowrap" }, step ? `${stepWords(step)} at ${at(versions[step.version])}` : "none"),
    ];
  });
  return section("strategies", "Strategies", table(`Strategies by ${results.metric}`, heads, rows, { class: "wide-first" }));
}

/** One strategy's values, its levels between steps as a second line. */
function course() {
  const part = section("course", "Course");
  const figure = el("figure", {});
  const show = (name) => figure.replaceChildren(...courseOf(name));
  part.firstChild.append(picker("Strategy", names.map((name) => [name, name]), names[0], show));
  part.append(figure);
  show(names[0]);
  return part;
}

function courseOf(name) {
  const points = measured(name);
  const { steps } = strategies[name];
  const isStep = new Map(steps.map((step) => [step.version, step]));
  const bounds = [0, ...steps.map((step) => points.findIndex((one) => one.place === step.version)), points.length];
  const means = steps.length ? [steps[0].before, ...steps.map((step) => step.after)] : [];
  const levels = means.map((y, place) => ({ css: "level", dots: false, points: [{ x: bounds[place], y }, { x: bounds[place + 1] - 1, y }] }));
  const dots = points.map(({ place, value, version }, x) => {
    const step = isStep.get(place);
    return { x, y: value, best: version.accepted, title: `${at(version)}: ${fixed(value)}${step ? `, ${stepWords(step)}` : ""}; ${version.subject}` };
  });
  const spread = [...new Set([0, 1, 2, 3, 4].map((one) => Math.round(((points.length - 1) * one) / 4)))];
  const words = `${results.metric} of ${name} in ${plural(points.length, "version")}: ${fixed(points[0].value)} → ${fixed(points.at(-1).value)}. Coloured points are baselines, the others sessions${steps.length ? "; dashed lines are the levels between steps" : ""}.`;
  const rows = points.map(({ place, value, version }, x) => [
    version.commit, version.date, version.accepted ? "baseline" : "session", fixed(value), x ? signed(value - points[x - 1].value) : "",
    isStep.has(place) ? stepWords(isStep.get(place)) : "", version.subject,
  ]);
  const heads = [["Commit", ""], ["Date", ""], ["Of", ""], [results.metric, "num"], ["Change", "num"], ["Step", ""], ["Subject", ""]];
  return lineChart([{ css: "course", points: dots }, ...levels], {
    label: "Picture of the course", words, size: { width: 1080, height: 260 },
    across: { ticks: spread.map((x) => [x, points[x].version.date]), bare: true, ...(points.length === 1 ? { low: -1, high: 1 } : {}) },
    up: { label: results.metric }, numbers: table("Versions of the strategy", heads, rows.toReversed()),
  });
}

/** Every version, the newest first: what moved, what came and went, what was accepted by hand. */
function versionList() {
  const part = section("versions", "Versions");
  const body = el("div", {});
  const status = el("p", { class: "quiet", role: "status" });
  const accepted = (place) => results.accepted.filter((one) => one.version === place);
  const hasStep = (place) => allSteps.some((step) => step.version === place);
  const shows = {
    all: () => true,
    moved: (place) => Object.keys(versions[place].moved).length > 0,
    steps: hasStep,
    accepted: (place) => accepted(place).length > 0,
  };
  function show(which) {
    const places = versions.map((_, place) => place).filter(shows[which]).reverse();
    status.textContent = `${plural(places.length, "version")}, the newest first.`;
    const heads = [["Commit", ""], ["Subject", ""], [`${results.metric} moved`, ""], ["What else is new", ""]];
    body.replaceChildren(table("Versions, the newest first", heads, places.map(row)));
  }
  function row(place) {
    const version = versions[place];
    const share = (name, change) => relative(strategies[name].values[place] - change, strategies[name].values[place]);
    const all = Object.entries(version.moved).sort(([, one], [, other]) => one - other);
    const seen = all.filter(([name, change]) => share(name, change) !== "0.0%");
    const moved = seen.map(([name, change]) => {
      const isStep = allSteps.some((one) => one.version === place && one.name === name);
      return el("li", {}, `${name} `, el(isStep ? "strong" : "span", { class: kindOf(change) }, `${share(name, change)}${isStep ? ", a step" : ""}`));
    });
    if (all.length && !seen.length) moved.push(el("li", { class: "quiet" }, `${plural(all.length, "strategy", "strategies")} by less than 0.05%`));
    const queriesOf = (number, way) => (number ? [`${queries(number)} ${way}`] : []);
    const els = [
      ...version.strategies_new.map((name) => `new: ${name}`), ...version.strategies_gone.map((name) => `gone: ${name}`),
      ...queriesOf(version.queries_new, "new"), ...queriesOf(version.queries_gone, "gone"),
      ...accepted(place).map((one) => `accepted by ${one.by}: ${one.reason}`),
    ];
    const chips = (items) => (items.length ? el("ul", { class: "chips" }, items) : "");
    const where = el("span", {}, version.commit, el("span", { class: "table-note nowrap" }, `${version.date}, ${version.accepted ? "baseline" : "session"}`));
    return [where, version.subject, chips(moved), chips(els.map((one) => el("li", {}, one)))];
  }
  const options = [["all", "All"], ["moved", "Moved"], ["steps", "Steps"], ["accepted", "Accepted by hand"]].filter(([name]) => versions.some((_, place) => shows[name](place)));
  if (options.length > 1) part.firstChild.append(choice("Show", options, "all", show));
  part.append(status, body);
  show("all");
  return part;
}

/** What somebody accepted against the gate's verdict. */
function acceptances() {
  if (!results.accepted.length) return null;
  const verdictOf = (one, metric) => {
    const means = one.before === null || one.after === null ? "" : `, ${metric} ${fixed(one.before)} → ${fixed(one.after)}`;
    return `${one.verdict}${one.fails && one.verdict !== "loss" ? ", which failed" : ""}${means}`;
  };
  const rows = results.accepted.toReversed().map((one) => [
    one.when.slice(0, 10), one.by, `“${one.reason}”`,
    el("ul", { class: "lines" }, Object.entries(one.strategies).map(([name, its]) => el("li", {}, `${name}: ${verdictOf(its, one.metric)}`))),
    one.data || "", one.version === null ? "not committed" : versions[one.version].commit,
  ]);
  const heads = [["When", ""], ["By", ""], ["Why", ""], ["Against", ""], ["With", ""], ["Version", ""]];
  return section("accepted", "Accepted by hand", table("What was accepted, and against which verdict", heads, rows));
}

const parts = [overview(), course(), versionList(), acceptances(), section("about", "Where it is from", lines(results.sources))].filter(Boolean);
main.replaceChildren(verdict(), ...parts);
bar(`History of ${results.dataset}`, parts);
document.getElementById("foot").append(el("p", {}, "Made by relevance. All numbers are those of history.json; nothing is loaded from elsewhere."));
