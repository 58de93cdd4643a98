"""The door for aoconnect's mainnet mode, as far as it speaks ANS-104: an item in each request; the path says why."""

import re
from typing import Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from archive.keys import b64
from regions.ao import compute
from regions.ao.units import Json, Refused, World, body
from regions.outside import SPAWN

PROCESS: Final = re.compile(r"/?([A-Za-z0-9_-]{43})(?:~process@1\.0)?/(.+)")
ADDRESS: Final = "~meta@1.0/info/address"
BODY_BYTES_MAX: Final = 32_768


def routes(world: World) -> list[Route]:
    """The routes of a node of the mainnet, those that the ANS-104 half of aoconnect asks for."""

    async def push(request: Request) -> Response:
        asked, _ = await world.submit(await body(request, BODY_BYTES_MAX))
        if asked.kind != SPAWN:
            raise Refused(400, "this path takes Process items; a message goes to /<process>~process@1.0/push")
        process = b64(asked.item.id)
        return Json({"process": process}, headers={"process": process})

    async def any_path(request: Request) -> Response:
        if request.path_params["path"].lstrip("/") == ADDRESS:
            return PlainTextResponse(world.scheduler)
        found = PROCESS.fullmatch(request.path_params["path"])
        if found is None:
            raise Refused(404, "the paths here are /<process>~process@1.0/push, /compute/results=, /slot/current")
        process, rest = found.groups()
        if rest == "push":
            asked, _ = await world.submit(await body(request, BODY_BYTES_MAX))
            one = await world.item(asked.item.id)
            return Json({"slot": one.nonce, "id": b64(asked.item.id)}, headers={"id": b64(asked.item.id)})
        if rest in ("slot/current", "slot/current/body"):
            last = world.index.last(world.region(process))
            return PlainTextResponse(str(last.nonce if last else 0))
        if rest.startswith("compute/results="):
            return Json('{"raw":' + await _result(process, rest.removeprefix("compute/results=")) + "}")
        if rest.startswith("as=execution/compute"):
            pairs = [part.partition("=") for part in rest.removeprefix("as=execution/compute").split("&") if part]
            tags = [(unquote(name), unquote(value)) for name, _, value in pairs]
            return Json({"raw": await compute.dry(world, process, tags, "")})
        raise Refused(404, f"{rest[:64]!r} is no path of a process here")

    async def _result(process: str, slot: str) -> str:
        if slot.isascii() and slot.isdigit() and len(slot) < 18:
            one = world.index.numbered(world.region(process), int(slot))
            if one is None:
                raise Refused(404, f"slot {slot} of process {process} holds no message yet")
            return one.result
        return await compute.result_of(world, process, slot)

    return [
        Route("/push", push, methods=["POST"]),
        Route("/{path:path}", any_path, methods=["GET", "POST"]),
    ]
