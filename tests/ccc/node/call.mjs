// Alibaba Cloud's own clients for Node, unmodified: each call on standard input is made, and what
// came of it, an answer or the client's own error, is written to standard output.

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const require = createRequire(import.meta.url);
const OpenApi = require("@alicloud/openapi-client");
const { RuntimeOptions } = require("@alicloud/tea-util");
const { RPCClient } = require("@alicloud/pop-core");

// ACS3-HMAC-SHA256.
async function byOpenApi(address, key, call) {
  const config = new OpenApi.Config({ ...key, endpoint: address, protocol: "HTTP" });
  const params = new OpenApi.Params({
    action: call.action,
    version: call.version,
    protocol: "HTTP",
    method: call.method,
    authType: "AK",
    style: "RPC",
    pathname: "/",
    reqBodyType: "formData",
    bodyType: "json",
  });
  const request = new OpenApi.OpenApiRequest({ [call.place]: call.params });
  const client = new OpenApi.default(config);
  return (await client.callApi(params, request, new RuntimeOptions({}))).body;
}

// RPC v1, HMAC-SHA1.
async function byPopCore(address, key, call) {
  const client = new RPCClient({ ...key, endpoint: `http://${address}`, apiVersion: call.version });
  return client.request(call.action, call.params, { method: call.method });
}

const { address, key, calls } = JSON.parse(await text(process.stdin));
const told = [];
for (const call of calls) {
  try {
    const by = call.client === "openapi-client" ? byOpenApi : byPopCore;
    told.push({ body: await by(address, key, call) });
  } catch (error) {
    told.push({ error: { code: error.code, message: error.message } });
  }
}
process.stdout.write(JSON.stringify(told), () => process.exit(0));
