"""Dates, as both releases read the bounds of a range: in the upper one, what is missing is filled up."""

from datetime import UTC, datetime

import pytest

from relevance.dates import duration, millis, time_zone
from relevance.errors import InputError
from relevance.schema import DATE_FORMAT


def written(value: int) -> str:
    return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")


@pytest.mark.parametrize(
    ("value", "formats", "lower", "upper"),
    [
        ("2024-01-31", DATE_FORMAT, "2024-01-31T00:00:00.000", "2024-01-31T23:59:59.999"),
        ("2024-02", DATE_FORMAT, "2024-02-01T00:00:00.000", "2024-02-01T23:59:59.999"),
        ("2024", DATE_FORMAT, "2024-01-01T00:00:00.000", "2024-01-01T23:59:59.999"),
        (2024, DATE_FORMAT, "2024-01-01T00:00:00.000", "2024-01-01T23:59:59.999"),
        ("2024-01-31T10:15", DATE_FORMAT, "2024-01-31T10:15:00.000", "2024-01-31T10:15:59.999"),
        ("2024-01-31T10+02:00", DATE_FORMAT, "2024-01-31T08:00:00.000", "2024-01-31T08:59:59.999"),
        ("2024-01-31T10:15:30,5", DATE_FORMAT, "2024-01-31T10:15:30.500", "2024-01-31T10:15:30.500"),
        ("2024-01-31T10:15:30.123456Z", DATE_FORMAT, "2024-01-31T10:15:30.123", "2024-01-31T10:15:30.123"),
        (1704067200000, DATE_FORMAT, "2024-01-01T00:00:00.000", "2024-01-01T00:00:00.000"),
        ("1704067200", "epoch_second", "2024-01-01T00:00:00.000", "2024-01-01T00:00:00.999"),
        ("31/01/2024", "dd/MM/yyyy", "2024-01-31T00:00:00.000", "2024-01-31T23:59:59.999"),
        ("20240131", "basic_date", "2024-01-31T00:00:00.000", "2024-01-31T23:59:59.999"),
        ("2024-1-5", "date_optional_time", "2024-01-05T00:00:00.000", "2024-01-05T23:59:59.999"),
        ("2024/01/31", "yyyy/MM/dd||yyyy-MM-dd", "2024-01-31T00:00:00.000", "2024-01-31T23:59:59.999"),
        ("31.01.2024 10:15", "dd.MM.yyyy HH:mm", "2024-01-31T10:15:00.000", "2024-01-31T10:15:59.999"),
        ("2024-01-31T10:15:30+05:30", "yyyy-MM-dd'T'HH:mm:ssXXX", "2024-01-31T04:45:30.000", "2024-01-31T04:45:30.999"),
        ("2024-01-31||+1M/d", DATE_FORMAT, "2024-02-29T00:00:00.000", "2024-02-29T23:59:59.999"),
        ("2024-01||/w", DATE_FORMAT, "2024-01-01T00:00:00.000", "2024-01-07T23:59:59.999"),
        ("2024-01-31||+1y-2w+3d-4h+5m-6s", DATE_FORMAT, "2025-01-19T20:04:54.000", "2025-01-19T20:04:54.000"),
        ("2024-01-31||+1M+1M", DATE_FORMAT, "2024-03-29T00:00:00.000", "2024-03-29T00:00:00.000"),
    ],
)
def test_bounds(value: object, formats: str, lower: str, upper: str) -> None:
    assert written(millis(value, formats)) == lower
    assert written(millis(value, formats, round_up=True)) == upper


@pytest.mark.parametrize("zone", ["+01:00", "Europe/Berlin"])
def test_a_time_zone(zone: str) -> None:
    assert written(millis("2024-01-31", DATE_FORMAT, zone=time_zone(zone))) == "2024-01-30T23:00:00.000"
    assert written(millis("2024-01-31||/M", DATE_FORMAT, zone=time_zone(zone))) == "2023-12-31T23:00:00.000"
    assert written(millis("2024-01-31T10:00:00Z", DATE_FORMAT, zone=time_zone(zone))) == "2024-01-31T10:00:00.000"


@pytest.mark.parametrize(
    ("value", "formats", "why"),
    [
        ("now-1d", DATE_FORMAT, "depends on the day of the search"),
        ("2024-02-30", DATE_FORMAT, "is no date"),
        ("24-01-31", DATE_FORMAT, "is no date"),
        ("2024-1-5", "strict_date", "is no date"),
        ("2024-01-31T10:15:30+0530", "yyyy-MM-dd'T'HH:mm:ssXXX", "is no date"),
        ("2024-01-31||+1Y", DATE_FORMAT, "is no date math"),
        ("2024-01-31||/2d", DATE_FORMAT, "is no date math"),
        ("2024-01-31||+9999y", DATE_FORMAT, "beyond the years"),
        ("2024", "yyyy-ww", "unknown date format 'yyyy-ww'"),
        ("2024", "strict_dat", "did you mean 'strict_date'"),
    ],
)
def test_what_is_refused(value: str, formats: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        millis(value, formats)


def test_the_releases_differ_on_epochs_with_a_zone() -> None:
    with pytest.raises(InputError, match="the releases differ"):
        millis("1704067200000", DATE_FORMAT, zone=time_zone("+01:00"))


def test_times() -> None:
    assert [duration(text) for text in ("14d", "36h", "90m", "5s", "250ms")] == [1209600e3, 129600e3, 5400e3, 5e3, 250]
    for text in ("1.5d", "10", "2w"):
        with pytest.raises(InputError, match="is no time"):
            duration(text)
