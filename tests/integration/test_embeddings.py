"""The encoder with real models: the packaged one, and tiny ones of every kind that cards of models describe."""

import itertools
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.models import make_static_model, make_tiny_model

from relevance.embeddings import Encoder, resolve, sentence_model
from relevance.embeddings.model import _FACTS_OF_PACKAGED
from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine
from relevance.errors import CouldNotRunError, InputError
from relevance.records import Catalogue
from relevance.strategies import Leg

pytestmark = pytest.mark.needs("model")

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = {"query": "represent this query: ", "document": "this garden: "}
WORDS = ["red", "blue", "hammer", "saw", "steel", "drill", "for", "wood", "represent", "this", "query", ":", "garden"]
TITLES = [" ".join(words) for size in (1, 2, 3, 4) for words in itertools.combinations(WORDS[:8], size)]
QUERIES = [" ".join(words) for words in itertools.combinations(WORDS[1:8], 2)]
OWN_CODE = """
from transformers import BertModel
class OwnModel(BertModel):
    def forward(self, *arguments, **options):
        answer = super().forward(*arguments, **options)
        answer.last_hidden_state = answer.last_hidden_state ** 3
        return answer
"""
SCRIPT = """
import sys
from pathlib import Path
from relevance.embeddings import Encoder, encoder, resolve
encoder._cpu_seconds = lambda: (0.0, 0.0)  # else the time of a query is measured anew once the machine is quiet
folder, model, count = Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3])
texts = [f"steel hammer number {number} for wood" for number in range(count)]
made = Encoder(resolve(model, cache_dir=folder), folder, progress=False)
print(len(made.products(texts, label="x").matrix), len(made.queries(["red saw"]).matrix), "torch" in sys.modules)
"""


def save_tiny_bert(path: Path, **options: Any) -> Path:
    """A BERT of one layer that splits what it does not know into characters, and pools by its first token."""
    characters = [part for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for part in (letter, f"##{letter}")]
    sizes: dict[str, Any] = {"layers": 1, "width": 16, "tokens": 32, "pooling": "cls", "spread": 0.5}
    return make_tiny_model(path, [*WORDS, *characters], **sizes, **options)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("models") / "tiny", prompts=PROMPTS, default_prompt_name="query")


def encoder(cache: Path, model: Path | None = None, **choice: Any) -> Encoder:
    return Encoder(resolve(str(model) if model else None, **choice), cache, progress=False)


def library(path: Path, **options: Any) -> Any:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - seconds

    return SentenceTransformer(str(path), local_files_only=True, device="cpu", **options)


