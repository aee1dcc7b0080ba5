"""The layout of WANDS: what its files become, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from written import load, write

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEADER = (
    b"product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features"
    b"\trating_count\taverage_rating\treview_count\n"
)
WANDS: Mapping[str, bytes] = {
    "product.csv": _HEADER
    + b'10\toak bed\tBeds\tRooms / Beds\t\t"width : 64.7|wood:oak| : plain|size : 6:4"\t15.0\t4.5\t15.0\n'
    b'9\t"12"" stool"\t\t\tround\t\t\t\t\n',
    "query.csv": b'query_id\tquery\tquery_class\n0\tbed\tBeds\n1\t"12"" seat"\t\n2\tnever judged\tBeds\n',
    "label.csv": b"id\tquery_id\tproduct_id\tlabel\n0\t0\t10\tExact\n1\t0\t9\tIrrelevant\n2\t1\t9\tPartial\n",
}


def test_products_queries_and_labels(tmp_path: Path) -> None:
    """Class, category and features are attributes; the three labels are the grades 2, 1 and 0."""
    dataset = load("wands", write(tmp_path, WANDS))
    assert dataset.catalogue.products.to_numpy().tolist() == [["10", "oak bed", ""], ["9", '12" stool', "round"]]
    assert dataset.catalogue.attributes.to_numpy().tolist() == [
        [0, "class", "Beds"],
        [0, "category", "Rooms / Beds"],
        [0, "width", "64.7"],
        [0, "wood", "oak"],
        [0, "", "plain"],
        [0, "size", "6:4"],
    ]
    assert (dataset.queries.ids, dataset.queries.texts) == (("0", "1"), ("bed", '12" seat'))
    assert dataset.judgments.grades.tolist() == [2, 0, 1]
    assert dataset.notes == ("query.csv: 1 query without judgments is left out",)


def test_gains_and_relevance_are_settings(tmp_path: Path) -> None:
    """A gain that is given replaces one; the others stay."""
    dataset = load("wands", write(tmp_path, WANDS), gains={"Exact": 3}, relevant_from=3)
    assert (dataset.judgments.grades.tolist(), dataset.judgments.relevant_from) == ([3, 0, 1], 3)


def test_products_that_are_gone(tmp_path: Path) -> None:
    """They are dropped where that is asked for."""
    product = WANDS["product.csv"].rpartition(b"9\t")[0]
    dataset = load("wands", write(tmp_path, {**WANDS, "product.csv": product}), unknown_products="drop")
    assert dataset.notes == (
        "label.csv: 2 judgments of 1 product that is gone are dropped",
        "label.csv: 1 query loses all its judgments and is dropped",
        "query.csv: 1 query without judgments is left out",
    )


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (
            {"label.csv": b"id,query_id,product_id,label\n0,0,10,Exact\n"},
            (
                "{dir}/label.csv, line 1: found columns 'id,query_id,product_id,label';"
                " expected among them: query_id, product_id, label, separated by tabs"
            ),
        ),
        (
            {"label.csv": WANDS["label.csv"] + b"3\t1\t10\tBad\n"},
            "{dir}/label.csv, line 5, column label: found 'Bad'; allowed: Exact, Partial, Irrelevant",
        ),
        (
            {"label.csv": WANDS["label.csv"] + b"3\t0\t10\tPartial\n"},
            (
                "{dir}/label.csv, lines 2 and 5, column label: found '2' and '1' for the same query_id '0',"
                " product_id '10'; allowed: one value"
            ),
        ),
        (
            {"query.csv": b"query_id\tquery\n0\tbed\n0\tseat\n"},
            "{dir}/query.csv, line 3, query_id: found '0' again (line 2); allowed: an id once",
        ),
        (
            {"query.csv": b"query_id\tquery\n0\t \n"},
            "{dir}/query.csv, line 2, column query: found ' '; allowed: a query that is not only white space",
        ),
        (
            {"product.csv": _HEADER + b"1\ta\n"},
            "{dir}/product.csv, line 2: found 2 fields; allowed: 9, as in the header",
        ),
        (
            {"product.csv": _HEADER},
            "{dir}/product.csv, line 1: found a header but no products; allowed: one or more",
        ),
    ],
)
def test_bad_files(tmp_path: Path, bad: Mapping[str, bytes], expected: str) -> None:
    """One line names the file, the line and what is allowed."""
    with pytest.raises(InputError) as caught:
        load("wands", write(tmp_path, {**WANDS, **bad}))
    assert str(caught.value).replace(str(tmp_path), "{dir}") == expected


def test_a_label_that_is_none(tmp_path: Path) -> None:
    """A gain for a label that the format does not have would do nothing."""
    message = (
        r"^data set 'wands': gains: unknown label 'exact' \(did you mean 'Exact'\?\); allowed: Exact, Partial, Irr"
    )
    with pytest.raises(InputError, match=message):
        load("wands", write(tmp_path, WANDS), gains={"exact": 3})
