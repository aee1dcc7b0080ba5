"use strict";
// The page of a fine-tuning. `payload`, all numbers as in the CSV files beside the page:
//   dataset, model     of what; where the model is
//   sides              what is before and after
//   level, seeds       of intervals, such as 0.95; of the trainings
//   queries            [id, text]
//   comparisons        a strategy against its base: gains by metric, seeds, over_seeds, condensed, judged, queries
//                      ([place in queries, before, after, change], from the largest gain to the largest loss)
//   curves             a training for each seed
//   recipes            those that were compared, or null
//   pairs              judged pairs: similarity by label, those that changed most; or null
//   times              median and 95th percentile of a query's stages, in ms; or null
//   forecast, facts, notes

const { comparisons, curves, seeds } = payload;
const VERDICTS = { better: ["is-good", "better"], worse: ["is-loss", "worse"], open: ["is-undecided", "undecided"] };
const several = seeds.length > 1;
const level = `${Math.round(payload.level * 100)}%`;
const verdictBadge = (gain) => el("span", { class: `answer ${VERDICTS[gain.verdict][0]}` }, VERDICTS[gain.verdict][1]);
const colour = (gain) => (Math.abs(gain.difference) < SAME ? "" : gain.difference > 0 ? "rose" : "fell");
const share = (value) => `${(value * 100).toFixed(1)}%`;

// the verdict

function verdict() {
  const by = (wanted) => comparisons.filter((one) => one.over_seeds.verdict === wanted).map((one) => one.tuned);
  const [better, worse, open] = ["better", "worse", "open"].map(by);
  const named = [["Worse", worse], ["Better", better], ["Undecided", open]].filter(([, some]) => some.length);
  const title = named.map(([word, some], at) => `${at ? word.toLowerCase() : word}: ${some.join(", ")}`).join("; ");
  const kind = worse.length ? "is-loss" : open.length ? "is-undecided" : better.length ? "is-good" : "is-none";
  const measured = `${queries(payload.queries.length)} of ${payload.dataset} that were not trained on`;
  const over = several ? `, means over ${seeds.length} seeds` : "";
  const points = comparisons.map((one) => {
    const { over_seeds: gain, condensed } = one;
    const counts = `${queries(one.queries.filter((row) => row[3] > 0).length)} gained, ${count(one.queries.filter((row) => row[3] < 0).length)} lost${several ? ` (seed ${seeds[0]})` : ""}.`;
    const apart = `By judged hits alone: ${words(condensed)}.`;
    const text = `${one.tuned} against ${one.base}, ${gain.metric}: ${words(gain)}`;
    return el("li", {}, verdictBadge(gain), el("div", {}, text), el("p", { class: "small quiet" }, `${apart} ${counts}`));
  });
  return el("section", { id: "verdict", class: `verdict ${kind}`, "aria-label": "Verdict" },
    el("h1", {}, title || "Trained, and compared with nothing"),
    el("p", {}, comparisons.length ? `Measured on ${measured}${over}.` : "No strategies were compared."),
    points.length ? el("ul", { class: "points" }, points) : null,
    payload.forecast ? el("p", { class: "note small" }, capital(payload.forecast)) : null,
  );
}

const relative = (gain, value) => (gain.base ? ` (${percent(value / gain.base)})` : "");

/** Before and after, and the change with its interval: never without. */
function words(gain) {
  const means = `${fixed(gain.base)} → ${fixed(gain.tuned)}`;
  if (!gain.interval) return `${means}, change not shown: a single query has no interval`;
  const [low, high] = gain.interval;
  return `${means}, ${signed(gain.difference)}${relative(gain, gain.difference)}, ${level} ${signed(low)} to ${signed(high)}`;
}

// gains

