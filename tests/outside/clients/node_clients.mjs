// Flows of OAuth2 by the clients that Node.js programs use, openid-client and oauth4webapi, as they come.
//
// node node_clients.mjs READY_FILE, with PYTHON and MERCHANT for merchant.py; ends with status 0 if all went as it must.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import * as oauth from "oauth4webapi";
import * as client from "openid-client";

const readyFile = process.argv[2];
const ready = JSON.parse(readFileSync(readyFile, "utf8"));
const base = new URL(ready.base_url);
const insecure = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };

/** What the merchant's browser is told in the end. */
function merchant(url) {
  return execFileSync(process.env.PYTHON, [process.env.MERCHANT, readyFile, String(url)], { encoding: "utf8" }).trim();
}

async function admin(method, path, body) {
  const headers = { authorization: `Bearer ${ready.admin_token}`, "content-type": "application/json" };
  const answer = await fetch(ready.admin_url + path, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
}

/** A new app of a new partner. */
async function register(settings) {
  const partner = await admin("POST", "/admin/partners", { name: "Outside" });
  const redirect_uris = ["http://127.0.0.1:9997/callback"];
  const made = { partner: partner.id, name: "Outside", redirect_uris, scopes: ["order:read", "catalog:read"] };
  return admin("POST", "/admin/apps", { ...made, ...settings });
}

/** Pushed request, PKCE, DPoP with nonces, refresh, introspection, revocation, by a client that signs with a key of its own. */
async function signedAndBound() {
  const pair = await client.randomDPoPKeyPair("ES256", { extractable: true });
  const jwk = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid: "outside", use: "sig", alg: "ES256" };
  delete jwk.key_ops;
  delete jwk.ext;
  const app = await register({
    token_endpoint_auth_methods: ["private_key_jwt"],
    jwks: { keys: [jwk] },
    dpop_bound_access_tokens: true,
    require_pushed_authorization_requests: true,
  });
  const signs = client.PrivateKeyJwt({ key: pair.privateKey, kid: "outside" });
  const config = await client.discovery(base, app.client_id, undefined, signs, insecure);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const asked = {
    redirect_uri: app.redirect_uris[0],
    scope: "order:read",
    state: expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  };
  const url = await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP });
  assert.ok(url.searchParams.get("request_uri") && !url.searchParams.has("scope"), String(url));
  const back = new URL(merchant(url));
  const checks = { pkceCodeVerifier, expectedState };
  const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
  assert.equal(tokens.token_type, "dpop");
  const orders = new URL("/api/orders", base);
  const call = (token) => client.fetchProtectedResource(config, token, orders, "GET", null, undefined, { DPoP });
  assert.equal((await call(tokens.access_token)).status, 403, "not subscribed, but authenticated");
  const stolen = await fetch(orders, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  assert.equal(stolen.status, 401);
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  const told = await client.tokenIntrospection(config, fresh.access_token);
  assert.deepEqual([told.active, told.token_type, typeof told.cnf.jkt], [true, "DPoP", "string"]);
  await client.tokenRevocation(config, fresh.refresh_token);
  assert.deepEqual(await client.tokenIntrospection(config, fresh.access_token), { active: false });
}

/** A device without a browser. */
async function device() {
  const app = await register({
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    redirect_uris: [],
  });
  const config = await client.discovery(
    base,
    app.client_id,
    undefined,
    client.ClientSecretBasic(app.client_secret),
    insecure,
  );
  const begun = await client.initiateDeviceAuthorization(config, { scope: "order:read" });
  const polled = client.pollDeviceAuthorizationGrant(config, begun);
  merchant(begun.verification_uri_complete);
  const tokens = await polled;
  assert.equal(tokens.token_type, "bearer");
  assert.ok(tokens.refresh_token);
}

/** The code flow of a public app, by the lower library, which checks each answer strictly. */
async function publicApp() {
  const insecureToo = { [oauth.allowInsecureRequests]: true };
  const found = await oauth.discoveryRequest(base, { algorithm: "oauth2", ...insecureToo });
  const server = await oauth.processDiscoveryResponse(base, found);
  const app = { client_id: ready.public_app.client_id };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: app.client_id,
    redirect_uri: ready.public_app.redirect_uri,
    response_type: "code",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  });
  const back = oauth.validateAuthResponse(server, app, new URL(merchant(url)), state);
  const redirect = ready.public_app.redirect_uri;
  const answer = await oauth.authorizationCodeGrantRequest(
    server,
    app,
    oauth.None(),
    back,
    redirect,
    verifier,
    insecureToo,
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, app, answer);
  const again = await oauth.refreshTokenGrantRequest(server, app, oauth.None(), tokens.refresh_token, insecureToo);
  const fresh = await oauth.processRefreshTokenResponse(server, app, again);
  assert.notEqual(fresh.refresh_token, tokens.refresh_token);
}

for (const flow of [signedAndBound, device, publicApp]) {
  await flow();
  console.log(`${flow.name}: as it must`);
}
