"""What `pytest benchmarks/ --collect-only` imports, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "sklearn", "sentence_transformers", "transformers", "elasticsearch", "matplotlib"}
COLLECT = """
import json, sys, pytest

code = pytest.main(["benchmarks", "--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print()
print(json.dumps([int(code), sorted(sys.modules)]))
"""


def collected(*options: str) -> tuple[int, str, set[str]]:
    """Return pytest's exit code, what it printed, and the top-level modules that were imported by then."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", COLLECT, *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - own command
    printed, _, last = done.stdout.rstrip().rpartition("\n")
    code, modules = json.loads(last)
    return code, printed, {module.partition(".")[0] for module in modules}


def test_collecting_the_benchmarks_imports_nothing_heavy() -> None:
    """The benchmarks are listed without torch, scikit-learn, Elasticsearch's client and their like."""
    code, printed, modules = collected()
    assert code == 0
    assert "textsearch_boosted" in printed
    assert not modules & HEAVY


def test_a_heavy_import_is_seen() -> None:
    """With a plugin that imports Elasticsearch's client, the same question says so."""
    _, _, modules = collected("-p", "elasticsearch")
    assert "elasticsearch" in modules & HEAVY


def test_tuning_text_loads_no_model(tmp_path: Path) -> None:
    """Nor the parts of matplotlib that need a screen."""
    script = (
        "import sys; from relevance.cli import main\n"
        "assert main(['tune', 'text', '--engine', 'embedded', '--dataset', 'sample', '--out', sys.argv[1]]) == 0\n"
        "assert not {'torch', 'sentence_transformers', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "tuned")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)  # noqa: S603 - own command
