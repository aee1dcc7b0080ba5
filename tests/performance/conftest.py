"""What the speed comparisons share; their tables stand at the end of the session, and no time is asserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from parity.server import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from parity.server import ReferenceServer


@pytest.fixture(scope="session")
def reference(shared_elasticsearch: Path) -> Iterator[ReferenceServer]:
    """A node of release 8, the faster of the two to start."""
    with running_server(shared_elasticsearch, "8") as server:
        yield server
