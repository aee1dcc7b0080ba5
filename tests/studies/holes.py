"""What the gate says of better and worse changes while most of what they bring is not judged, and how many labels help.

`PYTHONPATH=.:tests python -m studies.holes [SET ...]` writes `docs/studies/holes-SET.csv`, one row a pair of strategies
and a pool; pairs that are there are left out. `… -m studies.holes rates` and `… summary` print the tables. Truth comes
from judgments that are withheld: of each pair the gate knows only what the pool shows, then what is judged in its own
order.

Worlds: `given`, where a product that the judgments do not name is irrelevant, and `closed`, where lists are cut to the
judged products. Pools: the baseline's first ten, its first five, and the first ten of a third system.
"""

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import permutations
from pathlib import Path
from random import Random

import numpy as np
from helpers.snapshots import measured, snapshot

from relevance import engines
from relevance.baseline import Snapshot
from relevance.datasets import Source, load
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.settings import Settings
from relevance.evaluation import AP10, NDCG10, RR10, evaluate_all
from relevance.gate import Comparison, Finding, Limits
from relevance.gate.answers import worst
from relevance.gate.comparing import EMPTY
from relevance.mutation.withheld import asked, complete_grades
from relevance.records import NO_HIT, Dataset, Judgments, Ranking
from relevance.runner import search_all
from relevance.strategies import Strategy, readings_of
from studies.store import FOLDER, collect

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SOURCES = {
    "sample": Source("sample", "sample"),
    "chorus": Source("chorus", "chorus", DATA / "chorus"),
    "homedepot": Source("homedepot", "homedepot", DATA / "homedepot"),
}
PAIRS = {"sample": 100, "chorus": 100, "homedepot": 30}
"""Of each world and pool at most."""
DEEP, DEPTH = 200, 10
LARGEST = 0.4
"""No change is larger."""
BETTER, WORSE = 0.01, -0.02
LOOKS = (0, 50, 100, 150, 200, 300, 400)
STRATEGY = "changed"
SEED = 18
METRICS = (NDCG10, AP10, RR10)
STOP = {"a", "an", "and", "for", "in", "of", "on", "the", "to", "with"}
WORLDS, POOLS = ("given", "closed"), ("ten", "five", "third")


# strategies


def _strategies(fields: Sequence[str]) -> list[Strategy]:
    """Text strategies of the kinds that teams try: boosts, analyzers, BM25's numbers."""
    first, second = fields[0], fields[1] if len(fields) > 1 else fields[0]
    last = fields[-1]
    boosts: list[Mapping[str, float]] = [
        {first: 1},
        {first: 3, second: 1},
        {first: 1, second: 1},
        {first: 1, second: 3},
        {first: 8, second: 2, last: 1},
        {first: 1, second: 2, last: 8},
        {first: 1, last: 1},
        {first: 1, last: 4},
        {second: 1},
        {second: 1, last: 1},
    ]
    different = {tuple(sorted(one.items())): one for one in boosts}
    made = [Strategy(f"boosts{number}", text=one) for number, one in enumerate(different.values())]
    base = {first: 3, second: 1} if second != first else {first: 1}
    numbers = ((0, 0), (0.4, 0.75), (3, 0.75), (1.2, 0), (1.2, 1), (3, 1))
    made += [Strategy(f"bm25_{number}", text=base, k1=k1, b=b) for number, (k1, b) in enumerate(numbers)]
    return [*made, *(Strategy(name, text=base, analyzer=name) for name in ("stemmed", "stemmed_parts"))]


def _queries(dataset: Dataset) -> Iterator[tuple[str, list[str]]]:
    """Queries as a fault in front of the search would change them."""
    split = [text.split() for text in dataset.queries.texts]
    yield "last word dropped", [" ".join(words[:-1] or words) for words in split]
    yield "two words kept", [" ".join(words[:2]) for words in split]
    for name, kept in (
        ("stop words dropped", lambda word: word.lower() not in STOP),
        ("numbers dropped", lambda word: not any(map(str.isdigit, word))),
    ):
        yield name, [" ".join([word for word in words if kept(word)] or words) for words in split]


