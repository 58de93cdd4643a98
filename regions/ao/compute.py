"""The compute unit's door: results of what stands in records, and reads of the state as it is."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from regions.ao import results
from regions.ao.index import Assignment
from regions.ao.units import Json, Refused, World, an_id, body, count, wanted
from regions.errors import RecordError
from regions.outside import READS, address_bytes

LIMIT: Final = 25
LIMIT_MAX: Final = 1_000
FAR: Final = 2**62
DRY_BYTES_MAX: Final = 16_384


class Dry(msgspec.Struct):
    """A dry run's request: of all that aoconnect sends, what is read of it."""

    Tags: list[dict[str, str]] = []
    Owner: str = ""
    From: str = ""


_dry: Final = msgspec.json.Decoder(Dry)


def routes(world: World) -> list[Route]:
    """The compute unit's routes."""

    async def result(request: Request) -> Response:
        return Json(await result_of(world, wanted(request, "process-id"), request.path_params["message"]))

    async def page(request: Request) -> Response:
        return Json(results_of(world, request.path_params["process"], dict(request.query_params)))

    async def cron(request: Request) -> Response:
        world.region(request.path_params["process"])
        return Json({"pageInfo": {"hasNextPage": False}, "edges": []})

    async def dry_run(request: Request) -> Response:
        try:
            asked = _dry.decode(await body(request, DRY_BYTES_MAX))
            tags = [(tag["name"], tag["value"]) for tag in asked.Tags]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, KeyError) as error:
            raise Refused(400, f"not a dry run's request: {error}") from None
        return Json(await dry(world, wanted(request, "process-id"), tags, asked.From or asked.Owner))

    async def hello(request: Request) -> Response:
        return Json({"timestamp": None, "address": world.scheduler, "world": world.charter.world})

    return [
        Route("/", hello),
        Route("/result/{message}", result),
        Route("/results/{process}", page),
        Route("/cron/{process}", cron),
        Route("/dry-run", dry_run, methods=["POST"]),
    ]


async def result_of(world: World, process: str, message: str) -> str:
    """The result of a message. Raises Refused."""
    region = world.region(process)
    item = await world.item(an_id(message, "message"))
    if item.region != region:
        raise Refused(404, f"message {message} is not for process {process}")
    return item.result


async def dry(world: World, process: str, tags: list[tuple[str, str]], asker: str) -> results.Result:
    """What a read would answer now. Raises Refused."""
    kind = next((value for name, value in tags if name == "Action"), "")
    if kind not in READS:
        raise Refused(400, f"Action {kind[:40]!r} cannot be tried without a record; {', '.join(READS)} can")
    try:
        account = address_bytes(asker)
    except RecordError:
        account = b""  # aoconnect asks as "1234" unless told otherwise
    told = tuple((name, value[:1_024]) for name, value in tags[:16] if len(name) <= 64)
    region = world.region(process)
    if world.seat(region) != region:
        raise Refused(400, "a mailbox keeps messages and computes nothing: read them at the scheduler's door")
    reply = await world.regions.ask(region, kind, account, told)
    return results.of_reply(kind, asker, json.loads(reply))


def results_of(world: World, process: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """A page of results, in the order of nonces or the other way round; a record's are never parted. Raises Refused."""
    region = world.region(process)
    limit, falling = count(asked, "limit", LIMIT, LIMIT_MAX), asked.get("sort", "ASC").upper() == "DESC"
    low, high = _nonce(world, region, asked.get("from")), _nonce(world, region, asked.get("to"))
    if falling:
        low, high = high, low
    after = low if low is not None else 0
    until = high if high is not None else FAR
    if falling and asked.get("from"):
        until -= 1  # where it begins from is not told again
    if falling and asked.get("to"):
        after -= 1  # where it ends is
    rows = world.index.page(region, after, until, limit, falling)
    rest = (after, rows[-1].nonce - 1) if falling and rows else (rows[-1].nonce if rows else after, until)
    more = bool(rows) and bool(world.index.page(region, *rest, 1, falling))
    return {"pageInfo": {"hasNextPage": more}, "edges": [edge for one in rows if (edge := _edge(world, one, falling))]}


def _edge(world: World, one: Assignment, falling: bool) -> dict[str, Any] | None:
    item = world.index.item(one.item)
    if item is None:
        return None
    node = msgspec.json.decode(item.result)
    return None if "Error" in node else {"node": node, "cursor": cursor(one, falling)}


def cursor(one: Assignment, falling: bool) -> str:
    """Where a page begins or ends."""
    words = {"timestamp": one.time_ms, "ordinate": str(one.nonce), "cron": None, "sort": "DESC" if falling else "ASC"}
    return base64.b64encode(json.dumps(words).encode()).decode()


def _nonce(world: World, region: int, text: str | None) -> int | None:
    """The nonce that a cursor, or a time in ms, names. Raises Refused."""
    if not text or text == "undefined":
        return None
    if text.isascii() and text.isdigit() and len(text) < 18:
        return world.index.nonce_at(region, int(text))
    try:
        ordinate = int(json.loads(base64.b64decode(text[:512], validate=True))["ordinate"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        ordinate = -1
    if not 0 <= ordinate <= FAR:
        raise Refused(400, f"{text[:64]!r} is neither a cursor nor a time")
    return ordinate
