// What the programs share: clients from the environment, and checks that print a PASS line each.
"use strict";

const { DaprClient, LogLevel } = require("@dapr/dapr");

let failed = 0;

async function check(name, body) {
  try {
    await body();
    console.log("PASS", name);
  } catch (error) {
    failed += 1;
    console.log("FAIL", name);
    console.error(error);
  }
}

function connect(protocol, more = {}) {
  return new DaprClient({ communicationProtocol: protocol, logger: { level: LogLevel?.Error }, ...more });
}

// Ends the process: 0 only if every check passed.
function run(main) {
  main().then(
    () => process.exit(failed ? 1 : 0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = { check, connect, run };