function gains() {
  if (!comparisons.length) return null;
  const kept = several ? `, seed ${seeds[0]}` : "";
  const bySeed = several ? ["Seeds", (one) => band(one.seeds.map((each) => each.tuned))] : null;
  const judged = ["Judged", (one) => `${share(one.judged.base)} → ${share(one.judged.tuned)}`];
  const options = [
    ["over", `nDCG@10${several ? ", all seeds" : ""}`, (one) => one.over_seeds, bySeed],
    ["condensed", "nDCG@10 of judged hits", (one) => one.condensed, judged],
  ];
  comparisons[0].gains.forEach((gain, at) => {
    if (several || gain.metric !== "nDCG@10") options.push([`gain ${at}`, `${gain.metric}${kept}`, (one) => one.gains[at], null]);
  });
  const body = el("div", {});
  const part = section("gains", "Gains");
  const show = (chosen) => {
    const [, text, of, last] = options.find(([one]) => one === chosen);
    const rows = comparisons.map((one) => [[one.tuned], of(one), ...(last ? [last[1](one)] : [])]);
    body.replaceChildren(gainTable(`Strategies by ${text}`, rows, { last: last && last[0] }));
  };
  part.firstChild.append(choice("Metric", options.map(([one, text]) => [one, text]), "over", show));
  part.append(body, el("p", { class: "note small" }, `Intervals: paired bootstrap over ${queries(payload.queries.length)}; the bar shows the change beside zero. Undecided: the interval holds 0. Judged hits: the first ten hits that somebody judged; a hit that nobody judged counts as irrelevant elsewhere and not at all there. Judged: the share of the first ten that somebody judged.`));
  show("over");
  if (several) {
    const rows = comparisons.flatMap((one) => [
      ...one.seeds.map((gain, at) => [[one.tuned, String(seeds[at])], gain]),
      [[one.tuned, "mean"], one.over_seeds],
    ]);
    part.append(el("details", {}, el("summary", {}, "Each seed by itself"), gainTable("Gains by seed", rows, { first: ["Seed"] })));
  }
  return part;
}

/** `rows`: [first cells, gain, last cell]; `first` and `last` are the heads of those behind the strategy and of the last. */
function gainTable(label, rows, { first: more = [], last: end = null }) {
  const reach = reachOf(rows.flatMap(([, gain]) => [gain.difference, ...(gain.interval || [])]));
  const heads = [["Strategy", ""], ...more.map((text) => [text, "num"]), ["Verdict", ""], [payload.sides[0], "num"], [payload.sides[1], "num"], ["Change", "num"], [`${level} interval`, "num"], ["", ""]];
  if (end) heads.push([end, "num"]);
  const cells = rows.map(([first, gain, ...last]) => {
    const known = gain.interval;
    return [
      ...first, verdictBadge(gain), fixed(gain.base), fixed(gain.tuned),
      known ? el("span", { class: colour(gain) }, `${signed(gain.difference)}${relative(gain, gain.difference)}`) : "not shown",
      known ? `${signed(known[0])} to ${signed(known[1])}` : "–",
      known ? interval(gain.difference, known, reach, colour(gain)) : "",
      ...last,
    ];
  });
  return table(label, heads, cells);
}

const band = (values) => `${fixed(Math.min(...values))} to ${fixed(Math.max(...values))}`;

// training

const MEASURES = { ndcg: "nDCG@10 of the validation", loss: "training loss", spearman: "rank correlation (Spearman)" };

function training() {
  const figure = el("figure", {});
  const part = section("training", "Training");
  const show = (name) => figure.replaceChildren(...courses(name));
  part.firstChild.append(choice("Measure", Object.entries(MEASURES), "ndcg", show));
  const rows = curves.map((one) => {
    const [first, kept, last] = [one.steps[0], one.steps[one.best], one.steps.at(-1)];
    return [String(one.seed), fixed(first.ndcg), fixed(kept.ndcg), `${count(kept.step)} of ${count(last.step)}`, one.stopped_early ? "it no longer learned" : "all epochs", minutes(one.seconds)];
  });
  const heads = [["Seed", ""], ["nDCG@10 before", "num"], ["Kept", "num"], ["Step kept", "num"], ["Ended", ""], ["Minutes", "num"]];
  part.append(figure, table("Trainings", heads, rows), el("p", { class: "note small" }, "Of the validation queries, which are neither trained on nor in the benchmark."));
  show("ndcg");
  return part;
}

const minutes = (seconds) => (seconds / 60).toFixed(1);

