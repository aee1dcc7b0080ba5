"""The encoder with real models: the packaged one, and a tiny one made here with prompts and CLS pooling."""

from __future__ import annotations

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
import pytest
from helpers.models import make_tiny_model

from relevance.embeddings import Encoder, resolve, sentence_model, workers
from relevance.embeddings import encoder as encoder_module
from relevance.embeddings.cache import SUFFIX
from relevance.errors import CouldNotRunError, InputError

pytestmark = pytest.mark.needs("model")

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "represent this query: "
WORDS = ["red", "blue", "hammer", "saw", "steel", "drill", "for", "wood", "represent", "this", "query", ":", "garden"]
SCRIPT = """
import sys
from pathlib import Path
from relevance.embeddings import Encoder, encoder, resolve
encoder._cpu_seconds = lambda: (0.0, 0.0)  # else the time of a query is measured anew once the machine is quiet
folder, model, count = Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3])
texts = [f"steel hammer number {number} for wood" for number in range(count)]
made = Encoder(resolve(model), folder, progress=False)
print(len(made.products(texts, label="x").matrix), len(made.queries(["red saw"]).matrix), "torch" in sys.modules)
"""


def save_tiny_bert(path: Path, **options: Any) -> Path:
    """A BERT of one layer that splits what it does not know into characters, and pools by its first token."""
    characters = [part for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for part in (letter, f"##{letter}")]
    sizes: dict[str, Any] = {"layers": 1, "width": 16, "tokens": 32, "pooling": "cls", "spread": 0.5}
    return make_tiny_model(path, [*WORDS, *characters], **sizes, **options)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a query prompt; its vectors are not of unit length by themselves."""
    return save_tiny_bert(tmp_path_factory.mktemp("models") / "tiny", prompts={"query": PROMPT})


def encoder(cache: Path, model: Path | None = None, **choice: Any) -> Encoder:
    """An encoder for the packaged model, or for the one in a folder."""
    return Encoder(resolve(str(model) if model else None, **choice), cache, progress=False)


def reference(path: Path, texts: list[str], **options: Any) -> np.ndarray[Any, Any]:
    """What sentence-transformers itself makes of the texts, of unit length."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    loaded = SentenceTransformer(str(path), local_files_only=True, device="cpu")
    return np.asarray(loaded.encode(texts, normalize_embeddings=True, show_progress_bar=False, **options))


def test_vectors_are_those_of_sentence_transformers(tmp_path: Path) -> None:
    """Within 1e-6, whatever the batch, and of unit length; a cut text is counted."""
    texts = [
        "a red hammer",
        "blue saw",
        "größe 3/4 in. by 2 ft.",
        "steel " * 400,
        *(f"drill {n}" * n for n in range(1, 60)),
    ]
    packaged = encoder(tmp_path)
    vectors = packaged.products(texts, label="x")
    expected = reference(packaged.model.path, texts)
    np.testing.assert_allclose(vectors.expanded(), expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors.matrix, axis=1), 1, atol=1e-6)
    assert packaged.cut_of(texts) == (len(texts), 1)


def test_a_model_with_a_prompt_and_cls_pooling(tiny: Path, tmp_path: Path) -> None:
    """The model's own query prompt stands before queries only, as sentence-transformers applies it."""
    texts = ["red hammer for wood", "steel saw"]
    made = encoder(tmp_path, tiny)
    assert (made.model.prompt, made.model.max_tokens, made.model.dimensions) == (PROMPT, 32, 16)
    np.testing.assert_allclose(made.queries(texts).expanded(), reference(tiny, texts, prompt_name="query"), atol=1e-6)
    np.testing.assert_allclose(made.products(texts, label="x").expanded(), reference(tiny, texts), atol=1e-6)
    without = encoder(tmp_path, tiny, prompt="")
    np.testing.assert_allclose(without.queries(texts).expanded(), reference(tiny, texts), atol=1e-6)
    assert (made.query_ms or 0) > 0


def test_texts_are_cut_behind_the_limit(tiny: Path, tmp_path: Path) -> None:
    """With 6 tokens, two of them special, four words count; the rest changes nothing but the count."""
    short = encoder(tmp_path, tiny, max_tokens=6, prompt="")
    texts = ["red blue saw drill", "red blue saw drill wood", "red blue saw"]
    vectors = short.products(texts, label="x").expanded()
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3
    assert short.cut_of(texts) == (3, 1)


def test_a_prompt_that_fills_the_limit_is_an_error(tiny: Path, tmp_path: Path) -> None:
    """Otherwise all queries would have one vector."""
    with pytest.raises(InputError, match="shorten it"):
        encoder(tmp_path, tiny, max_tokens=6).queries(["red saw"])


def test_a_default_prompt_does_not_reach_products(tmp_path: Path) -> None:
    """A model that names a default prompt still gets products without one."""
    path = save_tiny_bert(tmp_path / "model", prompts={"query": PROMPT}, default_prompt_name="query")
    products = encoder(tmp_path / "cache", path).products(["steel saw"], label="x").expanded()
    np.testing.assert_allclose(products, reference(path, ["steel saw"], prompt=""), atol=1e-6)
    assert np.abs(products - reference(path, ["steel saw"])).max() > 1e-3


def test_missing_weights_are_an_error(tiny: Path, tmp_path: Path) -> None:
    """What the file lacks would be made up at random, in every run anew."""
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - imports torch

    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    weights = load_file(broken / "model.safetensors")
    lost = next(name for name in weights if name.endswith("attention.self.query.weight"))
    save_file({name: value for name, value in weights.items() if name != lost}, broken / "model.safetensors")
    with pytest.raises(InputError, match=r"weights of the model are missing.*query\.weight"):
        encoder(tmp_path / "cache", broken).products(["saw"], label="x")


