"""One key of the configuration, as a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Key"]


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        path: in the file, `table.NAME.key` where the table has names of the user's.
        kind: what it takes, see `relevance.config.kinds`.
        default: what holds where it is not set, in words.
        meaning: in one line.
        option: on the command line, "" where there is none; in `[models.NAME]` it sets the model `base`.
        metavar: what stands for the option's value in help; "" for an option without one.
        others: the variable's name where it is one that Elasticsearch's own tools know, or longer than the option's.
        command: the one command of `relevance` that takes the option; "": all do, and pytest.
    """

    path: str
    kind: str
    default: str
    meaning: str
    option: str = ""
    metavar: str = ""
    others: str = ""
    command: str = ""

    @property
    def table(self) -> str:
        """The table of the file that it stands in, "" for none."""
        return self.path.partition(".")[0] if "." in self.path else ""

    @property
    def key(self) -> str:
        """The key in its table."""
        return self.path.rpartition(".")[2]

    @property
    def name(self) -> str:
        """The option's name in Python, "" where there is none."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable, "" where there is none."""
        return self.others or (f"RELEVANCE_{self.name.upper()}" if self.option else "")

    @property
    def set_by_option(self) -> str:
        """The key that the option sets."""
        return self.path.replace("NAME", "base")
