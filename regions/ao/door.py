"""All doors of the AO view under one address, each below a prefix of its own, open to pages from anywhere."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from regions.ao import compute, mainnet, messenger, scheduler
from regions.ao.units import Json, Refused, World, no

PREFIXES = ("messenger", "scheduler", "compute", "gateway", "mainnet")


def door(world: World, gateway: Sequence[BaseRoute]) -> Starlette:
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
                "doors": {name: f"{base}/{name}" for name in PREFIXES},
            }
        )

    mounts = [
        Route("/", about),
        Mount("/messenger", routes=messenger.routes(world)),
        Mount("/scheduler", routes=scheduler.routes(world)),
        Mount("/compute", routes=compute.routes(world)),
        Mount("/gateway", routes=list(gateway)),
        Mount("/mainnet", routes=mainnet.routes(world)),
    ]
    cors = Middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=["*"]
    )
    return Starlette(routes=mounts, middleware=[cors], exception_handlers={Refused: no})
