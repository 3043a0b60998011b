"""An application of its own process that answers every request after a while, or never:
python -m harness.slow_target PORT MILLISECONDS (negative: never). Prints nothing; ends with SIGTERM.
Cheap, so that a flood spends the processor in the runtime and not here."""

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nslow"
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Slow(asyncio.Protocol):
    seconds = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            if b" /dapr/" in head.split(b"\r\n", 1)[0]:
                self.transport.write(NOTHING)  # type: ignore[attr-defined]
            elif self.seconds >= 0:
                asyncio.get_running_loop().call_later(self.seconds, self.answer)
            else:
                return

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def main() -> None:
    Slow.seconds = int(sys.argv[2]) / 1000
    server = await asyncio.get_running_loop().create_server(
        Slow, "127.0.0.1", int(sys.argv[1]), backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
