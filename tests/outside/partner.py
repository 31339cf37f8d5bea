"""A partner's program, made of nothing but Python's requests and sockets: lists products, gets a merchant's consent as a
web shop does it, places and tracks an order, and races 200 threads for the last 50 units of a product.

python3 tests/outside/partner.py READY_FILE; ends with status 0 if all went as it must.
"""

import concurrent.futures
import html
import json
import re
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import requests

TIMEOUT = 30


def list_products(base):
    answer = requests.get(f"{base}/api/products?page=1&page_size=5", timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    products = answer.json()
    assert len(products) == 5 and all("price" in product for product in products), products


def consent(base, ready):
    """As many web shops build the address by hand: redirect_uri as it is, no state, no scope."""
    app, merchant = ready["app"], ready["merchants"][0]
    query = f"response_type=code&client_id={app['client_id']}&redirect_uri={app['redirect_uri']}"
    browser = requests.Session()
    page = browser.get(f"{base}/oauth/authorize?{query}", timeout=TIMEOUT)
    assert page.status_code == 200, page.text
    page = submit(browser, page, {"username": merchant["username"], "password": merchant["password"]})
    answer = submit(browser, page, {"decision": "allow"}, allow_redirects=False)
    location = answer.headers["Location"]
    assert answer.status_code in (302, 303) and location.startswith(app["redirect_uri"]), location
    assert "state" not in parse_qs(urlsplit(location).query), location
    return parse_qs(urlsplit(location).query)["code"][0]


def submit(browser, page, fields, **options):
    """Fills in a page's form and sends it, as a browser does."""
    action = html.unescape(re.search(r'<form[^>]*action="([^"]*)"', page.text).group(1))
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
    hidden = {name: html.unescape(value) for name, value in hidden.items()}
    address = requests.compat.urljoin(page.url, action)
    return browser.post(address, data={**hidden, **fields}, timeout=TIMEOUT, **options)


def exchange(base, ready, code):
    app = ready["app"]
    answer = requests.post(
        f"{base}/oauth/token",
        data={"grant_type": "authorization_code", "code": code, "redirect_uri": app["redirect_uri"]},
        auth=(app["client_id"], app["client_secret"]),
        timeout=TIMEOUT,
    )
    assert answer.status_code == 200, answer.text
    token = answer.json()
    assert token["token_type"].lower() == "bearer" and token["expires_in"] > 0, token
    return token["access_token"]


def place(session, base, product):
    receiver = {"name": "李雷", "phone": "13800000000", "address": "杭州市西湖区龙井路1号"}
    body = {"items": [{"product_id": product, "quantity": 1}], "currency": "CNY", "receiver": receiver}
    return session.post(f"{base}/api/orders", json=body, timeout=TIMEOUT)


def track(session, base):
    order = place(session, base, "p-1001")
    assert order.status_code == 201, order.text
    # As Java's HTTP client asks: the offer of another protocol is passed over, and the call answered.
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"}
    answer = session.get(f"{base}/api/logistics/orders/{order.json()['id']}", headers=offer, timeout=TIMEOUT)
    assert answer.status_code == 200 and answer.json()["status"], answer.text


def race(base, token):
    """200 threads start at once; there are 50 units, so there are 50 orders, and each of the others is told."""
    product, units, threads = "p-1050", 50, 200
    start = threading.Barrier(threads)

    def order(_):
        session = with_token(token)
        start.wait()
        return place(session, base, product).status_code

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        statuses = list(pool.map(order, range(threads)))
    counts = {status: statuses.count(status) for status in set(statuses)}
    assert counts == {201: units, 409: threads - units}, counts
    left = requests.get(f"{base}/api/products/{product}", timeout=TIMEOUT).json()
    assert left["stock"] == 0, left


def with_token(token):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        ready = json.load(file)
    base = ready["base_url"]
    list_products(base)
    token = exchange(base, ready, consent(base, ready))
    track(with_token(token), base)
    race(base, token)
    print("all went as it must")


if __name__ == "__main__":
    main()
