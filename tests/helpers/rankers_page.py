"""What stands in docs/rankers.md to be copied: strategies, and the programs that they name."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from helpers.console import ROOT

PAGE = ROOT / "docs" / "rankers.md"
_TEXT = PAGE.read_text(encoding="utf-8")

TOML: tuple[str, ...] = tuple(re.findall(r"^```toml\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL))
TANTIVY, COMMAND = re.findall(r"^```python\n(import .*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)
STRATEGIES: Mapping[str, Any] = tomllib.loads("\n".join(TOML))["strategies"]
FAULTS: list[str] = re.findall(r"^strategy '.*$", _TEXT, re.MULTILINE)
