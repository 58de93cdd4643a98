"""Talking to an Arweave gateway over HTTP: every answer bounded in bytes and time, asked for again where that may help.

What a gateway says is a hint, never evidence: this module says what it answered, not whether that is true. Knows
nothing of items or bundles.
"""

import random
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import httpx
import msgspec

from archive.errors import ArchiveError, Damaged
from archive.upload import pause_ms

WORDS_BYTES_MAX: Final = 64 << 10  # of an answer that is a number, a status, a complaint
PAGE_BYTES_MAX: Final = 4 << 20  # of a page of GraphQL
RETRIED: Final = (408, 425, 429, 500, 502, 503, 504)
REDIRECTS_MAX: Final = 3
PAGE: Final = 100  # what gateways give at most
PAGES_MAX: Final = 2_000


@dataclass(frozen=True)
class Patience:
    """How long a gateway is waited for, and how often it is asked."""

    connect_s: float = 5.0
    read_s: float = 10.0  # between two pieces of an answer
    answer_s: float = 30.0  # for a whole answer, and a second more for each `bytes_a_second` that it may have
    bytes_a_second: int = 256 << 10
    tries: int = 4
    pause_s_max: float = 5.0
    asked_to_wait_s_max: float = 30.0
    resend_s: float = 600.0  # until what was taken and is not there is sent again


@dataclass(frozen=True)
class Answer:
    """Status and body, whole or, where only the beginning was asked for, that."""

    status: int
    body: bytes

    @property
    def words(self) -> str:
        """The body fit for an error message."""
        return ascii(self.body[:160].decode(errors="replace"))[1:-1]


class _Named(msgspec.Struct):
    id: str


class _Block(msgspec.Struct):
    height: int


class _Owner(msgspec.Struct):
    address: str


class _Size(msgspec.Struct):
    size: str | int


class _Tag(msgspec.Struct):
    name: str
    value: str


class Node(msgspec.Struct):
    """What GraphQL says of a transaction or an item."""

    id: str
    tags: list[_Tag]
    owner: _Owner
    data: _Size
    block: _Block | None = None
    bundledIn: _Named | None = None

    def tag(self, name: str) -> str | None:
        """The value of the first tag of that name."""
        return next((tag.value for tag in self.tags if tag.name == name), None)


class _Edge(msgspec.Struct):
    cursor: str
    node: Node


class _PageInfo(msgspec.Struct):
    hasNextPage: bool


class _Page(msgspec.Struct):
    edges: list[_Edge]
    pageInfo: _PageInfo


class _Data(msgspec.Struct):
    transactions: _Page | None = None
    transaction: Node | None = None


class _Reply(msgspec.Struct):
    data: _Data | None = None
    errors: list[Any] | None = None


