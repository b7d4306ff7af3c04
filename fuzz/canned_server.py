"""A server on loopback that gives every request the bytes it was told to give."""

import atexit
import contextlib
import socket
import threading


class CannedServer:
    """Answers whatever is asked with `answer`, then closes; serves until the process ends."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.url = f"http://{host}:{port}"
        threading.Thread(target=self._serve, daemon=True).start()
        atexit.register(self._listener.close)

    def answer_with_json(self, body: bytes) -> None:
        """Answer with a good head and this body."""
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.answer = head.encode() + body

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed: the end
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self._serve_one(connection)

    def _serve_one(self, connection: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            piece = connection.recv(4096)
            if not piece:
                return
            asked += piece
        connection.sendall(self.answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            continue  # closing on bytes unread would reset the answer away
