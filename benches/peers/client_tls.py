"""Pins the TLS cipher of all clients: this process, wrk and h2load. It must be imported before what loads OpenSSL."""

import os
from pathlib import Path

# As in the file; every proxy takes it.
CIPHER = "TLS_AES_128_GCM_SHA256"

os.environ["OPENSSL_CONF"] = str(Path(__file__).with_name("load") / "openssl.cnf")
