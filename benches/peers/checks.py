"""Loads count, they do not look: here is seen that an answer is the upstream's, and that bad credentials are refused."""

import http.client
import ssl

import calls
from cases import BenchError, Site
from load import h2load
from proxies.peer import Target


def check(site: Site, target: Target) -> None:
    """Fails unless the proxy does the work of the case."""
    case = site.case
    if case.protocol.is_h2:
        _same_length(site, h2load.body_bytes(site))
        return
    if not case.has_credential:
        expect(site, 200, "")
        if case.routes:
            expect(site, 404, "", path="/api/routes/none/items/1")
        return
    header = calls.first_header(target.calls)
    expect(site, 200, header)
    expect(site, 401, "")
    expect(site, 401, calls.forged(header))


def expect(site: Site, status: int, header: str, path: str = "") -> None:
    """One request with that header line, whose answer must have that status."""
    path = path or site.case.path
    connection = connect(site)
    name, _, value = header.partition(": ")
    body = b"x" * site.case.body_bytes or None
    connection.request("POST" if body else "GET", path, body=body, headers={name: value} if header else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != status:
        raise BenchError(f"{path} gave {answer.status} instead of {status}: {text[:500]!r}")
    if status == 200:
        _same_length(site, len(text))


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
