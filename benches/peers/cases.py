"""What is compared: each case is one kind of work that every proxy in it must do in the same way."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class BenchError(Exception):
    """Something that a person must put right before figures can be taken; its text says what and how."""


class Credential(Enum):
    """What each call of a case carries."""

    NONE = "none"
    # A bearer token out of a set that takes turns.
    TOKEN = "token"
    # A bearer token that comes once.
    NEW_TOKEN = "new token"
    API_KEY = "API key"


class Protocol(Enum):
    """What the load speaks; the proxies speak HTTP/1.1 to the upstream."""

    H1 = "http/1.1"
    H2C = "h2c"
    TLS_H1 = "http/1.1 over TLS 1.3"
    TLS_H2 = "h2 over TLS 1.3"

    @property
    def is_tls(self) -> bool:
        return self in (Protocol.TLS_H1, Protocol.TLS_H2)

    @property
    def is_h2(self) -> bool:
        return self in (Protocol.H2C, Protocol.TLS_H2)


PLAIN = ("haproxy", "nginx", "envoy", "traefik", "tollgate")
KEYED = ("haproxy", "nginx", "envoy", "tollgate")
LARGE = ("haproxy", "haproxy-buffers", "nginx", "nginx-buffers", "envoy", "traefik", "tollgate")
NO_CREDENTIALS = "its open-source edition checks neither tokens nor API keys"


@dataclass(frozen=True)
class Case:
    """One kind of work. `asks` is what every proxy does for it, in the words of the report."""

    name: str
    title: str
    asks: str
    path: str = "/api/products"
    # Names of measures/, in their order.
    measures: tuple[str, ...] = ("cpu",)
    proxies: tuple[str, ...] = PLAIN
    # Proxies that could be expected, by their names in the report, and why they are not in it.
    left_out: dict[str, str] = field(default_factory=dict)
    # The proxies that ratios are to, by their names in the report.
    yardsticks: tuple[str, ...] = ("HAProxy",)
    credential: Credential = Credential.NONE
    protocol: Protocol = Protocol.H1
    connections: int = 64
    streams: int = 1
    answer_bytes: int = 512
    body_bytes: int = 0
    # API keys that are known, and how many of them call; 0: one for each app.
    keys: int = 0
    calling_keys: int = 0
    # Routes to choose from; 0: one.
    routes: int = 0
    # Whether a TLS connection goes on from an earlier one's session.
    resumes: bool = False

    @property
    def has_credential(self) -> bool:
        return self.credential is not Credential.NONE

    @property
    def is_large(self) -> bool:
        """Whether its figures are for each MiB."""
        return max(self.answer_bytes, self.body_bytes) >= 1 << 20

    @property
    def tells_serving(self) -> bool:
        """Whether serving and keeping the books are done by different threads of Tollgate: those that keep the books also
        load what credentials rest on, which is serving where most calls need it."""
        return self.has_credential and self.credential is not Credential.NEW_TOKEN

    @property
    def has_token(self) -> bool:
        return self.credential in (Credential.TOKEN, Credential.NEW_TOKEN)


# What a proxy prints, in its site's folder.
OUTPUT = "output"


@dataclass(frozen=True)
class Site:
    """What a proxy is told about one case: where to listen, where to forward to, where its files go."""

    case: Case
    folder: Path
    port: int
    upstream_port: int
    # Different tokens of a case in which they take turns, and tokens of one in which each comes once.
    tokens: int
    new_tokens: int
    apps: int

    @property
    def url(self) -> str:
        scheme = "https" if self.case.protocol.is_tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{self.case.path}"


ORDER = "/api/logistics/orders/1"
POLICY_WORK = (
    "the app is counted against a limit that is never reached, and one usage line is written (Tollgate also rates the call "
    "and posts it to its ledger, in other threads)."
)

CASES = [
    Case(
        name="bare",
        title="Bare: one route, no credential",
        asks="HTTP/1.1 keep-alive, 64 connections, a 512-byte JSON answer from one upstream over kept connections; "
        "`X-Forwarded-For` is added.",
        measures=("cpu", "latency"),
    ),
    Case(
        name="policy",
        title="Policy: signed token, limit for each app, usage record",
        asks=f"The same, and for each request: the bearer token's signature and expiry are checked, {POLICY_WORK} ES256 "
        "unless named otherwise. A set of tokens takes turns, and **Tollgate verifies a token once and remembers it**, for a "
        "minute at most and until it expires or is revoked; Envoy does so too with its JWT cache. The others verify the "
        "signature at each request. What a token costs that was not seen before is in the case of new tokens.",
        path=ORDER,
        measures=("cpu", "latency"),
        proxies=("haproxy", "haproxy-hs256", "nginx", "envoy", "envoy-cache", "traefik", "tollgate"),
        yardsticks=("HAProxy", "HAProxy, HS256"),
        credential=Credential.TOKEN,
    ),
    Case(
        name="new_tokens",
        title="New tokens: each ES256 token comes once",
        asks="As the policy case, but no token comes twice, so everybody verifies a signature for each request, and "
        "nothing that was verified before helps.",
        path=ORDER,
        measures=("cpu", "latency"),
        proxies=KEYED,
        left_out={"Traefik": NO_CREDENTIALS},
        credential=Credential.NEW_TOKEN,
    ),
    Case(
        name="forged",
        title="Forged tokens: good callers beside a flood",
        asks="Good callers as in the policy case at 1,000 requests/s over 16 connections; then the same beside 5,000 "
        "requests/s over 64 connections whose tokens are well-formed but for their signatures, all different. Good and bad "
        "come from one address. **Tollgate looks at 50 wrong tokens of a network, and at ten a second after that, and turns the "
        "rest away without a look (429)**, while its peers, which are not told to do so, verify each (401): its figure is what a "
        "refusal costs, not a verification. The share that was looked at is beside it.",
        path=ORDER,
        measures=("flood",),
        proxies=KEYED,
        left_out={"Traefik": NO_CREDENTIALS},
        credential=Credential.TOKEN,
    ),
    Case(
        name="api_key",
        title="API key, limit for each app, usage record",
        asks=f"As the policy case, with an API key instead of a token: it is looked up, {POLICY_WORK}",
        path=ORDER,
        measures=("cpu", "latency"),
        proxies=(*PLAIN[:3], "traefik", "tollgate"),
        credential=Credential.API_KEY,
    ),
    Case(
        name="keys_10",
        title="Many keys: 10 known, all call in turn",
        asks="The API key case with 10 keys, each of an app of its own.",
        path=ORDER,
        proxies=KEYED,
        left_out={"Traefik": NO_CREDENTIALS},
        credential=Credential.API_KEY,
        keys=10,
        calling_keys=10,
    ),
    Case(
        name="keys_hot",
        title="Many keys: 1,000,000 known, 10,000 call in turn",
        asks="The API key case with 1,000,000 keys, each of an app of its own, of which 10,000 call.",
        path=ORDER,
        proxies=KEYED,
        left_out={"Traefik": NO_CREDENTIALS},
        credential=Credential.API_KEY,
        keys=1_000_000,
        calling_keys=10_000,
    ),
    Case(
        name="keys_all",
        title="Many keys: 1,000,000 known, all call in turn",
        asks="The same, but each of the 1,000,000 calls once before any calls again.",
        path=ORDER,
        proxies=KEYED,
        left_out={"Traefik": NO_CREDENTIALS},
        credential=Credential.API_KEY,
        keys=1_000_000,
        calling_keys=1_000_000,
    ),
    *(
        Case(
            name=f"routes_{name}",
            title=f"Many routes: {count:,}",
            asks=f"The bare case with {count:,} routes, which are called in turn.",
            path="/api/routes/r00000/items/1",
            routes=count,
        )
        for name, count in (("10", 10), ("1k", 1_000), ("10k", 10_000))
    ),
    Case(
        name="idle",
        title="Idle connections: 10,000, each made one request",
        asks="10,000 keep-alive connections make one request each and stay; memory is read 3 s after the last.",
        measures=("idle",),
        connections=10_000,
    ),
    Case(
        name="large_answers",
        title="Large answers: 1 MiB, 16 connections",
        asks="The bare case with answers of 1 MiB, with the buffers that each proxy has by default; HAProxy and nginx also "
        "with larger ones.",
        path="/api/large-answers",
        proxies=LARGE,
        connections=16,
        answer_bytes=1 << 20,
    ),
    Case(
        name="large_requests",
        title="Large requests: 1 MiB bodies, 16 connections",
        asks="The bare case with `POST` and a body of 1 MiB of stated length, with the buffers that each proxy has by default; "
        "HAProxy and nginx also with larger ones. The answer has 512 bytes.",
        path="/api/large-requests",
        proxies=LARGE,
        yardsticks=("HAProxy", "nginx, 256 KiB buffers"),
        connections=16,
        body_bytes=1 << 20,
    ),
    Case(
        name="h2c_8",
        title="HTTP/2 without TLS: 16 connections × 8 streams",
        asks="The bare case over HTTP/2 with prior knowledge; HTTP/1.1 to the upstream.",
        protocol=Protocol.H2C,
        connections=16,
        streams=8,
    ),
    Case(
        name="h2c_100",
        title="HTTP/2 without TLS: 1 connection × 100 streams",
        asks="The same over one connection.",
        protocol=Protocol.H2C,
        connections=1,
        streams=100,
    ),
    Case(
        name="tls_h1",
        title="TLS 1.3, HTTP/1.1",
        asks="The bare case over TLS 1.3 (P-256 certificate), connections kept.",
        protocol=Protocol.TLS_H1,
    ),
    Case(
        name="tls_h2",
        title="TLS 1.3, HTTP/2: 16 connections × 8 streams",
        asks="HTTP/2 over TLS 1.3, connections kept; HTTP/1.1 to the upstream.",
        protocol=Protocol.TLS_H2,
        connections=16,
        streams=8,
    ),
    Case(
        name="tls_full",
        title="TLS 1.3, a new session for each request",
        asks="One connection after the other, each with a full handshake (P-256 certificate), one request, and its end.",
        measures=("handshakes",),
        protocol=Protocol.TLS_H1,
    ),
    Case(
        name="tls_resumed",
        title="TLS 1.3, a resumed session for each request",
        asks="The same, but each connection resumes the session of the one before.",
        measures=("handshakes",),
        protocol=Protocol.TLS_H1,
        resumes=True,
    ),
    Case(
        name="reload",
        title="Reload: 10,000 routes, anew every second",
        asks="1,000 requests/s over 16 connections to 10,000 routes; then the same while the configuration changes and is "
        "loaded anew every second. On the proxy's one core, loading and serving share it.",
        path="/api/routes/r00000/items/1",
        measures=("reload",),
        proxies=("haproxy", "nginx", "tollgate"),
        left_out={
            "Envoy": "it takes a new configuration over xDS, which these runs do not set up",
            "Traefik": "it takes a new configuration when it sees its file change, which these runs do not set up",
        },
        routes=10_000,
    ),
    Case(
        name="scrape",
        title="Scrape: /metrics with 10,000 routes",
        asks="1,000 requests/s over 16 connections to 10,000 routes, each of which has been called; then the same while "
        "`/metrics` is read once a second.",
        path="/api/routes/r00000/items/1",
        measures=("scrape",),
        proxies=("tollgate",),
        routes=10_000,
    ),
    Case(
        name="metering",
        title="Metering: what the usage record costs",
        asks="The API key case on a metered route of a billable product, and on the same route without a meter in a product "
        "that is free (its calls leave records too, which are rated at nothing).",
        path=ORDER,
        proxies=("tollgate-unmetered", "tollgate"),
        yardsticks=("Tollgate, unmetered",),
        credential=Credential.API_KEY,
    ),
    Case(
        name="masked",
        title="Masked: a 4 KiB answer with personal data",
        asks="The API key case on a route whose answer is a JSON list of orders of 4 KiB, of each of which three members are masked "
        "for the caller, and on the same route without that.",
        path="/api/masked-answers",
        proxies=("tollgate-unmasked", "tollgate"),
        yardsticks=("Tollgate, unmasked",),
        credential=Credential.API_KEY,
        answer_bytes=4096,
    ),
    Case(
        name="durable",
        title="Durable: answers that wait for the disk",
        asks="The API key case on a `durable` route, 64 connections: an answer leaves after its usage record is on disk. "
        "The disk's own rate is of one thread that appends 4 KiB and calls `fdatasync`, in the same folder just before.",
        path="/api/logistics/money/1",
        measures=("durable",),
        proxies=("tollgate",),
        credential=Credential.API_KEY,
    ),
]
