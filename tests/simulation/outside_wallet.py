"""Wallets outside a simulated world, behind one AO door: they ask for bodies, walk, give and speak by signed items.

A wallet numbers what it signs, has up to three items under way, sends them again until it is answered, and asks where
its body is when a region says that it has left; then it signs the same numbers for the other region. After a restore it
asks for its next number, and sends what it signed in the era before again, as anyone can who has seen it: nobody may
take it. The ledger notes every answer as it was told.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from archive.data_item import DataItem, sign_item
from regions import messages
from regions.letters import WORLD
from regions.messages import Answer, Answers, Batch, Here, Where
from regions.outside import address_text, names
from regions.record import Outside
from tests.simulation.small_rules import BREAKING

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

TURN_US: Final = 900_000
AGAIN_US: Final = 1_200_000
UNDER_WAY: Final = 3
KEPT: Final = 16  # items of the era before that are sent again ...
REPLAYS: Final = 5  # ... so often
AO: Final = (("Data-Protocol", "ao"), ("Type", "Message"))
INVENTORY: Final = [("Action", "Inventory")]


@dataclass(frozen=True)
class Entry:
    """One line of the ledger: an item that a record holds, as the door was told."""

    era: int
    number: int
    item: bytes
    verdict: int


@dataclass
class Asked:
    """What the wallet wants done under one number (0: none); `items` are all it signed for that, the newest last."""

    number: int
    tags: list[tuple[str, str]]
    data: bytes
    region: int = -1
    items: list[DataItem] = field(default_factory=list)
    sent_us: int = 0


class AoDoor:
    """Where wallets' items come in: a name on the bus, beside a machine."""

    def __init__(self, sim: "Simulation", name: str, keys: list[Any]) -> None:
        self.sim, self.name = sim, name
        self.host = f"machine {sim.stream('ao door').randrange(len(sim.homes))}"
        self.wallets = [OutsideWallet(self, key, number) for number, key in enumerate(keys)]
        sim.bus.subscribe(f"answer.{name}", self)

    def receive(self, message: Any) -> None:
        """A message of the bus."""
        message = messages.decode(message)
        if isinstance(message, Here):
            for wallet in self.wallets:
                wallet.found(message)
        elif isinstance(message, Answers):
            for answer in message.answers:
                for wallet in self.wallets:
                    wallet.told(message, answer)
            for entity, region, hop in message.left:
                for wallet in self.wallets:
                    wallet.left(message.era, entity, region, hop)

    def act(self, acting: bool) -> None:
        """Whether wallets want anything more."""
        for wallet in self.wallets:
            wallet.acting = acting

    def send(self, region: int, items: list[DataItem]) -> None:
        """Items for a region, in order."""
        batch = Batch(self.name, tuple(Outside(item.raw, 0, 0) for item in items))
        self.sim.bus.publish(self.host, f"in.{region}", batch)


