"""The two requests that clients send for every item, answered without the framework's layers: to post it at the
messenger's door, and to fetch its result. Everything else, and every other spelling of these, goes to the framework.

With them an item costs the door about two thirds of what it would otherwise (`everloom bench ao`).
"""

import re
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from regions.ao import compute, messenger
from regions.ao.units import Refused, World, body

RESULT: Final = re.compile(r"/compute/result/([A-Za-z0-9_-]{43})")
QUERY: Final = re.compile(rb"process-id=([A-Za-z0-9_-]{43})")
HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
]


def straight(world: World, app: ASGIApp) -> ASGIApp:
    """The application in front of the framework's."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        method, path, query = scope["method"], scope["path"], scope["query_string"]
        status = 200
        try:
            if method == "POST" and path in ("/messenger", "/messenger/") and not query:
                status, said = (
                    202,
                    msgspec.json.encode(await messenger.take(world, await body(Request(scope, receive)))),
                )
            elif method == "GET" and (asked := RESULT.fullmatch(path)) and (whose := QUERY.fullmatch(query)):
                said = (await compute.result_of(world, whose[1].decode(), asked[1])).encode()
            else:
                return await app(scope, receive, send)
        except Refused as refused:
            status, said = refused.status, msgspec.json.encode({"error": refused.reason})
        headers = [*HEADERS, (b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    return answer