def test_weights_under_other_names_and_code_that_is_not_needed(tiny: Path, tmp_path: Path) -> None:
    """A mixture of experts is stored expert by expert and loaded as one block; `auto_map` names what is not there."""
    from transformers import MixtralConfig, MixtralModel  # noqa: PLC0415 - seconds

    path = tmp_path / "experts"
    shutil.copytree(tiny, path)
    words = json.loads((tiny / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_local_experts": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    MixtralModel(MixtralConfig(vocab_size=words, max_position_embeddings=64, **sizes, **heads)).save_pretrained(path)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    (path / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling_own.OwnModel"}}))
    texts = ["red hammer for wood", "steel saw"]
    vectors = encoder(tmp_path / "cache", path).products(texts, label="x").expanded()
    np.testing.assert_allclose(vectors, reference(path, texts), atol=1e-6)


def test_broken_weights_are_one_line(tiny: Path, tmp_path: Path) -> None:
    """A file that is no safetensors file is reported without a traceback of the libraries."""
    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    (broken / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(CouldNotRunError, match="cannot be loaded") as caught:
        encoder(tmp_path / "cache", broken).products(["saw"], label="x")
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_named(tiny: Path, tmp_path: Path) -> None:
    """The message lists what is available."""
    with pytest.raises(CouldNotRunError, match=r"'cuda:97' is not there; available: cpu"):
        encoder(tmp_path, tiny, device="cuda:97").products(["saw"], label="x")


def start(cache: Path, model: Path | None, count: int) -> subprocess.Popen[str]:
    """Run SCRIPT in a process of its own, warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(cache), str(model or ""), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - own script


def test_a_warm_run_imports_no_torch_and_prints_nothing(tmp_path: Path) -> None:
    """The first run loads the packaged model in silence, the second needs only the cache."""
    cold, cold_noise = (run := start(tmp_path, None, 5)).communicate(timeout=300)
    assert (cold, cold_noise, run.returncode) == ("5 1 True\n", "", 0)
    warm, warm_noise = start(tmp_path, None, 5).communicate(timeout=300)
    assert (warm, warm_noise) == ("5 1 False\n", "")


def test_two_runs_at_once_share_a_cache(tiny: Path, tmp_path: Path) -> None:
    """Two processes encode the same texts into one cache; afterwards every vector is there and sound."""
    runs = [start(tmp_path, tiny, 3000) for _ in range(2)]
    assert [run.communicate(timeout=300)[0] for run in runs] == ["3000 1 True\n"] * 2
    assert start(tmp_path, tiny, 3000).communicate(timeout=300)[0] == "3000 1 False\n"


def test_a_killed_run_leaves_a_usable_cache(tiny: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle: what was written is whole and used, the rest is encoded by the next run."""
    run = start(tmp_path, tiny, 60_000)
    deadline = time.monotonic() + 240
    while len(list(tmp_path.rglob(f"*{SUFFIX}"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    held = sum(path.stat().st_size for path in tmp_path.rglob(f"*{SUFFIX}"))
    assert held > 0
    assert not list(tmp_path.rglob("query_time.json"))
    assert start(tmp_path, tiny, 2000).communicate(timeout=300)[0] == "2000 1 True\n"
    assert start(tmp_path, tiny, 2000).communicate(timeout=300)[0] == "2000 1 False\n"


def test_two_processes_give_the_vectors_of_one(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred texts, shared by two processes of one thread each, are those of one process but for float noise."""
    texts = [f"{color} {tool} number {number}" for number in range(100) for color in WORDS[:2] for tool in WORDS[2:4]]
    alone = encoder(tmp_path / "alone", tiny, device="cpu").products(texts, label="x")
    monkeypatch.setattr(sentence_model, "_WORTH_COPIES", {"cpu": 0})
    monkeypatch.setattr(sentence_model, "_shares_of_cpu", lambda: [("cpu", 1)] * 2)
    started: list[object] = []
    monkeypatch.setattr(
        encoder_module, "encoded_by", lambda *work: (started.append(work[0]), workers.encoded_by(*work))[1]
    )
    shared = encoder(tmp_path / "shared", tiny, device="cpu").products(texts, label="x")
    np.testing.assert_allclose(shared.expanded(), alone.expanded(), atol=1e-6)
    assert len(started) == 1
    assert not multiprocessing.active_children()


def test_a_small_job_stays_in_one_process(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are for work that is worth their start, one a core at most, and only where there are several cores."""
    import torch  # noqa: PLC0415 - seconds

    loaded = sentence_model.load(resolve(str(tiny), device="cpu"))
    parameters = sum(parameter.numel() for parameter in loaded.transformer.parameters())
    enough = int(2e13 / parameters) + 1
    for cores, threads, expected in [(1, 1, []), (2, 2, [1, 1]), (2, 8, [1, 1]), (3, 3, [1] * 3), (64, 64, [16] * 4)]:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert [copy.args[2] for copy in loaded.copies(enough)] == expected
        assert not loaded.copies(enough - 2)


def test_every_gpu_gets_a_process_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a device or with `cuda` all are used, with `cuda:1` that one."""
    import torch  # noqa: PLC0415 - seconds

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    every = [("cuda:0", None), ("cuda:1", None), ("cuda:2", None)]
    assert sentence_model._cuda_devices(None) == sentence_model._cuda_devices("cuda") == every
    assert sentence_model._cuda_devices("cuda:1") == []


def test_a_folder_says_its_name(tiny: Path) -> None:
    """The name in results is the folder's, never the path of this machine."""
    assert resolve(str(tiny)).name == "tiny"
    assert json.loads((tiny / "modules.json").read_text(encoding="utf-8"))[0]["type"].endswith("Transformer")
