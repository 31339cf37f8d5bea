"""As many requests as the proxy answers: wrk for HTTP/1.1, h2load for HTTP/2, one thread each."""

from dataclasses import dataclass
from pathlib import Path

from cases import Site
from load import h2load, wrk


@dataclass(frozen=True)
class Load:
    """What was counted."""

    requests: int
    seconds: float
    not_2xx: int
    errors: int

    @property
    def failure(self) -> str | None:
        """Why this load proves nothing, if so."""
        if self.not_2xx or self.errors:
            return f"{self.not_2xx} answers of other statuses than 2xx, {self.errors} errors"
        return None if self.requests else "no request was answered"


def drive(site: Site, calls: Path, core: int, seconds: float, first: int = 0) -> Load:
    """Loads for so long; the calls take turns, beginning with that one."""
    case = site.case
    if case.protocol.is_h2:
        return Load(*h2load.drive(site, core, seconds))
    # Where all calls are alike, wrk need not be told each of them.
    differ = case.has_credential or case.routes > 0
    return Load(*wrk.drive(site, calls if differ else None, core, seconds, first))
