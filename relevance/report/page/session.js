"use strict";
// The page of a session, or of two that were compared. `payload`:
//   results        what results.json holds
//   leading        the metric that comes first
//   history        of earlier commits and the session, by strategy; null where there is none
//   products       [id, title or null]; rankings name products by their place here
//   views          one for each of results.comparison, or one beside nothing: queries (ids, texts), kinds (by name a "1" for
//                  each query of the kind), grades (by row and product), strategies: values of each query now, those of
//                  before where they are others, rankings of some, reasons of fewer (none where the
//                  engine was asked and has none)

const { results, products } = payload;
const CLASSES = { "no loss": "is-good", undecided: "is-undecided", "likely loss": "is-likely", loss: "is-loss" };
const ANSWERS = Object.keys(CLASSES);
const PAGE_OF_ROWS = 50;
const SHOWN_POINTS = 6;
const worst = (answers) => ANSWERS[Math.max(0, ...answers.map((one) => ANSWERS.indexOf(one)))];
const names = Object.keys(results.strategies);
const main = document.getElementById("main");

let view = payload.views[0];
let comparison = null;

/** What the gate found of a strategy, or of all. */
const findings = (name) => (comparison ? comparison.findings.filter((one) => !name || one.strategy === name) : []);
const overall = (name) => findings(name).filter((one) => !one.segment);
/** The answer about a strategy, as the gate gives it: an undecided kind of query counts where it fails. */
const answerOf = (name) =>
  worst(findings(name).filter((one) => !one.segment || one.answer !== "undecided" || one.fails).map((one) => one.answer));
const isCompared = (name) => findings(name).length > 0;
const fails = (name) => findings(name).some((one) => one.fails);
/** The answer as tables have it: `better`, `undecided, fails`. */
function words(name) {
  const answer = answerOf(name);
  if (answer === "no loss") return overall(name).some((one) => one.improved) ? "better" : answer;
  return answer !== "loss" && fails(name) ? `${answer}, fails` : answer;
}
const badge = (answer, text = answer) => el("span", { class: `answer ${CLASSES[answer] || "is-none"}` }, text);
const value = (name, metric) => results.strategies[name].metrics[metric];
const lowerIsBetter = (metric) => /^Empty/.test(metric);
/** How a metric of a finding moved, as a share of what it was: positive where it became better. */
const gain = (one) => (one.relative === null ? null : -one.relative);
const moved = (one) => one.queries_changed > 0;

function changedQueries(name) {
  const own = view.strategies[name];
  const sides = { lost: 0, won: 0, reordered: 0 };
  if (!own) return sides;
  for (const row of Object.keys(own.before)) sides[cost(own, Number(row)) > 0 ? "lost" : "won"] += 1;
  sides.reordered = own.reranked.filter((row) => !(row in own.before)).length;
  return sides;
}

/** What a query lost, positive where it became worse. */
function cost(own, row) {
  const before = own.before[row];
  if (before === undefined) return 0;
  return (own.lower_is_better ? -1 : 1) * (before - own.after[row]);
}

// the verdict

function verdict() {
  const compared = names.filter(isCompared);
  const answers = Object.fromEntries(compared.map((name) => [name, answerOf(name)]));
  const answer = comparison ? comparison.answer : null;
  const below = names.filter((name) => results.strategies[name].verdict === "fail");
  const parts = [
    el("h1", {}, headline(answers, answer, below)),
    el("p", {}, sentence(compared)),
  ];
  if (comparison) parts.push(tiles(answers));
  if (below.length) {
    parts.push(el("h2", {}, "Below their floors"));
    parts.push(lines(below.map((name) => `${name}: ${results.strategies[name].reasons.join("; ")}`)));
  }
  for (const [title, some] of [["Not measured", results.not_run], ["Broken", results.broken || {}]]) {
    const why = Object.entries(some).map(([name, line]) => `${name}: ${line}`);
    if (why.length) parts.push(el("h2", {}, title), lines(why));
  }
  if (comparison && comparison.problems.length) parts.push(el("h2", {}, "Fails by itself"), lines(comparison.problems));
  if (comparison) {
    parts.push(...byHand("Accepted by hand", comparison.accepted));
    parts.push(...byHand("Proposed, without effect here", comparison.proposed));
  }
  const points = whatHappened(compared, answers);
  if (points.length) parts.push(el("h2", {}, "What happened"), el("ul", { class: "points" }, points.slice(0, SHOWN_POINTS)));
  if (points.length > SHOWN_POINTS) {
    const rest = el("ul", { class: "points" }, points.slice(SHOWN_POINTS));
    parts.push(el("details", {}, el("summary", {}, `${points.length - SHOWN_POINTS} more strategies`), rest));
  }
  if (view.differs.length) parts.push(el("h2", {}, "What differs from the baseline"), lines(view.differs));
  if (comparison && comparison.notes.length) {
    parts.push(el("details", {}, el("summary", {}, plural(comparison.notes.length, "note")), lines(comparison.notes)));
  }
  const kind = below.length ? "is-loss" : answer ? CLASSES[answer] : "is-none";
  return el("section", { id: "verdict", class: `verdict ${kind}`, "aria-label": "Verdict" }, parts);
}

