// A subscriber made with the JavaScript SDK: `receiver.js http|grpc HOST PORT`. What comes on topic `orders` is
// printed and published on `echoes` by the server's own client, what comes there is printed too. Where the runtime
// is comes from the environment.
"use strict";

const { CommunicationProtocolEnum, DaprServer, LogLevel } = require("@dapr/dapr");

const [kind, serverHost, serverPort] = process.argv.slice(2);
const communicationProtocol = CommunicationProtocolEnum[kind.toUpperCase()];
const logger = { level: LogLevel?.Error };
const clientOptions = { communicationProtocol, logger };
const server = new DaprServer({ serverHost, serverPort, communicationProtocol, clientOptions, logger });

async function main() {
  await server.pubsub.subscribe("ps", "orders", async (data) => {
    console.log("GOT", data.n);
    const answer = await server.client.pubsub.publish("ps", "echoes", data);
    if (answer?.error) throw answer.error;
  });
  await server.pubsub.subscribe("ps", "echoes", async (data) => console.log("ECHO", data.n));
  await server.start();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
