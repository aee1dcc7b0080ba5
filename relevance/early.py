"""What pytest loads wherever this package is installed: one line where a project's own plugin cannot be seen.

`pytest --model /models/mini` without a path of tests makes pytest take the folder for one of tests, look for its root
there, and never read the `conftest.py` that loads `relevance.plugin`: the option would be unknown.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.hookimpl(trylast=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Refuse an option of ours whose value moved pytest's root folder away from a project of ours.

    Raises:
        UsageError: it did.
    """
    folder = early_config.invocation_params.dir
    # a value too long for a path is none: Path.exists would raise
    has_value = any(name.startswith("--") and os.path.exists(folder / value) for name, value in pairwise(args))  # noqa: PTH110
    if not has_value or early_config.pluginmanager.has_plugin("relevance.plugin") or not _is_ours(folder):
        return
    from relevance.errors import InputError  # noqa: PLC0415 - other projects' sessions import nothing of ours
    from relevance.plugin.options import check_root  # noqa: PLC0415

    try:
        check_root(early_config)
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


def _is_ours(folder: Path) -> bool:
    """Whether the `conftest.py` of a folder loads our plugin."""
    try:
        return "relevance.plugin" in (folder / "conftest.py").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
