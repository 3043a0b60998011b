"""The Python application of the documentation's flow, with Dapr's SDK as it is: it orders from the Node
application by service invocation and by a topic, and hears of what was confirmed on another topic."""

import json
import os
import sys
import threading
import time

from cloudevents.sdk.event import v1
from dapr.clients import DaprClient
from dapr.ext.grpc import App

app = App()
confirmed = set()


def say(line: str) -> None:
    """In one piece: two threads talk."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@app.subscribe(pubsub_name="pubsub", topic="confirmed")
def on_confirmed(event: v1.Event) -> None:
    number = json.loads(event.Data())["order"]
    confirmed.add(number)
    say(f"confirmed {number}")


def order() -> None:
    with DaprClient() as client:
        say(f"id {client.get_metadata().application_id}")
        for number in range(int(os.environ.get("ORDERS", "20"))):
            data = json.dumps({"order": number})
            answer = client.invoke_method("nodeapp", "neworder", data=data, http_verb="POST",
                                          content_type="application/json")
            assert json.loads(answer.data)["stored"] == number, answer.data
            say(f"invoked {number}")
            client.publish_event("pubsub", "orders", data, data_content_type="application/json")
        found = client.invoke_method("nodeapp", "order", http_verb="GET")
        say(f"last {json.loads(found.data)['order']}")
        client.save_state("statestore", "mine", "kept")
        say(f"state {client.get_state('statestore', 'mine').data.decode()}")


def keep_ordering() -> None:
    while True:
        try:
            order()
            say("all ordered")
            return
        except Exception as failure:  # noqa: BLE001 - the other side may not be there yet
            say(f"again after {failure!r}")
            time.sleep(0.5)


threading.Thread(target=keep_ordering, daemon=True).start()
app.run(int(os.environ.get("PORT", "50051")))