function courses(name) {
  const series = curves.map((one) => ({
    css: several ? "course thin" : "course",
    dots: !several,
    points: one.steps
      .map((step, at) => ({ x: step.step, y: step[name], best: at === one.best, title: `seed ${one.seed}, step ${count(step.step)}: ${fixed(step[name])}` }))
      .filter((point) => point.y !== null),
  })).filter((one) => one.points.length);
  if (!series.length) return [el("p", { class: "note" }, "No step was trained.")];
  const before = curves.map((one) => one.steps[0][name]).filter((value) => value !== null);
  const numbers = curves.flatMap((one) => one.steps.map((step, at) => [String(one.seed), count(step.step), fixed(step.epoch, 2), fixed(step.loss), fixed(step.pearson), fixed(step.spearman), fixed(step.ndcg), at === one.best ? "kept" : ""]));
  const heads = [["Seed", ""], ["Step", "num"], ["Epoch", "num"], ["Loss", "num"], ["Pearson", "num"], ["Spearman", "num"], ["nDCG@10", "num"], ["", ""]];
  const dashed = before.length ? " The dashed line is the base model." : "";
  const banded = several ? " Behind the lines of the seeds lies the band between the lowest and the highest, up to the first that stopped." : "";
  return lineChart(series, {
    label: "Picture of the training",
    words: `The ${MEASURES[name]} over training steps; coloured points are the steps that were kept.${dashed}${banded}`,
    across: { low: 0, high: Math.max(1, ...series.flatMap((one) => one.points.map((point) => point.x))), label: "training step (batches)" },
    ...(name === "loss" ? { up: { low: 0 } } : {}),
    size: { width: 1080, height: 270 },
    band: several ? bandOf(name) : [],
    level: before.length ? before.reduce((sum, one) => sum + one, 0) / before.length : null,
    numbers: table("Evaluations", heads, numbers),
  });
}

/** Behind the first training that stopped the band would be that of the others. */
function bandOf(name) {
  const values = curves.map((one) => new Map(one.steps.map((step) => [step.step, step[name]])));
  const shared = [...values[0].keys()].filter((step) => values.every((one) => (one.get(step) ?? null) !== null));
  return shared.map((step) => {
    const own = values.map((one) => one.get(step));
    return { x: step, low: Math.min(...own), high: Math.max(...own) };
  });
}

// recipes

function recipes() {
  const { recipes: all } = payload;
  if (!all) return null;
  const parts = [...new Set(all.tried.flatMap((one) => Object.keys(one.parts)))];
  const reach = reachOf(all.tried.flatMap((one) => [one.to_first.mean, ...(one.to_first.interval || [])]));
  const heads = [
    ["Recipe", ""], ["", ""], ["nDCG@10", "num"], [`${level} interval`, "num"], ...(several ? [["Over seeds", "num"]] : []),
    ["To the first", "num"], [`${level} interval`, "num"], ["", ""], ["Minutes", "num"], ...parts.map((one) => [`of it ${one}`, "num"]), ["Memory", "num"], ["Step kept", "num"],
  ];
  const rows = all.tried.map((one, at) => {
    const { mean, interval: between } = one.to_first;
    const css = mean > 0 ? "rose" : "fell";
    const place = one.wins ? ["is-good", "winner"] : one.ties ? ["is-undecided", "not told apart"] : ["is-none", "behind"];
    return [
      one.name, el("span", { class: `answer ${place[0]}` }, place[1]), fixed(one.mean), one.interval ? one.interval.map((end) => fixed(end)).join(" to ") : "–",
      ...(several ? [one.band.map((end) => fixed(end)).join(" to ")] : []),
      at && between ? signed(mean) : "–", at && between ? `${signed(between[0])} to ${signed(between[1])}` : "–", at && between ? interval(mean, between, reach, css) : "",
      minutes(one.seconds), ...parts.map((name) => (name in one.parts ? minutes(one.parts[name]) : "–")),
      one.memory_bytes === null ? "–" : `${(one.memory_bytes / 1e9).toFixed(1)} GB`, one.steps.map(count).join(", "),
    ];
  });
  const part = section("recipes", "Recipes compared");
  part.append(
    lines(all.lines),
    table("Recipes", heads, rows),
    el("p", { class: "note small" }, `By ${plural(all.queries, "validation query", "validation queries")}, which are neither trained on nor in the benchmark; the base model, untrained: ${fixed(all.base)}. Intervals: bootstrap over the queries. To the first: the paired difference to the first recipe, beside zero. Minutes: of a training, everything counted. Memory: the highest resident set of the process, on a graphics card what was allocated there.`),
  );
  return part;
}

