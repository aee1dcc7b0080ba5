"""What commands import, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "sklearn", "sentence_transformers", "transformers", "elasticsearch"}
COLLECT = """
import json, sys, pytest

code = pytest.main(["benchmarks", "--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print()
print(json.dumps([int(code), sorted(sys.modules)]))
"""
TUNE = """
import json, sys
from relevance.cli import main

code = main(["tune", "text", "--engine", "embedded", "--dataset", "sample", "--out", sys.argv[1]])
print(json.dumps([code, sorted(sys.modules)]))
"""


def modules_of(script: str, *arguments: str) -> tuple[str, set[str]]:
    """What a script printed and imported; its last line has the exit code and the modules."""
    command = [sys.executable, "-c", script, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - own command
    printed, _, last = done.stdout.rstrip().rpartition("\n")
    code, modules = json.loads(last)
    assert code == 0
    return printed, set(modules)


def test_collecting_the_benchmarks_imports_nothing_heavy() -> None:
    printed, modules = modules_of(COLLECT)
    assert "textsearch_boosted" in printed
    assert not modules & HEAVY


def test_a_heavy_import_is_seen() -> None:
    _, modules = modules_of(COLLECT, "-p", "elasticsearch")
    assert "elasticsearch" in modules & HEAVY


def test_tuning_text_loads_no_model_and_no_screen(tmp_path: Path) -> None:
    _, modules = modules_of(TUNE, str(tmp_path / "tuned"))
    assert not modules & {"torch", "sentence_transformers"}