/** Who has accepted what, against which verdict, and why. */
function byHand(title, entries) {
  const words = (entry) => {
    const verdicts = Object.entries(entry.strategies).map(([name, one]) => `${name} (${one.verdict})`);
    const more = verdicts.length > 3 ? ` and ${verdicts.length - 3} more` : "";
    return `${entry.when.slice(0, 10)}, ${entry.by}: ${verdicts.slice(0, 3).join(", ")}${more}: “${entry.reason}”`;
  };
  return entries.length ? [el("h2", {}, title), lines(entries.map(words))] : [];
}

function headline(answers, answer, below) {
  if (!comparison) {
    if (below.length) return `Below its floor: ${few(below)}`;
    return "Measured, and compared with nothing";
  }
  const of = (one) => Object.keys(answers).filter((name) => answers[name] === one);
  const better = Object.keys(answers).filter((name) => words(name) === "better");
  if (answer === "loss") return `Worse: ${few(of("loss"))}`;
  if (below.length) return `Below its floor: ${few(below)}`;
  if (answer === "likely loss") return `Probably worse: ${few(of("likely loss"))}`;
  const blocking = of("undecided").filter(fails);
  if (blocking.length) return `Undecided, which fails here: ${few(blocking)}`;
  if (answer === "undecided") return `Undecided: ${few(of("undecided"))}`;
  if (better.length) return `Better: ${few(better)}`;
  const changed = Object.keys(answers).some((name) => findings(name).some(moved));
  return changed ? "No loss" : "No loss: no query changed";
}

const few = (some) => (some.length <= 2 ? some.join(" and ") : `${some.length} strategies`);

function sentence(compared) {
  const { dataset, engine } = results;
  const on = `${plural(names.length, "strategy", "strategies")} on ${queries(dataset.queries)} of ${dataset.name} (${engine.name})`;
  if (!comparison) return `${on}. There is no baseline to compare with, so that nothing is said of better or worse.`;
  const which = compared.length === names.length ? "" : `${compared.length} of them `;
  const beside = `${on}, ${which}beside ${comparison.baseline}.`;
  return `${beside} ${comparison.fails ? "This fails." : "Nothing of it fails."}`;
}

function tiles(answers) {
  const all = Object.values(answers);
  const tile = (answer) => {
    const number = all.filter((one) => one === answer).length;
    const words = [el("b", {}, String(number)), el("span", {}, answer), el("p", {}, results.answers[answer])];
    return el("li", { class: number ? CLASSES[answer] : "zero" }, words);
  };
  return el("ul", { class: "tiles" }, ANSWERS.toReversed().map(tile));
}

/** A line for each strategy in which something changed, the worst first. */
function whatHappened(compared, answers) {
  const order = (name) => -2 * ANSWERS.indexOf(answers[name]) - (fails(name) ? 1 : 0);
  const changed = compared.filter((name) => answers[name] !== "no loss" || findings(name).some(moved));
  return changed.sort((one, other) => order(one) - order(other)).map((name) => {
    const own = findings(name);
    const telling =
      own.find((one) => one.answer === answers[name] && one.measure === payload.leading && !one.segment) ||
      own.find((one) => one.answer === answers[name] && answers[name] !== "no loss") ||
      own.find((one) => one.measure === payload.leading) || own[0];
    const { lost, won, reordered } = changedQueries(name);
    const counts = `${queries(lost)} lost, ${count(won)} won, ${count(reordered)} reordered at the same value.`;
    const segments = own.filter((one) => one.segment && (one.answer === "loss" || one.answer === "likely loss"));
    const hit = segments.length ? ` Hit most: ${segments.slice(0, 3).map((one) => `${one.segment} (${percentOf(one)})`).join(", ")}.` : "";
    const unsure = answers[name] === "undecided" && comparison.unjudged[name] ? [comparison.unjudged[name].words] : [];
    const why = [...telling.reasons.slice(1), ...unsure].map((one) => `${capital(one)}. `).join("");
    const link = el("a", { href: "#queries", onclick: () => filterBy({ strategy: name, outcome: lost || won ? "changed" : "all", kind: "" }) }, name);
    return el("li", {}, badge(answers[name], words(name)), el("div", {}, link, ` ${measureWords(telling)}`), el("p", { class: "small quiet" }, `${why}${counts}${hit}`));
  });
}