// queries

function queryList() {
  if (!comparisons.length) return null;
  const part = section("queries", "Queries gained and lost");
  const figure = el("figure", {});
  const found = listing("Queries", {
    outcomes: [["Changed", (one) => one[3] !== 0], ["Gained", (one) => one[3] > 0], ["Lost", (one) => one[3] < 0], ["All", () => true]],
    words: ([at]) => payload.queries[at].join("\n"),
    line: ([at, before, after, change]) => {
      const [id, text] = payload.queries[at];
      const values = el("span", { class: "num" }, change ? `${fixed(before)} → ${fixed(after)}` : fixed(after));
      return el("li", {}, el("div", { class: "row" }, el("span", { class: "text" }, text || "(empty)"), el("span", { class: "name" }, id), values, delta(change)));
    },
  });
  function show(name) {
    const one = comparisons.find((other) => other.tuned === name);
    const [won, lost] = [one.queries.filter((row) => row[3] > 0).length, one.queries.filter((row) => row[3] < 0).length];
    const gain = one.gains.find((other) => other.metric === "nDCG@10");
    figure.replaceChildren(...sortedChanges(one.queries.map((row) => row[3]), {
      left: `${count(won)} gained`,
      right: `${count(lost)} lost`,
      words: `${one.tuned} against ${one.base}: the change of nDCG@10 of every query, sorted${several ? ` (seed ${seeds[0]})` : ""}. In the mean ${words(gain)}. ${queries(won)} gained, ${queries(lost)} lost, ${queries(one.queries.length - won - lost)} as before.`,
    }));
    found.show(one.queries.toSorted((first, second) => Math.abs(second[3]) - Math.abs(first[3])));
  }
  if (comparisons.length > 1) part.firstChild.append(picker("Strategy", comparisons.map((one) => [one.tuned, one.tuned]), comparisons[0].tuned, show));
  part.append(figure, ...found.nodes);
  show(comparisons[0].tuned);
  return part;
}

// judged pairs

function judgedPairs() {
  const { pairs, similarity } = payload;
  if (!pairs) return null;
  const part = section("pairs", "Labels beside similarity");
  const heads = [["Label", ""], ["", ""], ["Pairs", "num"], ["Median before", "num"], ["After", "num"], ["Quartiles before", "num"], ["Quartiles after", "num"]];
  const rows = pairs.groups.map((one) => {
    const quartiles = (five) => `${fixed(five[1])} to ${fixed(five[3])}`;
    return [one.name, one.kind, count(one.number), fixed(one.before[2]), fixed(one.after[2]), quartiles(one.before), quartiles(one.after)];
  });
  const figure = el("figure", {});
  const views = {
    boxes: () => boxes(pairs.groups.map((one) => ({ name: `label ${one.name}`, note: `${one.kind}, ${count(one.number)}`, pairs: [["quiet", one.before], ["model", one.after]] })), {
      label: "Picture of similarities by label",
      words: `${capital(similarity)} of query and product by relevance label: quartiles and median, whiskers at ${pairs.whiskers.map((one) => `${Math.round(one * 100)}%`).join(" and ")} of the pairs. Rank correlation (Spearman) of label and ${similarity}: ${fixed(pairs.correlations[0])} before, ${fixed(pairs.correlations[1])} after.`,
      across: { label: similarity },
      numbers: table("Similarity by label", heads, rows),
    }),
    ...Object.fromEntries(pairs.groups.map((one) => [`label ${one.name}`, () => shares(one)])),
  };
  const show = (name) => figure.replaceChildren(...views[name]());
  const options = [["boxes", "all labels"], ...pairs.groups.map((one) => [`label ${one.name}`, `label ${one.name}`])];
  part.firstChild.append(picker("Show", options, "boxes", show));
  const found = listing("Judged pairs", {
    outcomes: [["Improved", (one) => one[9] > 0], ["Worsened", (one) => one[9] < 0]],
    words: ([query, product, title]) => `${query}\n${product}\n${title}`,
    line: pairLine,
    counted: (number) => plural(number, "pair"),
  });
  const rest = `${plural(pairs.improved, "pair")} improved, ${count(pairs.worsened)} worsened, of ${count(pairs.number)}; those that changed most are here, all in pairs.csv.`;
  part.append(figure, key([["quiet", "base model"], ["link", "fine-tuned model"]]), el("h3", {}, "Pairs"), el("p", { class: "note small" }, `${rest} Standing: the share of judged pairs whose ${similarity} is not above the pair's own. Improved: a relevant pair that rose in standing, or an irrelevant one that fell.`), ...found.nodes);
  show("boxes");
  found.show(pairs.shown);
  return part;
}

