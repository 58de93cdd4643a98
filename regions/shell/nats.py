"""The outside that is NATS: one connection per process, carrying the logs and the bus.

A log is a JetStream stream of one subject, guarded by its expected last sequence: sequence = record number. No
message-id windows, batches, TTLs or KV. Settings under which a log could forget, or acknowledge before it has synced,
are refused. Starts no server (that is `nats_server`), and reads no record: chain and signatures are the core's.
"""

import asyncio
import contextlib
import itertools
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from regions.shell.log import (
    READ_BYTES_MAX,
    RECORD_BYTES_MAX,
    Behind,
    Durable,
    Full,
    Impossible,
    LogBroken,
    LogGap,
    LogInfo,
    LogMissing,
    LogRefused,
    LogUnavailable,
    Outcome,
    Taken,
    Unknown,
)

RECONNECT_WAIT_S = 0.05
PING_S = 2
PENDING_OUT_MAX = 4 << 20
"""Bytes waiting for the socket above which the bus drops, and an append is not tried."""

ANSWER_S = 2.0
"""How long the verbs other than append wait for an answer."""

FOLLOW_BATCH = 256
FOLLOW_BYTES = 4 << 20
HEARTBEAT_S = 0.5
NANOSECONDS = 1_000_000_000

STREAM_NOT_FOUND = 10059
WRONG_LAST_SEQUENCE = 10071
STORE_FAILED = 10077
TOO_LARGE = 10054
NO_ROOM = {10023, 10028, 10047}
NEVER = {10060: "the subject belongs to another stream", 10109: "the stream is sealed"}

# What a log's stream must be. `deny_delete`: only `trim` may remove records, and only from the front.
SETTINGS: dict[str, Any] = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "max_age": 0,
    "max_msgs": -1,
    "max_msgs_per_subject": -1,
    "max_msg_size": RECORD_BYTES_MAX,
    "deny_delete": True,
    "deny_purge": False,
    "allow_direct": True,
    "allow_rollup_hdrs": False,
    "sealed": False,
}
FORBIDDEN = ("mirror", "sources", "subject_transform", "republish", "allow_msg_ttl", "allow_msg_schedules")


async def connect(url: str, token: str, name: str, connect_s_max: float = 5.0) -> "Outside":
    """Connect to a NATS server (or to several, separated by commas) and stay connected for ever.

    `name` is shown by the server's monitor. Raises `OSError` when there is no connection within `connect_s_max`.
    """
    outside = Outside(url, token, name)
    try:
        async with asyncio.timeout(connect_s_max):
            await outside._dial()
    except (TimeoutError, nats.errors.Error) as error:
        await outside.close()
        raise ConnectionError(f"no NATS at {url} within {connect_s_max} s: {outside.last_error or error!r}") from error
    except BaseException:
        await outside.close()
        raise
    return outside