const percentOf = (one) => (one.relative === null ? "from 0" : percent((one.after - one.before) / one.before));

function measureWords(one) {
  const of = one.segment ? `${one.measure} (${one.segment})` : one.measure;
  const interval = one.interval ? `, 95% ${signed(one.interval[0])} to ${signed(one.interval[1])}` : "";
  return `${of}: ${fixed(one.before)} → ${fixed(one.after)} (${percentOf(one)}${interval})`;
}

// strategies

function strategies() {
  const metrics = [...new Set(names.flatMap((name) => Object.keys(results.strategies[name].metrics)))];
  const body = el("div", {});
  const part = section("strategies", "Strategies");
  const show = (metric) => body.replaceChildren(strategyTable(metric));
  const first = metrics.includes(payload.leading) ? payload.leading : metrics[0];
  part.firstChild.append(choice("Metric", metrics.map((one) => [one, one]), first, show));
  part.append(body);
  if (comparison) part.append(el("p", { class: "note small" }, "Change is now minus before, with its 95% interval over queries; the bar shows both beside zero. Before is the baseline, by today's judgments. A strategy's answer is its worst over all metrics, and all of them are tested together."));
  show(first);
  return part;
}

function strategyTable(metric) {
  const found = Object.fromEntries(overall().filter((one) => one.measure === metric).map((one) => [one.strategy, one]));
  const reach = reachOf(Object.values(found).flatMap((one) => [...(one.interval || []), one.after - one.before]));
  const hasTimes = names.some((name) => median(name) !== null);
  const heads = [["Strategy", ""]];
  if (comparison) heads.push(["Answer", ""], ["Before", "num wide"]);
  heads.push([comparison ? "Now" : metric, "num"]);
  if (comparison) heads.push(["Change", "num"], ["95% interval", "num"], ["", ""], ["Queries changed", "num"]);
  const gated = ["pass", "fail"];
  if (names.some((name) => gated.includes(results.strategies[name].verdict))) heads.push(["Floors", ""]);
  if (hasTimes) heads.push(["p50 (ms)", "num"]);
  const best = names.map((name) => value(name, metric)).filter((one) => one !== undefined);
  const top = lowerIsBetter(metric) ? Math.min(...best) : Math.max(...best);
  const rows = names.map((name) => {
    const one = found[name];
    const now = value(name, metric);
    const cells = [name];
    if (comparison) cells.push(strategyBadge(name), one ? fixed(one.before) : "–");
    const shown = one ? one.after : now;
    cells.push(now === top ? el("strong", {}, fixed(shown), el("span", { class: "hidden-visually" }, " (the best)")) : fixed(shown));
    if (comparison) {
      const kind = !one || Math.abs(one.after - one.before) < SAME ? "" : gain(one) > 0 ? "rose" : "fell";
      cells.push(one ? el("span", { class: kind }, `${signed(one.after - one.before)}${one.before ? ` (${percentOf(one)})` : ""}`) : "–");
      cells.push(one && one.interval ? `${signed(one.interval[0])} to ${signed(one.interval[1])}` : "–");
      cells.push(one ? interval(one.after - one.before, one.interval, reach, kind) : "", one ? count(one.queries_changed) : "–");
    }
    if (heads.some(([head]) => head === "Floors")) cells.push(floors(results.strategies[name].verdict));
    if (hasTimes) cells.push(fixed(median(name), 2));
    return cells;
  });
  return table(`Strategies by ${metric}`, heads, rows);
}

function strategyBadge(name) {
  if (!isCompared(name)) return badge(null, "not compared");
  return badge(answerOf(name), words(name));
}

const floors = (verdict) =>
  verdict === "fail" ? badge("loss", "below") : verdict === "pass" ? badge("no loss", "pass") : el("span", { class: "quiet" }, "none");

/** The median time of a query: embedded and reranked, where that was measured. */
function median(name) {
  const times = results.strategies[name].latency_ms;
  return times ? (times.total ? times.total.p50 : times.p50) : null;
}

// kinds of queries

function heatMap() {
  const own = findings().filter((one) => one.segment);
  const changed = names.filter((name) => own.some((one) => one.strategy === name && moved(one)));
  if (!changed.length) return null;
  const measure = own[0].measure;
  const kinds = [...new Map(own.map((one) => [one.segment, one.queries]))];
  const rows = changed.map((name) => {
    const of = (kind) => findings(name).find((one) => one.segment === kind && one.measure === measure);
    return [name, ...["", ...kinds.map(([kind]) => kind)].map((kind) => kindCell(name, kind, of(kind)))];
  });
  const heads = [["Strategy", ""], ["all queries", "num"], ...kinds.map(([kind, size]) => [kind, "num", size])];
  const sized = heads.map(([text, css, size]) => [size ? `${text} (${count(size)})` : text, css]);
  const part = section("segments", "Kinds of queries");
  part.append(
    el("p", { class: "note" }, `How ${measure} changed for each kind of query, as a share of what it was. A cell leads to its queries.`),
    table("Strategies by kinds of queries", sized, rows, { class: "heat" }),
    key([
      ["loss", "loss"], ["open", "undecided, which fails"], ["likely-soft", "likely loss"], ["down-soft", "fell by 2% or more, not sure"], ["sunk", "about the same"], ["up-soft", "rose by 2% or more"],
    ]),
  );
  return part;
}

