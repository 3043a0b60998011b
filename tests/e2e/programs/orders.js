// The Node application of the documentation's flow, with Dapr's SDK as it is: it keeps the orders that it
// gets by service invocation, and confirms those that come on a topic.
"use strict";

const { DaprServer, HttpMethod } = require("@dapr/dapr");

async function main() {
  const server = new DaprServer({ serverHost: "0.0.0.0", serverPort: "3000" });
  await server.invoker.listen(
    "neworder",
    async ({ body }) => {
      const { order } = JSON.parse(body);
      await server.client.state.save("statestore", [{ key: "order", value: { order } }]);
      console.log("stored", order);
      return { stored: order };
    },
    { method: HttpMethod.POST },
  );
  await server.invoker.listen("order", async () => server.client.state.get("statestore", "order"), {
    method: HttpMethod.GET,
  });
  await server.pubsub.subscribe("pubsub", "orders", async (data) => {
    console.log("ordered", data.order);
    await server.client.pubsub.publish("pubsub", "confirmed", { order: data.order });
  });
  await server.start();
  console.log("listening");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
