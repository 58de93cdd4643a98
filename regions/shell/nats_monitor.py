"""Asking a NATS server's HTTP monitor, within bounds of time and size. Read only, on 127.0.0.1."""

import asyncio
import contextlib
import json
from typing import Any

ANSWER_S_MAX = 5.0
ANSWER_BYTES_MAX = 1 << 20


async def ask_monitor(monitor_url: str, path: str) -> dict[str, Any]:
    """Return the monitor's JSON answer, whatever its HTTP status. Raises `OSError`, `ValueError`."""
    host, _, port = monitor_url.removeprefix("http://").rpartition(":")
    async with asyncio.timeout(ANSWER_S_MAX):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer = await _read_bounded(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    about = json.loads(body)
    if not isinstance(about, dict):
        raise ValueError(f"the monitor answered {path} with {head[:80]!r}")
    return about


async def _read_bounded(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    while chunk := await reader.read(65536):
        answer += chunk
        if len(answer) > ANSWER_BYTES_MAX:
            raise ValueError(f"the monitor sent more than {ANSWER_BYTES_MAX} bytes")
    return answer
