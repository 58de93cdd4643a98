"""A client's connection to a gateway: comes back by itself, resumes, and hands on what is told and shown.

asyncio and websockets around `clients.session` and `clients.seen`; everything that uses a world from outside (the
window, bots, probes) goes through it.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidURI

from archive.errors import ArchiveError
from archive.keys import Ed25519Key, load_key, save_key
from clients.seen import Frame, Seen
from clients.session import News, Parted, Session, Signer, Welcomed
from regions.errors import RecordError
from regions.protocol import TOLD, VIEW
from world.actions import Action

FRAME_BYTES_MAX: Final = 2 * 1024 * 1024
FRAMES_WAITING_MAX: Final = 32
OPEN_S_MAX: Final = 5
LOGIN_S_MAX: Final = 15
BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
LOOK_AGAIN_MS: Final = 1_000
SILENT_S: Final = 2.0  # after so long without a frame the gateway is asked whether it is there
ANSWER_S_MAX: Final = 3.0  # and after so long without an answer the connection is taken for lost
FAULT: Final = 1008  # the gateway's close code for what a client did wrong


def wallet_file(path: Path) -> Ed25519Key:
    """The wallet in a key file, made if there is none. Raises ArchiveError when the file holds another kind of key."""
    if not path.exists():
        save_key(path, Ed25519Key.generate())
    key = load_key(path)
    if not isinstance(key, Ed25519Key):
        raise ArchiveError(str(path), "an Arweave key; a player's wallet is an Ed25519 key")
    return key


class Connection:
    """One player's way into a world.

    `heard(news)` is called for each thing told, `shown(frame, bytes)` for each view frame, both within `run`. `seen` is
    None until the first Welcome.
    """

    def __init__(
        self,
        url: str,
        wallet: Signer,
        *,
        world: bytes = b"",
        heard: Callable[[News], None] = lambda news: None,
        shown: Callable[[Frame, int], None] = lambda frame, size: None,
    ) -> None:
        self.url = url
        self.session = Session(wallet, world)
        self.seen: Seen | None = None
        self.reconnects = self.frames_bad = 0
        self.over = ""  # why it will not come back
        self.trouble = ""  # why it was cut or not opened last
        self._heard = heard
        self._shown = shown
        self._socket: ClientConnection | None = None
        self._attempts = self._looked_ms = self._frames = self._again_ms = 0
        self._stopping = False

    @property
    def serving(self) -> bool:
        """Whether actions leave at once."""
        return self.session.welcome is not None and self._socket is not None

    def act(self, action: Action) -> int:
        """Do something; the number of the action. OverflowError when too many wait for their receipt."""
        self._send(self.session.act(_now_ms(), action))
        return self.session.number

    async def run(self) -> None:
        """Be connected until `stop` is called or the gateway says that coming back is of no use (`over`)."""
        while not self._stopping and not self.over:
            try:
                await self._once()
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage) as error:
                self.trouble = _reason(error)
            except (RecordError, InvalidURI) as error:
                self.over = str(error)
            self._socket, self.session.welcome = None, None
            if not self._stopping and not self.over:
                self.reconnects += 1
                await asyncio.sleep(self._wait_s())

    async def stop(self) -> None:
        """Leave."""
        self._stopping = True
        if self._socket is not None:
            await self._socket.close()

    def drop(self) -> None:
        """Cut the connection as a bad network would; it comes back by itself."""
        if self._socket is not None:
            self._socket.transport.abort()

    def _wait_s(self) -> float:
        """How long to stay away: as long as the gateway said, else longer each time; never all clients equally long."""
        wait_s = BACKOFF_S[min(self._attempts, len(BACKOFF_S) - 1)]
        self._attempts += 1
        wait_s = max(self._again_ms / 1000, wait_s * (0.5 + secrets.randbelow(1000) / 1000))
        self._again_ms = 0
        return wait_s * (1 + secrets.randbelow(1000) / 4000)

    async def _once(self) -> None:
        opening = connect(
            self.url,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            max_queue=FRAMES_WAITING_MAX,
            open_timeout=OPEN_S_MAX,
            close_timeout=1,
            ping_interval=None,  # only silence is a reason to ask: see _guard
            user_agent_header=None,
            proxy=None,
        )
        async with opening as socket:
            self._socket = socket
            self._send(self.session.opened(os.urandom(32)))
            late = asyncio.get_running_loop().call_later(LOGIN_S_MAX, self._too_late, socket)
            guard = asyncio.create_task(self._guard(socket))
            try:
                async for raw in socket:
                    self._frames += 1
                    if isinstance(raw, bytes):
                        self._receive(raw)
                    if self.over or self._stopping:
                        break
            finally:
                late.cancel()
                guard.cancel()
                close = socket.protocol.close_rcvd
                if close is not None and close.code == FAULT and not self.over:
                    self.over = close.reason or "the gateway found fault with this client"

    async def _guard(self, socket: ClientConnection) -> None:
        """Cut a connection whose other end is gone without a word: nothing else would ever end it."""
        frames = -1
        while True:
            if frames == self._frames:
                try:
                    async with asyncio.timeout(ANSWER_S_MAX):
                        await (await socket.ping())
                except TimeoutError:
                    self.trouble = f"no answer within {ANSWER_S_MAX:.0f} s"
                    socket.transport.abort()
                    return
                except ConnectionClosed:
                    return
            frames = self._frames
            await asyncio.sleep(SILENT_S)

    def _too_late(self, socket: ClientConnection) -> None:
        if self.session.welcome is None:
            with contextlib.suppress(OSError):
                socket.transport.abort()

    def _receive(self, raw: bytes) -> None:
        now_ms = _now_ms()
        if raw[:1] == bytes([VIEW]):
            if self.seen is None:
                raise RecordError("a view frame before the Welcome")
            try:
                self._shown(self.seen.take(raw), len(raw))
            except RecordError:
                self._look_again(now_ms)
            self._send(self.session.signed_head(now_ms))
        elif raw[:1] == bytes([TOLD]):
            frames, news = self.session.told(now_ms, raw[1:])
            self._send(frames)
            for one in news:
                self._note(one)
        else:
            raise RecordError(f"a frame that begins with {raw[:1].hex() or 'nothing'}")

    def _look_again(self, now_ms: int) -> None:
        """A frame did not follow what was shown before: begin anew, but do not ask with every frame."""
        self.frames_bad += 1
        if now_ms - self._looked_ms >= LOOK_AGAIN_MS:
            self._looked_ms = now_ms
            self._send(self.session.look_again())

    def _note(self, news: News) -> None:
        if isinstance(news, Welcomed):
            welcome = self.session.welcome
            assert welcome is not None
            self.seen, self._attempts = Seen(welcome.regions), 0
        elif isinstance(news, Parted):
            self._again_ms = news.again_ms
            if news.superseded:
                self.over = news.reason
        self._heard(news)

    def _send(self, frames: list[bytes]) -> None:
        if self._socket is not None:
            for frame in frames:
                broadcast((self._socket,), frame)


def _reason(error: Exception) -> str:
    """What went wrong, in the system's own words where it has some."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error) or type(error).__name__


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
