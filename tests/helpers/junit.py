"""JUnit's format, as the schema of Jenkins' xUnit plugin has it (junit-10.xsd), which GitLab and others read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

_OUTPUT = "system-out system-err"
_ELEMENTS: Mapping[str, tuple[str, str, str]] = {
    "testsuites": ("", "name time tests failures errors", "testsuite"),
    "testsuite": (
        "name tests failures errors",
        "group time skipped timestamp hostname id package file log url version",
        f"testsuite properties testcase {_OUTPUT}",
    ),
    # there the schema has no properties; pytest writes them into test cases, and readers take or leave them
    "testcase": ("name", "time classname group", f"properties skipped error failure {_OUTPUT}"),
    "properties": ("", "", "property"),
    "property": ("name value", "", ""),
    **dict.fromkeys(("failure", "error", "skipped"), ("", "type message", "")),
    **dict.fromkeys(_OUTPUT.split(), ("", "", "")),
}
"""Of an element the attributes that it must have, those that it may have, and what may stand in it."""


def strange_in_junit(element: Element) -> Iterator[str]:
    """Elements and attributes that the format does not have, and required ones that are missing."""
    required, optional, children = (one.split() for one in _ELEMENTS[element.tag])
    yield from (f"{element.tag} without {name}" for name in required if name not in element.attrib)
    yield from (f"{element.tag} with {name}" for name in element.attrib if name not in {*required, *optional})
    for child in element:
        if child.tag in children:
            yield from strange_in_junit(child)
        else:
            yield f"{child.tag} in {element.tag}"
