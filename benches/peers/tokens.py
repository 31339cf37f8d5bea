"""ES256 access tokens for proxies that cannot issue them. The openssl command makes the key and the signatures."""

import base64
import json
import subprocess
import time
from pathlib import Path

from cases import BenchError

ISSUER = "https://platform.example"
LIFETIME_SECONDS = 24 * 3600
COORDINATE_BYTES = 32


def write_key(folder: Path) -> tuple[Path, Path]:
    """Makes a P-256 key; returns the files of the private and of the public half."""
    private, public = folder / "es256.key", folder / "es256.pub"
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private))
    _openssl("ec", "-in", str(private), "-pubout", "-out", str(public))
    return private, public


def write_tokens(file: Path, private_key: Path, count: int, apps: int) -> Path:
    """Writes `count` different tokens of `apps` apps in turn, one a line, with the claims of RFC 9068."""
    tokens = (_token(private_key, number, f"app-{number % apps:06}") for number in range(count))
    file.write_text("".join(f"{token}\n" for token in tokens))
    return file


def _token(private_key: Path, number: int, app: str) -> str:
    now = int(time.time())
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "bench"}
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
    signature = _openssl("dgst", "-sha256", "-sign", str(private_key), given=signed.encode())
    return f"{signed}.{_encoded(_fixed_width(signature))}"


def _fixed_width(der: bytes) -> bytes:
    """The two numbers of a DER signature, 32 bytes each, as JWS wants them (RFC 7518, section 3.4)."""
    at, numbers = 2, b""
    for _ in range(2):
        length = der[at + 1]
        number = int.from_bytes(der[at + 2 : at + 2 + length], "big")
        numbers += number.to_bytes(COORDINATE_BYTES, "big")
        at += 2 + length
    return numbers


def _encoded_json(value: dict[str, object]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    ended = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=False)
    if ended.returncode != 0:
        raise BenchError(f"openssl {arguments[0]} failed: {ended.stderr.decode(errors='replace').strip()}")
    return ended.stdout
