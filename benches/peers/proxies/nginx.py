"""nginx: one worker, kept connections on both sides. It checks tokens only by its Lua module."""

import re
import shutil
import subprocess
from pathlib import Path

import tokens
from cases import Case, Site
from proxies.peer import Peer, Target

CONFIG = """
{modules}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    keepalive_requests 1000000000;
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
        listen 127.0.0.1:{port};
        location /api/ {{
{rules}
            proxy_pass http://only;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""

MODULES = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
"""

SHARED = """
    lua_package_path "{lua}/?.lua;;";
    lua_shared_dict apps 32m;
    init_by_lua_block {{ require("nginx_policy").load_key("{public_key}") }}
    log_format usage escape=json '{{"at":$msec,"app":"$app","method":"$request_method","path":"$uri","status":$status,'
        '"bytes":$bytes_sent,"seconds":$request_time}}';
    access_log {usage} usage buffer=64k flush=1s;
"""

RULES = """
            set $app "-";
            access_by_lua_block { require("nginx_policy").check() }
"""


class Nginx(Peer):
    name = "nginx"

    def version(self) -> str:
        return _told("-v").strip().rsplit("/", 1)[1]

    def obstacle(self, case: Case) -> str | None:
        if not shutil.which("nginx"):
            return "not installed (Debian: apt-get install nginx-light)"
        if case.needs_token and not (_modules() / "ngx_http_lua_module.so").exists():
            return "without Lua it cannot check a token (Debian: apt-get install libnginx-mod-http-lua lua-luaossl lua-cjson)"
        return None

    def prepare(self, site: Site) -> Target:
        config = site.folder / "nginx.conf"
        command = [str(shutil.which("nginx")), "-p", str(site.folder), "-c", str(config), "-e", "stderr"]
        places = {"folder": site.folder, "port": site.port, "upstream_port": site.upstream_port}
        if not site.case.needs_token:
            config.write_text(CONFIG.format(modules="", rules="", shared="    access_log off;", **places))
            return Target(command, does="one worker (and its master), `keepalive` to the upstream, no access log")
        private, public = tokens.write_key(site.folder)
        usage = site.folder / "usage"
        parts = {
            "modules": MODULES.format(modules=_modules()),
            "shared": SHARED.format(lua=Path(__file__).parent, public_key=public, usage=usage),
            "rules": RULES,
        }
        config.write_text(CONFIG.format(**parts, **places))
        return Target(
            command,
            does="Lua with luaossl checks ES256 and `exp`, a shared dictionary counts by `client_id`, buffered access log",
            tokens=tokens.write_tokens(site.folder / "tokens", private, site.tokens, site.apps),
            usage=usage,
        )


def _modules() -> Path:
    """Where this nginx has its modules."""
    found = re.search(r"--modules-path=(\S+)", _told("-V"))
    return Path(found.group(1)) if found else Path("/usr/lib/nginx/modules")


def _told(option: str) -> str:
    # nginx tells about itself on standard error.
    return subprocess.run(["nginx", option], capture_output=True, text=True, check=True).stderr
