"""Resolving a model: what is in force, and every folder that is refused; the library is not asked."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import errors
from safetensors.numpy import save

from relevance.embeddings import Facts, resolve, sentence_model
from relevance.errors import CouldNotRunError, InputError

PACKAGE = "sentence_transformers.models."
TRANSFORMER = {"type": f"{PACKAGE}Transformer", "path": ""}
POOLING = {"type": f"{PACKAGE}Pooling", "path": "1_Pooling"}
MODULES = [TRANSFORMER, POOLING, {"type": f"{PACKAGE}Normalize", "path": "2_Normalize"}]
OWN = Facts(12, "q: ", "", max_tokens=32, most_tokens=64)
TOP, POOLED = "config_sentence_transformers.json", "1_Pooling/config.json"
BERT = {"model_type": "bert", "max_position_embeddings": 64}
OWN_CODE = {"model_type": "own", "auto_map": {"AutoModel": "own.Model"}}
WEIGHTS = save({"w": np.zeros(1, np.float32)})
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 90868376\n"


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "modules.json": MODULES,
        "config.json": BERT,
        "tokenizer_config.json": {"model_max_length": 64},
        TOP: {"prompts": {"query": "q: "}},
        POOLED: {"word_embedding_dimension": 12, "pooling_mode_cls_token": True},
        "model.safetensors": WEIGHTS,
    }
    return lay(tmp_path / "made-model", files)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Facts]:
    """What the library answers, the last one first; each answer but the last is given once."""
    answers = [OWN]
    monkeypatch.setattr(sentence_model, "ask", lambda *_, **__: answers.pop() if len(answers) > 1 else answers[0])
    return answers


def lay(folder: Path, files: dict[str, Any]) -> Path:
    """Write files, or remove those that are None."""
    for name, content in files.items():
        if content is None:
            (folder / name).unlink()
        else:
            write(folder / name, content)
    return folder


def test_the_files_say_what_the_model_is(folder: Path, tmp_path: Path) -> None:
    model = resolve(str(folder))
    assert model.facts == {
        "name": "made-model", "sha256": hashlib.sha256(WEIGHTS).hexdigest(), "dimensions": 12, "prompt": "q: ",
        "max_tokens": 32, "configuration": model.configuration,
    }  # fmt: skip
    assert (model.path, model.transformer, model.weights_bytes, model.notes) == (folder, folder, len(WEIGHTS), ())
    copy = resolve(str(shutil.copytree(folder, tmp_path / "copy")))
    assert copy.fingerprint == model.fingerprint
    (folder / "README.md").write_text("changed", encoding="utf-8")
    assert resolve(str(folder)) == model


@pytest.mark.parametrize("name", ["config.json", TOP, POOLED, "tokenizer_config.json"])
def test_every_file_that_influences_vectors_is_in_the_fingerprint(folder: Path, name: str) -> None:
    before = resolve(str(folder))
    write(folder / name, {**json.loads((folder / name).read_bytes()), "new": 1})
    after = resolve(str(folder))
    assert after.sha256 == before.sha256
    assert after.facts["configuration"] != before.facts["configuration"]
    assert after.fingerprint != before.fingerprint


def test_settings_outrank_the_model(folder: Path) -> None:
    choice: dict[str, Any] = {"query_prompt": "", "document_prompt": "d: ", "max_tokens": 64, "truncate_dim": 5}
    model = resolve(str(folder), **choice, trust_remote_code=True, device="cuda:7")
    expected = {"prompt": "", "document_prompt": "d: ", "max_tokens": 64, "dimensions": 5}
    assert model.facts == {**resolve(str(folder)).facts, **expected}
    assert (model.truncate_dim, model.own, model.device) == (5, OWN, "cuda:7")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        *(({"max_tokens": tokens}, "made-model allows 3 to 64") for tokens in (-1, 0, 2, 65)),
        ({"truncate_dim": 13}, "made-model allows 1 to 12"),
        ({"revision": "main"}, "is a folder and has no revision 'main'"),
        ({"revision": ""}, "revision ''; allowed: a branch, tag or commit"),
        *(({"device": name}, "allowed: cpu, mps, cuda") for name in ("gpu", "cuda:", "cuda:x", "meta", "", "cpu:0:1")),
    ],
    ids=str,
)
def test_a_setting_that_the_model_cannot_have_is_refused(folder: Path, choice: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(str(folder), **choice)


def test_the_packaged_model_has_no_revision() -> None:
    with pytest.raises(InputError, match="revision 'main': the packaged model has none; allowed"):
        resolve(revision="main")


def test_the_library_is_asked_once(folder: Path, tmp_path: Path, asked: list[Facts]) -> None:
    first = resolve(str(folder), cache_dir=tmp_path / "cache")
    asked.append(Facts(3, max_tokens=9))
    assert resolve(str(folder), cache_dir=tmp_path / "cache") == first
    (kept,) = (tmp_path / "cache").rglob("*.json")
    kept.write_bytes(b"{}")
    assert resolve(str(folder), cache_dir=tmp_path / "cache").dimensions == 3
    write(folder / "config.json", {"model_type": "other"})
    asked.append(Facts(4, max_tokens=9))
    assert resolve(str(folder), cache_dir=tmp_path / "cache").dimensions == 4


def test_a_prompt_that_the_library_does_not_put_before_documents_is_named(folder: Path, asked: list[Facts]) -> None:
    asked[:] = [replace(OWN, unused_prompt="passage: ")]
    model = resolve(str(folder))
    assert model.document_prompt == ""
    assert ["--document-prompt 'passage: ' sets it" in note for note in model.notes] == [True]
    assert resolve(str(folder), document_prompt="passage: ").notes == ()


def test_a_model_without_any_limit_asks_for_one(folder: Path, asked: list[Facts]) -> None:
    asked[:] = [Facts(12)]
    with pytest.raises(InputError, match="no limit of tokens"):
        resolve(str(folder))
    assert resolve(str(folder), max_tokens=9000).max_tokens == 9000
    asked[:] = [Facts(12, is_static=True)]
    assert resolve(str(folder)).max_tokens is None
    with pytest.raises(InputError, match="static embeddings such as made-model have no limit of tokens"):
        resolve(str(folder), max_tokens=9)


def test_a_plain_encoder_has_a_note(folder: Path, asked: list[Facts]) -> None:
    asked[:] = [replace(OWN, pooling="lasttoken")]
    (note,) = resolve(str(lay(folder, {"modules.json": None}))).notes
    assert "pooled by lasttoken, as in sentence-transformers" in note


def test_weights_in_several_files(folder: Path) -> None:
    whole = resolve(str(folder))
    lay(folder, {"model.safetensors": None, "a.safetensors": WEIGHTS, "b.safetensors": WEIGHTS})
    write(folder / "model.safetensors.index.json", {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})
    parts = resolve(str(folder))
    assert (parts.weights_bytes, parts.sha256 == whole.sha256) == (2 * whole.weights_bytes, False)
    write(folder / "b.safetensors", WEIGHTS[:-1])
    with pytest.raises(InputError, match=r"b\.safetensors: not whole"):
        resolve(str(folder))


def test_trusted_code_is_in_the_fingerprint(folder: Path) -> None:
    lay(folder, {"config.json": {**BERT, **OWN_CODE}, "own.py": b"a = 1"})
    before = resolve(str(folder), trust_remote_code=True)
    write(folder / "own.py", b"a = 2")
    assert resolve(str(folder), trust_remote_code=True).fingerprint != before.fingerprint
    lay(folder, {"modules.json": [{"type": "own.Transformer", "path": ""}, POOLING]})
    assert resolve(str(folder), trust_remote_code=True).dimensions == 12


def test_a_model_without_code_is_the_same_with_trust(folder: Path) -> None:
    write(folder / "unused.py", b"a = 1")
    assert resolve(str(folder), trust_remote_code=True) == resolve(str(folder))


@pytest.mark.parametrize(
    "files", [{"config.json": {**BERT, **OWN_CODE}}, {"tokenizer_config.json": {"auto_map": {}}},
              {"modules.json": [{"type": "own.Transformer", "path": ""}, POOLING]}],
)  # fmt: skip
def test_code_that_is_run_is_a_fact(folder: Path, files: dict[str, Any]) -> None:
    assert resolve(str(lay(folder, files)), trust_remote_code=True).facts["trust_remote_code"] is True


@pytest.mark.parametrize(("chosen", "expected"), [(None, (4, 4)), (2, (2, 2)), (8, (8, 8)), (12, (12, None))], ids=str)
def test_a_choice_outranks_the_cut_of_the_model(
    folder: Path, asked: list[Facts], chosen: int, expected: tuple[int, int | None]
) -> None:
    asked[:] = [replace(OWN, truncate_dim=4)]
    model = resolve(str(folder), truncate_dim=chosen)
    assert (model.dimensions, model.truncate_dim) == expected


@pytest.mark.parametrize("name", ["euclidean", "manhattan"])
def test_another_similarity_is_refused(folder: Path, asked: list[Facts], name: str) -> None:
    asked[:] = [replace(OWN, similarity=name)]
    with pytest.raises(InputError, match=f"{name!r}; allowed: cosine, dot"):
        resolve(str(folder))


def first_module(kind: str, path: object = "") -> dict[str, object]:
    return {"modules.json": [{"type": kind, "path": path}, *MODULES[1:]]}


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "not JSON": ({"modules.json": b"{"}, "not JSON"),
    "deep JSON": ({"modules.json": b"[" * 100_000}, "nested too deeply"),
    "modules an object": ({"modules.json": {}}, "not a JSON list"),
    "modules empty": ({"modules.json": []}, "a list of modules"),
    "modules texts": ({"modules.json": ["a"]}, "a list of modules"),
    "module of its own": (first_module("own.Transformer"), "code of the model's own; it is run where you have read it"),
    "module outside": (first_module(f"{PACKAGE}Transformer", "../other"), "inside the model's"),
    "module absolute": (first_module(f"{PACKAGE}Transformer", "/other"), "inside the model's"),
    "config not UTF-8": ({"config.json": b"\xff"}, "not UTF-8"),
    "config huge": ({"config.json": b" " * 5_000_000}, "larger than 4,000,000 bytes"),
    "weights empty": ({"model.safetensors": b""}, "not whole .*; download or save it again"),
    "half a header": ({"model.safetensors": WEIGHTS[:20]}, "not whole .*; download or save it again"),
    "half the weights": ({"model.safetensors": WEIGHTS[:-2]}, "not whole .*; download or save it again"),
    "adapter": ({"adapter_config.json": {"base_model_name_or_path": "x/y"}}, r"an adapter \(LoRA\) of the model 'x/y'"),
    "cross-encoder": ({TOP: {"model_type": "CrossEncoder"}}, "a cross-encoder, which scores pairs"),
    "older cross-encoder": (
        {"modules.json": None, "config.json": {**BERT, "architectures": ["BertForSequenceClassification"]}},
        "a cross-encoder, which scores pairs",
    ),
    "sparse": ({TOP: {"model_type": "SparseEncoder"}}, "a sparse encoder"),
    "multi-vector": ({TOP: {"model_type": "MultiVectorEncoder"}}, "a multi-vector encoder"),
    "no weights": ({"model.safetensors": None}, "no weights; allowed"),
    "pickled": ({"model.safetensors": None, "pytorch_model.bin": b""}, "pickled weights only; .* never pickled ones"),
    "a pickled module": (
        {"modules.json": [*MODULES, {"path": "3_Dense", "type": f"{PACKAGE}Dense"}], "3_Dense/pytorch_model.bin": b""},
        "3_Dense: pickled weights only",
    ),
    "ONNX": ({"model.safetensors": None, "onnx/model.onnx": b""}, "for ONNX or OpenVINO only"),
    **{f"{name} of LFS": ({name: LFS}, "is a Git LFS pointer, not the file; run git lfs pull")
       for name in ("model.safetensors", "tokenizer.json", "config.json", "modules.json")},
}  # fmt: skip


@pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
def test_a_folder_that_is_not_safe_or_no_such_model_is_refused(
    folder: Path, files: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        resolve(str(lay(folder, files)))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_folder_that_cannot_be_read_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("relevance.embeddings.model.file_sha256", refused)
    with pytest.raises(InputError, match="Permission denied"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "model", ["", "no-such-model", "./a", "/no/such", "a/b/c", "~/none", "a\\b", "a/..", "-a/b", "a" * 300, "\0"]
)
def test_what_is_neither_folder_nor_hub_name_is_refused(folder: Path, model: str) -> None:
    with pytest.raises(InputError, match=r"allowed: a folder(,| of)"):
        resolve(model)
    with pytest.raises(InputError, match="is a file"):
        resolve(str(folder / "model.safetensors"))


@pytest.mark.parametrize("trusted", [False, True])
def test_a_hub_name_resolves_to_the_download(folder: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool) -> None:
    asked: dict[str, dict[str, Any]] = {}

    def download(name: str, **options: Any) -> str:
        asked[name] = options
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    lay(folder, {"config.json": {**BERT, "auto_map": {"AutoModel": "other/code--own.Model"}}, "own.py": b""})
    model = resolve("owner/model", revision="v1", trust_remote_code=trusted)
    assert (model.name, model.facts["revision"], asked["owner/model"]["revision"]) == ("owner/model", "v1", "v1")
    patterns = asked["owner/model"]["allow_patterns"]
    assert not [pattern for pattern in patterns if pattern.endswith((".bin", ".pt"))]
    # code, also that of another repository, is downloaded only where it is trusted
    assert ("*.py" in patterns, "other/code" in asked) == (trusted, trusted)


def answered(status: int, kind: type[errors.HfHubHTTPError] = errors.HfHubHTTPError) -> Exception:
    return kind("answer of\nthe hub", response=httpx2.Response(status, request=httpx2.Request("GET", "https://hub")))


def hidden(cause: Exception) -> Exception:
    """As the hub's client raises it where nothing was downloaded before."""
    error = errors.LocalEntryNotFoundError("no\nroute")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (hidden(httpx2.ConnectError("no\nroute")), CouldNotRunError, "no route; try later"),
        (hidden(errors.OfflineModeIsEnabled("x")), CouldNotRunError, "HF_HUB_OFFLINE is set"),
        (hidden(answered(429)), CouldNotRunError, "answer of the hub; try later, or set HF_TOKEN"),
        (hidden(answered(503)), CouldNotRunError, "answer of the hub; try later"),
        (answered(403), CouldNotRunError, "answer of the hub; set HF_TOKEN"),
        (answered(403, errors.GatedRepoError), InputError, "licence at https://huggingface.co/owner/model and set HF_"),
        (
            answered(404, errors.RepositoryNotFoundError),
            InputError,
            "answer of the hub; a gated or private one: .*HF_TOK",
        ),
        (answered(404, errors.RevisionNotFoundError), InputError, "has no revision 'v9'"),
    ],
    ids=str,
)
def test_what_the_hub_answers_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception], message: str
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(kind, match=message) as caught:
        resolve("owner/model", revision="v9")
    assert "\n" not in str(caught.value)


@pytest.mark.needs("model")
def test_the_packaged_model_is_the_default() -> None:
    model = resolve()
    assert (model.name, model.dimensions, model.query_prompt, model.max_tokens) == ("all-MiniLM-L6-v2", 384, "", 256)
    assert model.sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.mark.needs("model")
def test_resolving_imports_neither_torch_nor_the_hub() -> None:
    script = (
        "import sys; from relevance.embeddings import *; resolve(); "
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'huggingface_hub') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)  # noqa: S603 - own script
    assert done.stdout.strip() == "[]"
