"""What every door of the AO view works with: the index, the way to the regions, and how a door says no."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError
from archive.keys import address, b64, unb64
from regions import messages, outside
from regions.ao.index import MAILBOXES, Assignment, Index, Item
from regions.charter import Charter
from regions.config import OUTSIDE_BYTES_MAX
from regions.errors import RecordError
from regions.letters import WORLD
from regions.messages import Answer
from regions.outside import Asked

SHOWN_WITHIN_S: Final = 3.0  # how long a read waits for what was acknowledged a moment ago
ASSIGNED_WITHIN_S: Final = 8.0
BODY_WITHIN_S: Final = 10.0
T = TypeVar("T")


class Refused(Exception):
    """Why a door says no: an HTTP status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Regions(Protocol):
    """The way to the regions' owners."""

    async def submit(self, index: int, raw: bytes, item_id: bytes) -> Answer:
        """Have an item recorded. Raises Refused when nobody answers."""

    async def ask(self, index: int, kind: str, asker: bytes, tags: tuple[tuple[str, str], ...]) -> bytes:
        """The reply to a question. Raises Refused when nobody answers."""


@dataclass(frozen=True)
class World:
    """One world, as the doors see it."""

    charter: Charter
    index: Index
    regions: Regions

    def region(self, process: str) -> int:
        """The number of a process: its partition index, or a mailbox's. Raises Refused for a process of elsewhere."""
        for index, seat in enumerate(self.charter.seats):
            if seat.process == process:
                return index
        mailbox = self.index.mailbox(an_id(process, "process"))
        if mailbox is None:
            raise Refused(404, f"process {process[:64]!r} is none of world {self.charter.world}")
        return mailbox

    def seat(self, region: int) -> int:
        """The region whose records hold a process's items: a mailbox's stand in those of the world's process."""
        return region if region < MAILBOXES else WORLD

    def process(self, region: int) -> bytes:
        """A process's id."""
        return unb64(self.charter.seats[region].process) if region < MAILBOXES else self.index.process(region)

    @property
    def scheduler(self) -> str:
        """The scheduler's address."""
        return address(unb64(self.charter.scheduler))

    async def submit(self, raw: bytes) -> tuple[Asked, int]:
        """Have a wallet's item recorded; what it asks, and of which region. Raises Refused: then nothing changed."""
        try:
            item = parse_item(raw, OUTSIDE_BYTES_MAX)
            region = self.region(b64(item.target)) if item.target else WORLD
            asked = outside.read_item(item, self.process(region) if region < MAILBOXES else b"")
            asked.item.verify()
        except (RecordError, ArchiveError) as error:
            raise Refused(400, str(error)) from None
        if asked.kind == outside.SPAWN:
            region = WORLD
            if asked.tag("Module") != self.charter.module:
                raise Refused(400, spawn_refused(self.charter, asked.tag("Module")))
        if self.index.item(asked.item.id) is not None:
            raise Refused(409, f"item {b64(asked.item.id)} was taken already; it is not taken twice")
        answer = await self.regions.submit(self.seat(region), raw, asked.item.id)
        if answer.status != messages.STATUS_DONE:
            raise Refused(*self._why_not(asked, answer))
        return asked, region

    def _why_not(self, asked: Asked, answer: Answer) -> tuple[int, str]:
        era = self.charter.era
        if answer.status == messages.STATUS_LAST and asked.number:
            said, following = f"{asked.era}.{asked.number}", f"{era}.{answer.number + 1}"
            return 409, f"Number {said} is not this wallet's next, which is {following}"
        if answer.status == messages.STATUS_LAST:
            return 409, f"item {b64(asked.item.id)} was taken already; it is not taken twice"
        if answer.status == messages.STATUS_BUSY:
            return 429, "too many items wait; send it again in a moment"
        if answer.status == messages.STATUS_MOVED:
            return 409, "this wallet's body is not in that region; Join at the world's process, or ask where it went"
        if asked.numbered and asked.era != era:
            return (
                400,
                f"Number {asked.era}.{asked.number or asked.move} is of era {asked.era}; the world is in era {era}",
            )
        if asked.kind in (outside.SPAWN, outside.POST):
            return 400, f"{asked.kind}: the world's process does not take it"
        return 400, f"{asked.kind} changes state: it needs the tag Number, <era>.<number>, the wallet's next"

    async def item(self, item_id: bytes) -> Item:
        """An item; one that was acknowledged a moment ago is waited for. Raises Refused."""
        look = partial(self.index.item, item_id)
        return await self._found(look, item_id, "message", SHOWN_WITHIN_S)

    async def assignment(self, region: int, either: bytes) -> Assignment:
        """The assignment of an item, or with an id; its scheduler signs each span of 32 records. Raises Refused."""
        if self.index.assignment(region, either) is None:
            await self.item(either)
        look = partial(self.index.assignment, region, either)
        return await self._found(look, either, "the assignment of", ASSIGNED_WITHIN_S)

    async def _found(self, look: Callable[[], T | None], name: bytes, what: str, within_s: float) -> T:
        until = time.monotonic() + within_s
        while (found := look()) is None:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise Refused(404, f"{what} {b64(name)} is not known here")
            await self.index.coming(name, left_s)
        return found


