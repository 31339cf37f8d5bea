"""Calls that the library python-alipay-sdk signs, as it comes.

python3 tests/outside/clients/alipay_signer.py READY_FILE PATH; ends with status 0 if all went as it must.
"""

import json
import os
import sys
import time

import requests
from alipay import AliPay
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from merchant import TIMEOUT

PRIVATE = rsa.generate_private_key(65537, 2048)
PEM, TEXT = serialization.Encoding.PEM, serialization.NoEncryption()
PRIVATE_TEXT = PRIVATE.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, TEXT).decode()
PUBLIC_TEXT = PRIVATE.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def register(ready, **more):
    body = {"app": ready["other_app"]["client_id"], "style": "alipay", "public_key": PUBLIC_TEXT, **more}
    headers = {"Authorization": f"Bearer {ready['admin_token']}"}
    url = ready["admin_url"] + "/admin/signature-keys"
    answer = requests.post(url, json=body, headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 201, answer.text
    return answer.json()


def code(answer):
    return 200 if answer.status_code == 200 else answer.json()["code"]


def check(key, gateway):
    client = AliPay(key["id"], "https://shop.example/notify", PRIVATE_TEXT, PUBLIC_TEXT, sign_type="RSA2")
    page = client.api_alipay_trade_page_pay("茶杯 & 茶+壶 100%", "order 1", 88.88, return_url="https://shop.example/paid")
    assert code(requests.get(f"{gateway}?{page}", timeout=TIMEOUT)) == 200
    assert code(requests.get(f"{gateway}?{page}", timeout=TIMEOUT)) == "signature_replayed"
    # The empty value is signed, too.
    query = client.client_api("alipay.trade.query", {"out_trade_no": "order 1"}, app_auth_token="")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert code(requests.post(gateway, data=query, headers=form, timeout=TIMEOUT)) == 200
    changed = client.client_api("alipay.trade.query", {"out_trade_no": "order 2"}).replace("order+2", "order+3")
    assert code(requests.get(f"{gateway}?{changed}", timeout=TIMEOUT)) == "signature_mismatch"
    # By SHA-1, as the library can too.
    client = AliPay(key["id"], None, PRIVATE_TEXT, PUBLIC_TEXT, sign_type="RSA")
    old = client.client_api("alipay.trade.query", {"out_trade_no": "order 3"})
    assert code(requests.get(f"{gateway}?{old}", timeout=TIMEOUT)) == "signature_algorithm_mismatch"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        ready = json.load(file)
    gateway = ready["base_url"] + sys.argv[2]
    # The library writes what the clock of its machine shows: UTC+8, whatever files of zones there are, and UTC.
    for clock, more in [("CST-8", {}), ("UTC0", {"zone": "UTC"})]:
        os.environ["TZ"] = clock
        time.tzset()
        check(register(ready, **more), gateway)
    print("python-alipay-sdk: as it must")


main()
