"""What the gate says of the sample's eleven strategies, all changed at once, while what they bring is not judged.

`PYTHONPATH=.:tests python -m studies.joint_holes` writes `docs/studies/holes-eleven.csv`, one row a strategy of a
session, and `holes-eleven-sessions.csv`, one row a session; sessions that are there are left out. `… rates` prints what
the rows add up to. Each session compares one planted change of `relevance mutate` that moves all eleven with another,
so that some strategies are better and others are worse. What the baseline's first tens show is judged, those of all
strategies together; then what each undecided strategy asks for, in its own order. Truth is what the gate says with all
judgments.
"""

import csv
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations
from pathlib import Path
from random import Random
from time import process_time

import numpy as np

from relevance.baseline import Snapshot
from relevance.config.reading import read_config
from relevance.datasets.asked import Row
from relevance.evaluation import NDCG10, evaluate_all
from relevance.gate import Comparison, Limits, compare
from relevance.mutation import KINDS, mutate
from relevance.mutation.withheld import DRAWS
from relevance.records import NO_HIT, Judgments, Ranking
from relevance.suite import make_plan
from studies.holes import DEPTH, LARGEST, LOOKS, METRICS, answer_of, fails, kind_of, shares
from studies.store import FOLDER, collect

SESSIONS, SEED = 12, 18
SAMPLED = 100
"""With so many rows judged of each, both ends are those of a sample, no more bounds."""
OWN_DRAWS = 100_000
"""The gate's own number, of the comparisons that are timed."""
CHANGES = (
    "text_boosts_swapped",
    "title_boost_tenfold",
    "text_legs_gone",
    "vector_boosts_swapped",
    "description_lost",
    "products_missing",
    "stemmed_in_index",
    "last_word_lost",
    "numbers_lost",
    "vectors_lost",
    "vectors_quantised_1_bit",
)
UNCHANGED = "as it is"
MOVED = 9
"""So many of the eleven have other hits on both sides of a session."""


@cache
def systems() -> dict[str, Snapshot]:
    """The suite on the sample as it is, and with each planted change."""
    options = {"dataset": "sample", "engine": "embedded"}
    config = read_config(options=options, environ=os.environ, file=None, root=Path.cwd())
    planted = [(KINDS[name], SEED) for name in CHANGES]
    found = mutate(make_plan(config, config.selected), planted, config.gate)
    of_kinds = {one.kind.name: one.after for one in found.outcomes if one.after is not None and one.changed}
    return {UNCHANGED: found.before, **of_kinds}


def _ndcg(snapshot: Snapshot, strategy: str) -> float:
    return float(snapshot.strategies[strategy].metrics[NDCG10].mean())


def _moved(before: Snapshot, after: Snapshot) -> bool:
    """Whether nearly all strategies have other hits, and none another mean that is too far off."""
    pairs = [(_ndcg(before, name), _ndcg(after, name)) for name in before.strategies]
    if any(not old or abs(new / old - 1) > LARGEST for old, new in pairs):
        return False
    return sum(before.strategies[name].hits != after.strategies[name].hits for name in before.strategies) >= MOVED


def sessions() -> list[tuple[str, str]]:
    """Before and after, drawn by a seed."""
    here = systems()
    pairs = [pair for pair in permutations(here, 2) if _moved(*(here[name] for name in pair))]
    return Random(SEED).sample(pairs, min(SESSIONS, len(pairs)))  # noqa: S311 - no secret


def _judged(snapshot: Snapshot, grades: Sequence[Mapping[str, float]]) -> Snapshot:
    """All strategies of a snapshot, scored by these judgments."""
    ids = {hit for one in snapshot.strategies.values() for hits in one.hits for hit in hits}
    code = {product: at for at, product in enumerate(sorted(ids.union(*grades)))}
    rows = [(at, code[product], grade) for at, known in enumerate(grades) for product, grade in known.items()]
    judgments = Judgments(*(np.array(each) for each in zip(*rows, strict=True)), relevant_from=snapshot.relevant_from)
    rankings = []
    for one in snapshot.strategies.values():
        codes = np.full((len(grades), DEPTH), NO_HIT, dtype=np.int64)
        for at, hits in enumerate(one.hits):
            first = [code[hit] for hit in hits[:DEPTH]]
            codes[at, : len(first)] = first
        rankings.append(Ranking(codes, np.zeros(codes.shape, dtype=np.float32)))
    scored = evaluate_all(rankings, judgments, n_products=len(code), metrics=METRICS)
    made = {}
    for (name, one), of_judged in zip(snapshot.strategies.items(), scored, strict=True):
        metrics = {metric: np.zeros(len(grades)) for metric in METRICS}
        for metric, values in metrics.items():  # a query without a judgment scores 0
            values[of_judged.queries] = of_judged.per_query[metric]
        made[name] = replace(one, metrics=metrics, hits=tuple(hits[:DEPTH] for hits in one.hits), run_time_s=None)
    return replace(snapshot, strategies=made, grades=tuple(grades))


