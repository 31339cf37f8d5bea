"""HAProxy, the yardstick: one thread, kept connections on both sides."""

import shutil
import subprocess
from pathlib import Path

import tokens
from cases import Case, Site
from proxies.peer import Peer, Target

COMMON = """
global
    nbthread 1
    maxconn 4096
{log}

defaults
    mode http
    option forwardfor
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 30s
    timeout server 30s

backend upstream
    server only 127.0.0.1:{upstream_port}
{tables}
frontend partners
    bind 127.0.0.1:{port}
{rules}
    default_backend upstream
"""

TABLES = """
backend apps
    stick-table type string len 64 size 1m expire 1m store http_req_rate(10s)
"""

# The algorithm is pinned before the signature is looked at, else `alg` would be the caller's choice.
RULES = """
    log global
    log-format '{{"at":%Ts%ms,"app":"%[var(txn.app)]","method":"%HM","path":"%HP","status":%ST,"bytes":%B,"ms":%Ta}}'
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str ES256 }}
    http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify("ES256","{public_key}") -m int 1 }}
    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int le 0 }}
    http-request set-var(txn.app) var(txn.token),jwt_payload_query('$.client_id')
    http-request track-sc0 var(txn.app) table apps
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
"""


class HAProxy(Peer):
    name = "HAProxy"

    def version(self) -> str:
        told = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
        return told.split()[2]

    def obstacle(self, case: Case) -> str | None:
        return None if shutil.which("haproxy") else "not installed (Debian: apt-get install haproxy)"

    def prepare(self, site: Site) -> Target:
        config = site.folder / "haproxy.cfg"
        command = [str(shutil.which("haproxy")), "-db", "-f", str(config)]
        ports = {"port": site.port, "upstream_port": site.upstream_port}
        if not site.case.needs_token:
            config.write_text(COMMON.format(log="", tables="", rules="", **ports))
            return Target(command, does="`nbthread 1`, `http-reuse always`, no log")
        private, public = tokens.write_key(site.folder)
        log = "    log stdout len 1024 format raw local0"
        config.write_text(COMMON.format(log=log, tables=TABLES, rules=RULES.format(public_key=public), **ports))
        return Target(
            command,
            does="`jwt_verify` with ES256, `exp` check, stick-table `http_req_rate` by `client_id`, a log line to a file",
            tokens=tokens.write_tokens(site.folder / "tokens", private, site.tokens, site.apps),
        )
