"""Holds a run open at the daemon: as long as we live, and over a restart of the daemon."""

import threading
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from wattwatch.client import Client, LineStream
from wattwatch.errors import ClientError

RECONNECT_SECONDS: Final = 30.0
"""So long a daemon may be away; it waits as long for us."""

_RETRY_SECONDS: Final = 0.25
_POLL_SECONDS: Final = 0.1


class Hold:
    """An open run, held by a thread that comes back with its token when the connection breaks."""

    def __init__(self, client: Client, document: Mapping[str, Any]) -> None:
        """Open the run of this document; ClientError if the daemon does not."""
        self._client = client
        self._stream = client.stream("/v1/runs", {**document, "hold": True})
        self._lines = iter(self._stream)
        first = _first(self._lines)
        self.run_id: str = first["run_id"]
        self.gap_seconds: float = first["gap_seconds"]
        self.lost = ""
        self._token: str = first["token"]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="wattwatch-hold", daemon=True)
        self._thread.start()

    def end(self, document: Mapping[str, Any]) -> bool:
        """End the run, also at a daemon that is just being restarted; whether that worked, else `lost`."""
        self._over.set()  # do not come back to hold it
        deadline = time.monotonic() + (0.0 if self.lost else RECONNECT_SECONDS)
        while True:
            try:
                self._client.post_json(f"/v1/runs/{self.run_id}/end", document)
            except ClientError as error:
                self.lost = str(error)
                if error.status or time.monotonic() > deadline:
                    return False
                time.sleep(_POLL_SECONDS)
            except KeyboardInterrupt:
                self.lost = "interrupted while the daemon was away"
                return False
            else:
                self.lost = ""
                return True

    def result(self) -> dict[str, Any] | None:
        """The document of the ended run, as soon as a reading past its end has made it final.

        It is waited for the gap limit, or until the user is tired of it.
        """
        deadline = time.monotonic() + self.gap_seconds
        document: dict[str, Any] | None = None
        try:
            while document is None or document["completeness"] == "provisional":
                document = self._client.get_json(f"/v1/runs/{self.run_id}")
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL_SECONDS)
        except ClientError as error:
            self.lost = str(error)
        except KeyboardInterrupt:
            pass
        return document

    def close(self) -> None:
        """Let go of the connection; a run that was not ended is lost by it."""
        self._over.set()
        self._stream.close()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.is_set():
            try:
                for _ in self._lines:
                    pass
            except ClientError:
                pass  # broken: the same as ended while the run is not over
            if not self._over.is_set():
                self._come_back()

    def _come_back(self) -> None:
        """Hold the run again, or note why that is not possible."""
        self._stream.close()
        waited_seconds = 0.0
        while not self._over.is_set():
            try:
                self._take(self._client.stream("/v1/runs", self._resumption()))
            except ClientError as error:
                if error.status == HTTPStatus.CONFLICT or waited_seconds >= RECONNECT_SECONDS:
                    self.lost = str(error)
                    self._over.set()
            else:
                return
            self._over.wait(_RETRY_SECONDS)
            waited_seconds += _RETRY_SECONDS

    def _take(self, stream: LineStream) -> None:
        lines = iter(stream)
        try:
            _first(lines)
        except ClientError:
            stream.close()
            raise
        self._stream, self._lines = stream, lines
        if self._over.is_set():  # closed meanwhile, by another thread that saw the old one
            stream.close()

    def _resumption(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "token": self._token, "hold": True}


def _first(lines: Iterator[Any]) -> dict[str, Any]:
    line = next(lines, None)
    if not isinstance(line, dict) or "run_id" not in line:
        raise ClientError("the daemon opened no run: is it of the same version?")
    return line
