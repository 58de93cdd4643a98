"""The outside that is NATS: one connection per process, and the bus on it.

Wraps nats-py: comes back by itself for ever, bounds every queue, counts what it drops. The logs on this connection are
`nats_log.Log`; the server itself is `nats_server`.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as ClientSubscription
from nats.aio.transport import TcpTransport

RECONNECT_WAIT_S = 0.05
PING_S = 2
PENDING_OUT_MAX = 4 << 20
"""Bytes waiting for the socket above which the bus drops, and nothing is asked."""

NODE = "node"  # whose token names no door
NO_RESPONDERS = "503"
PENDING_IN_MAX = 16 << 20
PENDING_COUNT_MAX = 4096
"""What one subscription may hold back: bytes and messages. Newer ones are dropped and counted."""


async def connect(url: str, token: str, name: str, connect_s_max: float = 5.0) -> "Outside":
    """Connect to a NATS server (or several, separated by commas), and stay connected for ever.

    `token` is the node's, or a door's, which begins with the door's name and a colon. `name` is shown by the server's
    monitor. Raises `ConnectionError` when there is no connection within `connect_s_max`.
    """
    outside = Outside(url, token, name)
    try:
        async with asyncio.timeout(connect_s_max):
            await outside.dial()
            await outside.listen_to_answers()
    except (TimeoutError, nats.errors.Error) as error:
        await outside.close()
        where = url.rpartition("@")[2]  # what stands before is a secret
        why = outside.denied or outside.last_error or repr(error)
        raise ConnectionError(f"no NATS at {where} within {connect_s_max} s: {why}") from error
    except BaseException:
        await outside.close()
        raise
    return outside


class Outside:
    """A connection that comes back by itself.

    `reconnects` counts connections regained, `missed` the messages dropped because this process was slow;
    `last_error` is the newest error the client library reported, `denied` what the server last did not allow.
    """

    def __init__(self, url: str, token: str, name: str) -> None:
        self.name = name
        self.reconnects = 0
        self.missed = 0
        self.last_error = ""
        self.denied = ""
        self.bus = Bus(self)
        self._url = url
        self._token = token
        self._client = Client()
        self._closing = False
        self._redialing: asyncio.Task[None] | None = None
        self._listening: set[Listening] = set()
        self._questions = itertools.count()
        self._answers: dict[str, asyncio.Future[Msg]] = {}
        self._answers_to = ""

    @property
    def connected(self) -> bool:
        """Whether the connection stands at this moment."""
        return bool(self._client.is_connected)

    @property
    def writable(self) -> bool:
        """Whether a message sent now would leave soon."""
        return self.connected and self._client.pending_data_size <= PENDING_OUT_MAX

    async def dial(self) -> None:
        """Make the connection; used by `connect` and after the library has given up."""
        self._client = Client()
        self._client._transport = Transport()  # type: ignore[no-untyped-call]
        user, _, secret = self._token.rpartition(":")
        await self._client.connect(
            self._url.split(","),
            user=(user or NODE) if secret else None,
            password=secret or None,
            name=self.name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # it sleeps, any number will do
            connect_timeout=2,
            ping_interval=PING_S,
            max_outstanding_pings=2,
            pending_size=2 * PENDING_OUT_MAX,
            flush_timeout=1.0,
        )

    async def close(self) -> None:
        """End the connection and everything that uses it."""
        self._closing = True
        if self._redialing is not None:
            self._redialing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._redialing
        await self._client.close()

    async def request(self, subject: str, payload: bytes, wait_s: float, headers: dict[str, str] | None = None) -> Msg:
        """Ask and wait. Raises TimeoutError (perhaps done), ConnectionError (perhaps done, too)."""
        if not self.writable:
            raise ConnectionError(f"not connected ({self.last_error or 'no error reported'})")
        reply = f"{self._answers_to}.{next(self._questions)}"
        loop = asyncio.get_running_loop()
        self._answers[reply] = answer = loop.create_future()
        # Not asyncio.timeout: it cancels once, and the client library may swallow that.
        late = loop.call_later(wait_s, _fail, answer, TimeoutError(f"no answer within {wait_s} s"))
        try:
            await self._client.publish(subject, payload, reply=reply, headers=headers)
            message: Msg = await answer
        except nats.errors.Error as error:
            raise ConnectionError(repr(error)) from error
        finally:
            late.cancel()
            del self._answers[reply]
            answer.cancel()
        if message.headers and message.headers.get("Status") == NO_RESPONDERS:
            raise ConnectionError("nobody answers: no stream, no leader, or JetStream is off")
        return message

    async def publish(self, subject: str, payload: bytes, reply: str = "") -> bool:
        """Send and forget; False when it was dropped here: not connected, or too much is waiting already."""
        if not self.writable:
            return False
        try:
            await self._client.publish(subject, payload, reply=reply)
        except nats.errors.MaxPayloadError as error:
            raise ValueError(
                f"{len(payload)} bytes for {subject}; the server takes {self._client.max_payload}"
            ) from error
        except nats.errors.Error:
            return False
        return True

    async def listen(
        self, subject: str, hear: Callable[[Msg], Awaitable[None]], regained: Callable[[], None] = lambda: None
    ) -> "Listening":
        """Hear messages until `Listening.stop`, also after reconnections. Raises ConnectionError.

        `regained` is called after every reconnection: what was sent meanwhile is lost.
        """
        listening = Listening(self, subject, hear, regained)
        self._listening.add(listening)
        try:
            await listening.begin(self._client)
        except nats.errors.Error as error:
            self._listening.discard(listening)
            raise ConnectionError(repr(error)) from error
        return listening

    async def listen_to_answers(self) -> None:
        """Hear what `request` waits for; once, by `connect`."""
        self._answers_to = self.inbox()
        await self.listen(f"{self._answers_to}.*", self._on_answer)

    def inbox(self) -> str:
        """Return a new subject for answers."""
        return self._client.new_inbox()

    async def _on_error(self, error: Exception) -> None:
        self.last_error = repr(error)
        if isinstance(error, nats.errors.SlowConsumerError):
            self.missed += 1
        elif "permissions violation" in self.last_error or "authorization violation" in self.last_error.lower():
            self.denied = str(error)

    async def _on_answer(self, message: Msg) -> None:
        answer = self._answers.get(message.subject)
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _on_disconnected(self) -> None:
        # Their answers will not come: a lost connection must not cost the time-out as well.
        for answer in self._answers.values():
            _fail(answer, ConnectionError("the connection was lost before the answer"))

    async def _on_reconnected(self) -> None:
        self.reconnects += 1
        for listening in self._listening:
            listening.regained()

    async def _on_closed(self) -> None:
        # The library gives up for good on some errors of the server; this process does not.
        if not self._closing and (self._redialing is None or self._redialing.done()):
            self._redialing = asyncio.create_task(self._redial())

    async def _redial(self) -> None:
        while True:
            await asyncio.sleep(RECONNECT_WAIT_S)
            with contextlib.suppress(OSError, nats.errors.Error, TimeoutError):
                await self.dial()
                for listening in list(self._listening):
                    await listening.begin(self._client)
                await self._on_reconnected()
                return


class Transport(TcpTransport):
    """Closes a connection that ended before the server's greeting; the library forgets it when it opens the next."""

    def __bool__(self) -> bool:
        """Say yes also before the first connection: else the library puts one of its own in this one's place."""
        return True

    async def connect(self, *args: Any, **options: Any) -> None:
        """Close what is open, and open a connection to where the library says."""
        self.close()  # type: ignore[no-untyped-call]
        await super().connect(*args, **options)