def spawn_refused(charter: Charter, module: str) -> str:
    """Why a Process item is not taken."""
    return f"Module {module[:64]!r} is not this world's, {charter.module}: only that is taken, for a mailbox"


def an_id(text: str, what: str = "id") -> bytes:
    """The 32 bytes of an id. Raises Refused."""
    try:
        raw = unb64(text)
    except ArchiveError:
        raw = b""
    if len(raw) != 32:
        raise Refused(400, f"{what} {text[:64]!r} is not 43 letters of base64url")
    return raw


def wanted(request: Request, name: str) -> str:
    """A query parameter that must be there. Raises Refused."""
    value = request.query_params.get(name)
    if not value:
        raise Refused(400, f"the query parameter {name} is missing")
    return value


def count(parameters: Mapping[str, str], name: str, otherwise: int, most: int) -> int:
    """A whole number from a query, at most `most`. Raises Refused."""
    text = parameters.get(name) or "undefined"
    if text == "undefined":  # what aoconnect sends where nothing was given
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused(400, f"{name} is {text[:40]!r}; a whole number is needed")
    return min(int(text), most)


async def body(request: Request, most: int = OUTSIDE_BYTES_MAX) -> bytes:
    """A request's body. Raises Refused for one above the limit, which is not read to its end."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise Refused(413, f"more than {most} bytes")
                parts.append(part)
    except TimeoutError:
        raise Refused(408, f"the body did not come within {BODY_WITHIN_S:.0f} s") from None
    except ClientDisconnect:
        raise Refused(400, "the body broke off") from None
    return b"".join(parts)


def item_json(item: DataItem, data: bool = True) -> dict[str, Any]:
    """An item as a scheduler unit shows it."""
    words: dict[str, Any] = {
        "id": b64(item.id),
        "owner": {"address": item.address, "key": b64(item.owner)},
        "tags": [{"name": name, "value": value} for name, value in item.tags],
        "signature": b64(item.signature),
        "anchor": b64(item.anchor) if item.anchor else None,
        "target": b64(item.target) if item.target else None,
    }
    return words | ({"data": item.data.decode(errors="replace")} if data else {})


def shown(world: World, one: Assignment) -> dict[str, Any]:
    """An assignment with its message, as a scheduler unit shows them."""
    found = world.index.item(one.item or world.process(one.region))
    message = item_json(parse_item(found.raw)) if found is not None else None
    return {"message": message, "assignment": item_json(parse_item(one.raw), data=False)}


def no(_: Request, error: Exception) -> Response:
    """The answer to what a door refuses."""
    assert isinstance(error, Refused)
    return JSONResponse({"error": error.reason}, error.status)


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content.encode() if isinstance(content, str) else msgspec.json.encode(content)
