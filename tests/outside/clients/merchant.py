"""A merchant in a browser, made of Python's requests: logs in, consents, and is sent back to the app.

python3 tests/outside/clients/merchant.py READY_FILE URL prints where the browser is sent; URL is an authorization request, or the page
of a device.
"""

import html
import json
import re
import sys
from urllib.parse import urljoin

import requests

TIMEOUT = 30


def submit(browser, page, fields, **options):
    """Fills in a page's form and sends it, as a browser does."""
    action = html.unescape(re.search(r'<form[^>]*action="([^"]*)"', page.text).group(1))
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
    hidden = {name: html.unescape(value) for name, value in hidden.items()}
    return browser.post(urljoin(page.url, action), data={**hidden, **fields}, timeout=TIMEOUT, **options)


def log_in(ready, url):
    """The page that comes after the login which `url` asks for."""
    merchant, browser = ready["merchants"][0], requests.Session()
    page = browser.get(url, timeout=TIMEOUT)
    assert page.status_code == 200, page.text
    return browser, submit(browser, page, {"username": merchant["username"], "password": merchant["password"]})


def consent(ready, url):
    """Where the browser is sent once the merchant has consented to the authorization request in `url`."""
    browser, page = log_in(ready, url)
    answer = submit(browser, page, {"decision": "allow"}, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def allow_device(ready, url):
    """The page that the merchant sees once it has let the device of `url` in."""
    browser, page = log_in(ready, url)
    for _ in range(2):
        # The user code is confirmed first where it was only filled in, then consented to.
        if 'name="decision"' in page.text:
            break
        page = submit(browser, page, {})
    page = submit(browser, page, {"decision": "allow"})
    assert page.status_code == 200, page.text
    return page.text


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        ready = json.load(file)
    url = sys.argv[2]
    print(allow_device(ready, url) if "/oauth/device" in url else consent(ready, url))


if __name__ == "__main__":
    main()