class Listening:
    """One subscription, until it is stopped."""

    def __init__(
        self, outside: Outside, subject: str, hear: Callable[[Msg], Awaitable[None]], regained: Callable[[], None]
    ) -> None:
        self.subject = subject
        self.regained = regained
        self._outside = outside
        self._hear = hear
        self._subscription: ClientSubscription | None = None

    async def begin(self, client: Client) -> None:
        """Subscribe on this client; the first time, and after the library gave up the client before."""
        self._subscription = await client.subscribe(
            self.subject,
            cb=self._hear,
            pending_msgs_limit=PENDING_COUNT_MAX,
            pending_bytes_limit=PENDING_IN_MAX,
        )

    async def stop(self) -> None:
        """Hear no more."""
        self._outside._listening.discard(self)
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()


class Bus:
    """Messages at most once: what cannot be sent or held now is dropped and counted (`unsent`, `Outside.missed`)."""

    def __init__(self, outside: Outside) -> None:
        self.unsent = 0
        self._outside = outside

    async def publish(self, subject: str, data: bytes) -> None:
        """Send `data`, or drop it. Raises `ValueError` above the server's max_payload."""
        if not await self._outside.publish(subject, data):
            self.unsent += 1

    async def subscribe(self, subject: str, callback: Callable[[str, bytes], None]) -> Listening:
        """Call `callback(subject, data)` for every message that comes, in order; `*` and `>` match as in NATS.

        What the callback raises goes to the event loop's exception handler. Raises ConnectionError.
        """

        async def hear(message: Msg) -> None:
            try:
                callback(message.subject, message.data)
            except Exception as error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"the subscriber of {subject} failed", "exception": error}
                )

        return await self._outside.listen(subject, hear)


def _fail(answer: asyncio.Future[Msg], error: OSError) -> None:
    if not answer.done():
        answer.set_exception(error)
