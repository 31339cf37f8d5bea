"""The proxies that are compared, one a file; `peer.py` says what each must offer."""