def copy(path: Path, to: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """A model with other configurations: by file the keys that are set."""
    shutil.copytree(path, to)
    for name, values in changes.items():
        known = json.loads((to / name).read_text(encoding="utf-8"))
        (to / name).write_text(json.dumps(known | values), encoding="utf-8")
    return to


def older_limit(path: Path, to: Path) -> Path:
    copy(path, to, {"sentence_bert_config.json": {"max_seq_length": 7}})
    (to / "sentence_bert_config.json").rename(to / "sentence_roberta_config.json")
    return to


def sharded(path: Path, to: Path) -> Path:
    copy(path, to, {})
    (to / "model.safetensors").unlink()
    library(path)[0].auto_model.save_pretrained(to, max_shard_size="10KB")
    assert len(list(to.glob("*.safetensors"))) > 1
    return to


def with_code(path: Path, to: Path) -> Path:
    copy(path, to, {"config.json": {"auto_map": {"AutoModel": "own.OwnModel"}}})
    (to / "own.py").write_text(OWN_CODE, encoding="utf-8")
    return to


def experts(path: Path, to: Path) -> Path:
    """A mixture of experts, stored expert by expert and loaded as one block; `auto_map` names what is not there."""
    from transformers import MixtralConfig, MixtralModel  # noqa: PLC0415 - seconds

    copy(path, to, {})
    words = json.loads((path / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_local_experts": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64}
    MixtralModel(MixtralConfig(vocab_size=words, **sizes, **heads)).save_pretrained(to)
    config = json.loads((to / "config.json").read_text(encoding="utf-8"))
    (to / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling_own.OwnModel"}}))
    return to


TOP = "config_sentence_transformers.json"
DOT = {"similarity_fn_name": "dot"}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "E5": (lambda tiny, to: copy(tiny, to, {}), {}),
    "E5 by passage": (
        lambda tiny, to: copy(tiny, to, {TOP: {"prompts": {"query": "query : ", "passage": "this : "}}}), {}
    ),
    "dot product": (lambda tiny, to: copy(tiny, to, {TOP: DOT}), {}),
    "Matryoshka": (lambda tiny, to: copy(tiny, to, {TOP: {"truncate_dim": 9}}), {}),
    "Matryoshka, cut further": (lambda tiny, to: copy(tiny, to, {TOP: {"truncate_dim": 9}}), {"truncate_dim": 5}),
    "Matryoshka, whole": (lambda tiny, to: copy(tiny, to, {TOP: {"truncate_dim": 9}}), {"truncate_dim": 16}),
    "Matryoshka, dot product": (lambda tiny, to: copy(tiny, to, {TOP: DOT}), {"truncate_dim": 6}),
    "static": (lambda _, to: make_static_model(to, WORDS, prompts=PROMPTS), {}),
    "static, dot product": (lambda _, to: make_static_model(to, WORDS, similarity_fn_name="dot"), {"truncate_dim": 8}),
    "limit in a file of an older name": (older_limit, {}),
    "plain": (lambda tiny, _: tiny.with_name("tiny-source"), {}),
    "sharded": (sharded, {}),
    "experts": (experts, {}),
    "own code": (with_code, {"trust_remote_code": True}),
}  # fmt: skip


@pytest.mark.parametrize(("build", "choice"), KINDS.values(), ids=KINDS)
def test_rankings_are_those_of_the_library(tiny: Path, tmp_path: Path, build: Any, choice: dict[str, Any]) -> None:
    path = build(tiny, tmp_path / "model")
    model = library(path, **choice)
    queries, documents = model.encode_query(QUERIES), model.encode_document(TITLES)
    similarities = np.asarray(model.similarity(queries, documents))
    expected = np.argsort(-similarities, axis=1, kind="stable")[:, :10]
    ours = encoder(tmp_path / "cache", path, **choice)
    vectors, of_queries = ours.products(TITLES, label="x"), ours.queries(QUERIES).expanded()
    if ours.model.similarity == "dot":
        np.testing.assert_allclose(vectors.expanded(), documents, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(of_queries, queries, rtol=1e-5, atol=1e-6)
    products = pd.DataFrame({"id": [f"p{number:04}" for number in range(len(TITLES))], "title": TITLES})
    catalogue = Catalogue(products.assign(description=""), pd.DataFrame({"id": [], "name": [], "value": []}))
    engine = EmbeddedEngine.index(catalogue, text_fields=(), vectors={("base", "title"): vectors})
    leg = Leg(text=(), vectors=(("title", 1.0),), candidates=150, model="base")
    ranking = engine.search(leg, QueryBatch(QUERIES, {"base": of_queries}), hits=10)
    assert (ranking.codes != expected).any(axis=1).sum() == 0
    best = np.take_along_axis(similarities, expected, axis=1)
    scores = (1 + best) / 2
    if ours.model.similarity == "dot":
        scores = np.where(best < 0, 1 / (1 - np.minimum(best, 0)), 1 + best)
    np.testing.assert_allclose(ranking.scores, scores, rtol=1e-5)


def test_code_of_the_models_own_is_not_run_untrusted(tiny: Path, tmp_path: Path) -> None:
    path, texts = with_code(tiny, tmp_path / "model"), ["steel saw"]
    trusted = encoder(tmp_path, path, trust_remote_code=True).products(texts, label="x").expanded()
    safe = encoder(tmp_path, path).products(texts, label="x").expanded()
    np.testing.assert_allclose(safe, encoder(tmp_path, tiny).products(texts, label="x").expanded(), atol=1e-6)
    assert np.abs(trusted - safe).max() > 1e-3


def test_the_packaged_model_in_any_batch(tmp_path: Path) -> None:
    texts = ["a red hammer", "größe 3/4 in. by 2 ft.", "steel " * 400, *(f"drill {n}" * n for n in range(1, 60))]
    packaged = encoder(tmp_path)
    vectors = packaged.products(texts, label="x")
    expected = library(packaged.model.path).encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(vectors.expanded(), expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors.matrix, axis=1), 1, atol=1e-6)
    assert packaged.cut_of(texts) == (len(texts), 1)


def test_what_is_known_of_the_packaged_model_is_what_the_library_says() -> None:
    path = resolve().path
    assert sentence_model.ask("packaged", path, path, device="cpu", trusted=False) == _FACTS_OF_PACKAGED


def test_prompts_that_are_set_stand_before_texts(tiny: Path, tmp_path: Path) -> None:
    ours = encoder(tmp_path, tiny, query_prompt="for ", document_prompt="")
    plain = library(tiny).encode(["for red saw", "red saw"], prompt="", normalize_embeddings=True)
    np.testing.assert_allclose(ours.queries(["red saw"]).expanded(), plain[:1], atol=1e-6)
    np.testing.assert_allclose(ours.products(["red saw"], label="x").expanded(), plain[1:], atol=1e-6)
    assert (ours.query_ms or 0) > 0


def test_a_saved_model_is_used_as_the_one_in_memory(tiny: Path, tmp_path: Path) -> None:
    path = copy(tiny, tmp_path / "model", {TOP: DOT})
    model = resolve(str(path), query_prompt="for ", truncate_dim=7, max_tokens=10)
    transformer = sentence_model.load(model).transformer
    sentence_model.save(transformer, model, tmp_path / "saved")
    saved = resolve(str(tmp_path / "saved"))
    assert (transformer.max_seq_length, transformer.prompts["query"]) == (10, PROMPTS["query"])
    for name in ("query_prompt", "document_prompt", "similarity", "dimensions"):
        assert getattr(saved, name) == getattr(model, name)
    assert saved.max_tokens == resolve(str(path)).max_tokens


def test_texts_are_cut_behind_the_limit(tiny: Path, tmp_path: Path) -> None:
    # six tokens, two of them special
    short = encoder(tmp_path, tiny, max_tokens=6, query_prompt="", document_prompt="")
    texts = ["red blue saw drill", "red blue saw drill wood", "red blue saw"]
    vectors = short.products(texts, label="x").expanded()
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3
    assert short.cut_of(texts) == (3, 1)


@pytest.mark.parametrize("side", ["query", "document"])
def test_a_prompt_that_fills_the_limit_is_an_error(tiny: Path, tmp_path: Path, side: str) -> None:
    choice = {"query_prompt": "", "document_prompt": "", f"{side}_prompt": "red blue saw drill"}
    with pytest.raises(InputError, match=f"the {side} prompt .* shorten it"):
        encoder(tmp_path, tiny, max_tokens=6, **choice).queries(["red saw"])


def weights_without(path: Path, ending: str) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - imports torch

    weights = load_file(path)
    save_file({name: value for name, value in weights.items() if not name.endswith(ending)}, path)


def test_missing_weights_are_an_error(tiny: Path, tmp_path: Path) -> None:
    # the library would make them up at random, in every run anew
    path = copy(tiny, tmp_path / "broken", {})
    weights_without(path / "model.safetensors", "attention.self.query.weight")
    with pytest.raises(InputError, match=r"weights of the model are missing.*query\.weight"):
        resolve(str(path))


def test_a_missing_vocabulary_is_an_error(tiny: Path, tmp_path: Path) -> None:
    # the library would make up a tokenizer to which every word is unknown
    path = copy(tiny, tmp_path / "broken", {})
    for name in ("tokenizer.json", "vocab.txt"):
        (path / name).unlink(missing_ok=True)
    with pytest.raises((InputError, CouldNotRunError), match=r"no vocabulary|cannot be loaded: .*(token|vocab)"):
        resolve(str(path))


def without_bias(path: Path) -> None:
    import torch  # noqa: PLC0415 - seconds
    from sentence_transformers.sentence_transformer.modules import Dense  # noqa: PLC0415

    model = library(path)
    model.append(Dense(16, 8, activation_function=torch.nn.Identity()))
    model.save_pretrained(str(path), create_model_card=False)
    weights_without(next(path.glob("*_Dense/model.safetensors")), "bias")


REFUSED: dict[str, tuple[Any, str]] = {
    "no bias": (without_bias, r"Missing key.*bias"),
    "default unknown": (lambda path: set_in(path / TOP, {"default_prompt_name": "s2p"}), "'s2p' not found in the conf"),
    "own code": (
        lambda path: set_in(path / "config.json", {"model_type": "own", "auto_map": {"AutoConfig": "own.C"}}),
        "trust_remote_code=True",
    ),
    "a part of the weights missing": (lambda path: (path / "b.safetensors").unlink(), "b.safetensors"),
}


def set_in(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


@pytest.mark.parametrize(("damage", "reason"), REFUSED.values(), ids=REFUSED)
def test_the_librarys_reason_is_passed_on_in_one_line(tiny: Path, tmp_path: Path, damage: Any, reason: str) -> None:
    path = copy(tiny, tmp_path / "broken", {})
    if "b.safetensors" in reason:
        from safetensors.torch import load_file, save_file  # noqa: PLC0415 - imports torch

        weights = sorted(load_file(path / "model.safetensors").items())
        for name, part in (("a", weights[:9]), ("b", weights[9:])):
            save_file(dict(part), path / f"{name}.safetensors", {"format": "pt"})
        files = {key: f"{'a' if at < 9 else 'b'}.safetensors" for at, (key, _) in enumerate(weights)}
        (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
        (path / "model.safetensors").unlink()
    damage(path)
    with pytest.raises(CouldNotRunError, match=f"model broken: cannot be loaded: .*{reason}") as caught:
        resolve(str(path))
    assert "\n" not in str(caught.value)


def test_what_cannot_be_loaded_is_one_line(tiny: Path, tmp_path: Path) -> None:
    path = copy(tiny, tmp_path / "broken", {})
    (path / "config.json").write_text('{"model_type": "bert", "hidden_size": "wide"}', encoding="utf-8")
    with pytest.raises(CouldNotRunError, match="cannot be loaded") as caught:
        encoder(tmp_path / "cache", path).products(["saw"], label="x")
    assert "\n" not in str(caught.value)
    with pytest.raises(CouldNotRunError, match=r"'cuda:97' is not there; available: cpu"):
        encoder(tmp_path / "cache", tiny, device="cuda:97").products(["saw"], label="x")


def test_weights_of_another_shape_are_named(tiny: Path, tmp_path: Path) -> None:
    changes = {"config.json": {"hidden_size": 48}, "1_Pooling/config.json": {"embedding_dimension": 48}}
    path = copy(tiny, tmp_path / "broken", changes)
    with pytest.raises(InputError, match=r"the weights \S+ have shape \[16\], and config\.json asks for \[48\]"):
        encoder(tmp_path / "cache", path).products(["saw"], label="x")


def test_trusted_code_that_exits_is_an_error(tiny: Path, tmp_path: Path) -> None:
    path = with_code(tiny, tmp_path / "model")
    (path / "own.py").write_text("raise SystemExit('no luck')", encoding="utf-8")
    with pytest.raises(CouldNotRunError, match="cannot be loaded: no luck"):
        encoder(tmp_path / "cache", path, trust_remote_code=True).products(["saw"], label="x")


def start(cache: Path, model: Path | None, count: int) -> subprocess.Popen[str]:
    """Run SCRIPT in a process of its own, warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(cache), str(model or ""), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - own script


def test_a_warm_run_imports_no_torch_and_prints_nothing(tmp_path: Path) -> None:
    for expected in ("5 1 True\n", "5 1 False\n"):
        run = start(tmp_path, None, 5)
        assert (*run.communicate(timeout=300), run.returncode) == (expected, "", 0)


def test_two_runs_at_once_share_a_cache(tiny: Path, tmp_path: Path) -> None:
    runs = [start(tmp_path, tiny, 3000) for _ in range(2)]
    assert [run.communicate(timeout=300)[0] for run in runs] == ["3000 1 True\n"] * 2
    assert start(tmp_path, tiny, 3000).communicate(timeout=300)[0] == "3000 1 False\n"


def test_a_killed_run_leaves_a_usable_cache(tiny: Path, tmp_path: Path) -> None:
    run = start(tmp_path, tiny, 60_000)
    deadline = time.monotonic() + 240
    while (
        not any(path.stat().st_size > 100_000 for path in tmp_path.rglob("*.vectors")) and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert not list(tmp_path.rglob("query_time.json"))
    for expected in ("2000 1 True\n", "2000 1 False\n"):
        assert start(tmp_path, tiny, 2000).communicate(timeout=300)[0] == expected


def test_two_processes_give_the_vectors_of_one(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{title} number {number}" for number in range(4) for title in TITLES[:100]]
    alone = encoder(tmp_path / "alone", tiny, device="cpu").products(texts, label="x")
    started: list[list[str]] = []
    devices = ["cpu", "cpu"]
    monkeypatch.setattr(sentence_model.SentenceModel, "_devices", lambda *_: (started.append(devices), (devices, 1))[1])
    shared = encoder(tmp_path / "shared", tiny, device="cpu").products(texts, label="x")
    np.testing.assert_allclose(shared.expanded(), alone.expanded(), atol=1e-6)
    assert started == [devices]
    assert not multiprocessing.active_children()


def test_a_pool_is_for_work_that_is_worth_its_start(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: PLC0415 - seconds

    loaded = sentence_model.load(resolve(str(tiny), device="cpu"))
    enough = int(2e13 / sum(parameter.numel() for parameter in loaded.transformer.parameters())) + 1
    for cores, threads, expected in [(1, 1, []), (2, 2, [1, 1]), (2, 8, [1, 1]), (3, 3, [1] * 3), (64, 64, [16] * 4)]:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        devices, each = loaded._devices(enough)
        assert [each] * len(devices) == expected
        assert loaded._devices(enough - 2)[0] == []
