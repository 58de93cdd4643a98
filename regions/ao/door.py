"""All doors of the AO view under one address, each below a prefix of its own, open to pages from anywhere."""

from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from regions.ao import compute, mainnet, messenger, scheduler
from regions.ao.straight import straight
from regions.ao.units import Json, Refused, World, no

PREFIXES: Final = ("messenger", "scheduler", "compute", "gateway", "mainnet")
SLASH: Final = {"gateway": "/", "mainnet": "/"}  # where clients put the rest of an address right behind


def door(world: World, gateway: Sequence[Route]) -> ASGIApp:
    """The application. `gateway` are the routes of the store's read interface."""

    async def about(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return Json(
            {
                "world": world.charter.world,
                "era": world.charter.era,
                "module": world.charter.module,
                "scheduler": world.scheduler,
                "processes": [{"process": seat.process, "land": seat.land} for seat in world.charter.seats],
                "doors": {name: f"{base}/{name}{SLASH.get(name, '')}" for name in PREFIXES},
            }
        )

    routes: list[BaseRoute] = [Route("/", about)]
    parts = (messenger.routes(world), scheduler.routes(world), compute.routes(world), gateway, mainnet.routes(world))
    for name, part in zip(PREFIXES, parts, strict=True):
        routes += [one for route in part for one in _below(f"/{name}", route)]
    cors = Middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=["*"]
    )
    return straight(world, Starlette(routes=routes, middleware=[cors], exception_handlers={Refused: no}))


def _below(prefix: str, route: Route) -> list[Route]:
    """A route below a prefix; the one at its top with and without a slash, as clients ask for both."""
    paths = (prefix, f"{prefix}/") if route.path == "/" else (prefix + route.path,)
    return [Route(path, route.endpoint, methods=list(route.methods or ())) for path in paths]