function kindCell(name, kind, one) {
  if (!one) return heatCell("–", { css: "same" });
  const better = gain(one) || 0;
  const css = one.fails && one.answer !== "loss" ? "blocks" : { loss: "loss", "likely loss": "likely" }[one.answer] || (better >= 0.02 ? "up" : better <= -0.02 ? "down" : "same");
  const says = one.fails && one.answer !== "loss" ? `${one.answer}, fails` : one.answer;
  const label = `${name}, ${kind || "all queries"}: ${percentOf(one)}, ${says}`;
  const press = () => {
    filterBy({ strategy: name, kind, outcome: moved(one) ? "changed" : "all" });
    document.getElementById("queries").scrollIntoView();
  };
  return heatCell(moved(one) ? percentOf(one) : "=", { css, label, title: `${measureWords(one)}: ${says}`, press });
}

// how many queries changed by how much

function changes() {
  const changed = names.filter((name) => view.strategies[name] && Object.keys(view.strategies[name].before).length);
  if (!changed.length) return null;
  const total = (own) => Object.keys(own.before).reduce((sum, row) => sum + cost(own, Number(row)), 0);
  const totals = Object.fromEntries(changed.map((name) => [name, total(view.strategies[name])]));
  const options = changed.toSorted((one, other) => totals[other] - totals[one]).map((name) => [name, name]);
  const figure = el("figure", {});
  const part = section("changes", "What queries lost and won");
  const show = (name) => figure.replaceChildren(...changesOf(name));
  part.firstChild.append(picker("Strategy", options, options[0][0], show));
  part.append(figure);
  show(options[0][0]);
  return part;
}

function changesOf(name) {
  const own = view.strategies[name];
  const { lost, won } = changedQueries(name);
  const same = view.ids.length - lost - won;
  return histogram(Object.keys(own.before).map((row) => -cost(own, Number(row))), {
    left: `${count(lost)} lost`,
    right: `${count(won)} won`,
    words: `${name}: change of ${own.metric}, by query. ${queries(lost)} lost, ${queries(won)} won; ${queries(same)} without a change are not drawn.`,
  });
}

// quality beside time

function costs() {
  const timed = names.filter((name) => median(name) !== null && value(name, payload.leading) !== undefined);
  if (timed.length < 2) return null;
  const points = timed.map((name) => {
    const [x, y] = [median(name), value(name, payload.leading)];
    return { name, x, y, title: `${name}: ${fixed(y)} at ${fixed(x, 2)} ms` };
  });
  const front = paretoFront(points);
  points.sort((one, other) => one.x - other.x);
  const total = timed.some((name) => results.strategies[name].latency_ms.total);
  const part = section("costs", "Quality beside time");
  const words = total ? "A query alone, embedding and reranking included and nothing cached" : "Median of queries asked one by one, without embedding the query";
  const heads = [["Strategy", ""], [payload.leading, "num"], ["p50 (ms)", "num"], ["Best trade", ""]];
  part.append(el("figure", {}, scatter(points, {
    label: "Picture of quality beside time",
    words: `${words}. Of the strategies on the dashed line (${front.map((one) => one.name).join(", ")}) none is as good and faster.`,
    across: { log: true, label: "median time of a query (ms), log scale" },
    up: { label: payload.leading },
    numbers: table("Quality beside time", heads, points.map((one) => [one.name, fixed(one.y), fixed(one.x, 2), one.best ? "yes" : ""])),
  })));
  return part;
}

// what earlier commits measured

function course() {
  if (!payload.history) return null;
  const measured = Object.keys(payload.history.values);
  const figure = el("figure", {});
  const part = section("history", "History");
  const show = (name) => figure.replaceChildren(...courseOf(name));
  part.firstChild.append(picker("Strategy", measured.map((name) => [name, name]), measured[0], show));
  part.append(figure);
  show(measured[0]);
  return part;
}

