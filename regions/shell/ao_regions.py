"""The way from the AO door to the regions' owners, over the bus: said again until it is answered."""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Final

from regions import messages
from regions.ao.units import Refused
from regions.config import BATCH_MS, RESEND_AFTER_MS
from regions.errors import RecordError
from regions.messages import Answer, Answers, Batch, Question, Told
from regions.record import Outside
from regions.shell.nats import Bus

ANSWER_S: Final = 6.0
AGAIN_S: Final = 0.8  # an item that nobody answered is said again: a region that is behind shall not get all twice
REMIND_S: Final = 0.1
WAITING_MAX: Final = 8_192
BATCH_ITEMS: Final = 64
BATCH_BYTES: Final = 256 * 1024


@dataclass
class Waiting:
    """An item on its way: its bytes, and who waits for the answer."""

    region: int
    raw: bytes
    answer: "asyncio.Future[Answer]"
    since_s: float
    said_s: float
    clients: int = 0


@dataclass
class Regions:
    """`regions.ao.units.Regions` over the bus: said again until answered."""

    bus: Bus
    short: str
    name: str
    era: int
    waiting: dict[bytes, Waiting] = field(default_factory=dict)
    questions: "dict[bytes, asyncio.Future[bytes]]" = field(default_factory=dict)
    _fresh: list[bytes] = field(default_factory=list)
    _flushing: "asyncio.Task[None] | None" = None
    _reminding: "asyncio.Task[None] | None" = None

    def hear(self, subject: str, data: bytes) -> None:
        """A message of a region's."""
        try:
            message = messages.decode(data)
        except RecordError:
            return
        if isinstance(message, Answers) and message.era == self.era:
            for answer in message.answers:
                waits = self.waiting.get(answer.chain)
                if waits is not None and waits.region == message.region and not waits.answer.done():
                    waits.answer.set_result(answer)
        elif isinstance(message, Told):
            future = self.questions.get(message.reference)
            if future is not None and not future.done():
                future.set_result(message.reply)

    async def submit(self, index: int, raw: bytes, item_id: bytes) -> Answer:
        """Have an item recorded; of two that bring the same one at once, both get its answer."""
        waits = self.waiting.get(item_id)
        if waits is None:
            if len(self.waiting) >= WAITING_MAX:
                raise Refused(429, f"{WAITING_MAX} items wait for their records; send it again in a moment")
            loop = asyncio.get_running_loop()
            now_s = loop.time()
            waits = self.waiting[item_id] = Waiting(index, raw, loop.create_future(), now_s, now_s)
            self._fresh.append(item_id)
            if self._flushing is None or self._flushing.done():
                self._flushing = asyncio.create_task(self._flush())
            if self._reminding is None or self._reminding.done():
                self._reminding = asyncio.create_task(self._remind())
        waits.clients += 1
        try:
            return await asyncio.shield(waits.answer)  # of two that wait for it one may go away
        finally:
            waits.clients -= 1
            if not waits.clients:
                del self.waiting[item_id]

    async def _remind(self) -> None:
        """Say again what nobody answers, and give up in time; ends when nothing waits."""
        while self.waiting:
            await asyncio.sleep(REMIND_S)
            now_s = asyncio.get_running_loop().time()
            late = [one for one in self.waiting.values() if not one.answer.done() and one.said_s < now_s - AGAIN_S]
            by_region: dict[int, list[Waiting]] = {}
            for one in late:
                if one.since_s < now_s - ANSWER_S:
                    why = f"region {one.region} did not answer within {ANSWER_S:.0f} s: send it again"
                    one.answer.set_exception(Refused(503, why))
                else:
                    one.said_s = now_s
                    by_region.setdefault(one.region, []).append(one)
            for index, items in by_region.items():
                await self._send(index, items)

    async def _flush(self) -> None:
        """What came within a few milliseconds goes together; and what comes while that is sent, right after."""
        while self._fresh:
            await asyncio.sleep(BATCH_MS / 1000)
            fresh, self._fresh = self._fresh, []
            by_region: dict[int, list[Waiting]] = {}
            for item_id in fresh:
                if item_id in self.waiting:
                    by_region.setdefault(self.waiting[item_id].region, []).append(self.waiting[item_id])
            for index, items in by_region.items():
                await self._send(index, items)

    async def _send(self, index: int, items: list[Waiting]) -> None:
        while items:
            count = size = 0
            while count < min(len(items), BATCH_ITEMS) and (not count or size + len(items[count].raw) <= BATCH_BYTES):
                size += len(items[count].raw)
                count += 1
            batch = Batch(self.name, tuple(Outside(one.raw, 0, 0) for one in items[:count]), self.era)
            await self.bus.publish(f"{self.short}.in.{index}", messages.encode(batch))
            items = items[count:]

    async def ask(self, index: int, kind: str, asker: bytes, tags: tuple[tuple[str, str], ...]) -> bytes:
        """The reply to a question."""
        reference = os.urandom(16)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.questions[reference] = future
        raw = messages.encode(Question(self.name, reference, kind, asker, tags))
        try:
            async with asyncio.timeout(ANSWER_S):
                while not future.done():
                    await self.bus.publish(f"{self.short}.in.{index}", raw)
                    await asyncio.wait({future}, timeout=RESEND_AFTER_MS / 1000)
            return future.result()
        except TimeoutError:
            raise Refused(503, f"region {index} did not answer within {ANSWER_S:.0f} s: ask again") from None
        finally:
            del self.questions[reference]
