"""Resolving a model: what its files say, and every folder that is refused; neither torch nor network."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import huggingface_hub
import pytest

from relevance.embeddings import resolve
from relevance.errors import CouldNotRunError, InputError

PACKAGE = "sentence_transformers.models."
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": f"{PACKAGE}Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{PACKAGE}Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{PACKAGE}Normalize"},
]
PROMPT = "Find products for: "


def write(path: Path, value: object) -> None:
    """Write a JSON file and the folder it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder as far as it is read before loading; the weights are any bytes."""
    path = tmp_path / "made-model"
    write(path / "modules.json", MODULES)
    write(path / "config.json", {"model_type": "bert", "max_position_embeddings": 64})
    write(path / "sentence_bert_config.json", {"max_seq_length": 32})
    write(path / "tokenizer_config.json", {"model_max_length": 64})
    write(path / "config_sentence_transformers.json", {"prompts": {"query": PROMPT}})
    write(path / "1_Pooling" / "config.json", {"word_embedding_dimension": 12, "pooling_mode_cls_token": True})
    (path / "model.safetensors").write_bytes(b"weights")
    return path


def change(path: Path, **values: Any) -> None:
    """Change some keys of a JSON file."""
    write(path, json.loads(path.read_text(encoding="utf-8")) | values)


def test_the_files_say_what_the_model_is(folder: Path, tmp_path: Path) -> None:
    """Name, weights' hash, dimensions, prompt and limit come from the folder, and its place means nothing."""
    model = resolve(str(folder))
    assert (model.name, model.dimensions, model.prompt, model.max_tokens) == ("made-model", 12, PROMPT, 32)
    assert model.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert model.path == folder
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert resolve(str(copy)).fingerprint == model.fingerprint


def test_the_choice_overrides_the_model(folder: Path) -> None:
    """An empty prompt is a choice too; the limit may go up to the model's positions."""
    for prompt in ("", "q: "):
        assert resolve(str(folder), prompt=prompt).prompt == prompt
    assert resolve(str(folder), max_tokens=64).max_tokens == 64


@pytest.mark.parametrize("tokens", [-1, 0, 2, 65])
def test_a_limit_that_the_model_cannot_have_is_refused(folder: Path, tokens: int) -> None:
    """At least one token beside the two special ones, at most what the positions allow."""
    with pytest.raises(InputError, match="allows 3 to 64"):
        resolve(str(folder), max_tokens=tokens)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config_sentence_transformers.json", {"default_prompt_name": None}),
        ("1_Pooling/config.json", {"include_prompt": False}),
        ("tokenizer_config.json", {"do_lower_case": False}),
    ],
)
def test_every_file_that_influences_vectors_is_in_the_fingerprint(
    folder: Path, name: str, values: dict[str, Any]
) -> None:
    """Equal weights with another configuration are another model; a readme is none of it."""
    before = resolve(str(folder))
    (folder / "README.md").write_text("changed", encoding="utf-8")
    assert resolve(str(folder)) == before
    change(folder / name, **values)
    after = resolve(str(folder))
    assert after.fingerprint != before.fingerprint
    assert after.sha256 == before.sha256


