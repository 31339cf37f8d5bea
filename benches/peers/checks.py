"""Loads count, they do not look: here is seen that an answer is the upstream's, and that bad credentials are refused."""

import http.client
import ssl

import calls
from cases import BenchError, Site
from client_tls import CIPHER
from load import h2load
from proxies.peer import Target


# Calls of a check that are answered as good ones, in cases with a credential.
GOOD_CALLS = 1


def check(site: Site, target: Target, core: int, is_flooded: bool = False) -> None:
    """Fails unless the proxy does the work of the case. After a flood of forged tokens one more may be turned away."""
    case = site.case
    if case.protocol.is_h2:
        _same_length(site, h2load.body_bytes(site, core))
        return
    if not case.has_credential:
        expect(site, 200, "")
        if case.routes:
            expect(site, 404, "", path="/api/routes/none/items/1")
        return
    header = calls.first_header(target.calls)
    expect(site, 200, header)
    expect(site, 401, "")
    expect(site, (401, 429) if is_flooded else 401, calls.forged(header))


def expect(site: Site, status: int | tuple[int, ...], header: str, path: str = "") -> None:
    """One request with that header line, whose answer must have that status, or one of those."""
    statuses = (status,) if isinstance(status, int) else status
    path = path or site.case.path
    connection = connect(site)
    name, _, value = header.partition(": ")
    body = b"x" * site.case.body_bytes or None
    connection.request("POST" if body else "GET", path, body=body, headers={name: value} if header else {})
    _pinned(connection)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status not in statuses:
        raise BenchError(f"{path} gave {answer.status} instead of {status}: {text[:500]!r}")
    if answer.status == 200:
        _same_length(site, len(text))


def _pinned(connection: http.client.HTTPConnection) -> None:
    """Fails if TLS is spoken by another cipher than the one that is pinned."""
    if isinstance(connection.sock, ssl.SSLSocket):
        cipher = connection.sock.cipher()
        if not cipher or cipher[0] != CIPHER:
            raise BenchError(f"TLS is spoken by {cipher}, not by {CIPHER}")


def connect(site: Site) -> http.client.HTTPConnection:
    if not site.case.protocol.is_tls:
        return http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    return http.client.HTTPSConnection("127.0.0.1", site.port, timeout=10, context=tls_context())


def tls_context() -> ssl.SSLContext:
    """TLS 1.3 alone; the certificate is the run's own, so nobody's signature on it is asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _same_length(site: Site, length: int) -> None:
    if length != site.case.answer_bytes:
        raise BenchError(f"{site.url} gave {length} bytes instead of {site.case.answer_bytes}")
