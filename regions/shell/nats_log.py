"""A region's log in NATS: one JetStream stream of one subject, where sequence = record number.

Guarded by the stream's expected last sequence; no message-id windows, batches, TTLs or KV. Settings under which a log
could forget a record, or acknowledge one before it has synced, are refused. Reads no record: chain and signatures are
the core's. The twin in memory is `memory_log`; both pass one contract suite.
"""

import asyncio
import contextlib
import json
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import nats.errors
from nats.aio.msg import Msg

from regions.shell.log import (
    READ_BYTES_MAX,
    RECORD_BYTES_MAX,
    Behind,
    Impossible,
    LogGap,
    LogInfo,
    LogMissing,
    LogRefused,
    LogUnavailable,
    Outcome,
    Taken,
    Unknown,
    check_log_name,
)
from regions.shell.nats import Outside
from regions.shell.nats_stream import (
    CONSUMER,
    HEARTBEAT,
    HEARTBEAT_S,
    NEXT,
    REQUEST_ENDS,
    REQUEST_TIMEOUT,
    STREAM_NOT_FOUND,
    guard,
    info_of,
    outcome_of,
    sequence_of,
    stream_config,
    subject_of,
    wrong_settings,
)

ANSWER_S = 2.0
"""How long the verbs other than append wait for an answer."""

RETRY_S = 0.05
READ_TRIES = 3
RUN_BYTES_MAX = 4 << 20
"""One request's worth of reading; well below the server's max_pending, above which it cuts the connection."""


