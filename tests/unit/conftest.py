"""What unit tests do not see: the settings of whoever runs them, and a Docker engine."""

import pytest
from scipy import sparse  # noqa: F401 - it loads once a process, and pytester forgets what a session has loaded

from relevance.config import option_keys
from relevance.config.reading import CREDENTIALS


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours but the engine that needs nothing; `auto` would ask a Docker engine."""
    for variable in ("CI", "GITHUB_STEP_SUMMARY", *CREDENTIALS, *(key.variable for key in option_keys())):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("RELEVANCE_ENGINE", "embedded")
