"""Access tokens with the claims of RFC 9068, for each proxy by a key that it trusts."""

import base64
import functools
import hashlib
import hmac
import json
import secrets
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import build
from cases import BenchError, Credential, Site

ISSUER = "https://tollgate.example"
LIFETIME_SECONDS = 24 * 3600
COORDINATE_BYTES = 32


def count(site: Site) -> int:
    return site.new_tokens if site.case.credential is Credential.NEW_TOKEN else site.tokens


def app_names(apps: int) -> list[str]:
    return [f"app-{number:06}" for number in range(apps)]


def mint(key: Path, number: int, apps: list[str]) -> list[str]:
    """Different ES256 tokens of `apps` in turn, by the key of a Tollgate data folder, or of a file, made if missing."""
    command = [str(build.tool("mint")), str(key), ISSUER, str(number)]
    ended = subprocess.run(command, input="\n".join(apps), capture_output=True, text=True, check=False)
    tokens = ended.stdout.split()
    if ended.returncode != 0 or len(set(tokens)) < number:
        raise BenchError(f"mint gave {len(set(tokens))} of {number} tokens: {ended.stderr.strip()}")
    return tokens


def es256(site: Site) -> tuple[list[str], Path]:
    """Tokens of this case for the proxies that issue none, and the file of the public key in PEM: the same for all."""
    return _es256(site.folder.parent, count(site), site.apps)


@functools.lru_cache(maxsize=1)
def _es256(folder: Path, number: int, apps: int) -> tuple[list[str], Path]:
    private, public = folder / "es256.der", folder / "es256.pub"
    minted = mint(private, number, app_names(apps))
    _openssl("pkey", "-inform", "DER", "-in", str(private), "-pubout", "-out", str(public))
    return minted, public


def hs256(site: Site) -> tuple[list[str], str]:
    """Tokens of this case under a shared secret, and the secret."""
    secret = secrets.token_hex(32)
    names = app_names(site.apps)
    return [_hs256(secret, number, names[number % len(names)]) for number in range(count(site))], secret


def jwks(public: Path) -> str:
    """A public key in PEM as a JWK set (RFC 7517)."""
    der = _openssl("pkey", "-pubin", "-in", str(public), "-outform", "DER")
    # The point is the end of the structure: two coordinates.
    x, y = der[-2 * COORDINATE_BYTES : -COORDINATE_BYTES], der[-COORDINATE_BYTES:]
    key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": _encoded(x), "y": _encoded(y)}
    return json.dumps({"keys": [key]})



def _hs256(secret: str, number: int, app: str) -> str:
    now = int(time.time())
    header = {"typ": "at+jwt", "alg": "HS256", "kid": "bench"}
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": app,
        "client_id": app,
        "scope": "logistics:read",
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": f"bench-{number:024}",
    }
    signed = f"{_encoded_json(header)}.{_encoded_json(claims)}"
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_encoded(signature)}"


def _encoded_json(value: Mapping[str, object]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    ended = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=False)
    if ended.returncode != 0:
        raise BenchError(f"openssl {arguments[0]} failed: {ended.stderr.decode(errors='replace').strip()}")
    return ended.stdout


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A P-256 certificate for 127.0.0.1 that signs itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "certificate.key"
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    return certificate, key
