// Calls that the library alipay-sdk signs, as it comes: by POST with parameters in query and form, and as a page's URL and form.
//
// node alipay_signer.mjs READY_FILE PATH; ends with status 0 if all went as it must.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";

import { AlipaySdk } from "alipay-sdk";

const ready = JSON.parse(readFileSync(process.argv[2], "utf8"));
const gateway = ready.base_url + process.argv[3];
const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicKey = pair.publicKey.export({ type: "spki", format: "pem" });
const privateKey = pair.privateKey.export({ type: "pkcs1", format: "pem" });

async function register(more) {
  const body = { app: ready.other_app.client_id, style: "alipay", public_key: publicKey, ...more };
  const headers = { authorization: `Bearer ${ready.admin_token}`, "content-type": "application/json" };
  const url = `${ready.admin_url}/admin/signature-keys`;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 201, await answer.clone().text());
  return answer.json();
}

function client(key, more) {
  return new AlipaySdk({ appId: key.id, privateKey, gateway, ...more });
}

let number = 0;

function order() {
  number += 1;
  return { out_trade_no: `order ${number}`, total_amount: "88.88", subject: "茶杯 & 茶+壶 100%", product_code: "FAST_INSTANT_TRADE_PAY" };
}

async function code(url, init) {
  const answer = await fetch(url, init);
  return answer.status === 200 ? 200 : (await answer.json()).code;
}

/** The form that a page would post. */
function form(html) {
  const unescape = (text) => text.replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  const action = unescape(html.match(/action="([^"]*)"/)[1]);
  const inputs = html.matchAll(/name="([^"]*)" value="([^"]*)"/g);
  return [action, new URLSearchParams([...inputs].map(([, name, value]) => [name, unescape(value)]))];
}

async function check(key) {
  const alipay = client(key);
  const result = await alipay.exec("alipay.trade.query", { bizContent: order() });
  assert.equal(result.code, "10000");
  const pages = { notify_url: "https://shop.example/notify?a=b", return_url: "https://shop.example/paid" };
  const url = alipay.pageExecute("alipay.trade.page.pay", "GET", { bizContent: order(), ...pages });
  assert.equal(await code(url), 200);
  assert.equal(await code(url), "signature_replayed");
  const [action, inputs] = form(alipay.pageExecute("alipay.trade.page.pay", "POST", { bizContent: order(), ...pages }));
  assert.equal(await code(action, { method: "POST", body: inputs }), 200);
  const [other, changed] = form(alipay.pageExecute("alipay.trade.page.pay", "POST", { bizContent: order() }));
  changed.set("biz_content", changed.get("biz_content").replace("88.88", "88.89"));
  assert.equal(await code(other, { method: "POST", body: changed }), "signature_mismatch");
}

// The client writes what the clock of its machine shows.
process.env.TZ = "Asia/Shanghai";
await check(await register({}));
process.env.TZ = "UTC";
const key = await register({ zone: "UTC" });
await check(key);
const sha1 = client(key, { signType: "RSA" }).pageExecute("alipay.trade.page.pay", "GET", { bizContent: order() });
assert.equal(await code(sha1), "signature_algorithm_mismatch");
process.env.TZ = "Asia/Shanghai";
const ahead = client(key).pageExecute("alipay.trade.page.pay", "GET", { bizContent: order() });
assert.equal(await code(ahead), "signature_too_early");
console.log("alipay-sdk: as it must");
