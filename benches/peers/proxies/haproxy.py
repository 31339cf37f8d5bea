"""HAProxy, the yardstick: one thread, kept connections on both sides."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import api_keys
import calls
import tokens
from cases import OUTPUT, Case, Credential, Protocol, Site
from proxies.peer import Peer, Target
from usage import LogLines

# What its file descriptors allow on a machine with 20,000 of them.
CONFIG = """
global
    nbthread 1
    maxconn 10100
    no strict-limits
{buffers}
{log}
{tls}
defaults
    mode http
    option forwardfor
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s

backend upstream
    server only 127.0.0.1:{upstream_port}
{tables}
frontend partners
    bind 127.0.0.1:{port}{bind}
{rules}
    {backend}
"""

LOG = "    log stdout len 1024 format raw local0"

TABLES = """
backend apps
    stick-table type string len 64 size 1m expire 1m store http_req_rate(10s)
"""

LOG_RULES = """
    log global
    log-format '{{"at":%Ts%ms,"app":"%[var(txn.app)]","method":"%HM","path":"%HP","status":%ST,"bytes":%B,"ms":%Ta}}'
"""

# The algorithm is pinned before the signature is looked at, else `alg` would be the caller's choice.
TOKEN_RULES = """
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str {algorithm} }}
    http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify("{algorithm}","{key}") -m int 1 }}
    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int le 0 }}
    http-request set-var(txn.app) var(txn.token),jwt_payload_query('$.client_id')
"""

KEY_RULES = """
    http-request set-var(txn.app) req.hdr(x-api-key),map_str({map})
    http-request deny deny_status 401 unless {{ var(txn.app) -m found }}
"""

LIMIT_RULES = """
    http-request track-sc0 var(txn.app) table apps
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
"""

ROUTE_RULES = """
    http-request deny deny_status 404 unless {{ path,map_beg({map}) -m found }}
"""

TLS = """
    ssl-default-bind-options ssl-min-ver TLSv1.3
"""


class HAProxy(Peer):
    def __init__(self, algorithm: str = "ES256", buffer_kib: int = 0) -> None:
        """`buffer_kib` is the size of its buffers; 0: what it is by default, 16."""
        self.algorithm = algorithm
        self.buffer_kib = buffer_kib
        self.name = "HAProxy" if algorithm == "ES256" else f"HAProxy, {algorithm}"
        if buffer_kib:
            self.name = f"HAProxy, {buffer_kib} KiB buffers"

    def version(self) -> str:
        told = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
        return told.split()[2]

    def obstacle(self, case: Case) -> str | None:
        return None if shutil.which("haproxy") else "not installed (Debian: apt-get install haproxy)"

    def prepare(self, site: Site) -> Target:
        case, config = site.case, site.folder / "haproxy.cfg"
        parts = {"log": "", "tables": "", "rules": "", "tls": "", "bind": "", "backend": "default_backend upstream"}
        does, headers = "`nbthread 1`, `http-reuse always`, no log", [""]
        parts["buffers"] = f"    tune.bufsize {self.buffer_kib * 1024}" if self.buffer_kib else ""
        if case.is_large:
            does += f", `tune.bufsize {self.buffer_kib * 1024}`" if self.buffer_kib else ", default buffers"
        if case.has_credential:
            rules, headers, does = self._check_callers(site)
            parts |= {"log": LOG, "tables": TABLES, "rules": LOG_RULES.format() + rules + LIMIT_RULES.format()}
        if case.routes:
            parts |= {"rules": ROUTE_RULES.format(map=_write_routes(site)), "backend": _backend(site)}
            does += ", `map_beg` from the path to the backend"
        parts |= _protocol(site)
        config.write_text(CONFIG.format(port=site.port, upstream_port=site.upstream_port, **parts))
        # Only a master can be told to load its configuration anew.
        mode = "-W" if "reload" in case.measures else "-db"
        return Target(
            [str(shutil.which("haproxy")), mode, "-f", str(config)],
            does=does,
            calls=calls.write(site.folder / "calls", case, headers),
            usage=LogLines(site.folder / OUTPUT) if case.has_credential else None,
            reload=lambda pid, number: _reload(config, pid, number),
        )

    def _check_callers(self, site: Site) -> tuple[str, list[str], str]:
        """The rules that know a caller, the headers of callers, and how it is done."""
        rest = "stick-table `http_req_rate` by app, a log line to a file"
        if site.case.credential is Credential.API_KEY:
            headers = [calls.api_key(key) for key in api_keys.calling(site.case, site.apps)]
            return KEY_RULES.format(map=_write_keys(site)), headers, f"`map_str` from the key to the app, {rest}"
        minted, key = tokens.es256(site) if self.algorithm == "ES256" else tokens.hs256(site)
        rules = TOKEN_RULES.format(algorithm=self.algorithm, key=key)
        return rules, [calls.bearer(token) for token in minted], f"`jwt_verify` with {self.algorithm}, `exp` check, {rest}"


def _protocol(site: Site) -> dict[str, str]:
    if site.case.protocol is Protocol.H2C:
        return {"bind": " proto h2"}
    if not site.case.protocol.is_tls:
        return {}
    certificate, key = tokens.write_certificate(site.folder)
    both = site.folder / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    return {"bind": f" ssl crt {both} alpn h2,http/1.1", "tls": TLS}


def _write_keys(site: Site) -> Path:
    file = site.folder / "keys.map"
    keys = api_keys.known(api_keys.count(site.case, site.apps))
    with file.open("w") as lines:
        lines.writelines(f"{key} {app}\n" for key, app in zip(keys, tokens.app_names(len(keys)), strict=True))
    return file


def _write_routes(site: Site) -> Path:
    file = site.folder / "routes.map"
    file.write_text("".join(f"{calls.route_prefix(number)} upstream\n" for number in range(site.case.routes)))
    return file


def _backend(site: Site) -> str:
    return f"use_backend %[path,map_beg({site.folder / 'routes.map'})]"


def _reload(config: Path, pid: int, number: int) -> None:
    text = config.read_text().split("# change ")[0]
    config.write_text(f"{text}# change {number}\n")
    os.kill(pid, signal.SIGUSR2)
