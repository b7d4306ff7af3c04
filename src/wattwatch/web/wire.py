"""HTTP/1.1 as bytes: the head of a request to a record, a response to what is sent. Pure."""

import gzip
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from wattwatch.web.http import Problem, Response

LARGEST_LINE_BYTES: Final = 8 * 1024
LARGEST_HEAD_BYTES: Final = 32 * 1024
_MOST_HEADERS: Final = 64
_MOST_QUERY_FIELDS: Final = 64
_SMALLEST_GZIP_BYTES: Final = 4 * 1024  # below, the saving is not worth the time
_GZIP_LEVEL: Final = 1  # a page shrinks tenfold even so, at a quarter of the time
_REQUEST_LINE: Final = re.compile(r"([A-Z]{1,16}) (\S+) HTTP/1\.([01])")
_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*(.*?)[ \t]*")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_LONGEST_END_BYTES: Final = 4
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ONLY_ONCE: Final = frozenset({"authorization", "content-length", "host", "transfer-encoding"})
_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
)
STREAM_END: Final = b"0\r\n\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Head:
    """The request line and headers of a request; header names in lower case."""

    method: str
    path: str  # as sent, percent signs and all
    query: dict[str, str]
    headers: dict[str, str]
    body_bytes: int
    keep_alive: bool
    is_http_1_0: bool
    fields: tuple[tuple[str, str], ...] = ()  # all of the query, also those that come twice

    @property
    def expects_continue(self) -> bool:
        """Whether the other side waits for a go-ahead before it sends the body."""
        return self.headers.get("expect", "").lower() == "100-continue" and not self.is_http_1_0


def find_head_end(data: bytes | bytearray, seen_bytes: int = 0) -> int:
    """Bytes of a head up to and with its empty line; 0 while that has not come.

    In the first `seen_bytes` it was looked for already: whoever dribbles must not have all read each time.
    """
    match = _HEAD_END.search(data, max(0, seen_bytes - _LONGEST_END_BYTES + 1))
    return match.end() if match else 0


def check_head_size(data: bytes | bytearray) -> None:
    """Problem 414 or 431 for the beginning of a head that is too large whatever follows."""
    if b"\n" not in data[:LARGEST_LINE_BYTES] and len(data) > LARGEST_LINE_BYTES:
        raise Problem(
            HTTPStatus.REQUEST_URI_TOO_LONG, f"the request line is above {LARGEST_LINE_BYTES} bytes"
        )
    if len(data) > LARGEST_HEAD_BYTES:
        cause = f"the headers are above {LARGEST_HEAD_BYTES} bytes"
        raise Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, cause)


def parse_head(data: bytes, largest_body_bytes: int) -> Head:
    """The head of a request; Problem for whatever is no HTTP/1 or larger than allowed."""
    first, *lines = data.decode("iso-8859-1").rstrip("\r\n").split("\n")
    match = _REQUEST_LINE.fullmatch(first.rstrip("\r"))
    if match is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "the request line is not HTTP/1.1")
    headers = _headers(lines)
    path, fields = _target(match[2])
    is_http_1_0 = match[3] == "0"
    options = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    return Head(
        match[1],
        path,
        dict(fields),
        headers,
        _body_bytes(headers, largest_body_bytes),
        keep_alive="keep-alive" in options if is_http_1_0 else "close" not in options,
        is_http_1_0=is_http_1_0,
        fields=fields,
    )


def _headers(lines: list[str]) -> dict[str, str]:
    if len(lines) > _MOST_HEADERS:
        raise Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {_MOST_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line.rstrip("\r"))
        if match is None or _CONTROL.search(match[2]):
            raise Problem(HTTPStatus.BAD_REQUEST, "a header line is malformed")
        name = match[1].lower()
        if name in headers and name in _ONLY_ONCE:
            raise Problem(HTTPStatus.BAD_REQUEST, f"{name} is given twice")
        headers[name] = f"{headers[name]}, {match[2]}" if name in headers else match[2]
    return headers


def _target(target: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    try:
        parts = urlsplit(target)
        fields = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_MOST_QUERY_FIELDS)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "the request target is malformed") from error
    if not parts.path.startswith("/"):
        raise Problem(HTTPStatus.BAD_REQUEST, "the request target is not a path")
    return parts.path, tuple(fields)


def _body_bytes(headers: dict[str, str], largest_bytes: int) -> int:
    if "transfer-encoding" in headers:
        raise Problem(HTTPStatus.LENGTH_REQUIRED, "send the body with a Content-Length, not in chunks")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdecimal()):
        raise Problem(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
    if len(text) > len(str(largest_bytes)) or int(text) > largest_bytes:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is above {largest_bytes} bytes")
    return int(text)


def problem_response(status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer of problem JSON (RFC 9457)."""
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": int(status), "detail": detail}
    body = json.dumps(document).encode() + b"\n"
    return Response(body, "application/problem+json", status, headers)


def response_bytes(response: Response, head: Head | None, *, keep_alive: bool) -> bytes:
    """All that is sent for a response; packed if it is large and the request takes gzip."""
    status = HTTPStatus(response.status)
    body = b"" if status in _NO_BODY else response.body
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {response.content_type}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if len(body) >= _SMALLEST_GZIP_BYTES:
        lines.append("Vary: Accept-Encoding")
        if head is not None and takes_gzip(head.headers.get("accept-encoding", "")):
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            lines.append("Content-Encoding: gzip")
    lines += [f"Content-Length: {len(body)}", "X-Content-Type-Options: nosniff"]
    lines += ["Connection: keep-alive" if keep_alive else "Connection: close", "", ""]
    without_body = head is not None and head.method == "HEAD"
    return "\r\n".join(lines).encode("iso-8859-1", "replace") + (b"" if without_body else body)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() == "gzip":
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def chunk(line: bytes) -> bytes:
    """One line as a chunk of a stream."""
    whole = line.rstrip(b"\n") + b"\n"
    return b"%x\r\n%b\r\n" % (len(whole), whole)
