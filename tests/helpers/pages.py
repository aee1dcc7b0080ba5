"""Pages and the schema of results.json, as others read them."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator


@cache
def validator() -> Draft202012Validator:
    """For the schema that is published with the package."""
    schema = json.loads((files("relevance.report") / "schemas" / "results.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def payload(page: Path) -> Any:
    """What a page holds."""
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])
