"""HTTP/1.1 as a benchmark's client needs it: one request at a time on a connection that stays open, and little else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

HEAD_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server said."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Plain:
    """One connection. Raises OSError for answers without a length."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host, self._reader, self._writer = host, reader, writer

    @classmethod
    @asynccontextmanager
    async def pool(cls, host: str, port: int, size: int) -> AsyncIterator[list["Plain"]]:
        """So many connections. Raises OSError."""
        opened: list[Plain] = []
        try:
            for _ in range(size):
                reader, writer = await asyncio.open_connection(host, port, limit=HEAD_BYTES_MAX)
                opened.append(cls(f"{host}:{port}", reader, writer))
            yield opened
        finally:
            for one in opened:
                one._writer.close()

    async def get(self, path: str) -> Answered:
        """GET."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())

    async def post(self, path: str, body: bytes) -> Answered:
        """POST."""
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        return await self._ask(head.encode() + body)

    async def _ask(self, request: bytes) -> Answered:
        self._writer.write(request)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            if not length.strip().isdigit():
                raise OSError(f"an answer without a length: {head[:200]!r}")
            return Answered(int(head[9:12]), await self._reader.readexactly(int(length)))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise OSError(f"the server broke off: {error}") from None
