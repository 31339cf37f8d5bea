"""What the run asks of a proxy: whether it can do a case, how it is set up, and how it is started."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cases import Case, Site


def _nothing() -> None:
    """For proxies that keep nothing between two starts."""


@dataclass(frozen=True)
class Target:
    """A proxy made ready for one case. `command` starts it in the foreground on the site's port."""

    command: list[str]
    # How it does the case's work, in the words of the report.
    does: str
    # Bearer tokens that it accepts, one a line.
    tokens: Path | None = None
    # The file or folder that its usage lines go to; None: its standard output.
    usage: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)
    # Puts its files back to how they were, so that each start is the first one.
    reset: Callable[[], None] = _nothing


class Peer(ABC):
    """One proxy program."""

    name: str

    @abstractmethod
    def version(self) -> str:
        """The program's version, as it tells it."""

    @abstractmethod
    def obstacle(self, case: Case) -> str | None:
        """Why it cannot do the case on this machine; None when it can."""

    @abstractmethod
    def prepare(self, site: Site) -> Target:
        """Writes configuration, keys and tokens into the site's folder."""
