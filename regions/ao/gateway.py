"""The gateway's door: a local store speaks Arweave's read interface over HTTP, unmodified clients included.

    /info /height /peers /tx_anchor            the chain's head
    /block/height/N /block/hash/ID /block/current
    /tx/ID /tx/ID/status /tx/ID/offset /tx/ID/data      transactions (a bundle each)
    /chunk/OFFSET                              a chunk of the weave, data_path, tx_path
    /ID /raw/ID                                data of a transaction or an item; Range is heeded
    /graphql                                   as Arweave's gateways have it

Reads only, and only through ids that the store's own catalogue has: no text of a URL becomes a file name. Not here: the
chain (`archive.stores.local_weave`), proofs (`archive.library`), the query language (`regions.ao.graphql`).
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from archive import blocks
from archive.blocks import Header
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import b64
from archive.library import Library
from archive.lookup import Entry
from regions.ao.graphql import QUERY_BYTES_MAX, answer
from regions.ao.units import Refused

NETWORK: Final = "everloom.store"
ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
BLOCK_ID: Final = re.compile(r"[A-Za-z0-9_-]{64}")
NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
MEDIA_TYPE: Final = re.compile(r"[a-zA-Z0-9][\w.+-]{0,63}/[\w.+-]{1,64}(; ?charset=[\w-]{1,32})?", re.ASCII)
RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
BODY_BYTES_MAX: Final = 4 * QUERY_BYTES_MAX
BODY_S_MAX: Final = 10.0
LOOK_EVERY_S: Final = 1.0  # for bundles that came since
CONNECTIONS_MAX: Final = 256
FOREVER: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",  # anyone's item may be a page with a script
}


class Endpoints:
    """What is asked, answered from a library. `freshen` takes in what the store got since; it is called in a thread,
    at most once in LOOK_EVERY_S."""

    def __init__(self, library: Library, freshen: Callable[[], object] = lambda: None) -> None:
        self.library, self.freshen = library, freshen
        self._looked = float("-inf")
        self._looking = asyncio.Lock()

    def routes(self) -> list[Route]:
        """What there is to be read."""
        return [
            Route("/", self._told(self.info)),
            Route("/info", self._told(self.info)),
            Route("/height", self._told(self.height)),
            Route("/peers", self._told(self.peers)),
            Route("/tx_anchor", self._told(self.anchor)),
            Route("/block/current", self._told(self.current)),
            Route("/block/height/{height}", self._told(self.by_height)),
            Route("/block/hash/{id}", self._told(self.by_id)),
            Route("/tx/{id}", self._told(self.transaction)),
            Route("/tx/{id}/status", self._told(self.status)),
            Route("/tx/{id}/offset", self._told(self.offset)),
            Route("/tx/{id}/data", self._told(self.encoded)),
            Route("/chunk/{offset}", self._told(self.chunk)),
            Route("/raw/{id}", self._told(self.data)),
            Route("/graphql", self.graphql, methods=["GET", "POST"]),
            Route("/{id}", self._told(self.data)),
        ]

    def application(self) -> Starlette:
        """The ASGI application."""
        open_to_all = Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["GET", "HEAD", "POST", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=["*"],
        )
        return Starlette(
            routes=self.routes(), middleware=[open_to_all], exception_handlers={404: _no_route, 405: _no_route}
        )

    def _told(self, answered: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                await self._freshen()
                return await run_in_threadpool(answered, request)
            except Refused as error:
                return _refusal(error.status, error.reason)
            except ArchiveError as error:
                return _refusal(404 if isinstance(error, Missing | Damaged) else 503, str(error))

        return endpoint

    async def _freshen(self) -> None:
        if time.monotonic() < self._looked + LOOK_EVERY_S or self._looking.locked():
            return
        async with self._looking:
            await run_in_threadpool(self._take_in)
            self._looked = time.monotonic()

    def _take_in(self) -> None:
        self.freshen()
        self.library.lookup.grow()

    # The chain's head.

    def info(self, request: Request) -> Response:
        """As an Arweave node's."""
        newest = self._newest()
        return JSONResponse(
            {
                "network": NETWORK,
                "version": 5,
                "release": 1,
                "height": newest.height,
                "current": b64(newest.id),
                "blocks": newest.height + 1,
                "peers": 0,
                "queue_length": 0,
                "node_state_latency": 0,
            }
        )

    def height(self, request: Request) -> Response:
        """The newest block's height."""
        return PlainTextResponse(str(self._newest().height))

    def peers(self, request: Request) -> Response:
        """None: a store knows no other."""
        return JSONResponse([])

    def anchor(self, request: Request) -> Response:
        """What a transaction made now would name as its last_tx."""
        return PlainTextResponse(b64(self._newest().id))

    def current(self, request: Request) -> Response:
        """The newest block."""
        return JSONResponse(blocks.to_json(self._newest()))

    def by_height(self, request: Request) -> Response:
        """A block by height."""
        headers, height = self.library.weave.headers, _number(request, "height")
        if height >= len(headers):
            raise Refused(404, f"no block of height {height}; there are {len(headers)}")
        return JSONResponse(blocks.to_json(headers[height]))

    def by_id(self, request: Request) -> Response:
        """A block by its indep_hash."""
        return JSONResponse(blocks.to_json(self.library.weave.block(_id(request, BLOCK_ID))))

    def _newest(self) -> Header:
        newest = self.library.weave.newest
        if newest is None:
            raise Refused(404, "the store is empty")
        return newest

    # Transactions and chunks.

    def transaction(self, request: Request) -> Response:
        """A transaction without its data."""
        return JSONResponse(self._laid(request).transaction.to_json(with_data=False))

    def status(self, request: Request) -> Response:
        """The block it is in."""
        laid = self._laid(request)
        weave = self.library.weave
        confirmations = len(weave.headers) - laid.height
        name = b64(weave.headers[laid.height].id)
        words = {"block_height": laid.height, "block_indep_hash": name, "number_of_confirmations": confirmations}
        return JSONResponse(words)

    def offset(self, request: Request) -> Response:
        """Where its last byte stands in the weave."""
        laid = self._laid(request)
        return JSONResponse({"size": str(laid.transaction.data_size), "offset": str(laid.end)})

    def encoded(self, request: Request) -> Response:
        """Its data, base64url."""
        laid = self._laid(request)
        pieces = self.library.read(laid, 0, laid.transaction.data_size)
        return _streamed(_in_base64(pieces), {"Content-Type": "text/plain"})

    def chunk(self, request: Request) -> Response:
        """A chunk by the offset of any of its bytes."""
        found = self.library.chunk(_number(request, "offset"))
        words = {"chunk": found.data, "data_path": found.data_path, "tx_path": found.tx_path}
        return JSONResponse({name: b64(part) for name, part in words.items()} | {"packing": "unpacked"})

    def _laid(self, request: Request) -> Any:
        which = _id(request)
        entry = self.library.lookup.find(which)
        if entry is not None and entry.bundled_in is not None:
            raise Refused(404, f"an item of bundle {entry.bundled_in}; read /raw/{which} or ask /graphql")
        return self.library.weave.find(which)

    # Data.

    def data(self, request: Request) -> Response:
        """Data of a transaction or an item, whole or a range of it."""
        entry = self.library.entry(_id(request))
        size = self.library.size(entry)
        headers = FOREVER | {"Content-Type": _media_type(entry), "Accept-Ranges": "bytes", "ETag": f'"{entry.id}"'}
        wanted = _range(request, size)
        start, end = wanted or (0, size)
        if wanted is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        headers["Content-Length"] = str(end - start)
        status = 206 if wanted is not None else 200
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return _streamed(self.library.data(entry, start, end), headers, status)

    async def graphql(self, request: Request) -> Response:
        """A question, as JSON in the body or as `query` and `variables` of the URL."""
        try:
            query, variables = await _question(request)
            await self._freshen()
        except (Refused, ArchiveError) as error:
            return _refusal(error.status if isinstance(error, Refused) else 503, error.reason)
        status, words = await run_in_threadpool(answer, self.library, query, variables)
        return JSONResponse(words, status)