class Session:
    """Two systems, and what is judged by now."""

    def __init__(self, before: str, after: str) -> None:
        self.sides = [systems()[name] for name in (before, after)]
        old, new = self.sides
        self.truth = old.grades
        self.at = {query: at for at, query in enumerate(old.queries)}
        shown = [[side.strategies[name].hits for name in side.strategies] for side in self.sides]
        self.known = [self._grades(at, shown[:1]) for at in range(len(old.queries))]
        self.all = [{**self._grades(at, shown), **known} for at, known in enumerate(self.truth)]
        if new.queries != old.queries:
            raise ValueError("other queries on both sides; allowed: the same")

    def _grades(self, query: int, shown: Sequence[Sequence[Sequence[Sequence[str]]]]) -> dict[str, float]:
        products = {hit for side in shown for hits in side for hit in hits[query][:DEPTH]}
        return {product: self.truth[query].get(product, 0) for product in sorted(products)}

    def judge(self, rows: Sequence[Row]) -> None:
        """Judge these hits."""
        for row in rows:
            at = self.at[row.query]
            self.known[at][row.product] = self.truth[at].get(row.product, 0)

    def asked(self, grades: Sequence[Mapping[str, float]]) -> Callable[..., Comparison]:
        """Both sides with these judgments; what comes back compares them."""
        old, new = (_judged(side, grades) for side in self.sides)

        def compared(orders: Mapping[str, Sequence[Row]], *, draws: int = DRAWS) -> Comparison:
            return compare(old, new, Limits(), baseline="pool", orders=orders, draws=draws)

        return compared


def _timed(compared: Callable[..., Comparison], orders: Mapping[str, Sequence[Row]]) -> tuple[float, Comparison]:
    """Seconds of all processors, and what they were for."""
    start = process_time()
    found = compared(orders, draws=OWN_DRAWS)
    return round(process_time() - start, 2), found


@cache
def outcome(before: str, after: str) -> tuple[dict[str, dict[str, object]], dict[str, object]]:
    """One session: what becomes of each strategy, and what the session took."""
    session = Session(before, after)
    names = list(session.sides[0].strategies)
    complete_s, complete = _timed(session.asked(session.all), {})
    holes_s, first = _timed(session.asked(session.known), {})
    orders = {name: list(one.rows) for name, one in first.holes.items()}
    found: dict[str, dict[str, object]] = {
        name: {
            "change": round(_ndcg(session.sides[1], name) / _ndcg(session.sides[0], name) - 1, 4),
            "complete": answer_of(complete, name),
            "holes": len(orders.get(name, ())),
            "exit": int(fails(first, name)),
        }
        for name in names
    }
    judged, answers, comparison = set[tuple[str, str]](), dict.fromkeys(names, ""), first
    of_all: dict[str, object] = {
        "holes": sum(map(len, orders.values())),
        "without_s": complete_s,
        "with_s": holes_s,
        "sampled_s": "",
    }
    for look in LOOKS:
        undecided = [name for name in names if answers[name] in ("", "undecided: holes")]
        if undecided:  # what is settled is not asked again
            asked = [row for name in undecided for row in orders.get(name, ())[:look]]
            session.judge(asked)
            judged |= {(row.query, row.product) for row in asked}
            if look == SAMPLED:
                of_all["sampled_s"], comparison = _timed(session.asked(session.known), orders)
            elif look:
                comparison = session.asked(session.known)(orders)
            answers |= {name: answer_of(comparison, name) for name in undecided}
        for name in names:
            found[name][f"at {look}"] = answers[name]
        of_all[f"judged at {look}"] = len(judged)
    return found, of_all


def rates() -> Iterator[dict[str, object]]:
    """By kind of change: how many strategies fail, are likely losses, undecided by holes, and pass, in %."""
    with (FOLDER / "holes-eleven.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for kind in ("better", "better, a part fails", "neutral", "worse, not sure", "fails"):
        own = [row for row in rows if kind_of(row) == kind]
        if own:
            yield {"change": kind, "strategies": len(own), **shares(own)}


def main() -> None:
    """Measure what is missing, or print the rates."""
    if sys.argv[1:] == ["rates"]:
        for line in rates():
            sys.stdout.write("\t".join(map(str, line.values())) + "\n")
        return
    for before, after in sessions():
        cell = {"before": before, "after": after}
        of_strategies = [{**cell, "strategy": name} for name in systems()[UNCHANGED].strategies]
        collect(FOLDER / "holes-eleven.csv", of_strategies, lambda strategy, **pair: outcome(**pair)[0][strategy])
        collect(FOLDER / "holes-eleven-sessions.csv", [cell], lambda **pair: outcome(**pair)[1])


if __name__ == "__main__":
    main()
