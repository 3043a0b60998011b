// The JavaScript SDK as its users use it, over HTTP and over gRPC. Where the runtime is, and its token,
// come from the environment; prints a PASS line per check. This SDK offers no gRPC proxy any more.
"use strict";

const assert = require("node:assert/strict");
const { CommunicationProtocolEnum, HttpMethod } = require("@dapr/dapr");
const { check, connect, run } = require("./common");

const STORE = "memory";
const HTTP_APP = "http-app";
const GRPC_APP = "grpc-app";

async function state(prefix, client, name) {
  await check(`${name}-state`, async () => {
    await client.state.save(STORE, [{ key: `${prefix}a`, value: { n: 1 } }, { key: `${prefix}b`, value: "two" }]);
    assert.deepEqual(await client.state.get(STORE, `${prefix}a`), { n: 1 });
    await client.state.delete(STORE, `${prefix}a`);
    const gone = await client.state.get(STORE, `${prefix}a`);
    assert.ok(gone === "" || gone === undefined || gone === null, `still there: ${gone}`);
  });
  await check(`${name}-state-etags`, async () => {
    await client.state.save(STORE, [{ key: `${prefix}e`, value: 1 }]);
    const [{ etag }] = await client.state.getBulk(STORE, [`${prefix}e`]);
    assert.ok(etag);
    await client.state.save(STORE, [{ key: `${prefix}e`, value: 2, etag }]);
    // Over HTTP this SDK hands the error back, over gRPC it throws it.
    const old = await client.state.save(STORE, [{ key: `${prefix}e`, value: 3, etag }]).catch((error) => ({ error }));
    assert.ok(old && old.error, "an old etag was accepted");
    assert.equal(await client.state.get(STORE, `${prefix}e`), 2);
  });
  await check(`${name}-state-bulk`, async () => {
    const found = await client.state.getBulk(STORE, [`${prefix}b`, `${prefix}e`]);
    assert.deepEqual(Object.fromEntries(found.map((item) => [item.key, item.data])), { [`${prefix}b`]: "two", [`${prefix}e`]: 2 });
  });
  await check(`${name}-state-transaction`, async () => {
    await client.state.transaction(STORE, [
      { operation: "upsert", request: { key: `${prefix}t`, value: "in" } },
      { operation: "delete", request: { key: `${prefix}b` } },
    ]);
    assert.equal(await client.state.get(STORE, `${prefix}t`), "in");
  });
}

async function main() {
  const http = connect(CommunicationProtocolEnum.HTTP);
  const grpc = connect(CommunicationProtocolEnum.GRPC);

  await check("wait-for-sidecar", async () => {
    await http.start();
    await grpc.start();
    assert.equal(await http.health.isHealthy(), true);
  });
  for (const [name, client] of [["http", http], ["grpc", grpc]]) {
    await check(`${name}-metadata`, async () => {
      await client.metadata.set("language", "js");
      const found = await client.metadata.get();
      assert.equal(found.id, HTTP_APP);
    });
    await state(`js-${name}-`, client, name);
  }
  await check("invoke-http", async () => {
    const seen = await http.invoker.invoke(HTTP_APP, "a/b?q=1", HttpMethod.POST, { n: 1 });
    assert.equal(seen.method, "POST");
    assert.equal(seen.target, "/a/b?q=1");
    assert.deepEqual(JSON.parse(Buffer.from(seen.body, "base64")), { n: 1 });
  });
  await check("invoke-error", async () => {
    await assert.rejects(http.invoker.invoke(HTTP_APP, "status/404", HttpMethod.GET));
  });
  await check("invoke-by-grpc", async () => {
    const answer = await grpc.invoker.invoke(GRPC_APP, "hello", HttpMethod.POST, { over: "grpc" });
    assert.deepEqual(answer, { over: "grpc" });
  });
  await check("token", async () => {
    const other = connect(CommunicationProtocolEnum.GRPC, { daprApiToken: "wrong" });
    await assert.rejects(async () => {
      const found = await other.metadata.get();
      if (!found || found.id === HTTP_APP) return;
      throw new Error("refused");
    });
  });
  await http.stop();
  await grpc.stop();
}

run(main);
