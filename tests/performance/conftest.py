"""What the speed comparisons share; their tables stand at the end of the session, and no time is asserted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from parity.server import ReferenceServer, running_server


@pytest.fixture(scope="session")
def reference(shared_elasticsearch: Path) -> Iterator[ReferenceServer]:
    """A node of release 8, the faster of the two to start."""
    with running_server(shared_elasticsearch, "8") as server:
        yield server
