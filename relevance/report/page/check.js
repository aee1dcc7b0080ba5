"use strict";
// The page of `relevance check`. `payload.results` is what check.json holds: the data set, and every line with its state.

const { results } = payload;
const main = document.getElementById("main");
const STATES = { error: ["error", "is-loss"], "look at": ["look at", "is-likely"], note: ["note", "is-undecided"], fine: ["fine", "is-good"] };
const of = (state) => results.checked.filter((one) => one.state === state);

function verdict() {
  const [errors, looks] = [of("error").length, of("look at").length];
  const headline = { ready: "Ready: the benchmarks can start", wrong: `${plural(errors, "mistake")}: the benchmarks cannot start`, "could not run": "Something is not there: the benchmarks cannot start" }[results.state];
  const sentence = looks ? `Nothing was embedded or measured. ${plural(looks, "line")} to look at.` : "Nothing was embedded or measured.";
  const kind = results.state !== "ready" ? "is-loss" : looks ? "is-likely" : "is-good";
  return el("section", { id: "verdict", class: `verdict ${kind}`, "aria-label": "Verdict" }, el("h1", {}, headline), el("p", {}, results.dataset), el("p", { class: "quiet" }, sentence));
}

function checked() {
  const part = section("checked", "Everything that was checked");
  const body = el("div", {});
  const show = (state) => {
    const shown = Object.keys(STATES).filter((one) => !state || one === state).flatMap(of);
    const rows = shown.map((one) => {
      const [text, css] = STATES[one.state];
      const note = one.subject && one.subject !== text ? el("span", { class: "table-note" }, one.subject) : null;
      return [el("span", {}, el("span", { class: `answer ${css}` }, text), note), one.line];
    });
    body.replaceChildren(table("What was checked, errors first", [["State", ""], ["What was found", ""]], rows, { class: "told" }));
  };
  const options = Object.entries(STATES).map(([state, [text]]) => [state, `${text} (${count(of(state).length)})`]).filter(([state]) => of(state).length);
  if (options.length > 1) part.firstChild.append(choice("State", [["", "All"], ...options], "", show));
  part.append(body);
  show("");
  return part;
}

const parts = [checked()];
main.replaceChildren(verdict(), ...parts);
bar("What was checked", parts);
document.getElementById("foot").append(el("p", {}, "Made by relevance. All lines are those of check.json; nothing is loaded from elsewhere."));