def _fused(*lists: np.ndarray) -> np.ndarray:
    """Reciprocal rank fusion of the first fifty of each query."""
    fused = np.full((len(lists[0]), DEEP), NO_HIT)
    for row in range(len(fused)):
        scores: dict[int, float] = defaultdict(float)
        for codes in lists:
            for rank, code in enumerate(codes[row, :50].tolist(), start=1):
                if code != NO_HIT:
                    scores[code] += 1 / (60 + rank)
        best = sorted(scores, key=lambda code: (-scores[code], code))[:DEEP]
        fused[row, : len(best)] = best
    return fused


def _closed_up(codes: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Lists without what is not kept, the rest moved up."""
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.take_along_axis(np.where(kept, codes, NO_HIT), order, axis=1)


@cache
def world_of(data: str) -> tuple[Dataset, dict[str, np.ndarray]]:
    """A data set and the product codes of each strategy's first 200, shape (queries, 200)."""
    dataset = load(SOURCES[data])
    strategies = _strategies(tuple(dataset.catalogue.fields.text))
    catalogue = dataset.catalogue.read(readings_of(strategies))
    fields = tuple(dict.fromkeys(name for one in strategies for leg in one.legs() for name, _ in leg.text))
    lists: dict[str, np.ndarray] = {}
    with engines.choose("embedded", Settings(), strategies).open(progress=False) as indexer:
        engine = indexer.index(catalogue, text_fields=fields, vectors={}, progress=False)
        rankings = search_all(engine, strategies, QueryBatch(dataset.queries.texts), hits=DEEP)
        lists |= {one.name: ranking.codes for one, ranking in zip(strategies, rankings, strict=True)}
        for name, texts in _queries(dataset):
            lists[name] = search_all(engine, strategies[1:2], QueryBatch(texts), hits=DEEP)[0].codes
    rng = np.random.default_rng(SEED)
    base = lists[strategies[1].name]
    for share in (0.05, 0.15):
        gone = rng.random(len(catalogue)) < share
        lists[f"{share:.0%} of products missing"] = _closed_up(base, (base != NO_HIT) & ~gone[base])
    shuffled = base.copy()
    for row in np.flatnonzero(rng.random(len(base)) < 0.2):
        hits = int((base[row, :20] != NO_HIT).sum())
        shuffled[row, :hits] = base[row, rng.permutation(hits)]
    lists["a fifth shuffled"] = shuffled
    names = list(lists)
    for one, other in ((0, 1), (3, 10), (1, len(strategies) - 1), (4, len(strategies) - 2)):
        lists[f"{names[one]} + {names[other]}"] = _fused(lists[names[one]], lists[names[other]])
    # where a data set has a field alone, boosts find the same or nothing
    different = {hits[:, :20].tobytes(): name for name, hits in reversed(lists.items()) if (hits != NO_HIT).any()}
    return dataset, {name: hits for name, hits in lists.items() if name in different.values()}


# a world with all its judgments


class World:
    """Rankings as ids of the judged queries, and the truth about them."""

    def __init__(self, data: str, world: str) -> None:
        dataset, lists = world_of(data)
        judged = dataset.judgments
        ids, codes = dataset.catalogue.ids, dataset.judgments.judged_queries
        self.queries = tuple(dataset.queries.ids[code] for code in codes)
        self.texts = tuple(dataset.queries.texts[code] for code in codes)
        self.relevant_from = judged.relevant_from
        row = {code: at for at, code in enumerate(codes.tolist())}
        self.truth: list[dict[str, float]] = [{} for _ in codes]
        pairs = zip(judged.queries.tolist(), judged.products.tolist(), judged.grades.tolist(), strict=True)
        for query, product, grade in pairs:
            self.truth[row[query]][ids[product]] = grade
        cells = judged.queries * len(ids) + judged.products
        self.hits: dict[str, list[tuple[str, ...]]] = {}
        self.code = {product: code for code, product in enumerate(ids)}
        self.rankings: dict[str, Ranking] = {}
        for name, hits in lists.items():
            own = hits
            if world == "closed":
                at = np.arange(len(hits))[:, np.newaxis]
                own = _closed_up(hits, (hits != NO_HIT) & np.isin(at * len(ids) + hits, cells))
            own = own[codes, :20].astype(np.int64)
            self.rankings[name] = Ranking(own, np.zeros(own.shape, dtype=np.float32))
            self.hits[name] = [tuple(ids[code] for code in line if code != NO_HIT) for line in own.tolist()]
        of_all = self.judgments(self.truth)
        scored = evaluate_all(list(self.rankings.values()), of_all, n_products=len(ids), metrics=METRICS)
        self.ndcg = {name: one.mean(NDCG10) for name, one in zip(self.rankings, scored, strict=True)}

    def change(self, before: str, after: str) -> float:
        """The true relative change of nDCG@10."""
        return self.ndcg[after] / self.ndcg[before] - 1

    def known(self, shown: Sequence[Sequence[str]]) -> list[dict[str, float]]:
        """What judging these products of each query says."""
        return [
            {product: truth.get(product, 0) for product in products}
            for truth, products in zip(self.truth, shown, strict=True)
        ]

    def judgments(self, grades: Sequence[Mapping[str, float]]) -> Judgments:
        """Grades of the judged queries, as metrics take them."""
        rows = [(at, self.code[product], grade) for at, known in enumerate(grades) for product, grade in known.items()]
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        return Judgments(*columns, relevant_from=self.relevant_from)

    def snapshots(self, names: Mapping[str, str], grades: Sequence[Mapping[str, float]]) -> Snapshot:
        """Rankings by the name of a strategy, as a session that has these judgments would measure them."""
        rankings = [self.rankings[name] for name in names.values()]
        scored = evaluate_all(rankings, self.judgments(grades), n_products=len(self.code), metrics=METRICS)
        made = {}
        for (strategy, name), one in zip(names.items(), scored, strict=True):
            per_query = {metric: np.zeros(len(grades)) for metric in METRICS}
            for metric, values in per_query.items():  # a query without a judgment scores 0
                values[one.queries] = one.per_query[metric]
            made[strategy] = measured(per_query, self.hits[name])
        return snapshot(
            made,
            queries=self.queries,
            texts=self.texts,
            grades=tuple(grades),
            relevant_from=self.relevant_from,
            calibration_s=None,
        )


@cache
def the_world(data: str, world: str) -> World:
    """The same for all pairs."""
    return World(data, world)


# pairs


def pairs_of(data: str, world: str) -> list[tuple[str, str, str]]:
    """Before, after and a third system, of changes that are not too large, drawn by a seed."""
    here = the_world(data, world)
    names = list(here.hits)
    random = Random(f"{SEED} {data} {world}")  # noqa: S311 - no secret
    changes = [pair for pair in permutations(names, 2) if abs(here.change(*pair)) <= LARGEST]
    drawn = random.sample(changes, min(PAIRS[data], len(changes)))
    return [(*pair, random.choice([name for name in names if name not in pair])) for pair in drawn]


def _of_metrics(comparison: Comparison, strategy: str) -> list[Finding]:
    """What hangs on judgments: queries that newly return nothing are counted whatever is judged."""
    return [one for one in comparison.findings if one.strategy == strategy and one.measure != EMPTY]


def fails(comparison: Comparison, strategy: str = STRATEGY) -> bool:
    """Whether a session with this strategy alone has exit code 1."""
    return any(finding.fails for finding in _of_metrics(comparison, strategy))


def answer_of(comparison: Comparison, strategy: str = STRATEGY) -> str:
    """The worst, with what an undecided one lacks; what hangs on holes is open whatever else is likely."""
    findings = _of_metrics(comparison, strategy)
    answer = worst(finding.answer for finding in findings)
    if answer != "loss" and any(finding.cause == "holes" for finding in findings):
        return "undecided: holes"
    return "undecided: queries" if answer == "undecided" else answer


def measure(*, pool: str, before: str, after: str, third: str, **where: str) -> dict[str, object]:
    """What the gate says with all judgments, and with those of the pool and so many more in its own order."""
    here = the_world(where["data"], where["world"])
    old, new = (here.snapshots({STRATEGY: name}, here.truth) for name in (before, after))
    every = complete_grades(old, new)
    shown = [hits[: 5 if pool == "five" else DEPTH] for hits in here.hits[third if pool == "third" else before]]
    (complete,) = asked(old, new, every, every, Limits(), looks=(0,))
    looks = dict(zip(LOOKS, asked(old, new, every, here.known(shown), Limits(), looks=LOOKS), strict=True))
    return {
        "change": round(here.change(before, after), 4),
        "complete": answer_of(complete),
        "holes": sum(len(one.rows) for one in looks[0].holes.values()),
        "exit": int(fails(looks[0])),
        **{f"at {look}": answer_of(one) for look, one in looks.items()},
    }


# rates


def kind_of(row: Mapping[str, str]) -> str:
    change = float(row["change"])
    if change >= BETTER:
        return "better" if row["complete"] != "loss" else "better, a part fails"
    if change <= WORSE:
        return "fails" if row["complete"] == "loss" else "worse, not sure"
    return "neutral"


def _rows(*names: str) -> Iterator[tuple[tuple[str, ...], list[Mapping[str, str]]]]:
    """All rows that are there, by what these columns say."""
    groups: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
    for data in SOURCES:
        file = FOLDER / f"holes-{data}.csv"
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()) if file.exists() else ():
            groups[tuple((row | {"kind": kind_of(row)})[name] for name in names)].append(row)
    yield from sorted(groups.items())


