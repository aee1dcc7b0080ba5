"""Which text of a product a field sees."""

from __future__ import annotations

import pandas as pd
import pytest

from relevance.records import Catalogue, attribute_texts, embedded_texts

PRODUCTS = [
    ("a", "Desk lamp", "Warm light."),
    ("b", "Bulb", ""),
    ("c", " \t", "Only a description"),
    ("d", "", "\n"),
    ("e", " Floor lamp ", "two\nlines"),
]
ATTRIBUTES = [
    ("e", "height", "150 cm"),
    ("a", "colour", "red"),
    ("a", "", "40 cm"),
    ("d", " ", ""),
    ("a", "dimmable", " "),
    ("e", "", "\N{NO-BREAK SPACE}"),
]


@pytest.fixture
def catalogue() -> Catalogue:
    """Products a to e: complete, without attributes, without title, without any text, with text to be kept as is."""
    return Catalogue(
        pd.DataFrame(PRODUCTS, columns=["id", "title", "description"]),
        pd.DataFrame(ATTRIBUTES, columns=["id", "name", "value"]),
    )


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("title", ["Desk lamp", "Bulb", "", "", " Floor lamp "]),
        ("description", ["Warm light.", "", "Only a description", "", "two\nlines"]),
        ("attributes", ["colour red 40 cm dimmable", "", "", "", "height 150 cm"]),
        (
            "whole",
            [
                "Desk lamp Warm light. colour red 40 cm dimmable",
                "Bulb",
                "Only a description",
                "",
                " Floor lamp  two\nlines height 150 cm",
            ],
        ),
    ],
)
def test_the_text_of_each_vector_field(catalogue: Catalogue, field: str, expected: list[str]) -> None:
    """Parts that hold more than white space, as they are, joined by one space; "" where there is none."""
    assert embedded_texts(catalogue, field) == expected


def test_an_attribute_reads_name_then_value(catalogue: Catalogue) -> None:
    """One text an attribute, in the order of the catalogue, without the part that is blank."""
    assert attribute_texts(catalogue) == ["colour red", "40 cm", "dimmable", "", "height 150 cm", ""]


def test_a_catalogue_without_attributes_has_empty_texts() -> None:
    """No attribute at all is no special case; a field that is not in the table is an error."""
    bare = Catalogue(
        pd.DataFrame(PRODUCTS, columns=["id", "title", "description"]),
        pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str),
    )
    assert attribute_texts(bare) == []
    assert embedded_texts(bare, "attributes") == [""] * 5
    assert embedded_texts(bare, "whole")[0] == "Desk lamp Warm light."
    with pytest.raises(KeyError, match="titel"):
        embedded_texts(bare, "titel")
