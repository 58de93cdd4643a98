"""The server's side of a websocket, held to what the websockets library says, and to its own limits for any bytes."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from regions.config import CLIENT_FRAME_BYTES_MAX, OPENING_BYTES_MAX
from regions.websocket import BINARY, HEADERS_MAX, Broken, Frame, Incoming, closing, control, header, opening
from tests.doors.malformed import kinds
from tests.doors.wire import REQUEST, frame

HELD_MAX = CLIENT_FRAME_BYTES_MAX + 14


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


def told(pieces: list[bytes]) -> tuple[list[Frame], Broken | None]:
    """What comes of these bytes."""
    incoming, found = Incoming(), list[Frame]()
    for piece in pieces:
        message = incoming.whole(piece)
        if message is not None:
            found.append(Frame(BINARY, message))
            continue
        try:
            for one in incoming.frames(piece):
                found.append(one)
        except Broken as broken:
            return found, broken
        assert len(incoming._held) <= HELD_MAX
    return found, None


def as_the_library(pieces: list[bytes]) -> tuple[list[Frame], bool]:
    """The frames that the library's server makes of these bytes, and whether it found fault."""
    server = ServerProtocol(max_size=CLIENT_FRAME_BYTES_MAX)
    server.receive_data(REQUEST)
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    found = []
    for piece in pieces:
        server.receive_data(piece)
        found += [Frame(int(one.opcode), bytes(one.data)) for one in server.events_received()]  # type: ignore[union-attr]
    return found, server.parser_exc is not None


def test_a_client_of_the_library_is_let_in() -> None:
    client = ClientProtocol(parse_uri("ws://here/"))
    client.send_request(client.connect())
    (request,) = client.data_to_send()
    for end in range(len(request)):
        assert opening(request[:end]) is None
    opened = opening(request + b"more")
    assert opened is not None and opened.opened and opened.rest == b"more"
    client.receive_data(opened.answer)
    client.events_received()
    assert client.handshake_exc is None and client.state.name == "OPEN"


def test_whoever_is_no_websocket_is_told_in_words() -> None:
    plain = opening(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert plain is not None and not plain.opened and b"connect with a websocket" in plain.answer
    old = opening(REQUEST.replace(b"Version: 13", b"Version: 8"))
    assert old is not None and not old.opened and old.answer.startswith(b"HTTP/1.1 426 ")
    short = opening(REQUEST.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZQ=="))
    assert short is not None and not short.opened and short.answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",  # TLS
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (HEADERS_MAX + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\na: " + bytes(OPENING_BYTES_MAX),
    ],
)
def test_what_cannot_become_a_request_is_broken_off(request_bytes: bytes) -> None:
    with pytest.raises(Broken):
        opening(request_bytes)


@settings(deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_for_a_request_are_answered_or_broken_off(tail: bytes, begun: bool) -> None:
    try:
        opened = opening(b"GET / HTTP/1.1\r\n" + tail + b"\r\n\r\n" if begun else tail)
    except Broken:
        return
    assert opened is None or opened.answer.startswith(b"HTTP/1.1 ")


said = st.one_of(
    st.tuples(st.just("send_binary"), st.binary(max_size=CLIENT_FRAME_BYTES_MAX)),
    st.tuples(st.sampled_from(("send_ping", "send_pong")), st.binary(max_size=125)),
)


@settings(deadline=None)
@given(st.lists(said, max_size=8), st.lists(st.integers(0, 20_000), max_size=8))
def test_whatever_the_librarys_client_says_is_read_however_it_is_cut(
    words: list[tuple[str, bytes]], places: list[int]
) -> None:
    client = ClientProtocol(parse_uri("ws://here/"))
    client.state = client.state.__class__["OPEN"]
    for method, payload in words:
        getattr(client, method)(payload)
    opcodes = {"send_binary": BINARY, "send_ping": 9, "send_pong": 10}
    found, broken = told(cut(b"".join(client.data_to_send()), places))
    assert broken is None and found == [Frame(opcodes[method], payload) for method, payload in words]


piece = st.one_of(
    st.binary(max_size=40),
    st.builds(
        frame,
        st.binary(max_size=140),
        opcode=st.integers(0, 15),
        fin=st.booleans(),
        rsv=st.sampled_from((0, 0, 0, 1, 4)),
        mask=st.sampled_from((b"\1\2\3\4", b"\1\2\3\4", b"")),
    ),
)


@settings(deadline=None)
@example([b"\x88\x82\x00\x00\x00\x00\x00\x00"], [])  # a goodbye with a number that the library does not know
@given(st.lists(piece, max_size=5), st.lists(st.integers(0, 1_000), max_size=4))
def test_any_bytes_are_frames_or_a_fault_and_never_more_than_the_library_finds(
    parts: list[bytes], places: list[int]
) -> None:
    pieces = cut(b"".join(parts), places)
    found, broken = told(pieces)
    theirs, fault = as_the_library(pieces)
    upto = next((i + 1 for i, one in enumerate(theirs) if one.opcode == Opcode.CLOSE), len(theirs))
    assert found[:upto] == theirs[: len(found)][:upto]
    # What says goodbye is cut in any case, so what it says (the library looks at that, too) is of no account.
    if broken is None and not any(one.opcode == Opcode.CLOSE for one in (*theirs, *found)):
        assert not fault and found == theirs, "what the library finds fault with is a fault"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_what_is_sent_is_read_by_the_librarys_client(size: int) -> None:
    client = ClientProtocol(parse_uri("ws://here/"), max_size=None)
    client.send_request(client.connect())
    opened = opening(b"".join(client.data_to_send()))
    assert opened is not None
    data = header(size) + bytes(size) + control(9, b"there?") + closing(1013, "ü" * 200)
    client.receive_data(opened.answer + data)
    _, binary, ping, close = client.events_received()
    assert binary.data == bytes(size) and ping.data == b"there?" and close.opcode is Opcode.CLOSE  # type: ignore[union-attr]
    assert client.close_rcvd is not None and client.close_rcvd.code == 1013
    assert client.close_rcvd.reason == "ü" * 61, "cut between letters"


def test_the_kinds_of_malformed_frames_are_many_and_each_is_a_fault_at_some_level() -> None:
    """Those that break the websocket are broken off at the first offence; the others are for the core to refuse."""
    whole = 0
    for kind in kinds():
        if kind.opening == REQUEST:
            found, broken = told([kind.batch])
            whole += broken is None
            assert broken is None or len(found) < 64
    assert len(kinds()) >= 25 and whole == 11
