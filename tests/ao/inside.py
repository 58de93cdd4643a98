"""The AO door over a world in one thread: real regions, real index, real routes; requests without a socket."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.routing import Route

from archive.bundle import pack
from archive.keys import unb64
from archive.library import Library
from archive.stores.disk import DiskStore
from archive.stores.local_weave import LocalWeave
from regions import messages
from regions.ao.door import door
from regions.ao.gateway import Endpoints
from regions.ao.index import Index
from regions.ao.units import Refused, World
from regions.ao.view import PROCESS, Assigned, Shown, View
from regions.messages import Answer, Answers, Message, Question, Told
from regions.record import Outside
from tests.cluster import SCHEDULER, Cluster

NAME = "door"


@dataclass
class Reply:
    """An answer: its status, headers and body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Inside:
    """One world and its door, with its store if there is a `folder` for it. Regions tick while a request waits."""

    def __init__(self, cluster: Cluster, folder: Path | None = None) -> None:
        self.cluster = cluster
        self.index = Index(":memory:")
        self.told: list[Message] = []
        cluster.gateways[NAME] = self.told.append
        charter, processes = cluster.charter, cluster.processes
        self.views: dict[int, View] = {}
        items = {item.id: item for item in cluster.founded.items}
        for number, seat in enumerate(charter.seats):
            first = unb64(seat.assignment)
            view = View.begin(processes[number], unb64(charter.module), SCHEDULER.public, processes, first)
            process = items[processes[number]]
            shown = Shown(process.id, PROCESS, 0, 0, process.raw, "{}")
            self.index.add(number, [shown], [Assigned(0, first, b"", 0, 0, items[first].raw)], view.place)
            self.views[number] = view
        self.world = World(charter, self.index, self)
        self.app = door(self.world, _store_of(cluster, folder) if folder is not None else [])

    def read(self) -> None:
        """Take in what the logs have."""
        for number, view in self.views.items():
            for raw in self.cluster.raws(number)[view.place.n :]:
                shown, assigned = view.follow(raw)
                self.index.add(number, shown, assigned, view.place)

    async def submit(self, index: int, raw: bytes, item_id: bytes) -> Answer:
        """`regions.ao.units.Regions.submit`."""
        self.told.clear()
        self.cluster.send(index, Outside(raw, 0, 0), gateway=NAME)
        self.cluster.ticks(3)
        self.read()
        answers = [one for told in self.told if isinstance(told, Answers) for one in told.answers]
        found = [answer for answer in answers if answer.chain == item_id]
        if not found:
            raise Refused(503, "nobody answered")
        return found[0]

    async def ask(self, index: int, kind: str, asker: bytes, tags: tuple[tuple[str, str], ...]) -> bytes:
        """`regions.ao.units.Regions.ask`."""
        self.told.clear()
        question = Question(NAME, bytes(16), kind, asker, tags)
        self.cluster.say(index, messages.decode(messages.encode(question)))  # what does not fit a message raises
        found = [told for told in self.told if isinstance(told, Told)]
        if not found:
            raise Refused(503, "nobody answered")
        return found[0].reply

    def request(self, method: str, path: str, query: bytes = b"", body: bytes = b"") -> Reply:
        """One request, as a server hands it to the application."""
        return asyncio.run(self._request(method, path, query, body))

    async def _request(self, method: str, path: str, query: bytes, body: bytes) -> Reply:
        reply = Reply()
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query, "root_path": "",
            "headers": [(b"host", b"door"), (b"origin", b"http://page")], "client": ("127.0.0.1", 1),
            "server": ("door", 80),
        }  # fmt: skip

        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not whole:
                await asyncio.Event().wait()  # nobody hangs up
            return whole.pop()

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                reply.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return reply


def _store_of(cluster: Cluster, folder: Path) -> list[Route]:
    store = DiskStore(folder)
    store.put_bundle(pack(cluster.founded.items))
    local = LocalWeave(store)
    local.extend()
    return Endpoints(Library(local.weave, store)).routes()