NODE: Final = "id owner { address } data { size } tags { name value } block { height } bundledIn { id }"
SEARCH: Final = (
    "query($tags: [TagFilter!], $owners: [String!], $after: String, $first: Int) {"
    " transactions(tags: $tags, owners: $owners, after: $after, first: $first, sort: HEIGHT_DESC) {"
    f" pageInfo {{ hasNextPage }} edges {{ cursor node {{ {NODE} }} }} }} }}"
)
ONE: Final = f"query($id: ID!) {{ transaction(id: $id) {{ {NODE} }} }}"


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Whose certificates are taken: read once for all gateways, as that takes tens of milliseconds."""
    return httpx.create_ssl_context()


class Gateway:
    """One gateway, by its address. May be used from several threads; `close` ends what waits."""

    def __init__(self, url: str, patience: Patience | None = None) -> None:
        self.url = url.rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ArchiveError(url, "is no gateway's address; write http://... or https://...")
        self.patience = patience or Patience()
        self.closed = threading.Event()
        times = httpx.Timeout(self.patience.read_s, connect=self.patience.connect_s)
        # Not compressed: a few bytes could otherwise become any number of them.
        headers = {"Accept-Encoding": "identity", "User-Agent": "everloom"}
        self._http = httpx.Client(verify=_trusted(), timeout=times, headers=headers, max_redirects=REDIRECTS_MAX)

    def close(self) -> None:
        """End it; whatever waits for an answer raises."""
        self.closed.set()
        self._http.close()

    def get(self, path: str, limit: int = WORDS_BYTES_MAX) -> Answer:
        """Ask for a path; an answer of more than `limit` bytes is `Damaged`."""
        return self._ask("GET", self.url + path, limit=limit)

    def beginning(self, path: str, size: int) -> Answer:
        """The first `size` bytes of what is at a path, or all of it where there is less."""
        return self._ask("GET", self.url + path, headers={"Range": f"bytes=0-{size - 1}"}, limit=size, cut=True)

    def post(self, path: str, body: object) -> Answer:
        """Send JSON."""
        return self._ask("POST", self.url + path, content=msgspec.json.encode(body), headers=JSON)

    def upload(self, url: str, raw: bytes) -> Answer:
        """Send bytes to an address of their own, a bundler's."""
        return self._ask("POST", url, content=raw, headers={"Content-Type": "application/octet-stream"})

    def search(
        self, tags: Mapping[str, str], owner: str | None, after: str | None = None
    ) -> Iterator[tuple[str, Node]]:
        """Transactions and items with these tags, newest first as the gateway has it, each with its cursor."""
        filters = [{"name": name, "values": [value]} for name, value in tags.items()]
        variables = {"tags": filters or None, "owners": [owner] if owner is not None else None, "first": PAGE}
        for _ in range(PAGES_MAX):
            page = self._graphql(SEARCH, {**variables, "after": after}).transactions
            if page is None:
                return
            yield from ((edge.cursor, edge.node) for edge in page.edges)
            if not page.edges or not page.pageInfo.hasNextPage or page.edges[-1].cursor == after:
                return
            after = page.edges[-1].cursor
        raise ArchiveError(self.url, f"a search that does not end after {PAGES_MAX} pages")

    def one(self, which: str) -> Node | None:
        """What GraphQL says of one transaction or item."""
        return self._graphql(ONE, {"id": which}).transaction

    def _graphql(self, query: str, variables: Mapping[str, object]) -> _Data:
        body = msgspec.json.encode({"query": query, "variables": variables})
        url = f"{self.url}/graphql"
        answer = self._ask("POST", url, content=body, headers=JSON, limit=PAGE_BYTES_MAX)
        try:
            reply = msgspec.json.decode(answer.body, type=_Reply)
        except (ValueError, RecursionError) as error:
            raise Damaged(url, f"status {answer.status}, no answer to a query: {str(error)[:160]}") from None
        if answer.status != 200 or reply.data is None:
            raise ArchiveError(url, f"status {answer.status}: {answer.words}")
        return reply.data

    def _ask(
        self,
        method: str,
        url: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = WORDS_BYTES_MAX,
        cut: bool = False,
    ) -> Answer:
        for attempt in range(1, self.patience.tries + 1):
            asked_s = 0.0
            try:
                answer, asked_s = self._once(method, url, content, headers or {}, limit, cut)
                if answer.status not in RETRIED:
                    return answer
                why = f"status {answer.status}: {answer.words}"
            except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:  # RuntimeError: it was closed meanwhile
                why = f"{type(error).__name__} {str(error)[:160]}".rstrip()
            pause_s = min(self.patience.pause_s_max, pause_ms(attempt, random.random()) / 1000)  # noqa: S311
            if attempt < self.patience.tries and self.closed.wait(max(pause_s, asked_s)):
                break
        raise ArchiveError(url, f"{method} failed {attempt} times, the last with {why}")

    def _once(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str], limit: int, cut: bool
    ) -> tuple[Answer, float]:
        """One try; and how many seconds the gateway asks to be left alone."""
        patience = self.patience
        ends = time.monotonic() + patience.answer_s + limit / patience.bytes_a_second
        body = bytearray()
        follow = method == "GET"
        with self._http.stream(method, url, content=content, headers=headers, follow_redirects=follow) as response:
            for piece in response.iter_raw():
                body += piece
                if len(body) >= limit and cut:
                    break
                if len(body) > limit and response.status_code in RETRIED:
                    break
                if len(body) > limit:
                    raise Damaged(url, f"an answer of more than {limit} bytes")
                if time.monotonic() > ends or self.closed.is_set():
                    raise httpx.ReadTimeout(f"{len(body)} bytes in {patience.answer_s:.0f} s or more")
            asked = response.headers.get("Retry-After", "")
            asked_s = min(float(asked), patience.asked_to_wait_s_max) if asked.isascii() and asked.isdigit() else 0.0
            return Answer(response.status_code, bytes(body[:limit])), asked_s


JSON: Final = {"Content-Type": "application/json"}
