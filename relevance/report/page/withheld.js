"use strict";
// The page of `relevance mutate --holes`. `payload`:
//   results   what mutations.json holds
//   looks     so many hits were judged when the gate was asked again
//   said      its answers, from the worst to the best
//   pool      what stayed judged, in words
//   of        what was measured, a line each
//   wrong     what the gate says that is not so, a line each
//   notes     what else is to be said

const { results, looks, said } = payload;
const main = document.getElementById("main");
const TRUTHS = { better: "truly better", loss: "truly a loss", neither: "neither" };
const CLASSES = { loss: "is-loss", "undecided, fails": "is-undecided", "likely loss": "is-likely", undecided: "is-undecided", "no loss": "is-good" };
const badge = (text) => el("span", { class: `answer ${CLASSES[text] || "is-none"}` }, text);

function verdict() {
  const number = payload.wrong.length;
  const headline = number ? `${plural(number, "wrong answer")}` : "No wrong answer";
  const sentence = `Better and worse changes, ${count(results.tried.length)} in all, while judgments are withheld: ${payload.pool}. Then hits are judged in the order in which the gate asks for them.`;
  const parts = [el("h1", {}, headline), el("p", {}, sentence)];
  if (number) parts.push(el("h2", {}, "What is not so"), lines(payload.wrong));
  if (payload.notes.length) parts.push(el("h2", {}, "Notes"), lines(payload.notes));
  return el("section", { id: "verdict", class: `verdict ${number ? "is-loss" : "is-good"}`, "aria-label": "Verdict" }, parts);
}

/** What the gate says, by how many hits were judged. */
function answers() {
  const part = section("answers", "Answers by hits judged");
  for (const truth of ["better", "loss"]) {
    const rows = results.counts.filter((one) => one["by all judgments"] === TRUTHS[truth]);
    const shown = rows.map((row) => [row["hits judged"], ...said.map((answer) => row[answer])]);
    const total = Number(rows[0].changes);
    part.append(
      el("h3", {}, `${TRUTHS[truth]}: ${plural(total, "change")}`),
      table(`Answers of what is ${TRUTHS[truth]}`, [["Hits judged", ""], ...said.map((answer) => [answer, "num"])], shown),
    );
  }
  const others = results.tried.filter((one) => one.truth === "neither").length;
  part.append(el("p", { class: "note small" }, `The left two answers fail a session. ${plural(others, "change")} more, neither a loss nor better by 1%, not counted here.`));
  return part;
}

/** The answers in their order, each with how many hits were judged when it came. */
function course(one) {
  const turns = looks.filter((look, at) => at === 0 || one[`at ${look}`] !== one[`at ${looks[at - 1]}`]);
  return el("span", { class: "turns" }, turns.map((look) => el("span", {}, `${look}: `, badge(one[`at ${look}`]))));
}

function changes() {
  const part = section("changes", "Every change");
  const body = el("div", {});
  const state = { truth: "", strategy: "" };
  const names = [...new Set(results.tried.map((one) => one.strategy))];
  const heads = [["Change", ""], ["Strategy", ""], ["By all judgments", "num"], ["The gate then", ""], ["Hits to judge", "num"], ["What it says, from so many judged on", ""]];
  function set(some) {
    Object.assign(state, some);
    const shown = results.tried.filter((one) => (!state.truth || one.truth === state.truth) && (!state.strategy || one.strategy === state.strategy));
    const rows = shown.map((one) => [
      `${one.kind} (${one.seed})${one.undone ? ", undone" : ""}`, one.strategy,
      el("span", {}, el("span", { class: one.change < 0 ? "fell" : "rose" }, percent(one.change)), el("span", { class: "table-note" }, TRUTHS[one.truth])),
      badge(one.complete), count(one.holes), course(one),
    ]);
    body.replaceChildren(table("Every change, and what the gate says", heads, rows, { class: "wide-first" }));
  }
  part.append(
    el("div", { class: "filters" },
      choice("Truth", [["", "All"], ...Object.entries(TRUTHS)], "", (one) => set({ truth: one })),
      picker("Strategy", [["", "all strategies"], ...names.map((name) => [name, name])], "", (one) => set({ strategy: one }))),
    body,
  );
  set({});
  return part;
}

const parts = [answers(), changes(), section("about", "What was measured", lines(payload.of))];
main.replaceChildren(verdict(), ...parts);
bar("Judgments withheld", parts);
document.getElementById("foot").append(el("p", {}, "Made by relevance. All numbers are those of mutations.json; nothing is loaded from elsewhere."));
