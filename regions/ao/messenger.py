"""The messenger's door: takes items, and answers once a durable record holds them."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from archive.data_item import parse_item
from archive.errors import ArchiveError
from archive.keys import b64
from regions.ao.units import Json, Refused, World, an_id, body, wanted
from regions.outside import SPAWN


def routes(world: World) -> list[Route]:
    """The messenger's routes."""

    async def post(request: Request) -> Response:
        if "assign" in request.query_params or "process-id" in request.query_params:
            return await assign(request)
        return Json(await take(world, await body(request)), 202)

    async def assign(request: Request) -> Response:
        """A message that a process has already is assigned to it; no process here takes one that was for another."""
        process, message = wanted(request, "process-id"), an_id(wanted(request, "assign"), "message")
        region = world.region(process)
        item = await world.item(message)
        if item.region != region:
            raise Refused(422, f"message {b64(message)} is for another process, and its words are for that one alone")
        one = await world.assignment(region, message)
        return Json({"message": "Processing Assignment", "id": b64(one.id)}, 202)

    async def monitor(request: Request) -> Response:
        """A region advances by itself, so there is nothing to start or stop: the item is checked, and that is all."""
        world.region(request.path_params["process"])
        try:
            item = parse_item(await body(request))
            item.verify()
        except ArchiveError as error:
            raise Refused(400, str(error)) from None
        if item.target is None or b64(item.target) != request.path_params["process"]:
            raise Refused(400, "the item is for another process than the address names")
        return PlainTextResponse("this process advances by itself, monitored or not")

    async def hello(request: Request) -> Response:
        return PlainTextResponse("ao messenger unit")

    return [
        Route("/", hello, methods=["GET"]),
        Route("/", post, methods=["POST"]),
        Route("/monitor/{process}", monitor, methods=["POST", "DELETE"]),
    ]


async def take(world: World, raw: bytes) -> dict[str, str]:
    """Have an item recorded; what a messenger says then. Raises Refused."""
    asked, _ = await world.submit(raw)
    item_id = b64(asked.item.id)
    made = {"processId": item_id} if asked.kind == SPAWN else {}
    return {"message": "Processing DataItem", "id": item_id} | made