def rates() -> Iterator[dict[str, object]]:
    """By data set, world, pool and kind of change: how many fail, are undecided by holes, and pass, in %."""
    names = ("data", "world", "pool", "kind")
    for group, own in _rows(*names):
        yield {**dict(zip(names, group, strict=True)), "pairs": len(own), **shares(own)}


def summary() -> Iterator[dict[str, object]]:
    """By pool, data set and world, then by pool: what is wanted of the gate."""
    for names in (("pool", "data", "world"), ("pool",)):
        for group, own in _rows(*names):
            better, losses = ([row for row in own if kind_of(row) == kind] for kind in ("better", "fails"))
            failed = sum("loss" in [row[f"at {look}"] for look in LOOKS] for row in better)
            at = {look: Counter(row[f"at {look}"] for row in losses) for look in (200, 400)}
            settled = [sum(row[f"at {look}"] != "undecided: holes" for row in own) for look in (100, 200, 400)]
            yield {
                "group": ", ".join(group),
                "pairs": len(own),
                "better": len(better),
                "better, a loss": failed,
                "losses": len(losses),
                **{f"losses at {look}": "/".join(map(str, _split(at[look]))) for look in at},
                "settled": " / ".join(f"{one / len(own):.0%}" for one in settled),
            }


def _split(answers: Counter[str]) -> tuple[int, int, int, int]:
    """Losses, likely losses, those undecided by holes, and all others, which pass."""
    loss, likely, undecided = (answers[name] for name in ("loss", "likely loss", "undecided: holes"))
    return loss, likely, undecided, answers.total() - loss - likely - undecided


