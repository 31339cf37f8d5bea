"""What the run asks of a proxy: whether it can do a case, how it is set up, and how it is started."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cases import Case, Site


def _nothing() -> None:
    """For proxies that keep nothing between two starts, or that serve once they listen."""


def _every(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Target:
    """A proxy made ready for one case. `command` starts it in the foreground on the site's port."""

    command: list[str]
    # How it does the case's work, in the words of the report.
    does: str
    # What is called, as calls.py writes it.
    calls: Path
    # How many calls have left a line or record of their usage; None: they leave none.
    usage: Callable[[], int] | None = None
    # How many records wait for work that is still to be done after the answer; None: nothing is.
    waiting: Callable[[], int] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    # Puts its files back to how they were, so that each start is the first one.
    reset: Callable[[], None] = _nothing
    # Returns once it serves all that it is configured to; called when it listens.
    wait: Callable[[], None] = _nothing
    # Whether a thread of that name serves calls, and does not work for what comes after them.
    is_serving: Callable[[str], bool] = _every
    # Changes the configuration of the process of that id, and makes it take effect; the number is another one each time.
    reload: Callable[[int, int], None] | None = None
    # Where its metrics are read.
    metrics: str | None = None


class Peer(ABC):
    """One proxy program, in one way of configuring it."""

    # As the report calls it.
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