class OutsideWallet:
    """One wallet. What it knows of its body and its number it has from answers alone."""

    def __init__(self, door: AoDoor, key: Any, place: int) -> None:
        self.door, self.key, self.sim = door, key, door.sim
        self.name = f"{door.name}/{place}"
        self.wallet, self.address = names(key.signature_type, key.public)
        self.random: Random = self.sim.stream(f"outside wallet {place}")
        self.acting = True
        self.ledger: list[Entry] = []
        self.made = self.replays = 0
        self.kept: list[tuple[int, DataItem]] = []  # what it signed with a number, and for which region
        self.over: list[tuple[int, DataItem]] = []  # the same, of the era before
        self._begin(self.sim.era.number)
        self.sim.schedule.after(self.random.randrange(TURN_US), self._turn)

    def _begin(self, era: int) -> None:
        self.era = era
        self.region = self.entity = 0  # 0: not known
        self.hop = -1
        self.number = -1  # the last one used; -1: not known
        self.pending: list[Asked] = []
        self.question: Asked | None = None
        self.looked = 0
        self.assets: list[int] = []
        self.abroad: dict[int, str] = {}  # assets that it may hold outside, and the number of their next Transfer

    @property
    def unsettled(self) -> str:
        """What is not answered yet."""
        return f"item {self.pending[0].number} of wallet {self.name}" if self.pending else ""

    # What it hears.

    def found(self, here: Here) -> None:
        """A region has the body."""
        if here.wallet == self.wallet and here.era == self.era and here.hop >= self.hop and not here.leaving:
            if here.entity != self.entity:
                self.number, self.question = -1, None
            self.region, self.entity, self.hop = here.region, here.entity, here.hop
            self.sim.entities[self.wallet] = here.entity

    def left(self, era: int, entity: int, region: int, hop: int) -> None:
        """A body has crossed a border."""
        if era == self.era and entity == self.entity and hop > self.hop:
            self.region, self.hop = region, hop

    def told(self, answers: Answers, answer: Answer) -> None:
        """What became of an item."""
        if answers.era != self.era:
            return  # of a region that goes on in an era that is over
        for one in [*self.pending, *([self.question] if self.question is not None else [])]:
            item = next((item for item in one.items if item.id == answer.chain), None)
            if item is not None:
                break
        else:
            return
        if answer.status == messages.STATUS_MOVED:
            self.region = 0 if one.region == self.region else self.region
        elif answer.status == messages.STATUS_INVALID:
            self.sim.checker.item_refused(self.name, one.number)
        elif answer.status == messages.STATUS_DONE:
            self._done(one, item, answer.verdict)
        elif answer.status == messages.STATUS_LAST and answer.number >= one.number:
            self._look_up(one)

    def _look_up(self, one: Asked) -> None:
        """A record holds it, and the answer was lost: logs are public."""
        for item in one.items:
            taken = self.sim.checker.taken(self.era, item.id)
            if taken is not None:
                self._done(one, item, taken.verdict)
                return
        self.sim.checker.item_lost(self.name, one.number)

    def _done(self, one: Asked, item: DataItem, verdict: int) -> None:
        self.sim.checker.item_acked(self.name, self.era, item.id, verdict)
        if one.tags == INVENTORY:
            words = self._words(item)
            self.assets = [asset["Id"] for asset in words.get("Assets", ())]
        if one.number:
            self.ledger.append(Entry(self.era, one.number, item.id, verdict))
            self.pending.remove(one)
            return
        self.question = None
        if one.tags[0] == ("Action", "Join"):
            self.looked = 0
            return
        if one.tags[0] == ("Action", "Holder"):
            self._holds(int(dict(one.tags)["Asset"]), item)
            return
        if one.tags[0] == ("Action", "Transfer"):
            self.abroad.pop(int(dict(one.tags)["Asset"]), None)
            return
        words = self._words(item)
        if words.get("Entity") != self.entity:
            self.region = 0  # it has left
        elif self.number < 0:
            self.number = int(words["Next"].partition(".")[2]) - 1

    def _holds(self, asset: int, item: DataItem) -> None:
        """Where an asset is that somebody said is, or will be, this wallet's outside."""
        taken = self.sim.checker.taken(self.era, item.id)
        reply = json.loads(taken.reply) if taken is not None and taken.reply else {}
        if reply.get("Data") == address_text(self.address):
            self.abroad[asset] = reply["Tags"]["Next"]
        else:
            self.abroad[asset] = ""

    def _words(self, item: DataItem) -> dict[str, Any]:
        """What the record that holds a read says to it."""
        taken = self.sim.checker.taken(self.era, item.id)
        reply = json.loads(taken.reply) if taken is not None and taken.reply else {}
        words: dict[str, Any] = json.loads(reply.get("Data", "{}"))
        return words

    # What it does.

    def _turn(self) -> None:
        self.sim.schedule.after(self.random.randrange(TURN_US // 2, TURN_US * 2), self._turn)
        if self.sim.era.number != self.era:
            self._era_is_over()
        if self.replays:
            self.replays -= 1
            for region, item in self.over:
                self.door.send(region, [item])
        if not self.region:
            self._look()
        elif self.number < 0:
            self._ask(self.region, [("Action", "Info")])
        else:
            if self.acting and self.abroad and self.question is None and self.random.random() < 0.4:
                self._outside()
            elif self.question is not None:
                self._send(self.question.region, [self.question])
            if self.acting and len(self.pending) < UNDER_WAY:
                self.number += 1
                self.pending.append(Asked(self.number, *self._wish()))
            self._send(self.region, self.pending)

    def _era_is_over(self) -> None:
        """Nothing of it counts any more but what was restored; whoever kept an item may send it all the same."""
        self._begin(self.sim.era.number)
        self.over, self.kept, self.replays = self.kept, [], REPLAYS

    def _look(self) -> None:
        """Ask where the body is; nobody has it, so ask for one."""
        self.looked += 1
        self.hop = -1
        self.sim.bus.publish(self.door.host, "where", Where(self.door.name, self.wallet))
        if self.looked > 1:
            self._ask(WORLD, [("Action", "Join")])

    def _outside(self) -> None:
        """Look after an asset that is outside, or pass it on."""
        asset = self.random.choice(sorted(self.abroad))
        if self.abroad[asset] and self.random.random() < 0.5:
            other = self.random.choice(self.door.wallets)
            other.abroad.setdefault(asset, "")
            to = address_text(other.address)
            number = ("Number", self.abroad[asset])
            self._ask(WORLD, [("Action", "Transfer"), ("Asset", str(asset)), ("Recipient", to), number])
        else:
            self._ask(WORLD, [("Action", "Holder"), ("Asset", str(asset))])

    def _ask(self, region: int, tags: list[tuple[str, str]]) -> None:
        """Something without a number, again and again until it is answered."""
        if self.question is None or self.question.tags != tags or self.question.region != region:
            self.question = Asked(0, tags, b"")
        self._send(region, [self.question])

    def _send(self, region: int, asked: list[Asked]) -> None:
        """Sign for the region what is signed for another one yet; send what was not sent for a while, in order."""
        now_us = self.sim.schedule.now_us
        for one in asked:
            if one.region != region:
                one.region, one.sent_us = region, 0
                one.items.append(self._sign(one, region))
        if any(now_us - one.sent_us >= AGAIN_US for one in asked):
            for one in asked:
                one.sent_us = now_us
            self.door.send(region, [one.items[-1] for one in asked])

    def _sign(self, one: Asked, region: int) -> DataItem:
        number = [("Number", f"{self.era}.{one.number}")] if one.number else []
        self.made += 1
        item = sign_item(
            self.key, one.data, [*one.tags, *AO, *number], self.sim.era.processes[region], self.made.to_bytes(32, "big")
        )
        self.sim.checker.item_signed(self.era, one.number, item.id)
        if one.number or one.tags[0] == ("Action", "Transfer"):
            self.kept = [*self.kept[1 - KEPT :], (region, item)]
        return item

    def _wish(self) -> tuple[list[tuple[str, str]], bytes]:
        mine = [asset for asset, number in self.abroad.items() if number]
        if mine and self.random.random() < 0.4:
            return [("Action", "Deposit"), ("Asset", str(self.random.choice(mine)))], b""
        if self.assets and self.random.random() < 0.4:
            asset, other = self.random.choice(self.assets), self.random.choice(self.door.wallets)
            other.abroad.setdefault(asset, "")
            return [("Action", "Withdraw"), ("Asset", str(asset)), ("Recipient", address_text(other.address))], b""
        chance = self.random.random()
        others = [entity for wallet, entity in self.sim.entities.items() if wallet != self.wallet]
        if chance < 0.4 or not others:
            return [("Action", "Move"), ("X", str(self.random.choice((-100, 0, 100, 100)))), ("Y", "0")], b""
        if chance < 0.6:
            coins = str(self.random.randrange(1, 4))
            return [("Action", "Give"), ("Recipient", str(self.random.choice(others))), ("Quantity", coins)], b""
        if self.assets and chance < 0.65:
            asset = str(self.random.choice(self.assets))
            return [("Action", "Give"), ("Recipient", str(self.random.choice(others))), ("Asset", asset)], b""
        if self.sim.poison and chance < 0.7:
            self.sim.met("poison")
            return [("Action", "Say")], BREAKING.encode()
        if chance < 0.82:
            return INVENTORY, b""
        if chance < 0.88:
            return [("Action", self.random.choice(("Balance", "Balances", "Info")))], b""
        return [("Action", self.random.choice(("Join", "Say")))], b"hello"
