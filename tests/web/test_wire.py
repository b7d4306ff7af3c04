import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.web.http import Problem, Response
from wattwatch.web.wire import (
    chunk,
    find_head_end,
    parse_head,
    problem_response,
    response_bytes,
    takes_gzip,
)

LARGEST = 1000


def head_of(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("iso-8859-1")


def test_a_request_is_read() -> None:
    head = parse_head(
        head_of("POST /v1/a%20b?x=1&y=%C3%A9&x=2 HTTP/1.1\nHost: h\nContent-Length: 7\nX-A:  b \nx-a: c\n\n"),
        LARGEST,
    )
    assert (head.method, head.path, head.query) == ("POST", "/v1/a%20b", {"x": "2", "y": "é"})
    assert head.headers == {"host": "h", "content-length": "7", "x-a": "b, c"}
    assert (head.body_bytes, head.keep_alive, head.is_http_1_0) == (7, True, False)


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\n", False),
        ("1.1", "Connection: Keep-Alive, Close\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\n", True),
    ],
)
def test_who_keeps_the_connection(version: str, connection: str, expected: bool) -> None:
    assert parse_head(head_of(f"GET / HTTP/{version}\n{connection}\n"), LARGEST).keep_alive is expected


def test_an_absolute_target_and_bare_newlines_are_taken() -> None:
    head = parse_head(b"GET http://host:9816/metrics HTTP/1.1\nHost: x\n\n", LARGEST)
    assert head.path == "/metrics"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("GET /\n\n", 400),  # HTTP/0.9
        ("GET / HTTP/2.0\n\n", 400),
        ("get / HTTP/1.1\n\n", 400),
        ("GET  / HTTP/1.1\n\n", 400),
        ("GET metrics HTTP/1.1\n\n", 400),
        ("GET * HTTP/1.1\n\n", 400),
        ("GET http://[ HTTP/1.1\n\n", 400),
        ("GET / HTTP/1.1\nno colon\n\n", 400),
        ("GET / HTTP/1.1\nbad name: x\n\n", 400),
        ("GET / HTTP/1.1\nname : x\n\n", 400),
        ("GET / HTTP/1.1\nA: b\n folded\n\n", 400),
        ("GET / HTTP/1.1\nA: b\0c\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nHost: b\n\n", 400),
        ("GET / HTTP/1.1\nContent-Length: 1\nContent-Length: 1\n\n", 400),
        ("POST / HTTP/1.1\nContent-Length: -1\n\n", 400),
        ("POST / HTTP/1.1\nContent-Length: +1\n\n", 400),
        ("POST / HTTP/1.1\nContent-Length: 0x10\n\n", 400),
        ("POST / HTTP/1.1\nContent-Length: ²\n\n", 400),
        ("POST / HTTP/1.1\nContent-Length: 1001\n\n", 413),
        (f"POST / HTTP/1.1\nContent-Length: {'9' * 5000}\n\n", 413),
        ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n", 411),
        ("GET / HTTP/1.1\n" + "A: b\n" * 65 + "\n", 431),
        ("GET /?" + "a&" * 100 + "a=1 HTTP/1.1\n\n", 400),
    ],
)
def test_what_is_no_request_is_a_problem(text: str, status: int) -> None:
    with pytest.raises(Problem) as caught:
        parse_head(head_of(text), LARGEST)
    assert caught.value.status == status


fragments = st.sampled_from(
    [b"GET ", b"POST ", b"/", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b": ", b"Host", b"Content-Length", b"5",
     b"%zz", b"http://[::1]", b"?a=b&", b"\0", b"\xff", b"Transfer-Encoding"]
)  # fmt: skip


@given(st.lists(fragments | st.binary(max_size=8), max_size=20).map(b"".join))
def test_whatever_comes_it_is_a_request_or_a_problem(data: bytes) -> None:
    try:
        head = parse_head(data, LARGEST)
    except Problem as problem:
        status = problem.status
    else:
        status = 200
        assert head.path.startswith("/")
        assert 0 <= head.body_bytes <= LARGEST
    assert status in {200, 400, 411, 413, 431}


@given(st.binary(max_size=50))
def test_the_end_of_a_head_is_its_first_empty_line(data: bytes) -> None:
    end = find_head_end(data)
    if end:
        assert data[:end].endswith((b"\n\r\n", b"\n\n"))
        assert b"\n\n" not in data[: end - 1].replace(b"\r\n", b"\n")
    else:
        assert b"\n\n" not in data
        assert b"\r\n\r\n" not in data


def test_a_large_body_is_packed_only_for_those_who_take_it() -> None:
    response = Response(b"x" * 10_000)
    taker = parse_head(head_of("GET / HTTP/1.1\nAccept-Encoding: deflate, gzip;q=0.5\n\n"), LARGEST)
    refuser = parse_head(head_of("GET / HTTP/1.1\nAccept-Encoding: gzip;q=0\n\n"), LARGEST)
    head, _, body = response_bytes(response, taker, keep_alive=True).partition(b"\r\n\r\n")
    assert b"\r\nContent-Encoding: gzip\r\n" in head
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head
    assert gzip.decompress(body) == response.body
    assert response_bytes(response, refuser, keep_alive=True).endswith(response.body)
    assert b"gzip" not in response_bytes(Response(b"small"), taker, keep_alive=True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True),
        ("", False),
        ("*", False),
        ("GZIP", True),
        ("gzip; q=0.000", False),
        ("br,gzip ;q=1", True),
    ],
)
def test_accept_encoding(header: str, expected: bool) -> None:
    assert takes_gzip(header) is expected


def test_head_has_the_length_but_not_the_body() -> None:
    head = parse_head(head_of("HEAD / HTTP/1.1\n\n"), LARGEST)
    sent = response_bytes(Response(b"hello"), head, keep_alive=True)
    assert sent.endswith(b"\r\n\r\n")
    assert b"\r\nContent-Length: 5\r\n" in sent


def test_a_problem_is_rfc_9457() -> None:
    response = problem_response(404, "not here")
    assert response.content_type == "application/problem+json"
    assert (
        response.body
        == b'{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "not here"}\n'
    )


def test_a_line_is_one_chunk_with_one_newline() -> None:
    assert chunk(b"{}") == chunk(b"{}\n") == b"3\r\n{}\n\r\n"


@given(st.binary(max_size=40), st.sampled_from([b"\r\n\r\n", b"\n\n", b"\n\r\n"]), st.data())
def test_an_end_that_comes_in_pieces_is_found_where_it_is(
    before: bytes, end: bytes, data: st.DataObject
) -> None:
    whole = before + end + b"rest"
    expected = find_head_end(whole)
    assert expected
    buffer, found = b"", 0
    while not found:
        seen_bytes = len(buffer)
        assert seen_bytes < len(whole)
        buffer += whole[seen_bytes : seen_bytes + data.draw(st.integers(1, 9))]
        found = find_head_end(buffer, seen_bytes)
    assert found == expected
