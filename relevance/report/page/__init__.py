"""Pages of one file each: what they show is JSON in the page, and plain JavaScript draws it. Nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from relevance.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

# what would end a script element, begin a comment in it, or a line in older JavaScript
_ESCAPES = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


def html_page(script: str, title: str, payload: Mapping[str, Any]) -> str:
    """Give a page as one file without any reference to another.

    The browser is told to run the scripts of this room alone, whatever the payload holds (a policy by their hashes),
    and to fetch nothing.

    Args:
        script: the script of this room that draws the page, by its name without `.js`.
        title: for the window.
        payload: JSON values; a lone surrogate becomes a question mark.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only where a page is made

    environment = Environment(
        loader=PackageLoader("relevance.report", "page"), autoescape=True, undefined=StrictUndefined
    )
    room = files("relevance.report") / "page"
    scripts = [(room / f"{name}.js").read_text(encoding="utf-8") for name in ("frame", "charts", script)]
    style = (room / "frame.css").read_text(encoding="utf-8")
    return environment.get_template("frame.html.j2").render(
        title=printable(title),
        style=style,
        scripts=scripts,
        style_sha=_sha256(style),
        script_shas=[_sha256(one) for one in scripts],
        payload=script_json(payload),
    )


def script_json(value: object) -> str:
    """Write JSON that stands in a script element as it is: no sign in it can end that or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES).encode("utf-8", errors="replace").decode()


def _sha256(text: str) -> str:
    """The hash by which a policy allows an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