class Outside:
    """A connection that comes back by itself, and the logs and the bus behind it.

    `reconnects` counts connections regained; `last_error` is the newest error the client library reported.
    """

    def __init__(self, url: str, token: str, name: str) -> None:
        self.name = name
        self.reconnects = 0
        self.last_error = ""
        self.bus = Bus(self)
        self._url = url
        self._token = token
        self._client = Client()
        self._closing = False
        self._redialing: asyncio.Task[None] | None = None
        self._bells: set[asyncio.Event] = set()

    def log(self, name: str, replicas: int = 1) -> "Log":
        """Return the log `name` (letters, digits, "-" and "_"), which need not exist yet."""
        return Log(self, name, replicas)

    @property
    def connected(self) -> bool:
        """Whether the connection stands at this moment."""
        return bool(self._client.is_connected)

    async def close(self) -> None:
        """End the connection and everything that uses it."""
        self._closing = True
        if self._redialing is not None:
            self._redialing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._redialing
        await self._client.close()

    async def _dial(self) -> None:
        self._client = Client()
        await self._client.connect(
            self._url.split(","),
            token=self._token,
            name=self.name,
            error_cb=self._on_error,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]
            connect_timeout=2,
            ping_interval=PING_S,
            max_outstanding_pings=2,
            pending_size=2 * PENDING_OUT_MAX,
            flush_timeout=1.0,
        )

    async def _on_error(self, error: Exception) -> None:
        self.last_error = repr(error)
        if isinstance(error, nats.errors.SlowConsumerError):
            self.bus._count_drop(error.sub)

    async def _on_reconnected(self) -> None:
        self.reconnects += 1
        self._ring()

    async def _on_closed(self) -> None:
        # The library gives up for good on some server errors; this process does not.
        if not self._closing and (self._redialing is None or self._redialing.done()):
            self._redialing = asyncio.create_task(self._redial())

    async def _redial(self) -> None:
        while True:
            await asyncio.sleep(RECONNECT_WAIT_S)
            with contextlib.suppress(OSError, nats.errors.Error, TimeoutError):
                await self._dial()
                await self.bus._resubscribe()
                await self._on_reconnected()
                return

    def _ring(self) -> None:
        for bell in self._bells:
            bell.set()

    def _writable(self) -> bool:
        return self.connected and self._client.pending_data_size <= PENDING_OUT_MAX

    async def _request(self, subject: str, payload: bytes, wait_s: float, headers: dict[str, str] | None = None) -> Msg:
        """Ask and wait. Raises TimeoutError, ConnectionError; both mean "perhaps done"."""
        if not self._writable():
            raise ConnectionError(f"not connected ({self.last_error or 'no error reported'})")
        try:
            return await self._client.request(subject, payload, timeout=wait_s, headers=headers)
        except nats.errors.NoRespondersError as error:
            raise ConnectionError("nobody answers: no stream, no leader, or JetStream is off") from error
        except nats.errors.TimeoutError as error:
            raise TimeoutError(f"no answer within {wait_s} s ({self.last_error or 'no error reported'})") from error
        except nats.errors.Error as error:
            raise ConnectionError(repr(error)) from error


