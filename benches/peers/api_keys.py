"""API keys in Tollgate's own shape, which are strings like any other to its peers."""

import functools
import hashlib

from cases import Case

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "tg_live_"
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
# CRC-32C (Castagnoli), reflected.
POLYNOMIAL = 0x82F63B78


@functools.lru_cache(maxsize=1)
def known(count: int) -> tuple[str, ...]:
    """So many different keys, the same ones every time."""
    return tuple(made_of(str(number)) for number in range(count))


def count(case: Case, apps: int) -> int:
    return case.keys or apps


def calling(case: Case, apps: int) -> tuple[str, ...]:
    """The keys that call."""
    keys = known(count(case, apps))
    return keys[: case.calling_keys or apps]


def made_of(seed: str) -> str:
    """The key of a seed, well-formed whether anybody knows it or not."""
    signed = PREFIX + hashlib.sha256(seed.encode()).hexdigest()[:SECRET_LENGTH]
    return signed + _base62(_crc32c(signed.encode()))


def _base62(number: int) -> str:
    text = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        text = ALPHABET[digit] + text
    return text


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def _crc32c(data: bytes) -> int:
    checksum = 0xFFFFFFFF
    for byte in data:
        checksum = checksum >> 8 ^ TABLE[(checksum ^ byte) & 0xFF]
    return checksum ^ 0xFFFFFFFF