function courseOf(name) {
  const { versions, values } = payload.history;
  const points = versions.map((one, at) => ({ ...one, value: values[name][at] })).filter((one) => one.value !== null);
  const numbers = points.map((one) => one.value);
  const words = `${payload.leading} of ${name} in ${plural(points.length, "version")}, all on today's queries: ${fixed(numbers[0])} → ${fixed(numbers.at(-1))}`;
  const rows = points.map((one, at) => [one.commit, one.date, one.accepted ? "baseline" : "session", fixed(one.value), at ? signed(one.value - numbers[at - 1]) : "", one.subject]);
  const heads = [["Commit", ""], ["Date", ""], ["Of", ""], [payload.leading, "num"], ["Change", "num"], ["Subject", ""]];
  const last = Math.max(1, points.length - 1);
  const drawn = points.map((one, at) => ({ x: at, y: one.value, best: one.accepted, title: `${one.commit}, ${one.date}: ${fixed(one.value)} ${one.subject}` }));
  const dates = [[0, points[0].date], [last, points.at(-1).date]];
  return lineChart([{ points: drawn }], {
    label: "Picture of the history",
    words: `${words}. Coloured points are baselines, the others sessions.`,
    across: { low: 0, high: last, ticks: dates, bare: true },
    size: { width: 1080, height: 230, bottom: 34 },
    numbers: table("Versions", heads, rows.reverse()),
  });
}

// queries

const OUTCOMES = [["changed", "Changed"], ["lost", "Lost"], ["won", "Won"], ["undecided", "Undecided"], ["all", "All"]];
const state = { strategy: "", outcome: "changed", kind: "", text: "", shown: PAGE_OF_ROWS };
let rows = [];
let controls = null;

const unjudged = (own, row) => (own.unjudged ? parseInt(own.unjudged[row], 36) : 0);

/** The queries that the filters let through, each with what it cost, the dearest first, or what won most. */
function found() {
  const words = state.text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const kind = view.kinds[state.kind];
  const texts = view.texts.map((text, row) => `${text}\n${view.ids[row]}`.toLocaleLowerCase());
  const list = [];
  for (const name of state.strategy ? [state.strategy] : Object.keys(view.strategies)) {
    const own = view.strategies[name];
    const reordered = new Set(own.reranked);
    for (let row = 0; row < view.ids.length; row += 1) {
      if (kind && kind[row] !== "1") continue;
      const lost = cost(own, row);
      const passes = {
        all: true, lost: lost > 0, won: lost < 0, undecided: unjudged(own, row) > 0,
        changed: lost !== 0 || reordered.has(row),
      };
      if (passes[state.outcome] && words.every((word) => texts[row].includes(word))) list.push({ name, row, lost });
    }
  }
  const after = (one) => view.strategies[one.name].after[one.row];
  const sign = state.outcome === "won" ? -1 : 1;
  return list.sort((one, other) => sign * (other.lost - one.lost) || after(one) - after(other) || one.row - other.row);
}

function queryList() {
  const part = section("queries", "Queries");
  const strategyNames = Object.keys(view.strategies);
  const anyChanged = strategyNames.some((name) => view.strategies[name].reranked.length || Object.keys(view.strategies[name].before).length);
  Object.assign(state, { strategy: "", outcome: anyChanged ? "changed" : "all", kind: "", text: "" });
  if (!anyChanged) state.strategy = strategyNames.toSorted((one, other) => (value(other, payload.leading) || 0) - (value(one, payload.leading) || 0))[0] || "";
  const status = el("p", { class: "quiet", role: "status" });
  const list = el("ul", { class: "rows", "aria-label": "Queries" });
  const more = el("button", { type: "button", onclick: showMore });
  const search = el("input", { type: "search", placeholder: "words or id", autocomplete: "off", spellcheck: "false", oninput: () => set({ text: search.value }) });
  const outcomes = OUTCOMES.filter(([one]) => anyChanged || one === "all" || (one === "undecided" && strategyNames.some((name) => view.strategies[name].unjudged)));
  const outcome = choice("Outcome", outcomes, state.outcome, (one) => set({ outcome: one }));
  outcome.hidden = outcomes.length < 2;
  const strategy = picker("Strategy", [["", "all strategies"], ...strategyNames.map((name) => [name, name])], state.strategy, (one) => set({ strategy: one }));
  const sizes = Object.entries(view.kinds).map(([kind, inside]) => [kind, inside.split("1").length - 1]).filter(([, size]) => size);
  const kind = picker("Kind of query", [["", "all kinds"], ...sizes.map(([one, size]) => [one, `${one} (${count(size)})`])], state.kind, (one) => set({ kind: one }));
  function set(some) {
    Object.assign(state, some, { shown: PAGE_OF_ROWS });
    rows = found();
    list.replaceChildren();
    const { shown } = state;
    list.append(...rows.slice(0, shown).map(rowLine));
    finish();
  }
  function showMore() {
    const from = state.shown;
    state.shown += 4 * PAGE_OF_ROWS;
    list.append(...rows.slice(from, state.shown).map(rowLine));
    list.children[from]?.firstChild.focus();
    finish();
  }
  function finish() {
    const first = rows[0]?.lost ?? 0;
    const order = first > 0 ? "those that lost most" : first < 0 ? "those that won most" : "those with the lowest value";
    const total = state.strategy ? queries(rows.length) : `${plural(rows.length, "row")}, a query of a strategy each`;
    status.textContent = rows.length ? `${total}; ${order} come first.` : "No query is like that.";
    more.hidden = state.shown >= rows.length;
    more.textContent = `Show ${count(Math.min(4 * PAGE_OF_ROWS, rows.length - state.shown))} more`;
  }
  controls = {
    search,
    set(some) {
      search.value = some.text ?? search.value;
      if (some.strategy !== undefined) strategy.lastChild.value = some.strategy;
      if (some.kind !== undefined) kind.lastChild.value = some.kind;
      Object.assign(state, some);
      outcome.press(state.outcome);
    },
  };
  const filters = el("div", { class: "filters" }, el("label", { class: "search" }, "Search", search), outcome, strategy, kind);
  const kept = strategyNames.reduce((sum, name) => sum + view.strategies[name].rankings.length, 0);
  const all = strategyNames.length * view.ids.length;
  const limit = kept < all ? `Numbers are here of all ${count(all)} rows; rankings of ${count(kept)}, those that changed most first: the rest are in per_query.json and baseline.json. ` : "";
  const why = explanations();
  const given = why ? `${capital(why)}; relevance explain gives any other. ` : "";
  part.append(filters, status, list, el("div", {}, more), el("p", { class: "note small" }, `${limit}${given}Undecided are queries with hits that nobody has judged and that could move a metric. Keys: / searches; in a query ← and → lead to the next, Esc closes.`));
  set({});
  return part;
}

