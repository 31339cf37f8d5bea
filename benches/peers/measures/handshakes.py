"""CPU time of a TLS connection that makes one request: with a new session, or one that is resumed. One after the other."""

import socket
import ssl
import time

import checks
from cases import BenchError, Case, Site
from measures.stage import Measured, Meter, Stage, running
from results import Figure


def figures(_: Case) -> list[Figure]:
    return [
        Figure("cpu_us", "CPU µs/connection", ".0f", is_compared=True),
        Figure("connections_per_second", "connections/s, one after the other", ",.0f"),
    ]


def measure(stage: Stage) -> Measured:
    resumes = stage.site.case.resumes
    client = _Client(stage.site, checks.tls_context())
    with running(stage) as run:
        # The first one can resume nothing, and a few more warm up.
        for _ in range(20):
            client.connect(resumes)
        meter = Meter(stage, run.pid)
        began = time.monotonic()
        connections = resumed = 0
        while time.monotonic() - began < stage.seconds:
            resumed += client.connect(resumes)
            connections += 1
        elapsed = time.monotonic() - began
        meter.stop()
    wrong = connections - resumed if resumes else resumed
    void = f"{wrong} of {connections} connections were {'not ' if resumes else ''}resumed" if wrong else None
    told = {"cpu_us": meter.total * 1e6 / connections, "connections_per_second": connections / elapsed}
    return Measured(told, meter.micros_by_thread(connections), meter.disturbed, {}, void)


class _Client:
    def __init__(self, site: Site, context: ssl.SSLContext) -> None:
        self._site = site
        self._context = context
        self._session: ssl.SSLSession | None = None

    def connect(self, resumes: bool) -> bool:
        """One connection with one request; whether its session was resumed."""
        session = self._session if resumes else None
        with socket.create_connection(("127.0.0.1", self._site.port), timeout=10) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(plain, server_hostname="localhost", session=session) as stream:
                request = f"GET {self._site.case.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                stream.sendall(request.encode())
                answer = b""
                while received := stream.recv(65536):
                    answer += received
                # Tickets come after the handshake, so what is read last knows them.
                self._session = stream.session
                was_resumed = bool(stream.session_reused)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise BenchError(f"{self._site.url} gave {answer[:200]!r}")
        return was_resumed
