"""Memory of connections that wait: each makes one request and stays."""

import socket
import time

import processes
from cases import BenchError, Case, Site
from measures.stage import Measured, Stage, running
from results import Figure

# What a proxy needs to see that a connection is idle, and to give back what it took for the request.
SETTLE_SECONDS = 3
# Of so many connections one is asked again at the end.
SAMPLED = 100


def figures(_: Case) -> list[Figure]:
    return [
        Figure("kib_per_connection", "KiB RSS/connection", ".1f", is_compared=True),
        Figure("empty_mib", "RSS MiB, none", ".0f"),
        Figure("full_mib", "RSS MiB, 10,000", ".0f"),
    ]


def measure(stage: Stage) -> Measured:
    count = stage.site.case.connections
    with running(stage) as run:
        before = processes.resident_mib(processes.tree(run.pid))
        connections = [_connection(stage.site) for _ in range(count)]
        time.sleep(SETTLE_SECONDS)
        after = processes.resident_mib(processes.tree(run.pid))
        closed = sum(_is_closed(connection, stage.site) for connection in connections[::SAMPLED])
        for connection in connections:
            connection.close()
    told = {"kib_per_connection": (after - before) * 1024 / count, "empty_mib": before, "full_mib": after}
    return Measured(told, void=f"{closed} of {count // SAMPLED} connections were closed" if closed else None)


def _connection(site: Site) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", site.port), timeout=10)
    if not _ask(connection, site):
        raise BenchError("a connection was closed before it was answered")
    return connection


def _is_closed(connection: socket.socket, site: Site) -> bool:
    try:
        return not _ask(connection, site)
    except OSError:
        return True


def _ask(connection: socket.socket, site: Site) -> bool:
    """One request, whose answer is read to its end; false if there is none."""
    connection.sendall(f"GET {site.case.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < site.case.answer_bytes:
        received = connection.recv(65536)
        if not received:
            return False
        answer += received
    return answer.startswith(b"HTTP/1.1 200")