function filterBy(some) {
  controls.set({ text: "", ...some });
}

const address = (name, row) => `#query=${encodeURIComponent(view.ids[row])}&strategy=${encodeURIComponent(name)}${payload.views.length > 1 ? `&baseline=${payload.views.indexOf(view)}` : ""}`;

function rowLine({ name, row, lost }) {
  const own = view.strategies[name];
  const after = own.after[row];
  const before = own.before[row] ?? after;
  const holes = unjudged(own, row);
  const text = el("span", { class: "text" }, view.texts[row] || "(empty)", holes ? el("span", { class: "table-note" }, `${plural(holes, "unjudged hit")}`) : null);
  const values = el("span", { class: "num" }, lost === 0 ? fixed(after) : `${fixed(before)} → ${fixed(after)}`);
  return el("li", {}, el("a", { class: "row", href: address(name, row) }, text, el("span", { class: "name" }, name), values, own.compared ? delta(-lost) : el("span", {})));
}

// one query

const dialog = el("dialog", { "aria-labelledby": "query-title" });
document.body.append(dialog);
dialog.addEventListener("close", () => {
  if (location.hash.startsWith("#query=")) history.replaceState(null, "", "#queries");
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

function openQuery(name, row) {
  const own = view.strategies[name];
  const kept = own.rankings.find((one) => one.row === row);
  const at = rows.findIndex((one) => one.name === name && one.row === row);
  const step = (by) => {
    const next = rows[at + by];
    return el("button", { type: "button", disabled: at < 0 || !next, "data-step": by, onclick: () => location.replace(address(next.name, next.row)) }, by < 0 ? "← Previous" : "Next →");
  };
  const place = at < 0 ? "not in the list as it is filtered" : `${count(at + 1)} of ${count(rows.length)}`;
  const top = el("div", { class: "sheet-bar" }, el("span", { class: "quiet" }, place), step(-1), step(1), el("button", { type: "button", "data-close": true, onclick: () => dialog.close() }, "Close"));
  const kinds = Object.entries(view.kinds).filter(([, inside]) => inside[row] === "1").map(([kind]) => el("li", {}, kind));
  const body = el("div", { class: "sheet" },
    el("div", {}, el("h2", { id: "query-title" }, view.texts[row] || "(empty)"), el("p", { class: "quiet" }, el("span", { class: "id" }, view.ids[row]), ` in ${name}`)),
    el("ul", { class: "chips", "aria-label": "Kinds of query" }, kinds),
    kept ? metricTable(own, kept) : null,
    kept ? rankings(own, kept, row) : el("p", { class: "note" }, `${own.metric} ${fixed(own.before[row] ?? own.after[row])} → ${fixed(own.after[row])}. The rankings of this query are not in the page, which has those that changed most; they are in per_query.json and baseline.json.`),
    labels(own, name, row),
    explained(own, row),
    elsewhere(name, row),
  );
  dialog.replaceChildren(top, body);
  dialog.scrollTop = 0;
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[data-close]").focus();
}

function metricTable(own, kept) {
  const entries = Object.entries(kept.metrics);
  const both = entries.some(([, values]) => values.length > 1);
  const heads = both ? [["Metric", ""], ["Before", "num"], ["Now", "num"], ["Change", "num"]] : [["Metric", ""], ["Now", "num"]];
  const rowsOf = entries.map(([metric, values]) => {
    if (!both) return [metric, fixed(values[0])];
    if (values.length < 2) return [metric, "–", fixed(values[0]), "–"];
    const change = values[1] - values[0];
    const kind = Math.abs(change) < SAME ? "quiet" : change < 0 !== lowerIsBetter(metric) ? "fell" : "rose";
    return [metric, fixed(values[0]), fixed(values[1]), el("span", { class: kind }, signed(change))];
  });
  return table("Metrics of this query", heads, rowsOf);
}

function rankings(own, kept, row) {
  const now = kept.after;
  if (!own.compared || !kept.before) {
    const title = own.compared ? "Baseline and now: the same hits" : "Hits";
    return el("div", {}, el("h3", {}, title), hitList(now, now, row, ""));
  }
  const side = (title, hits, others, missing) => el("div", {}, el("h3", {}, title), hitList(hits, others, row, missing));
  return el("div", { class: "sides" }, side("Baseline", kept.before, now, "gone"), side("Now", now, kept.before, "new"));
}

function hitList(hits, others, row, missing) {
  if (!hits.length) return el("p", { class: "note" }, "No hits.");
  const list = el("ol", { class: "hits" });
  hits.forEach((product, at) => {
    const [id, title] = products[product];
    const other = others.indexOf(product);
    const item = el("li", { class: "hit", "data-product": product },
      el("span", { class: "rank" }, String(at + 1)), gradeMark(view.grades[row]?.[product]),
      el("span", {}, el("span", { class: "title" }, title || (title === null ? "(title not known)" : "(no title)")), el("span", { class: "id" }, id)),
      missing ? move(at, other, missing) : el("span", {}),
    );
    item.addEventListener("mouseenter", () => twins(product, true));
    item.addEventListener("mouseleave", () => twins(product, false));
    list.append(item);
  });
  return list;
}

function twins(product, on) {
  for (const one of dialog.querySelectorAll(`[data-product="${Number(product)}"]`)) one.classList.toggle("twin", on);
}

/** The grade as a number on its colour; hatched where nobody has judged the hit. */
function gradeMark(grade) {
  if (grade === undefined) return el("span", { class: "grade grade-none", title: "not judged" }, el("b", {}, "?"), el("span", { class: "hidden-visually" }, " not judged"));
  const share = payload.highest > payload.relevant_from ? (grade - payload.relevant_from) / (payload.highest - payload.relevant_from) : 1;
  const shade = grade < payload.relevant_from ? 0 : share >= 1 ? 3 : share >= 0.5 ? 2 : 1;
  const words = shade ? "relevant" : "not relevant";
  return el("span", { class: `grade grade-${shade}`, title: `grade ${grade}, ${words}` }, el("span", { class: "hidden-visually" }, "grade "), String(Number(grade.toFixed(2))));
}

function move(at, other, missing) {
  if (other < 0) return el("span", { class: `moved ${missing === "gone" ? "down" : "up"}` }, missing);
  if (other === at) return el("span", { class: "moved same" }, "same");
  // of the baseline's side: where it goes; of today's: where it came from
  const climbs = missing === "gone" ? other < at : other > at;
  const words = missing === "gone" ? `to ${other + 1}` : `from ${other + 1}`;
  return el("span", { class: `moved ${climbs ? "up" : "down"}` }, `${climbs ? "▲" : "▼"} ${words}`);
}

/** Whether labels would change what is said of the strategy. */
function labels(own, name, row) {
  const holes = comparison?.unjudged[name];
  const number = unjudged(own, row);
  if (!holes || !number) return null;
  const says = holes.settled ? "Whatever their grades are, what is said of the strategy stays." : "Their grades can change what is said of the strategy.";
  return el("div", {}, el("h3", {}, "Would labels change the verdict?"), el("p", {}, `${plural(number, "hit")} of this query that nobody has judged can move a metric. ${says}`), el("p", { class: "note small" }, holes.words));
}

const isChanged = (own, row) => row in own.before || own.reranked.includes(row);

/** How many of the changed queries, of all strategies, the page explains. */
function explanations() {
  const all = Object.values(view.strategies);
  const changed = all.reduce((sum, own) => sum + new Set([...Object.keys(own.before).map(Number), ...own.reranked]).size, 0);
  const given = all.reduce((sum, own) => sum + Object.values(own.reasons || {}).filter((one) => one.length).length, 0);
  if (changed && !given) return "no changed query is explained: the engine was not asked, or explains nothing";
  return changed ? `explanations for ${count(given)} of ${count(changed)} changed queries, strategies taking turns, those that lost most first` : "";
}

/** What moved the product that fell, and the legs of the strategy. */
function explained(own, row) {
  const reasons = own.reasons?.[row];
  const legs = own.legs || [];
  const parts = [];
  if (reasons?.length) parts.push(el("h3", {}, "What moved it"), lines(reasons));
  else if (isChanged(own, row)) {
    const why = reasons ? "The engine has no explanation of it." : `Not of this query: ${explanations()}.`;
    parts.push(el("h3", {}, "What moved it"), el("p", { class: "note small" }, why));
  }
  if (!parts.length && !legs.length) return null;
  if (legs.length) {
    const of = legs.map((one) => [one.lost ? el("strong", {}, `${one.leg} (lost most)`) : one.leg, fixed(one.before), fixed(one.after)]);
    parts.push(el("h3", {}, "The strategy's legs, on all queries that it lost"), table("Legs", [["Leg", ""], ["Before", "num"], ["Now", "num"]], of));
    if (own.legs_note) parts.push(el("p", { class: "note small" }, own.legs_note));
  }
  return el("div", { class: "sheet-part" }, parts);
}

function elsewhere(name, row) {
  const others = Object.keys(view.strategies).filter((other) => other !== name);
  if (!others.length) return null;
  const one = (other) => {
    const own = view.strategies[other];
    const lost = cost(own, row);
    const change = own.compared && lost ? el("span", { class: lost > 0 ? "fell" : "rose" }, ` ${signed(-lost, 3)}`) : null;
    return el("li", {}, el("a", { href: address(other, row) }, other), ` ${fixed(own.after[row], 3)}`, change);
  };
  return el("details", {}, el("summary", {}, "The same query in other strategies"), el("ul", { class: "lines" }, others.map(one)));
}

/** Open what the address names; a query that is not there is passed over. */
function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (!wanted.has("query")) {
    if (dialog.open) dialog.close();
    return;
  }
  const other = payload.views[Number(wanted.get("baseline") || 0)];
  if (other && other !== view) draw(payload.views.indexOf(other));
  const row = view.ids.indexOf(wanted.get("query"));
  const name = wanted.get("strategy") ?? "";
  if (row < 0) return;
  if (Object.hasOwn(view.strategies, name)) openQuery(name, row);
}

// the whole

function about() {
  const { dataset, engine, models = {} } = results;
  const facts = [
    ["data set", `${dataset.name}: ${queries(dataset.queries)}, ${plural(dataset.products, "product")}${dataset.judgments === undefined ? "" : `, ${plural(dataset.judgments, "judgment")}`}`],
    ["engine", engine.line || `${engine.name} ${engine.version || ""}`],
    ...Object.entries(models).map(([name, model]) => [`model ${name}`, `${model.name}${model.sha256 ? `, sha256 ${model.sha256.slice(0, 12)}` : ""}`]),
    ...Object.entries(dataset.sha256 || {}).map(([name, sha]) => [`sha256 of ${name}`, sha.slice(0, 12)]),
  ];
  const part = section("about", "What was measured", table("Data, engine and models", [["Part", ""], ["Is", ""]], facts));
  if (results.notes.length) part.append(el("h3", {}, "Notes"), lines(results.notes));
  return part;
}

function draw(at) {
  view = payload.views[at];
  comparison = results.comparison[at] || null;
  const parts = [strategies(), heatMap(), changes(), costs(), course(), queryList(), about()].filter(Boolean);
  const pickers = [];
  if (payload.views.length > 1) {
    const options = payload.views.map((one, place) => [String(place), one.baseline || "none"]);
    pickers.push(el("div", {}, picker("Compared with", options, String(at), (one) => draw(Number(one)))));
  }
  main.replaceChildren(...pickers, verdict(), ...parts);
  document.getElementById("top").replaceChildren();
  bar(results.dataset.name, parts);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "/" && !dialog.open) {
    event.preventDefault();
    controls.search.focus();
  }
  const step = { ArrowLeft: "-1", ArrowRight: "1" }[event.key];
  if (dialog.open && step) dialog.querySelector(`[data-step="${step}"]`)?.click();
});
addEventListener("hashchange", follow);

const worstFirst = results.comparison.map((one) => ANSWERS.indexOf(one.answer));
draw(worstFirst.length ? worstFirst.indexOf(Math.max(...worstFirst)) : 0);
document.getElementById("foot").append(el("p", {}, "Made by relevance. All numbers are those of results.json; nothing is loaded from elsewhere."));
follow();
