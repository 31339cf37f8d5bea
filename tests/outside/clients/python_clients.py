"""Flows of OAuth2 by the clients that Python programs use, Authlib and Requests-OAuthlib, as they come.

python3 tests/outside/clients/python_clients.py READY_FILE; ends with status 0 if all went as it must.
"""

import json
import os
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session as Authlib
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import RSAKey
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session as RequestsOAuthlib

from merchant import TIMEOUT, consent

# The node under test speaks clear text on a loopback address.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def metadata(base):
    answer = requests.get(f"{base}/.well-known/oauth-authorization-server", timeout=TIMEOUT)
    assert answer.status_code == 200 and answer.json()["issuer"] == base, answer.text
    return answer.json()


def admin(ready, method, path, body):
    headers = {"Authorization": f"Bearer {ready['admin_token']}"}
    answer = requests.request(method, ready["admin_url"] + path, json=body, headers=headers, timeout=TIMEOUT)
    assert answer.ok, answer.text
    return answer.json()


def list_orders(base, token, status=200):
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{base}/api/orders", headers=headers, timeout=TIMEOUT)
    assert answer.status_code == status, answer.text


def authlib_web_app(ready, server):
    """Code with PKCE, refresh, introspection and revocation, with the secret in the form."""
    app, base = ready["app"], ready["base_url"]
    client = Authlib(
        app["client_id"],
        app["client_secret"],
        token_endpoint_auth_method="client_secret_post",
        redirect_uri=app["redirect_uri"],
        code_challenge_method="S256",
    )
    verifier = "a-verifier-of-more-than-43-characters-0123456789"
    url, state = client.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier)
    back = consent(ready, url)
    token = client.fetch_token(
        server["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    list_orders(base, token["access_token"])
    fresh = client.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"])
    assert fresh["refresh_token"] != token["refresh_token"]
    told = client.introspect_token(server["introspection_endpoint"], token=fresh["access_token"]).json()
    assert told["active"] is True and told["client_id"] == app["client_id"], told
    answer = client.revoke_token(server["revocation_endpoint"], token=fresh["refresh_token"])
    assert answer.status_code == 200, answer.text
    told = client.introspect_token(server["introspection_endpoint"], token=fresh["access_token"]).json()
    assert told == {"active": False}, told


def authlib_private_key(ready, server):
    """Client credentials by `private_key_jwt`."""
    key = RSAKey.generate_key(2048, {"kid": "outside"})
    app = admin(
        ready,
        "POST",
        "/admin/apps",
        {
            "partner": admin(ready, "POST", "/admin/partners", {"name": "Outside"})["id"],
            "name": "Signs",
            "scopes": ["catalog:read"],
            "token_endpoint_auth_methods": ["private_key_jwt"],
            "jwks": {"keys": [key.as_dict(private=False)]},
        },
    )
    client = Authlib(app["client_id"], key.as_pem(private=True).decode(), token_endpoint_auth_method="private_key_jwt")
    client.register_client_auth_method(PrivateKeyJWT(server["token_endpoint"], alg="RS256", headers={"kid": "outside"}))
    token = client.fetch_token(server["token_endpoint"], grant_type="client_credentials")
    assert token["token_type"] == "Bearer" and token["expires_in"] > 0, token


def requests_oauthlib_web_app(ready, server):
    """Code with PKCE and refresh, with the secret in HTTP Basic."""
    app, base = ready["other_app"], ready["base_url"]
    client = RequestsOAuthlib(app["client_id"], redirect_uri=app["redirect_uri"], pkce="S256")
    url, _ = client.authorization_url(server["authorization_endpoint"])
    back = consent(ready, url)
    auth = (app["client_id"], app["client_secret"])
    token = client.fetch_token(server["token_endpoint"], authorization_response=back, auth=auth)
    assert client.get(f"{base}/api/products", timeout=TIMEOUT).status_code == 200
    fresh = client.refresh_token(server["token_endpoint"], auth=auth)
    assert fresh["access_token"] != token["access_token"]


def requests_oauthlib_backend(ready, server):
    """Client credentials."""
    app = ready["app"]
    client = RequestsOAuthlib(client=BackendApplicationClient(app["client_id"]))
    token = client.fetch_token(
        server["token_endpoint"], client_id=app["client_id"], client_secret=app["client_secret"]
    )
    assert token["token_type"] == "Bearer", token


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        ready = json.load(file)
    server = metadata(ready["base_url"])
    for flow in (
        authlib_web_app,
        authlib_private_key,
        requests_oauthlib_web_app,
        requests_oauthlib_backend,
    ):
        flow(ready, server)
        print(f"{flow.__name__}: as it must")


if __name__ == "__main__":
    main()