async def _question(request: Request) -> tuple[str, dict[str, Any] | None]:
    if request.method == "GET":
        given: Any = {"query": request.query_params.get("query", "")}
        raw = request.query_params.get("variables", "").encode() or b"null"
    else:
        raw, given = await _body(request), None
    try:
        read = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(400, f"{len(raw)} bytes that are not JSON") from None
    fields = given | {"variables": read} if given is not None else read
    if not isinstance(fields, dict) or not isinstance(fields.get("query"), str):
        raise Refused(400, 'expected {"query": "...", "variables": {...}}')
    variables = fields.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "variables are no object")
    return fields["query"], variables


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S_MAX):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise Refused(413, f"more than {BODY_BYTES_MAX} bytes")
    except (TimeoutError, ClientDisconnect):
        raise Refused(408, f"{len(body)} bytes of a question in {BODY_S_MAX:.0f} s") from None
    return bytes(body)


async def _no_route(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return _refusal(status, f"{request.method} is not answered here; GET /info, /ID, /tx/ID, /chunk/OFFSET, /graphql")


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)


def _id(request: Request, form: re.Pattern[str] = ID) -> str:
    text = str(request.path_params["id"])
    if not form.fullmatch(text):
        length = 43 if form is ID else 64
        raise Refused(400, f"{text[:64]!a} is no id: {length} characters of base64url")
    return text


def _number(request: Request, name: str) -> int:
    text = str(request.path_params[name])
    if not NUMBER.fullmatch(text):
        raise Refused(400, f"{text[:32]!a} is no {name}: a whole number in digits")
    return int(text)


def _media_type(entry: Entry) -> str:
    said = next((value for name, value in entry.tags if name.lower() == "content-type"), "")
    return said if MEDIA_TYPE.fullmatch(said) else "application/octet-stream"


def _range(request: Request, size: int) -> tuple[int, int] | None:
    """[start, end) of the one range that is asked for; None: all."""
    found = RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    if start >= end:
        raise Refused(416, f"bytes {found[1]}-{found[2]} of {size}")
    return start, end


def _streamed(pieces: Iterator[bytes], headers: dict[str, str], status: int = 200) -> Response:
    """The first piece is read before anything is said, so that what is lost is a refusal and not a torn answer."""
    first = next(pieces, b"")
    return StreamingResponse(chain([first], pieces), status, headers)


def _in_base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        rest += piece
        whole = len(rest) - len(rest) % 3
        yield b64(rest[:whole]).encode()
        rest = rest[whole:]
    yield b64(rest).encode()
