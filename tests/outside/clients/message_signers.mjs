// Requests that the libraries http-message-signatures and http-message-sig sign (RFC 9421), as they come.
//
// node message_signers.mjs READY_FILE; ends with status 0 if all went as it must.

import assert from "node:assert/strict";
import { constants, createHash, createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";

import { createSigner, httpbis } from "http-message-signatures";
import { appendSignature, createSignature } from "http-message-sig";

const ready = JSON.parse(readFileSync(process.argv[2], "utf8"));
const product = `${ready.base_url}/api/products/p-1001`;

async function register(algorithm, publicKey) {
  const body = { app: ready.other_app.client_id, algorithm, public_key: publicKey?.export({ format: "jwk" }) };
  const headers = { authorization: `Bearer ${ready.admin_token}`, "content-type": "application/json" };
  const url = `${ready.admin_url}/admin/signature-keys`;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 201, await answer.clone().text());
  return answer.json();
}

function contentDigest(body) {
  return `sha-512=:${createHash("sha512").update(body).digest("base64")}:`;
}

/** By http-message-signatures, which names alg, created and expires by itself. */
async function check(key, signing, algorithm) {
  const signer = createSigner(signing, algorithm, key.id);
  const signed = (fields, request) => {
    const params = ["keyid", "alg", "created", "expires", "nonce"];
    return httpbis.signMessage({ key: signer, fields, params, paramValues: { nonce: randomUUID() } }, request);
  };
  for (const fields of [
    ["@method", "@target-uri"],
    ["@method", "@authority", "@path", "@query", "accept"],
  ]) {
    const request = { method: "GET", url: `${product}?note=a`, headers: { accept: "application/json" } };
    const { headers } = await signed(fields, request);
    const answer = await fetch(request.url, { headers });
    assert.equal(answer.status, 200, await answer.text());
  }
  const body = JSON.stringify({ stock: 120 });
  const url = `${product}/stock`;
  const digest = { "content-type": "application/json", "content-digest": contentDigest(body) };
  const { headers } = await signed(["@method", "@target-uri", "content-digest"], { method: "PUT", url, headers: digest });
  const changed = await fetch(url, { method: "PUT", headers, body: body.replace("120", "121") });
  assert.equal((await changed.json()).code, "signature_digest_mismatch");
  const again = await signed(["@method", "@target-uri", "content-digest"], { method: "PUT", url, headers: digest });
  const answer = await fetch(url, { method: "PUT", headers: again.headers, body });
  assert.equal(answer.status, 200, await answer.text());
}

/** By http-message-sig, over what fetch itself knows of a request. */
async function checkFetch(key, signer) {
  const send = async (request, components) => {
    const created = Math.floor(Date.now() / 1000);
    const parameters = { created, alg: signer.algorithm, keyid: key.id, nonce: randomUUID() };
    const fields = await createSignature(request, { label: "anything", components, parameters, signer });
    return fetch(new Request(request, { headers: appendSignature(request.headers, fields) }));
  };
  const got = await send(new Request(product), ["@method", "@scheme", "@authority", "@path", "@query"]);
  assert.equal(got.status, 200, await got.text());
  const body = JSON.stringify({ stock: 120 });
  const headers = { "content-type": "application/json", "content-digest": contentDigest(body) };
  const put = new Request(`${product}/stock`, { method: "PUT", headers, body });
  const answer = await send(put, ["@method", "@target-uri", "content-digest", "content-type"]);
  assert.equal(answer.status, 200, await answer.text());
}

const shared = await register("hmac-sha256");
await check(shared, shared.secret, "hmac-sha256");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
for (const [algorithm, pair] of [
  ["ed25519", generateKeyPairSync("ed25519")],
  ["ecdsa-p256-sha256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["rsa-v1_5-sha256", rsa],
]) {
  const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" });
  await check(await register(algorithm, pair.publicKey), createPrivateKey(pem), algorithm);
  console.log(`${algorithm}: as it must`);
}
// With the salt of the RFC, section 3.3.1, which http-message-signatures makes longer.
const pss = { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 };
const pair = generateKeyPairSync("ed25519");
for (const [algorithm, publicKey, made] of [
  ["ed25519", pair.publicKey, (data) => sign(null, data, pair.privateKey)],
  ["rsa-pss-sha512", rsa.publicKey, (data) => sign("sha512", data, pss)],
]) {
  const signer = { algorithm, sign: async (data) => new Uint8Array(made(data)) };
  await checkFetch(await register(algorithm, publicKey), signer);
  console.log(`http-message-sig, ${algorithm}: as it must`);
}
