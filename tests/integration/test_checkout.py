"""A checkout stays clean under the README's own commands."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT = {
    ".venv": "of tox, a file that says where its environment is (PEP 832)",
    ".venv/bin/python": "the environment that tox is installed in",
    ".tox/everything/bin/python": "of tox",
    "relevance_benchmarks.egg-info/PKG-INFO": "of pip",
    "relevance/__pycache__/records.cpython-311.pyc": "of Python",
    ".pytest_cache/README.md": "of pytest",
    ".benchmarks/Linux/0001.json": "of pytest-benchmark",
    ".hypothesis/constants/1": "of hypothesis",
    ".relevance/latest/results.json": "ours",
    "build/site/index.html": "of `tox -e docs`",
}


def git(*arguments: str, cwd: Path) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout  # noqa: S603 - own


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of what git knows, with the ignored patterns of the working tree."""
    folder = tmp_path_factory.mktemp("clone") / "clone"
    git("clone", "--quiet", "--depth=1", f"file://{ROOT}", str(folder), cwd=ROOT)
    (folder / ".git" / "info" / "exclude").write_bytes((ROOT / ".gitignore").read_bytes())
    return folder


@pytest.mark.parametrize("path", LEFT)
def test_what_commands_leave_is_ignored(clone: Path, path: str) -> None:
    # CI looks again after the commands themselves
    left = clone / path
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text(LEFT[path])
    try:
        assert git("status", "--porcelain", cwd=clone) == ""
    finally:
        left.unlink()
