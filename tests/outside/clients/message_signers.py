"""Requests that the library http-message-signatures signs (RFC 9421), as it comes, by each algorithm.

python3 tests/outside/clients/message_signers.py READY_FILE; ends with status 0 if all went as it must.
"""

import json
import sys
import uuid

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from merchant import TIMEOUT

PRODUCT = "/api/products/p-1001?note=%20a+b"


def register(ready, algorithm, public=None):
    body = {"app": ready["other_app"]["client_id"], "algorithm": algorithm}
    if public is not None:
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        body["public_key"] = public.public_bytes(encoding, form).decode()
    headers = {"Authorization": f"Bearer {ready['admin_token']}"}
    url = ready["admin_url"] + "/admin/signature-keys"
    answer = requests.post(url, json=body, headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 201, answer.text
    return answer.json()


def send(ready, key, signing, algorithm, covered, method, target, body=None):
    request = requests.Request(method, ready["base_url"] + target, data=body).prepare()
    signer = HTTPMessageSigner(
        signature_algorithm=algorithm, key_resolver=MappingKeyResolver(private_keys={key["id"]: signing}, public_keys={})
    )
    signer.sign(request, key_id=key["id"], nonce=uuid.uuid4().hex, covered_component_ids=covered, body=body)
    return request


def check(ready, key, signing, algorithm):
    session = requests.Session()
    whole = ("@method", "@target-uri")
    parts = ("@method", "@authority", "@path", "@query", "@scheme", "@request-target", '"@query-param";name="note"')
    for covered in [whole, parts]:
        request = send(ready, key, signing, algorithm, covered, "GET", PRODUCT)
        answer = session.send(request, timeout=TIMEOUT)
        assert answer.status_code == 200, f"{covered}: {answer.text}"
        again = session.send(request, timeout=TIMEOUT)
        assert again.json()["code"] == "signature_replayed", again.text
    stock = json.dumps({"stock": 120}).encode()
    request = send(ready, key, signing, algorithm, whole, "PUT", "/api/products/p-1001/stock", stock)
    request.headers["Content-Type"] = "application/json"
    answer = session.send(request, timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    request = send(ready, key, signing, algorithm, whole, "PUT", "/api/products/p-1001/stock", stock)
    request.body = stock.replace(b"120", b"121")
    answer = session.send(request, timeout=TIMEOUT)
    assert answer.json()["code"] == "signature_digest_mismatch", answer.text


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        ready = json.load(file)
    shared = register(ready, "hmac-sha256")
    check(ready, shared, shared["secret"].encode(), algorithms.HMAC_SHA256)
    one, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    for name, private, algorithm in [
        ("ed25519", ed25519.Ed25519PrivateKey.generate(), algorithms.ED25519),
        ("ecdsa-p256-sha256", ec.generate_private_key(ec.SECP256R1()), algorithms.ECDSA_P256_SHA256),
        ("rsa-pss-sha512", one, algorithms.RSA_PSS_SHA512),
        ("rsa-v1_5-sha256", other, algorithms.RSA_V1_5_SHA256),
    ]:
        check(ready, register(ready, name, private.public_key()), private, algorithm)
        print(f"{name}: as it must")


main()