class Log:
    """One region's log. Every handle of one name, in any process, is the same log."""

    def __init__(self, outside: Outside, name: str, replicas: int = 1) -> None:
        if not (0 < len(name) <= 64 and name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise ValueError(f"a log's name is 1 to 64 letters, digits, - or _; this one is {name!r}")
        self.name = name
        self._outside = outside
        self._subject = f"log.{name}"
        self._replicas = replicas
        self._first_sequence = 0
        self._created = ""

    async def create(self, first_sequence: int, max_bytes: int) -> None:
        """Make the log, its first record to be `first_sequence`, with `max_bytes` of reserved quota.

        Making it again with the same arguments changes nothing. Raises `LogRefused` when it exists otherwise or the
        quota is not there, `LogUnavailable`.
        """
        if first_sequence < 1 or max_bytes < RECORD_BYTES_MAX:
            raise ValueError(f"first sequence {first_sequence} (>= 1), {max_bytes} bytes (>= {RECORD_BYTES_MAX})")
        wanted = SETTINGS | {
            "name": self.name,
            "subjects": [self._subject],
            "num_replicas": self._replicas,
            "max_bytes": max_bytes,
            "first_seq": first_sequence,
        }
        answer = await self._api("STREAM.CREATE", wanted)
        if "error" in answer:
            raise LogRefused(f"log {self.name} cannot be made: {answer['error'].get('description')}")
        self._accept(answer)
        if self._first_sequence != first_sequence:
            raise LogRefused(f"log {self.name} starts at {self._first_sequence}, not at {first_sequence}")

    async def open(self) -> LogInfo:
        """Check the log's settings, and return where it stands.

        Raises `LogMissing`, `LogRefused` when it may lose or forget records, `LogUnavailable`.
        """
        answer = await self._ask_info()
        self._accept(answer)
        return _info(answer)

    async def exists(self) -> bool:
        """Whether there is a log of this name. Raises `LogUnavailable`."""
        try:
            await self._ask_info()
        except LogMissing:
            return False
        return True

    async def info(self) -> LogInfo:
        """Return where the log begins and ends. Raises `LogMissing`, `LogUnavailable`."""
        return _info(await self._ask_info())

    async def append(self, position: int, data: bytes, wait_s: float = 1.0) -> Outcome:
        """Store `data` as record `position`, if the log ends right before it.

        Never raises for what the log or the network does, but for `LogBroken`. Cancelling it means `Unknown`.
        """
        if len(data) > RECORD_BYTES_MAX:
            return Impossible(f"{len(data)} bytes, the limit is {RECORD_BYTES_MAX}")
        try:
            if not self._first_sequence:
                await self.open()
            answer = await self._outside._request(self._subject, data, wait_s, self._guard(position))
            return await self._outcome(position, json.loads(answer.data))
        except (LogMissing, LogRefused) as error:
            return Impossible(str(error))
        except LogUnavailable as error:
            return Unknown(error.reason)
        except ConnectionError as error:
            return await self._why_nobody(error)
        except (TimeoutError, ValueError) as error:
            return Unknown(str(error))

    async def read(self, position: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to `limit` records from `position` on, in order, without a gap.

        An empty list means the log ends right before `position`. Fewer than `limit` records may come although there
        are more (`READ_BYTES_MAX`). Raises `LogGap` when the log does not hold what stands there, `LogMissing`,
        `LogUnavailable`.
        """
        info = await self.info()
        if not info.first <= position <= info.last + 1:
            raise LogGap(self.name, position, info.first, info.last)
        end = min(info.last, position + limit - 1)
        records: list[tuple[int, bytes]] = []
        size = 0
        tries = 3
        while position + len(records) <= end and size < READ_BYTES_MAX:
            next_position = position + len(records)
            more = await self._read_run(next_position, end - next_position + 1, READ_BYTES_MAX - size)
            if not more:
                tries -= 1
                if not tries:
                    raise LogUnavailable(self.name, f"record {next_position} of {info.first}..{info.last} does not come")
                await asyncio.sleep(RECONNECT_WAIT_S)
            records += more
            size += sum(len(data) for _, data in more)
        return records

    async def follow(self, position: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """Yield every record from `position` on, in order, each once, for ever; outlives the server's restarts.

        Raises `LogGap` when the log does not hold (or no longer holds) the record that comes next, or was made anew;
        `LogMissing` when it is gone.
        """
        created = ""
        while True:
            pull = _Pull(self._outside, self.name)
            try:
                answer = await self._ask_info()
                info = _info(answer)
                created = created or str(answer["created"])
                if not info.first <= position <= info.last + 1 or answer["created"] != created:
                    raise LogGap(self.name, position, info.first, info.last)
                await pull.start(position)
                async for number, data in pull.records():
                    if number != position:
                        break
                    yield number, data
                    position += 1
            except (LogUnavailable, ConnectionError, TimeoutError):
                pass
            finally:
                await pull.stop()
            await asyncio.sleep(RECONNECT_WAIT_S)

    async def trim(self, position: int) -> None:
        """Forget every record up to and including `position`; once done, doing it again changes nothing.

        The newest record always stays (the guard of the next append leans on it): a `position` at or past it raises
        `ValueError`. Raises `LogMissing`, `LogUnavailable`.
        """
        info = await self.info()
        if position < info.first:
            return
        # Past its end, a purge would move the stream's sequence on.
        if position >= info.last:
            raise ValueError(f"log {self.name} ends at {info.last}: it cannot be trimmed through {position}")
        answer = await self._api("STREAM.PURGE", {"seq": position + 1})
        if answer.get("success") is not True:
            raise LogUnavailable(self.name, f"not trimmed: {answer.get('error')}")

    def _guard(self, position: int) -> dict[str, str]:
        # The subject's last sequence too: a stream made anew that happens to start here holds no such record.
        held = position - 1 if position > self._first_sequence else 0
        return {
            "Nats-Expected-Stream": self.name,
            "Nats-Expected-Last-Sequence": str(position - 1),
            "Nats-Expected-Last-Subject-Sequence": str(held),
        }

    async def _outcome(self, position: int, answer: dict[str, Any]) -> Outcome:
        error = answer.get("error")
        if error is None:
            if answer.get("seq") != position or answer.get("stream") != self.name or answer.get("duplicate"):
                raise LogBroken(f"log {self.name} was to store record {position}; it answered {answer}")
            return Durable(position)
        code, reason = int(error.get("err_code", 0)), str(error.get("description", error))
        if code == WRONG_LAST_SEQUENCE:
            return await self._refused(position, reason)
        if code == TOO_LARGE or code in NEVER:
            return Impossible(NEVER.get(code, reason))
        if code in NO_ROOM or (code == STORE_FAILED and ("exceeded" in reason or "no space" in reason)):
            return Full(reason)
        return Unknown(f"{code} {reason}")

    async def _refused(self, position: int, reason: str) -> Outcome:
        """Tell taken from behind by where the log stands now."""
        info = await self.info()
        if info.last >= position:
            return Taken(info.last)
        if info.last < position - 1:
            return Behind(info.last)
        if position > self._first_sequence and info.first > info.last:
            return Behind(info.last, f"the log is empty and does not hold record {position - 1}: it was made anew")
        return Unknown(reason)

    async def _why_nobody(self, error: ConnectionError) -> Outcome:
        """A stream that is gone for certain will not come back by waiting."""
        with contextlib.suppress(LogUnavailable):
            try:
                await self.info()
            except LogMissing as missing:
                return Impossible(str(missing))
        return Unknown(str(error))

    async def _read_run(self, position: int, limit: int, bytes_max: int) -> list[tuple[int, bytes]]:
        """Get one run of records by sequence; a prefix of what was asked for, perhaps empty."""
        run: list[tuple[int, bytes]] = []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def take(message: Msg) -> None:
            headers = message.headers or {}
            if "Status" not in headers and int(headers.get("Nats-Sequence", 0)) == position + len(run):
                run.append((position + len(run), message.data))
            elif not done.done():
                done.set_result(None)

        request = json.dumps({"seq": position, "batch": limit, "max_bytes": bytes_max}).encode()
        with self._unavailable():
            subscription = await self._outside._subscribe_inbox(take)
            try:
                await self._outside._client.publish(
                    f"$JS.API.DIRECT.GET.{self.name}", request, reply=subscription.subject
                )
                async with asyncio.timeout(ANSWER_S):
                    await done
            finally:
                await _unsubscribe(subscription)
        return run

    def _accept(self, answer: dict[str, Any]) -> None:
        config = answer["config"]
        wanted = SETTINGS | {"subjects": [self._subject], "num_replicas": self._replicas}
        wrong = [f"{key} is {config.get(key)!r}, not {value!r}" for key, value in wanted.items() if config.get(key, value) != value]
        wrong += [f"{key} is set" for key in FORBIDDEN if config.get(key)]
        if config.get("persist_mode", "default") not in ("", "default"):
            wrong.append(f"persist_mode is {config['persist_mode']!r}: it acknowledges before it syncs")
        if wrong:
            raise LogRefused(f"log {self.name} may not be used: {'; '.join(wrong)}")
        self._first_sequence = int(config.get("first_seq", 1)) or 1
        self._created = str(answer["created"])

    async def _ask_info(self) -> dict[str, Any]:
        answer = await self._api("STREAM.INFO", None)
        error = answer.get("error")
        if error is not None:
            if error.get("err_code") == STREAM_NOT_FOUND:
                raise LogMissing(self.name)
            raise LogUnavailable(self.name, str(error))
        return answer

    async def _api(self, verb: str, question: dict[str, Any] | None) -> dict[str, Any]:
        payload = b"" if question is None else json.dumps(question).encode()
        with self._unavailable():
            message = await self._outside._request(f"$JS.API.{verb}.{self.name}", payload, ANSWER_S)
            answer: dict[str, Any] = json.loads(message.data)
            return answer

    @contextlib.contextmanager
    def _unavailable(self) -> Any:
        try:
            yield
        except (OSError, TimeoutError, ValueError, nats.errors.Error) as error:
            raise LogUnavailable(self.name, str(error) or repr(error)) from error
