"""An Arweave gateway, and a bundler, on 127.0.0.1, honest or lying: what an `ArweaveStore` asks, answered from memory.

A transaction is mined at once. `lie` is what it does from now on:

    honest      all it says is so
    forgets     says it took transactions and chunks, and keeps nothing
    truncates   hands out half of every bundle
    swaps       hands out the oldest bundle for every other
    old         GraphQL knows nothing that came after the lie began
    strangers   GraphQL puts first what `stranger` says
    busy        429 to everything
    broken      502 to everything
    slow        answers everything byte by byte, and never ends
    dear        asks for a fortune
    mumbles     takes a transaction, and says that it did not
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from archive.bundle import read_header
from archive.data_item import DataItem, parse_item
from archive.errors import Damaged
from archive.keys import address, b64, unb64
from archive.merkle import check_proof
from archive.stores.bundle_files import bundle_name
from archive.transaction import Transaction, parse_transaction

LIES: Final = ("forgets", "truncates", "swaps", "old", "strangers", "busy", "broken", "slow", "dear", "mumbles")
PRICE: Final = 1_000  # winston a byte
DRIP_S: Final = 0.05


class LyingGateway:
    """The gateway; `url` is where. `close` it."""

    def __init__(self) -> None:
        self.lie = "honest"
        self.transactions: dict[str, Transaction] = {}  # taken, oldest first
        self.chunks: dict[str, dict[int, bytes]] = {}  # by data_root and start
        self.indexed = 0  # transactions that GraphQL knew when it began to be old
        self.stranger: list[tuple[str, bytes, dict[str, str]]] = []  # (id, bundle, tags of the transaction)
        self.items: dict[str, DataItem] = {}  # that it took as a bundler
        self.asked = 0
        self.paid = 0
        self.mined = 0  # blocks with nothing in them
        self.guard = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """End it."""
        self.lie = "honest"
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def turn(self, lie: str) -> None:
        """Do this from now on."""
        with self.guard:
            self.indexed = len(self.transactions)
            self.lie = lie

    def whole(self) -> dict[str, bytes]:
        """What it really has: bundles by the name a store gives them."""
        with self.guard:
            found = [self.data(one) for one in self.transactions.values()]
            found += [item.data for item in self.items.values()]
        return {bundle_name(data): data for data in found if data is not None}

    def data(self, transaction: Transaction) -> bytes | None:
        """A transaction's data, if all chunks are there."""
        pieces = self.chunks.get(b64(transaction.data_root), {})
        data = b"".join(pieces[start] for start in sorted(pieces))
        return data if len(data) == transaction.data_size else None

    # What is asked.

    def post_tx(self, body: bytes) -> tuple[int, Any]:
        transaction = parse_transaction(body)
        transaction.verify()
        if self.lie != "forgets" and b64(transaction.id) not in self.transactions:
            self.transactions[b64(transaction.id)] = transaction
            self.paid += transaction.reward
        return (400, "Bad Request") if self.lie == "mumbles" else (200, "OK")

    def post_chunk(self, body: bytes) -> tuple[int, Any]:
        said = json.loads(body)
        chunk, root = unb64(said["chunk"]), said["data_root"]
        if self.lie == "forgets":
            return 200, {}
        if not any(b64(one.data_root) == root for one in self.transactions.values()):
            return 400, {"error": "data_root_not_found"}
        proven = check_proof(unb64(root), int(said["data_size"]), int(said["offset"]), unb64(said["data_path"]))
        if sha256(chunk).digest() != proven.data_hash:
            return 400, {"error": "invalid_proof"}
        self.chunks.setdefault(root, {})[proven.start] = chunk
        return 200, {}

    def post_item(self, body: bytes) -> tuple[int, Any]:
        item = parse_item(body)
        item.verify()
        if self.lie != "forgets":
            self.items[b64(item.id)] = item
        return (500 if self.lie == "mumbles" else 200), {"id": b64(item.id)}

    def get(self, path: str) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if parts[0] == "price":
            return 200, str(int(parts[1]) * PRICE * (10**6 if self.lie == "dear" else 1))
        if parts[0] == "tx_anchor":
            return 200, b64(sha256(b"anchor").digest())
        if parts[0] == "info":
            return 200, {"height": self.height()}
        if parts[0] == "tx" and parts[-1] == "status":
            if parts[1] not in self.transactions:
                return 404, "Not Found."
            mined = list(self.transactions).index(parts[1])
            depth = self.height() - mined
            return 200, {"block_height": mined, "block_indep_hash": "", "number_of_confirmations": depth}
        return self.bundle(parts[-1])

    def height(self) -> int:
        return len(self.transactions) + self.mined

    def bundle(self, which: str) -> tuple[int, Any]:
        for one, bundle, _ in self.stranger:
            if one == which:
                return 200, bundle
        if which in self.items:
            return 200, self.items[which].data
        transaction = self.transactions.get(which)
        data = self.data(transaction) if transaction is not None else None
        if data is None:
            return 404, "Not Found"
        if self.lie == "truncates":
            return 200, data[: len(data) // 2]
        if self.lie == "swaps":
            return 200, self.data(next(iter(self.transactions.values())))
        return 200, data

    def graphql(self, variables: dict[str, Any]) -> Any:
        nodes = list(self.nodes())
        if "id" in variables:
            return {"transaction": next((node for node in nodes if node["id"] == variables["id"]), None)}
        wanted = [(one["name"], one["values"][0]) for one in variables["tags"] or []]
        owners = variables["owners"]
        found = []
        for node in nodes:
            tags = [(tag["name"], tag["value"]) for tag in node["tags"]]
            if all(one in tags for one in wanted) and (owners is None or node["owner"]["address"] in owners):
                found.append(node)
        start = int(variables["after"] or 0)
        edges = [
            {"cursor": str(start + place + 1), "node": node}
            for place, node in enumerate(found[start : start + variables["first"]])
        ]
        return {"transactions": {"pageInfo": {"hasNextPage": start + len(edges) < len(found)}, "edges": edges}}

    def nodes(self) -> Iterator[dict[str, Any]]:
        """What GraphQL tells of, newest first: transactions, and the items of those that are whole."""
        if self.lie == "strangers":
            for which, bundle, tags in self.stranger:
                yield node(which, "A" * 43, list(tags.items()), len(bundle), None)
                yield from items(which, bundle)
        for which, item in self.items.items():
            yield node(which, item.address, list(item.tags), len(item.data), None)
            yield from items(which, item.data)
        known = list(self.transactions.items())
        for which, one in reversed(known[: self.indexed] if self.lie == "old" else known):
            tags_of = [(name.decode(), value.decode()) for name, value in one.tags]
            yield node(which, address(one.owner), tags_of, one.data_size, None)
            if (data := self.data(one)) is not None:
                yield from items(which, data)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle of an answer is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@cache
def items(bundle_id: str, bundle: bytes) -> list[dict[str, Any]]:
    """What GraphQL tells of a bundle's items, and of what its header says it holds."""
    return list(_items(bundle_id, bundle))


def _items(bundle_id: str, bundle: bytes) -> Iterator[dict[str, Any]]:
    for entry in read_header(bundle):
        try:
            item = parse_item(bundle[entry.offset : entry.offset + entry.size])
        except Damaged:
            yield node(b64(entry.id), "A" * 43, [], entry.size, bundle_id)
            continue
        yield node(b64(entry.id), item.address, list(item.tags), len(item.data), bundle_id)


def node(which: str, owner: str, tags: list[tuple[str, str]], size: int, bundle: str | None) -> dict[str, Any]:
    """One node of GraphQL."""
    return {
        "id": which,
        "owner": {"address": owner},
        "tags": [{"name": name, "value": value} for name, value in tags],
        "data": {"size": str(size)},
        "block": {"height": 1},
        "bundledIn": {"id": bundle} if bundle is not None else None,
    }


def _handler(gateway: LyingGateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one piece: in two, each answer takes 40 ms

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nobody reads it."""

        def do_GET(self) -> None:
            self.serve(lambda: gateway.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/graphql":
                self.serve(lambda: (200, {"data": gateway.graphql(json.loads(body)["variables"])}))
            elif self.path == "/tx":
                self.serve(lambda: gateway.post_tx(body))
            elif self.path == "/tx/arweave":
                self.serve(lambda: gateway.post_item(body))
            else:
                self.serve(lambda: gateway.post_chunk(body))

        def serve(self, work: Any) -> None:
            gateway.asked += 1
            if gateway.lie in ("busy", "broken"):
                self.answer(429 if gateway.lie == "busy" else 502, b"go away", {"Retry-After": "0"})
            elif gateway.lie == "slow":
                self.drip()
            else:
                with gateway.guard:
                    status, said = work()
                raw = said if isinstance(said, bytes) else said.encode() if isinstance(said, str) else None
                self.answer(status, raw if raw is not None else json.dumps(said).encode(), {})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def drip(self) -> None:
            """A byte now and then, for ever."""
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            self.close_connection = True
            try:
                while gateway.lie == "slow":
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(DRIP_S)
            except OSError:
                return

    return Handler
