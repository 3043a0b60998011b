"""An application that speaks only HTTP/2 in plain text: echoes bodies. Needs the `h2` package."""

import asyncio
import threading

import h2.config
import h2.connection
import h2.events

from .ports import free_port


class H2cApp:
    """`requests` are the header maps of what came, `bodiless` the paths of those that ended with their
    headers, without a DATA frame."""

    def __init__(self) -> None:
        self.host, self.port = "127.0.0.1", free_port()
        self.requests: list[dict[str, str]] = []
        self.bodiless: list[str] = []
        self.loop = asyncio.new_event_loop()

    def __enter__(self) -> "H2cApp":
        started = threading.Event()

        def run() -> None:
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(asyncio.start_server(self._serve, self.host, self.port))
            started.set()
            self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        started.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        connection.initiate_connection()
        bodies: dict[int, bytes] = {}
        answers: dict[int, bytes] = {}
        while True:
            writer.write(connection.data_to_send())
            data = await reader.read(65536)
            if not data:
                break
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.requests.append(dict(event.headers))
                    bodies[event.stream_id] = b""
                    if event.stream_ended:
                        self.bodiless.append(self.requests[-1][":path"])
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    path = self.requests[-1][":path"]
                    status = "404" if path.startswith("/dapr/") else "200"
                    connection.send_headers(event.stream_id, [(":status", status)])
                    answers[event.stream_id] = bodies.pop(event.stream_id)
            for stream, left in list(answers.items()):
                while True:
                    size = min(
                        len(left),
                        connection.local_flow_control_window(stream),
                        connection.max_outbound_frame_size,
                    )
                    end = size == len(left)
                    if size or end:
                        connection.send_data(stream, left[:size], end_stream=end)
                    left = left[size:]
                    if end:
                        answers.pop(stream)
                        break
                    if not size:
                        answers[stream] = left
                        break
        writer.close()
