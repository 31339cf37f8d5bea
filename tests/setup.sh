#!/usr/bin/env bash
# Gives the tests the servers that they need, PostgreSQL, Redis and an identity provider (of npm), and what the clients from
# outside are made of: curl, OpenSSL's command, Python's requests, and Chromium with its driver.
#
# Installs by apt-get what is not there. Starts a PostgreSQL of its own, beside any other, unless TOLLGATE_TEST_POSTGRES
# names one. Writes addresses to target/test.env. Run again, it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "tests/setup.sh: needs root to run: $*" >&2
        return 1
    fi
}

# The newest PostgreSQL's own commands; Debian does not put them on the PATH.
postgres_commands() {
    ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1
}

install_missing() {
    local missing=()
    [ -n "$(postgres_commands)" ] || missing+=(postgresql)
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v curl >/dev/null || missing+=(curl)
    openssl version 2>/dev/null | grep -q '^OpenSSL [3-9]' || missing+=(openssl)
    [ -x /bin/kill ] || missing+=(procps)
    python3 -c 'import requests' 2>/dev/null || missing+=(python3 python3-requests)
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    command -v npm >/dev/null || missing+=(nodejs npm)
    command -v chromedriver >/dev/null || missing+=(chromium chromium-driver)
    [ ${#missing[@]} = 0 ] && return
    if ! command -v apt-get >/dev/null; then
        echo "tests/setup.sh: please install ${missing[*]}; there is no apt-get here" >&2
        return 1
    fi
    echo "tests/setup.sh: installing ${missing[*]}" >&2
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# PostgreSQL refuses to run as root, so root runs it as the user of Debian's package.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Prints the port of the tests' own server. It trusts any local user and does not wait for the disk: for tests alone.
start_postgres() {
    local commands data
    commands=$(postgres_commands)
    data=/var/tmp/tollgate-test-postgres-$(id -u)
    if ! as_postgres test -s "$data/PG_VERSION"; then
        as_postgres "$commands/initdb" -D "$data" -U postgres --auth=trust --encoding=UTF8 --locale=C >/dev/null
    fi
    if ! as_postgres "$commands/pg_ctl" -D "$data" status >/dev/null; then
        as_postgres "$commands/pg_ctl" -D "$data" -w -l "$data/server.log" -o \
            "-p $(free_port) -k $data -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300" start >/dev/null
    fi
    # The fourth line of this file is the port (PostgreSQL's documentation, "Database File Layout").
    as_postgres sed -n 4p "$data/postmaster.pid"
}

# Installs the packages of Node.js that tests/outside/$1 names into target/$1, unless they are there already.
install_packages() {
    local from=tests/outside/$1 to=target/$1
    if cmp -s "$from/package-lock.json" "$to/installed.json"; then return; fi
    mkdir -p "$to"
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --silent)
    cp "$from/package-lock.json" "$to/installed.json"
}

# Installs the packages of Python that tests/outside/clients names into target/clients/python, unless they are there already.
install_python_packages() {
    local from=tests/outside/clients/requirements.txt to=target/clients/python
    if cmp -s "$from" "$to/installed.txt"; then return; fi
    python3 -m venv --clear "$to"
    "$to/bin/pip" install --quiet --disable-pip-version-check -r "$from"
    cp "$from" "$to/installed.txt"
}

install_missing
mkdir -p target
install_packages provider
install_packages clients
install_python_packages
if [ -z "${TOLLGATE_TEST_POSTGRES:-}" ]; then
    TOLLGATE_TEST_POSTGRES="postgres://postgres@127.0.0.1:$(start_postgres)/postgres"
fi
printf 'TOLLGATE_TEST_POSTGRES=%q\n' "$TOLLGATE_TEST_POSTGRES" >target/test.env
