"""An address that stays while what is behind it moves: a small TCP proxy in threads."""

import contextlib
import socket
import threading

from .ports import free_port


class TcpProxy:
    """Connects every caller to `target`; `move_to` changes it and cuts what is connected."""

    def __init__(self, target: int):
        self.host, self.port, self.target = "127.0.0.1", free_port(), target
        self.lock = threading.Lock()
        self.open: set[socket.socket] = set()

    def __enter__(self) -> "TcpProxy":
        self.listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def cut(self) -> None:
        with self.lock:
            for one in self.open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def move_to(self, target: int) -> None:
        self.target = target
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((self.host, self.target), 5)
            except OSError:
                caller.close()
                continue
            for one in (caller, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.settimeout(None)
            with self.lock:
                self.open |= {caller, server}
            left = [2]  # directions that still carry bytes
            for source, sink in ((caller, server), (server, caller)):
                threading.Thread(target=self._carry, args=(source, sink, left), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, left: list[int]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with self.lock:
            left[0] -= 1
            if left[0] == 0:
                for one in (source, sink):
                    self.open.discard(one)
                    one.close()