OLDER, NEWER = {"word_embedding_dimension": 5}, {"embedding_dimension": 5}
DENSE: dict[str, object] = {
    "modules.json": [*MODULES, {"path": "3_Dense", "type": f"{PACKAGE}Dense"}],
    "3_Dense/config.json": {"in_features": 12, "out_features": 7},
    "3_Dense/model.safetensors": "its weights",
}
SAID: dict[str, tuple[dict[str, object], str, int]] = {
    "positions": ({"config.json": {"model_type": "bert", "max_position_embeddings": 20}}, "max_tokens", 20),
    # models of RoBERTa's kind number positions from behind the padding id, so two are lost
    "padded positions": (
        {"config.json": {"model_type": "roberta", "max_position_embeddings": 20, "pad_token_id": 1}}, "max_tokens", 18
    ),
    "mpnet": ({"config.json": {"model_type": "mpnet", "max_position_embeddings": 20}}, "max_tokens", 18),
    "no positions": ({"config.json": {"model_type": "t5"}}, "max_tokens", 32),
    # sentence-transformers 6 writes no max_seq_length
    "tokenizer": (
        {"sentence_bert_config.json": {}, "tokenizer_config.json": {"model_max_length": 48}}, "max_tokens", 48
    ),
    # each pooling mode adds the token dimensions once, in both spellings
    "one mode": ({"1_Pooling/config.json": {**NEWER, "pooling_mode": "cls", "include_prompt": True}}, "dimensions", 5),
    "two modes": ({"1_Pooling/config.json": {**NEWER, "pooling_mode": ["cls", "mean"]}}, "dimensions", 10),
    "older, two": (
        {"1_Pooling/config.json": {**OLDER, "pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}},
        "dimensions", 10,
    ),
    "older, one": (
        {"1_Pooling/config.json": {**OLDER, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}},
        "dimensions", 5,
    ),
    "dense": (DENSE, "dimensions", 7),
    "truncated": (DENSE | {"config_sentence_transformers.json": {"truncate_dim": 4}}, "dimensions", 4),
}  # fmt: skip


@pytest.mark.parametrize(("files", "attribute", "expected"), SAID.values(), ids=SAID)
def test_limit_and_dimensions_follow_from_the_files(
    folder: Path, files: dict[str, object], attribute: str, expected: int
) -> None:
    """As the library reads them; weights of all modules are in the hash."""
    for name, content in files.items():
        write(folder / name, content)
    model = resolve(str(folder))
    assert getattr(model, attribute) == expected
    assert (model.sha256 == hashlib.sha256(b"weights").hexdigest()) == ("3_Dense/config.json" not in files)


def test_a_model_without_any_limit_asks_for_one(folder: Path) -> None:
    """Relative positions and a tokenizer that says 1e30: the user has to choose."""
    write(folder / "config.json", {"model_type": "t5"})
    write(folder / "sentence_bert_config.json", {})
    write(folder / "tokenizer_config.json", {"model_max_length": 1e30})
    with pytest.raises(InputError, match="no limit of tokens"):
        resolve(str(folder))
    assert resolve(str(folder), max_tokens=9000).max_tokens == 9000


def _module(kind: str, path: str = "") -> list[dict[str, str]]:
    return [{"type": kind, "path": path}, *MODULES[1:]]  # type: ignore[list-item]


REFUSED: dict[str, tuple[str, object, str]] = {
    "modules: missing": ("modules.json", None, r"modules\.json"),
    "config: missing": ("config.json", None, r"config\.json"),
    "pooling: missing": ("1_Pooling/config.json", None, r"config\.json"),
    "modules: not JSON": ("modules.json", b"{", "not JSON"),
    "modules: deep JSON": ("modules.json", b"[" * 100_000, "not JSON"),
    "modules: object": ("modules.json", {}, "a list of modules"),
    "modules: empty": ("modules.json", [], "a list of modules"),
    "modules: texts": ("modules.json", ["a"], "a list of modules"),
    "modules: no pooling": ("modules.json", MODULES[:1], "a Pooling behind it"),
    "modules: no transformer": ("modules.json", MODULES[1:], "a Transformer first"),
    "modules: own code": ("modules.json", _module("modeling_own.Transformer"), "code of the model's own"),
    "modules: unknown": ("modules.json", _module(f"{PACKAGE}CLIPModel"), "allowed: Transformer"),
    "modules: outside": ("modules.json", _module(f"{PACKAGE}Transformer", "../other"), "inside the model's"),
    "modules: absolute": ("modules.json", _module(f"{PACKAGE}Transformer", "/other"), "inside the model's"),
    "config: not UTF-8": ("config.json", b"\xff", "not UTF-8"),
    "config: a list": ("config.json", [], "a JSON object"),
    "config: huge": ("config.json", b" " * 5_000_000, "larger than 4,000,000 bytes"),
    "config: own code": ("config.json", {"auto_map": {"AutoModel": "own.Model"}}, "code of its own"),
    "config: own code of no known kind": (
        "config.json",
        {"model_type": "../bert", "auto_map": {"AutoModel": "own.Model"}},
        "code of its own",
    ),
    "adapter": ("adapter_config.json", {"base_model_name_or_path": "x/y"}, "an adapter"),
    "tokenizer elsewhere": ("sentence_bert_config.json", {"tokenizer_name_or_path": "x/y"}, "files elsewhere"),
    "arguments": ("sentence_bert_config.json", {"model_args": {"use_safetensors": False}}, "model_args is not allowed"),
    "prompt: number": ("config_sentence_transformers.json", {"prompts": {"query": 3}}, "prompts.query"),
    "prompts: list": ("config_sentence_transformers.json", {"prompts": ["a"]}, "prompts.query"),
    "pooling: no dimensions": ("1_Pooling/config.json", {"pooling_mode": "cls"}, "how many dimensions"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_is_not_safe_or_not_whole_is_refused(folder: Path, case: str) -> None:
    """One line says which file, what is wrong and what is allowed."""
    name, content, message = REFUSED[case]
    if content is None:
        (folder / name).unlink()
    elif isinstance(content, bytes):
        (folder / name).write_bytes(content)
    else:
        write(folder / name, content)
    with pytest.raises(InputError, match=message) as caught:
        resolve(str(folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_code_that_the_library_has_taken_over_is_no_reason(folder: Path) -> None:
    """Such models name it still; the library runs its own."""
    change(folder / "config.json", auto_map={"AutoModel": "own.Model"})
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.T", None]})
    assert resolve(str(folder)).max_tokens == 32
    change(folder / "config.json", model_type="own")
    with pytest.raises(InputError, match="code of its own"):
        resolve(str(folder))


def test_a_folder_that_cannot_be_read_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system refuses is passed on as it says it."""

    def refused(_: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(InputError, match="Permission denied"):
        resolve(str(folder))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json", "modules.json"])
def test_a_pointer_of_git_lfs_says_what_to_do(folder: Path, name: str) -> None:
    """It is no damage: the file is there, and was not fetched."""
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 90868376\n")
    with pytest.raises(InputError) as caught:
        resolve(str(folder))
    assert str(caught.value) == f"{folder / name} is a Git LFS pointer, not the file; run git lfs pull"


def test_pickled_weights_and_files_are_no_model(folder: Path) -> None:
    """Weights are read from safetensors only, which cannot run code; their file in place of the folder is a slip."""
    with pytest.raises(InputError, match="is a file"):
        resolve(str(folder / "model.safetensors"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="never pickled"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "model", ["", "no-such-model", "./a", "/no/such", "a/b/c", "~/none", "a\\b", "a/..", "-a/b", "a" * 300, "\0"]
)
def test_what_is_neither_folder_nor_hub_name_is_refused(model: str) -> None:
    """A misspelt folder is not looked for on the hub."""
    with pytest.raises(InputError, match=r"allowed: a folder(,| of)"):
        resolve(model)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "meta", "", "cpu:0:1"])
def test_a_device_that_no_machine_has_is_refused(folder: Path, device: str) -> None:
    """The spelling is checked at once, whether the device is there only when something is encoded."""
    with pytest.raises(InputError, match="allowed: cpu, mps, cuda"):
        resolve(str(folder), device=device)
    assert resolve(str(folder), device="cuda:7").device == "cuda:7"


def test_a_hub_name_resolves_to_the_download(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is asked for safetensors and configurations only, and the name given is kept."""
    asked: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert resolve("owner/model").name == "owner/model"
    assert asked["name"] == "owner/model"
    assert not [pattern for pattern in asked["allow_patterns"] if pattern.endswith((".bin", ".py", ".pt"))]


def test_a_hub_out_of_reach_is_no_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, a model that was not downloaded before cannot be run."""

    def unreachable(*_: object, **__: object) -> NoReturn:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no\nroute")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(CouldNotRunError, match="could not be reached") as caught:
        resolve("owner/model")
    assert "\n" not in str(caught.value)


@pytest.mark.needs("model")
def test_the_packaged_model_is_the_default() -> None:
    """No name, no network: the packaged model with its own limit and no prompt."""
    model = resolve()
    assert (model.name, model.dimensions, model.prompt, model.max_tokens) == ("all-MiniLM-L6-v2", 384, "", 256)
    assert model.sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.mark.needs("model")
def test_resolving_imports_neither_torch_nor_the_hub() -> None:
    """The command line stays fast while nothing has to be encoded."""
    script = (
        "import sys; from relevance.embeddings import *; resolve(); "
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'huggingface_hub') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)  # noqa: S603 - own script
    assert done.stdout.strip() == "[]"
