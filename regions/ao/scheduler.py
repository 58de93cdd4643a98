"""The scheduler's door: assignments and messages in the order of their nonces, each signed once and for ever."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from archive.data_item import parse_item
from archive.keys import b64
from regions.ao.units import Json, Refused, World, an_id, body, count, item_json, shown, wanted

LIMIT: Final = 100
LIMIT_MAX: Final = 1_000
FAR: Final = 2**62


def routes(world: World) -> list[Route]:
    """The scheduler's routes."""
    index = world.index

    async def top(request: Request) -> Response:
        process = request.query_params.get("process-id")
        if process:
            world.region(process)
        return Json({"timestamp": str(newest_ms(process)), "address": world.scheduler})

    def newest_ms(process: str | None) -> int:
        regions = [world.seat(world.region(process))] if process else list(range(len(world.charter.seats)))
        places = [place for place in map(index.place, regions) if place is not None]
        return max((place.time_ms for place in places), default=0)

    async def post(request: Request) -> Response:
        asked, region = await world.submit(await body(request))
        place = index.place(world.seat(region))
        return Json({"timestamp": place.time_ms if place else 0, "id": b64(asked.item.id)})

    async def timestamp(request: Request) -> Response:
        return Json({"timestamp": str(newest_ms(None)), "block_height": f"{0:012d}"})

    async def process(request: Request) -> Response:
        region = world.region(request.path_params["process"])
        found, first = index.item(an_id(request.path_params["process"])), index.slot(region, 0)
        if found is None or first is None:
            raise Refused(404, "the process is not read yet")
        item = parse_item(found.raw)
        words = item_json(item)
        plain = {name: words[name] for name in ("owner", "tags", "data", "anchor", "signature", "target")}
        block = parse_item(first.raw).tag("Block-Height")
        return Json({"process_id": b64(item.id), "block": block, "timestamp": first.time_ms} | plain)

    async def latest(request: Request) -> Response:
        region = world.region(request.path_params["process"])
        last = index.last(region)
        if last is None:
            raise Refused(404, "nothing is assigned yet")
        return Json(shown(world, last))

    async def read(request: Request) -> Response:
        name = request.path_params["name"]
        if any(seat.process == name for seat in world.charter.seats) or index.mailbox(an_id(name)) is not None:
            return Json(page(world.region(name), dict(request.query_params)))
        region = world.region(wanted(request, "process-id"))
        return Json(shown(world, await world.assignment(region, an_id(name))))

    def page(region: int, asked: dict[str, str]) -> dict[str, Any]:
        """One page of a process: `from` is exclusive, `to` inclusive; times in ms, or nonces."""
        limit = count(asked, "limit", LIMIT, LIMIT_MAX)
        by_nonce = "from-nonce" in asked or "to-nonce" in asked
        if by_nonce:
            after, until = count(asked, "from-nonce", 0, FAR), count(asked, "to-nonce", FAR, FAR)
            after = after if "from-nonce" in asked else -1
        else:
            until = index.nonce_at(region, count(asked, "to", FAR, FAR))
            after = index.nonce_at(region, count(asked, "from", 0, FAR)) if asked.get("from") else -1
        rows = index.page(region, after, until, limit)
        more = bool(rows) and bool(index.page(region, rows[-1].nonce, until, 1))
        edges = [{"cursor": str(one.nonce if by_nonce else one.time_ms), "node": shown(world, one)} for one in rows]
        return {"page_info": {"has_next_page": more}, "edges": edges}

    return [
        Route("/", top, methods=["GET"]),
        Route("/", post, methods=["POST"]),
        Route("/timestamp", timestamp),
        Route("/processes/{process}", process),
        Route("/{process}/latest", latest),
        Route("/{name}", read),
    ]