def shares(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """How many fail, are likely losses, undecided by holes, and pass, in %, by judged rows."""
    line = {}
    for look in (0, 100, 200, 400):
        split = _split(Counter(row[f"at {look}"] for row in rows))
        line[f"at {look}"] = " / ".join(f"{100 * each / len(rows):.0f}" for each in split)
    return {**line, "exit 1 at 0": f"{sum(row['exit'] == '1' for row in rows) / len(rows):.0%}"}


def main() -> None:
    """Measure what is missing, or print the rates."""
    tables = {"rates": rates, "summary": summary}
    if sys.argv[1:2] and sys.argv[1] in tables:
        for line in tables[sys.argv[1]]():
            sys.stdout.write("\t".join(map(str, line.values())) + "\n")
        return
    for data in sys.argv[1:] or SOURCES:
        # worlds take turns, and the baseline's ten comes first: a run that is stopped has what matters most
        cells = [
            {"data": data, "world": world, "pool": pool, "before": pair[0], "after": pair[1], "third": pair[2]}
            for pool in POOLS
            for number in range(PAIRS[data])
            for world in WORLDS
            for pair in pairs_of(data, world)[number : number + 1]
        ]
        collect(FOLDER / f"holes-{data}.csv", cells, measure)


if __name__ == "__main__":
    main()