class Log:
    """One region's log. Every handle of one name, in any process, is the same log.

    `name` is 1 to 64 letters, digits, "-" and "_"; the log need not exist yet. `replicas` is how many servers hold it.
    """

    def __init__(self, outside: Outside, name: str, replicas: int = 1) -> None:
        check_log_name(name)
        self.name = name
        self._outside = outside
        self._replicas = replicas
        self._first_sequence = 0

    async def create(self, first_sequence: int, max_bytes: int) -> None:
        """Make the log, its first record to be `first_sequence`, with `max_bytes` of reserved quota.

        Making it again with the same arguments changes nothing. Raises `LogRefused` when it exists otherwise or the
        quota is not there, `LogUnavailable`.
        """
        if first_sequence < 1 or max_bytes < RECORD_BYTES_MAX:
            raise ValueError(f"first sequence {first_sequence} (>= 1), {max_bytes} bytes (>= {RECORD_BYTES_MAX})")
        config = stream_config(self.name, self._replicas, first_sequence, max_bytes)
        answer = await self._ask("STREAM.CREATE", self.name, config)
        if "error" in answer:
            raise LogRefused(f"log {self.name} cannot be made: {answer['error'].get('description')}")
        self._accept(answer)

    async def open(self) -> LogInfo:
        """Check the log's settings, and return where it stands.

        Raises `LogMissing`, `LogRefused` when it may lose or forget records, `LogUnavailable`.
        """
        answer = await self._ask_info()
        self._accept(answer)
        return info_of(answer)

    async def exists(self) -> bool:
        """Whether there is a log of this name. Raises `LogUnavailable`."""
        try:
            await self._ask_info()
        except LogMissing:
            return False
        return True

    async def info(self) -> LogInfo:
        """Return where the log begins and ends. Raises `LogMissing`, `LogUnavailable`."""
        return info_of(await self._ask_info())

    async def append(self, position: int, data: bytes, wait_s: float = 1.0) -> Outcome:
        """Store `data` as record `position`, if the log ends right before it.

        What the log or the network does is a value, but for `LogBroken`. Cancelled: as `Unknown`.
        """
        if position < 1:
            raise ValueError(f"position {position} (>= 1)")
        if len(data) > RECORD_BYTES_MAX:
            return Impossible(f"{len(data)} bytes, the limit is {RECORD_BYTES_MAX}")
        subject = subject_of(self.name)
        try:
            if not self._first_sequence:
                await self.open()
            headers = guard(self.name, position, self._first_sequence)
            answer = json.loads((await self._outside.request(subject, data, wait_s, headers)).data)
            return outcome_of(self.name, position, answer) or await self._why_refused(position)
        except (LogMissing, LogRefused) as error:
            return Impossible(str(error))
        except LogUnavailable as error:
            return Unknown(error.reason)
        except ConnectionError as error:
            return await self._why_nobody(error)
        except (TimeoutError, ValueError) as error:
            # The server answers a forbidden publish with silence, and says so beside it
            # (the client library folds its words to lower case).
            forbidden = f'"{subject.lower()}"' in self._outside.denied
            return Impossible(self._outside.denied) if forbidden else Unknown(str(error))

    async def read(self, position: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to `limit` records from `position` on, in order, without a gap.

        An empty list means the log ends right before `position`. Fewer than `limit` records may come although there
        are more (`READ_BYTES_MAX`). Raises `LogGap` when the log does not hold what stands there, `LogMissing`,
        `LogUnavailable`.
        """
        records: list[tuple[int, bytes]] = []
        size = 0
        for _ in range(READ_TRIES):
            next_position = position + len(records)
            info = await self.info()
            if not info.first <= next_position <= info.last + 1:
                raise LogGap(self.name, next_position, info.first, info.last)
            end = min(info.last, position + limit - 1)
            while (next_position := position + len(records)) <= end and size < READ_BYTES_MAX:
                bytes_max = min(RUN_BYTES_MAX, READ_BYTES_MAX - size)
                run = await self._read_run(next_position, end - next_position + 1, bytes_max)
                if not run:
                    break
                records += run
                size += sum(len(data) for _, data in run)
            else:
                return records
            # A copy that lags behind its leader, or a trim meanwhile: the next look tells.
            await asyncio.sleep(RETRY_S)
        raise LogUnavailable(self.name, f"record {position + len(records)} does not come")

    async def follow(self, position: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """Yield every record from `position` on, in order, each once, for ever; outlives the server's restarts.

        Raises `LogGap` when the log does not hold (or no longer holds) the record that comes next, or was made anew;
        `LogMissing` when it is gone.
        """
        created = ""
        while True:
            with contextlib.suppress(LogUnavailable, ConnectionError, TimeoutError):
                answer = await self._ask_info()
                info = info_of(answer)
                created = created or str(answer["created"])
                if not info.first <= position <= info.last + 1 or answer["created"] != created:
                    raise LogGap(self.name, position, info.first, info.last)
                async with contextlib.aclosing(self._pull(position)) as records:
                    async for number, data in records:
                        if number != position:
                            break
                        yield number, data
                        position += 1
            await asyncio.sleep(RETRY_S)

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
        answer = await self._ask("STREAM.PURGE", self.name, {"seq": position + 1})
        if answer.get("success") is not True:
            raise LogUnavailable(self.name, f"not trimmed: {answer.get('error')}")

    async def _why_refused(self, position: int) -> Outcome:
        """Tell taken from behind by where the log stands now."""
        info = await self.info()
        if info.last >= position:
            return Taken(info.last)
        if info.last < position - 1:
            return Behind(info.last)
        if position > self._first_sequence and info.first > info.last:
            return Behind(info.last, f"the log is empty and does not hold record {position - 1}: it was made anew")
        return Unknown(f"refused, though the log ends at {info.last}")

    async def _why_nobody(self, error: ConnectionError) -> Outcome:
        """A log that is gone for certain will not come back by waiting."""
        with contextlib.suppress(LogUnavailable):
            try:
                await self.info()
            except LogMissing as missing:
                return Impossible(str(missing))
        return Unknown(str(error))

    async def _read_run(self, position: int, limit: int, bytes_max: int) -> list[tuple[int, bytes]]:
        """Get one run of records by sequence (ADR-31); a prefix of what was asked for, perhaps empty."""
        run: list[tuple[int, bytes]] = []
        done = asyncio.Event()

        async def take(message: Msg) -> None:
            headers = message.headers or {}
            if "Status" not in headers and int(headers.get("Nats-Sequence", 0)) == position + len(run):
                run.append((position + len(run), message.data))
            else:
                done.set()

        request = json.dumps({"seq": position, "batch": limit, "max_bytes": bytes_max}).encode()
        with self._unavailable():
            listening = await self._outside.listen(self._outside.inbox(), take, done.set)
            try:
                await self._outside.publish(f"$JS.API.DIRECT.GET.{self.name}", request, reply=listening.subject)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER_S):
                        await done.wait()
            finally:
                await listening.stop()
        return run

    async def _pull(self, position: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """Yield what an ephemeral consumer delivers from `position` on, until it falters; the caller checks numbers."""
        consumer = f"{self.name}.{secrets.token_hex(8)}"
        arrived: deque[Msg] = deque()  # bounded by what NEXT asks for
        bell = asyncio.Event()
        lost = False

        async def take(message: Msg) -> None:
            arrived.append(message)
            bell.set()

        def regained() -> None:
            nonlocal lost
            lost = True
            bell.set()

        settings = CONSUMER | {"name": consumer.rpartition(".")[2], "opt_start_seq": position}
        answer = await self._ask("CONSUMER.CREATE", consumer, {"stream_name": self.name, "config": settings})
        if "error" in answer:
            raise LogUnavailable(self.name, f"no consumer: {answer['error']}")
        listening = await self._outside.listen(self._outside.inbox(), take, regained)
        asking = False
        try:
            while not lost:
                if not asking:
                    subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer}"
                    asking = await self._outside.publish(subject, NEXT, reply=listening.subject)
                async with asyncio.timeout(3 * HEARTBEAT_S):
                    await bell.wait()
                bell.clear()
                while arrived:
                    message = arrived.popleft()
                    status = (message.headers or {}).get("Status")
                    if status is None:
                        yield sequence_of(message.reply), message.data
                    elif status == REQUEST_TIMEOUT or any(end in str(message.headers) for end in REQUEST_ENDS):
                        asking = False
                    elif status != HEARTBEAT:
                        return
        finally:
            await listening.stop()

    def _accept(self, answer: dict[str, Any]) -> None:
        config = answer["config"]
        if wrong := wrong_settings(config, self.name, self._replicas):
            raise LogRefused(f"log {self.name} may not be used: {'; '.join(wrong)}")
        self._first_sequence = int(config.get("first_seq", 1))

    async def _ask_info(self) -> dict[str, Any]:
        answer = await self._ask("STREAM.INFO", self.name)
        error = answer.get("error")
        if error is not None:
            if error.get("err_code") == STREAM_NOT_FOUND:
                raise LogMissing(self.name)
            raise LogUnavailable(self.name, str(error))
        return answer

    async def _ask(self, verb: str, about: str, question: dict[str, Any] | None = None) -> dict[str, Any]:
        payload = b"" if question is None else json.dumps(question).encode()
        with self._unavailable():
            message = await self._outside.request(f"$JS.API.{verb}.{about}", payload, ANSWER_S)
            answer: dict[str, Any] = json.loads(message.data)
            return answer

    @contextlib.contextmanager
    def _unavailable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, nats.errors.Error) as error:
            raise LogUnavailable(self.name, str(error) or repr(error)) from error
