"""nginx: one worker, kept connections on both sides. It checks tokens only by its Lua module."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import api_keys
import calls
import tokens
from cases import Case, Credential, Protocol, Site
from proxies.peer import Peer, Target
from usage import LogLines

CONFIG = """
{modules}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 12000; }}
http {{
    keepalive_requests 1000000000;
    client_max_body_size 2m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream only {{
        server 127.0.0.1:{upstream_port};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
{shared}
    server {{
        listen 127.0.0.1:{port}{listen};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
{buffers}
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        location / {{ return 404; }}
{locations}
    }}
}}
"""

MODULES = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
"""

LOG = """
    log_format usage escape=json '{{"at":$msec,"app":"$app","method":"$request_method","path":"$uri","status":$status,'
        '"bytes":$bytes_sent,"seconds":$request_time}}';
    access_log {usage} usage buffer=64k flush=1s;
"""

TOKEN_SHARED = """
    lua_package_path "{lua}/?.lua;;";
    lua_shared_dict apps 32m;
    init_by_lua_block {{ require("nginx_policy").load_key("{public_key}") }}
"""

TOKEN_RULES = """
            set $app "-";
            access_by_lua_block { require("nginx_policy").check() }
"""

KEY_SHARED = """
    map_hash_max_size {hash_size};
    map_hash_bucket_size 128;
    map $http_x_api_key $app {{
        default "";
        include {keys};
    }}
    limit_req_zone $app zone=apps:256m rate=1000000r/s;
"""

KEY_RULES = """
            if ($app = "") { return 401; }
            limit_req zone=apps burst=1000000 nodelay;
"""

LOCATION = """
        location {path} {{
{rules}
            proxy_pass http://only;
        }}
"""


BUFFERS = """
        proxy_buffer_size 64k;
        proxy_buffers 8 256k;
        proxy_busy_buffers_size 512k;
        client_body_buffer_size 256k;
"""


class Nginx(Peer):
    def __init__(self, has_large_buffers: bool = False) -> None:
        self.has_large_buffers = has_large_buffers
        self.name = "nginx, 256 KiB buffers" if has_large_buffers else "nginx"

    def version(self) -> str:
        return _told("-v").strip().rsplit("/", 1)[1]

    def obstacle(self, case: Case) -> str | None:
        if not shutil.which("nginx"):
            return "not installed (Debian: apt-get install nginx-light)"
        if case.has_token and not (_modules() / "ngx_http_lua_module.so").exists():
            packages = "libnginx-mod-http-lua lua-luaossl lua-cjson"
            return f"without Lua it cannot check a token (Debian: apt-get install {packages})"
        return None

    def prepare(self, site: Site) -> Target:
        case, config, usage = site.case, site.folder / "nginx.conf", site.folder / "usage"
        parts = {"modules": "", "shared": "    access_log off;", "rules": ""}
        does, headers = "one worker (and its master), `keepalive` to the upstream, no access log", [""]
        if case.has_credential:
            parts, headers, does = _check_callers(site, usage)
        parts["buffers"] = BUFFERS if self.has_large_buffers else ""
        if case.is_large:
            tuned = ", `proxy_buffers 8 256k`, `client_body_buffer_size 256k`"
            does += tuned if self.has_large_buffers else ", default buffers"
        prefixes = [calls.route_prefix(number) for number in range(case.routes)] or ["/api/"]
        rules = parts.pop("rules")
        parts["locations"] = "".join(LOCATION.format(path=prefix, rules=rules) for prefix in prefixes)
        parts["listen"] = _listen(site)
        places = {"folder": site.folder, "port": site.port, "upstream_port": site.upstream_port}
        config.write_text(CONFIG.format(**parts, **places))
        return Target(
            [str(shutil.which("nginx")), "-p", str(site.folder), "-c", str(config), "-e", "stderr"],
            does=does + (", a prefix `location` a route" if case.routes else ""),
            calls=calls.write(site.folder / "calls", case, headers),
            usage=LogLines(usage) if case.has_credential else None,
            reload=lambda pid, number: _reload(config, pid, number),
        )


def _check_callers(site: Site, usage: Path) -> tuple[dict[str, str], list[str], str]:
    """Parts of the configuration that know a caller, the headers of callers, and how it is done."""
    log = LOG.format(usage=usage)
    if site.case.credential is Credential.API_KEY:
        count = api_keys.count(site.case, site.apps)
        shared = KEY_SHARED.format(keys=_write_keys(site, count), hash_size=max(2048, 2 * count)) + log
        headers = [calls.api_key(key) for key in api_keys.calling(site.case, site.apps)]
        does = "`map` from the key to the app, `limit_req` by app, buffered access log"
        return {"modules": "", "shared": shared, "rules": KEY_RULES}, headers, does
    minted, public = tokens.es256(site)
    shared = TOKEN_SHARED.format(lua=Path(__file__).parent, public_key=public) + log
    parts = {"modules": MODULES.format(modules=_modules()), "shared": shared, "rules": TOKEN_RULES}
    does = "Lua with luaossl checks ES256 and `exp`, a shared dictionary counts by app, buffered access log"
    return parts, [calls.bearer(token) for token in minted], does


def _write_keys(site: Site, count: int) -> Path:
    file = site.folder / "keys.map"
    with file.open("w") as lines:
        pairs = zip(api_keys.known(count), tokens.app_names(count), strict=True)
        lines.writelines(f"{key} {app};\n" for key, app in pairs)
    return file


def _listen(site: Site) -> str:
    if site.case.protocol is Protocol.H2C:
        return " http2"
    if not site.case.protocol.is_tls:
        return ""
    certificate, key = tokens.write_certificate(site.folder)
    options = f"ssl_protocols TLSv1.3;\n        ssl_certificate {certificate};\n        ssl_certificate_key {key}"
    return f" ssl http2;\n        {options}"


def _reload(config: Path, pid: int, number: int) -> None:
    text = config.read_text().split("# change ")[0]
    config.write_text(f"{text}# change {number}\n")
    os.kill(pid, signal.SIGHUP)


def _modules() -> Path:
    """Where this nginx has its modules."""
    found = re.search(r"--modules-path=(\S+)", _told("-V"))
    return Path(found.group(1)) if found else Path("/usr/lib/nginx/modules")


def _told(option: str) -> str:
    # nginx tells about itself on standard error.
    return subprocess.run(["nginx", option], capture_output=True, text=True, check=True).stderr
