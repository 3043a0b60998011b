// State with the JavaScript SDK as its users use it, over HTTP and over gRPC, on each store that the
// environment names: STATE_STORES, STATE_WITH_TTL_TIME, STATE_WITH_QUERY and STATE_ENCRYPTED are lists
// with commas. Prints `PASS protocol/store/check` per check. Over HTTP `save` and `delete` hand the error
// back, over gRPC they throw it; only HTTP's bulk get shows an item's metadata.
"use strict";

const assert = require("node:assert/strict");
const { setTimeout: pause } = require("node:timers/promises");
const { CommunicationProtocolEnum, StateConcurrencyEnum, StateConsistencyEnum } = require("@dapr/dapr");
const { check, connect, run } = require("./common");

const FIRST = { concurrency: StateConcurrencyEnum.CONCURRENCY_FIRST_WRITE };
const STRONG = {
  concurrency: StateConcurrencyEnum.CONCURRENCY_LAST_WRITE,
  consistency: StateConsistencyEnum.CONSISTENCY_STRONG,
};
const ABORTED = 10; // gRPC's codes
const INTERNAL = 13;

function stores(variable) {
  return (process.env[variable] ?? "").split(",").filter(Boolean);
}

function missing(value) {
  return value === "" || value === undefined || value === null;
}

// The HTTP status or gRPC code of the error that must come of `call`.
async function refused(call, http, grpc) {
  let error;
  try {
    error = (await call())?.error;
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error, "it was accepted");
  if (typeof error.code === "number") {
    assert.ok(grpc.includes(error.code), `code ${error.code}: ${error.message}`);
  } else {
    const answer = JSON.parse(error.message);
    assert.ok(http.includes(answer.status), error.message);
    assert.ok(JSON.parse(answer.error_msg).errorCode.startsWith("ERR_STATE_"), error.message);
  }
}

async function etagOf(client, store, key) {
  const [{ etag }] = await client.state.getBulk(store, [key]);
  assert.ok(etag);
  return etag;
}

// An etag that was right before the value became "two".
async function oldEtag(client, store, key) {
  await client.state.save(store, [{ key, value: "one" }]);
  const etag = await etagOf(client, store, key);
  await client.state.save(store, [{ key, value: "two" }]);
  return etag;
}

const EVERYWHERE = {
  "etag-match": async (client, store, own) => {
    await client.state.save(store, [{ key: `${own}match`, value: "one" }]);
    const etag = await etagOf(client, store, `${own}match`);
    const saved = await client.state.save(store, [{ key: `${own}match`, value: "two", etag, options: FIRST }]);
    assert.equal(saved?.error, undefined);
    assert.equal(await client.state.get(store, `${own}match`), "two");
    assert.notEqual(await etagOf(client, store, `${own}match`), etag);
  },
  "etag-mismatch": async (client, store, own) => {
    const etag = await oldEtag(client, store, `${own}old`);
    const item = { key: `${own}old`, value: "three", etag, options: FIRST };
    await refused(() => client.state.save(store, [item]), [409], [ABORTED]);
    assert.equal(await client.state.get(store, `${own}old`), "two");
  },
  "etag-delete": async (client, store, own) => {
    const key = `${own}gone`;
    const etag = await oldEtag(client, store, key);
    await refused(() => client.state.delete(store, key, { etag, ...FIRST }), [409], [ABORTED]);
    const done = await client.state.delete(store, key, { etag: await etagOf(client, store, key), ...FIRST });
    assert.equal(done?.error, undefined);
    assert.ok(missing(await client.state.get(store, key)));
  },
  "first-write": async (client, store, own) => {
    const item = (value) => ({ key: `${own}first`, value, options: { ...FIRST } });
    await client.state.delete(store, `${own}first`);
    const saved = await client.state.save(store, [item("one")]);
    assert.equal(saved?.error, undefined);
    await refused(() => client.state.save(store, [item("two")]), [409, 500], [ABORTED, INTERNAL]);
    assert.equal(await client.state.get(store, `${own}first`), "one");
  },
  strong: async (client, store, own) => {
    const saved = await client.state.save(store, [{ key: `${own}strong`, value: "kept", options: STRONG }]);
    assert.equal(saved?.error, undefined);
    const options = { consistency: StateConsistencyEnum.CONSISTENCY_STRONG };
    assert.equal(await client.state.get(store, `${own}strong`, options), "kept");
  },
  transaction: async (client, store, own) => {
    await client.state.save(store, [{ key: `${own}t1`, value: "old" }, { key: `${own}t2`, value: "old" }]);
    await client.state.transaction(store, [
      { operation: "upsert", request: { key: `${own}t1`, value: "new" } },
      { operation: "delete", request: { key: `${own}t2` } },
      { operation: "upsert", request: { key: `${own}t3`, value: "x" } },
    ]);
    assert.equal(await client.state.get(store, `${own}t1`), "new");
    assert.ok(missing(await client.state.get(store, `${own}t2`)));
    assert.equal(await client.state.get(store, `${own}t3`), "x");
  },
  "transaction-mismatch": async (client, store, own) => {
    const etag = await oldEtag(client, store, `${own}tm`);
    const request = { key: `${own}tm`, value: "three", etag };
    const call = () => client.state.transaction(store, [{ operation: "upsert", request }]);
    await refused(call, [500], [INTERNAL, ABORTED]);
    assert.equal(await client.state.get(store, `${own}tm`), "two");
  },
  bulk: async (client, store, own) => {
    const items = Array.from({ length: 20 }, (_, i) => ({ key: `${own}bulk${i}`, value: `v${i}` }));
    const saved = await client.state.save(store, items.map((item) => ({ ...item })));
    assert.equal(saved?.error, undefined);
    const found = await client.state.getBulk(store, [...items.map((item) => item.key), `${own}nobody`], { parallelism: 4 });
    const seen = Object.fromEntries(found.map((item) => [item.key, item]));
    assert.equal(found.length, 21);
    for (const { key, value } of items) {
      assert.equal(seen[key].data, value);
      assert.ok(seen[key].etag);
    }
    assert.ok(missing(seen[`${own}nobody`].data));
  },
  ttl: async (client, store, own) => {
    await client.state.save(store, [{ key: `${own}ttl`, value: "x", metadata: { ttlInSeconds: "1" } }]);
    assert.equal(await client.state.get(store, `${own}ttl`), "x");
    const until = Date.now() + 10_000;
    while (!missing(await client.state.get(store, `${own}ttl`)) && Date.now() < until) await pause(50);
    assert.ok(missing(await client.state.get(store, `${own}ttl`)));
  },
};