/** How the similarities of a label are spread under both models. */
function shares(group) {
  const { edges } = payload.pairs;
  const middle = (at) => (edges[at] + edges[at + 1]) / 2;
  const line = (css, values) => ({ css: `course ${css}`, dots: false, points: values.map((y, at) => ({ x: middle(at), y })) });
  const rows = edges.slice(1).map((end, at) => [fixed(edges[at], 3), fixed(end, 3), share(group.shares_before[at]), share(group.shares_after[at])]);
  return lineChart([line("quiet", group.shares_before), line("", group.shares_after)], {
    label: `Picture of similarities of label ${group.name}`,
    words: `Label ${group.name}, ${group.kind}: the share of its ${plural(group.number, "pair")} by ${payload.similarity}.`,
    across: { low: edges[0], high: edges.at(-1), label: payload.similarity },
    up: { low: 0 },
    size: { width: 1080, height: 270 },
    numbers: table("Shares", [["From", ""], ["To", "num"], ["Base model", "num"], ["Fine-tuned", "num"]], rows.filter((row) => row[2] !== "0.0%" || row[3] !== "0.0%")),
  });
}

function pairLine([query, product, title, label, relevant, before, after, standingBefore, standingAfter, change]) {
  const text = el("span", { class: "text" }, query || "(empty)", el("span", { class: "table-note" }, `${title || "(no title)"} · ${product}`));
  const standing = `${Math.round(standingBefore * 100)}% → ${Math.round(standingAfter * 100)}%`;
  const values = el("span", { class: "num" }, `${fixed(before, 3)} → ${fixed(after, 3)}`);
  return el("li", {}, el("div", { class: "row" }, text, el("span", { class: "name" }, `label ${Number(label.toFixed(2))}, ${relevant ? "relevant" : "irrelevant"}; standing ${standing}`), values, delta(change)));
}

// times, and what it was trained on

function times() {
  if (!payload.times) return null;
  const rows = Object.entries(payload.times).map(([name, [p50, p95]]) => [name, fixed(p50, 2), fixed(p95, 2)]);
  const part = section("times", "Time of a query");
  part.append(table("Stages", [["Stage", ""], ["p50 (ms)", "num"], ["p95 (ms)", "num"]], rows), el("p", { class: "note small" }, "Single queries, nothing cached."));
  return part;
}

function about() {
  const part = section("about", "What was trained on what", table("Data, models and options", [["Part", ""], ["Is", ""]], payload.facts));
  if (payload.notes.length) {
    const [first, rest] = [payload.notes.slice(0, 10), payload.notes.slice(10)];
    part.append(el("h3", {}, "Leaks and notes"), lines(first));
    if (rest.length) part.append(el("details", {}, el("summary", {}, `${plural(rest.length, "more note", "more notes")}`), lines(rest)));
  }
  return part;
}

const parts = [gains(), training(), recipes(), queryList(), judgedPairs(), times(), about()].filter(Boolean);
document.getElementById("main").replaceChildren(verdict(), ...parts);
bar(payload.dataset, parts);
document.getElementById("foot").append(el("p", {}, "Made by relevance. All numbers are those of the CSV files beside this page; nothing is loaded from elsewhere."));
