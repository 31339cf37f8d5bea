"""What is compared: each case is one kind of request that every proxy must serve in the same way."""

from dataclasses import dataclass
from pathlib import Path


class BenchError(Exception):
    """Something that a person must put right before figures can be taken; its text says what and how."""


@dataclass(frozen=True)
class Case:
    """One kind of request. `asks` is the work that every proxy does for it, in the words of the report."""

    name: str
    title: str
    asks: str
    path: str
    needs_token: bool = False
    connections: int = 64
    answer_bytes: int = 512


@dataclass(frozen=True)
class Site:
    """What a proxy is told about one case: where to listen, where to forward to, where its files go."""

    case: Case
    folder: Path
    port: int
    upstream_port: int
    tokens: int
    apps: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.case.path}"


CASES = [
    Case(
        name="bare",
        title="Bare: one route, no credential",
        asks="HTTP/1.1 keep-alive, 64 connections, a 512-byte JSON answer from one upstream over kept connections; "
        "`X-Forwarded-For` is added.",
        path="/api/products",
    ),
    Case(
        name="policy",
        title="Policy: ES256 token, limit per app, usage record",
        asks="The same, and for each request: the bearer token's ES256 signature and expiry are checked, the app is "
        "counted against a limit that is never reached, and one usage line is written.",
        path="/api/logistics/orders/1",
        needs_token=True,
    ),
]