async function ttlTime(client, store, own) {
  await client.state.save(store, [{ key: `${own}time`, value: "x" }], { metadata: { ttlInSeconds: "100" } });
  const [{ metadata }] = await client.state.getBulk(store, [`${own}time`]);
  const left = (Date.parse(metadata.ttlExpireTime) - Date.now()) / 1000;
  assert.ok(left > 80 && left <= 101, `${metadata.ttlExpireTime}`);
}

async function query(client, store, own) {
  const items = Array.from({ length: 5 }, (_, n) => ({
    key: `${own}q${n}`,
    value: { mark: own, n, city: n % 2 ? "Bonn" : "Kiel" },
    metadata: { contentType: "application/json" },
  }));
  await client.state.save(store, items);
  const data = (item) => (item.data instanceof Uint8Array ? JSON.parse(Buffer.from(item.data).toString()) : item.data);
  const everything = { EQ: { mark: own } };
  const kiel = await client.state.query(store, {
    filter: { AND: [everything, { EQ: { city: "Kiel" } }] },
    sort: [{ key: "n", order: "DESC" }],
  });
  assert.deepEqual(kiel.results.map((item) => item.key), [`${own}q4`, `${own}q2`, `${own}q0`]);
  assert.deepEqual(data(kiel.results[0]), { mark: own, n: 4, city: "Kiel" });
  const seen = [];
  let token = "";
  for (let page = 0; page < 3; page += 1) {
    const answer = await client.state.query(store, { filter: everything, sort: [{ key: "n" }], page: { limit: 2, token } });
    seen.push(...answer.results.map((item) => data(item).n));
    token = answer.token;
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4]);
  const nothing = await client.state.query(store, { filter: { EQ: { mark: "nobody" } } });
  assert.equal(nothing.results.length, 0);
}

async function encryption(client, store, own) {
  const saved = await client.state.save(store, [{ key: `${own}secret`, value: "plain text" }]);
  assert.equal(saved?.error, undefined);
  await client.state.transaction(store, [{ operation: "upsert", request: { key: `${own}secret-t`, value: "plain text" } }]);
  assert.equal(await client.state.get(store, `${own}secret`), "plain text");
  assert.equal(await client.state.get(store, `${own}secret-t`), "plain text");
}

async function main() {
  for (const protocol of ["http", "grpc"]) {
    const client = connect(CommunicationProtocolEnum[protocol.toUpperCase()]);
    await client.start();
    const own = `js-${protocol}-`;
    const on = async (names, checkName, body) => {
      for (const store of names) await check(`${protocol}/${store}/${checkName}`, () => body(client, store, own));
    };
    for (const [name, body] of Object.entries(EVERYWHERE)) await on(stores("STATE_STORES"), name, body);
    if (protocol === "http") await on(stores("STATE_WITH_TTL_TIME"), "ttl-time", ttlTime);
    await on(stores("STATE_WITH_QUERY"), "query", query);
    await on(stores("STATE_ENCRYPTED"), "encryption", encryption);
    await client.stop();
  }
}

run(main);
