"""The laws, seen from outside the cores: durable records, what processes say, what players were told, what is archived.

An auditor of its own folds every record that became durable; a violation ends the run. What a law says and which word a
violation carries (`LAWS`) is fixed here; mutants name the word by which they must be found.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from archive import checkpoint, restore, snapshot
from archive.checkpoint import Manifest
from archive.cut import violations
from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError
from archive.history import History
from archive.keys import b64
from regions import compute, letters, region_state, revive
from regions.errors import ChainBroken, Diverged, FoldFailed, RecordError
from regions.filing import numbers_of
from regions.messages import STATUS_DONE, Answers, Beat, Delta, Here, Letter
from regions.outside import address_bytes, names
from regions.parcels import Left
from regions.record import (
    Acted,
    Confirmed,
    Login,
    Mail,
    Outside,
    Record,
    decode,
    first_chain,
    login_body,
    player_chain,
    record_hash,
)
from regions.region_state import Neighbour, Region
from regions.revive import Revived
from tests.simulation.era import Era, kit
from tests.simulation.holdings import Held, held, outsider
from tests.simulation.player import Receipt
from world.actions import GiveAsset, decode_action
from world.events import Kind, Refusal

if TYPE_CHECKING:
    from tests.simulation.player import Player
    from tests.simulation.simulation import Simulation

STUCK_US: Final = 1_000_000
COMES_AGAIN_US: Final = 2_000_000  # within which a player whose connection broke is back
UNHEARD_MS: Final = 3_000  # whoever asks for something so long, and nothing fails, must have been heard
LAWS: Final = {
    "fold": "law 1: every durable record folds to what it says",
    "durable": "law 2: nothing is told before its record is durable",
    "outside": "law 2: what leaves the world is in a confirmed checkpoint, and leaves by one item",
    "owner": "law 3: one record at a position, terms only rise",
    "place": "law 4: every body is in one place",
    "room": "law 4: rows are promised once",
    "numbers": "law 5: numbers have no gaps, nothing is done twice",
    "acked": "law 5: what a client was told is done is in a durable record, by its own hash",
    "mail": "law 5: mail is what its sender's durable record says, taken once, in order",
    "chain": "law 6: no fork, no gap, and no log that stands behind a witness is served",
    "snapshot": "law 7: a snapshot is the state at its record",
    "cut": "law 8: a checkpoint's cut is consistent",
    "archive": "laws 9 and 10: the archive alone gives the same world",
    "trim": "law 9: a log keeps what no confirmed checkpoint holds",
    "input": "law 11: no input and no fault makes a core raise",
    "conservation": "law 12: coins and assets are what was minted",
    "title": "law 13: an asset changes hands by its holder's action only",
    "live": "after the faults all goes on within 60 seconds, and nobody falls asleep who acts",
}


class Violated(BaseException):
    """A law does not hold. No core may catch it."""

    def __init__(self, law: str, words: str) -> None:
        super().__init__(f"{law}: {words}")
        self.law, self.words = law, words


@dataclass
class Course:
    """One region in one era, as its durable records have it."""

    region: Region
    first: int
    head: bytes  # of the record before the first
    raws: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    states: dict[int, bytes] = field(default_factory=dict)  # encoded, at some records
    held: Held = field(default_factory=Held)
    outboxes: tuple[int, ...] = ()

    @property
    def last(self) -> int:
        """The newest durable record."""
        return self.first + len(self.raws) - 1

    def hash(self, n: int) -> bytes | None:
        """The hash of a durable record."""
        place = n - self.first
        if place == -1:
            return self.head
        return self.hashes[place] if 0 <= place < len(self.hashes) else None


@dataclass
class Done:
    """An action in a durable record."""

    chain: bytes
    body: bytes
    verdict: int
    region: int
    n: int


@dataclass
class Taken:
    """An outside item in a durable record."""

    number: int
    verdict: int
    reply: bytes


class EraAudit:
    """What is known of one era."""

    def __init__(self, era: Era, regions: dict[int, Region]) -> None:
        self.era = era
        self.courses = {index: Course(region, region.state.n + 1, region.head) for index, region in regions.items()}
        self.done: dict[tuple[int, int], Done] = {}
        self.numbers: dict[int, tuple[int, bytes]] = {}
        self.sessions: dict[int, int] = {}
        self.outside: dict[int, int] = {}  # by entity: its wallet's last item with a number
        self.signed: dict[bytes, int] = {}  # items that wallets signed in this era, and under which number
        self.items: dict[bytes, Taken] = {}
        self.sent: dict[tuple[int, int], dict[int, bytes]] = {}
        self.taken: dict[tuple[int, int], int] = {}
        self.letters: dict[tuple[int, int], tuple[int, int, int]] = {}  # the newest heard: era, term, record
        self.confirmed = 0
        self.confirmed_ids: dict[int, str] = {}
        self.asked: set[tuple[int, int, bytes]] = set()  # what players sent in this era: entity, number, action
        self.started: dict[int, int] = {}
        for index, course in self.courses.items():
            course.held = held(course.region)
            state = course.region.state
            course.states[state.n] = course.region.encode()
            for near in state.neighbours:
                self.sent[index, near.index] = {mail.number: letters.mail_hash(mail) for mail in near.outbox}
                self.sent[index, near.index].setdefault(near.sent, b"")
                self.taken[near.index, index] = near.taken
                self.letters[near.index, index] = near.era, near.term, near.n
            players = list(state.players.values()) + [sleeper.player for sleeper in state.sleepers.values()]
            for near in state.neighbours:
                for mail in near.outbox:
                    body = letters.decode_body(mail)
                    if isinstance(body, letters.Handover) and body.player is not None:
                        players.append(body.player)
            for player in players:
                self.outside[player.entity] = max(player.outside, self.outside.get(player.entity, 0))
                if player.number >= self.numbers.get(player.entity, (-1, b""))[0]:
                    self.numbers[player.entity] = player.number, player.chain
                    self.sessions[player.entity] = player.session
                    self.started[player.entity] = player.number
        self.titles = self.assets()
        self.inside = {asset for asset, holder in self.titles.items() if holder > 0}  # since it was last shown outside

    def assets(self) -> dict[int, int]:
        """Every asset and who has it, as the records are now; one that several have with the last of them."""
        titles: dict[int, int] = {}
        for sender, course in self.courses.items():
            titles.update(course.held.assets)
            for flight in course.held.flights:
                if flight.number > self.taken.get((sender, flight.to), 0):
                    titles.update(dict.fromkeys(flight.image.assets, flight.image.entity))
            for parcel in course.held.parcels:
                if parcel.number > self.taken.get((sender, parcel.to), 0):
                    titles[parcel.asset] = parcel.holder
        return titles


class Checker:
    """All eras of one run."""

    def __init__(self, sim: "Simulation", era: Era) -> None:
        self.sim = sim
        made = kit(sim.full_rules)
        self.eras = {era.number: EraAudit(era, {index: made.genesis(index) for index in era.processes})}
        self.trace = hashlib.sha256()
        self.records = self.acks = self.checkpoints = 0
        self.manifests: dict[str, Manifest] = {}
        self._confirmed_before = self._calm_ms = 0  # the newest checkpoint when the faults ended, and when that was
        self._oldest: dict[tuple[int, int], tuple[int, int]] = {}  # by (region, neighbour): mail number, since when
        self.minted: dict[int, int] = {}  # assets, and the era in which they were first seen
        self.shown: dict[int, bytes] = {}  # assets that left, and the item they left by last
        self.crossed: Counter[str] = Counter()

    def fail(self, law: str, words: str) -> None:
        """A law does not hold: the run is over."""
        assert law in LAWS
        raise Violated(law, words)

    # Durable records.

    def durable(self, log: str, n: int, raw: bytes) -> None:
        """A record is on the log's disk."""
        era, index = (int(part) for part in log[1:].split("-"))
        audit = self.eras[era]
        course = audit.courses[index]
        if n <= course.last:
            tampered = era in self.sim.tampered
            if course.hash(n) != record_hash(raw) and (not tampered or decode(raw).claim is not None):
                law = "chain" if tampered else "owner"  # set back by a fault, or by nobody
                self.fail(law, f"{log}: a second record {n}; {course.last} is durable")
            return  # what an owner that had slept adds to a log set back to where it fell asleep, it tells nobody
        if n != course.last + 1:
            self.fail("owner", f"{log}: record {n} after {course.last}")
        term = course.region.state.term
        try:
            record, folded = compute.apply(course.region, raw)
        except ChainBroken as error:
            self.fail("chain", f"{log}: {error}")
        except (RecordError, Diverged, FoldFailed) as error:
            self.fail("fold", f"{log}: {error}")
        course.raws.append(raw)
        course.hashes.append(course.region.head)
        self.records += 1
        self.trace.update(course.region.head)
        if folded.state_bytes:
            course.states[n] = folded.state_bytes
        if record.term != term + (record.claim is not None):
            self.fail("owner", f"{log}: record {n} is of term {record.term} after {term}")
        self._inputs(audit, index, record)
        self._mail(audit, index, record)
        self._room(audit, index, record)
        changed = bool(record.inputs or folded.events or folded.left or any(one.mail for one in record.heard))
        outboxes = tuple(len(near.outbox) for near in course.region.state.neighbours)
        if changed or outboxes != course.outboxes:
            course.outboxes = outboxes
            self._held(audit, index, record)
        if self._calm_ms:
            for event in folded.events:
                if event.kind == Kind.FELL_ASLEEP:
                    self._asleep(audit, event.a, f"record {n} of region {index}")

    def _asleep(self, audit: EraAudit, entity: int, where: str) -> None:
        """A body fell asleep: its player must have asked for nothing, or have been cut off by a fault."""
        since_ms = self.sim.schedule.now_us // 1000 - UNHEARD_MS
        for player in self.sim.players:
            session = player.session
            if (session.entity, session.era) != (entity, audit.era.number) or session.welcome is None or player.over:
                continue
            waiting = [number for number, one in session.pending.items() if one.acted_ms <= since_ms]
            if waiting and self._calm_ms <= since_ms:
                self.fail("live", f"{where}: {entity} falls asleep, and player {player.name} asks for {waiting[:3]}")

    def _inputs(self, audit: EraAudit, index: int, record: Record) -> None:
        replies = iter(record.replies)
        for said, verdict in zip(record.inputs, record.verdicts):
            if isinstance(said, Outside):
                self._item(audit, index, record, said, Taken(said.number, verdict, next(replies)))
            elif isinstance(said, Acted | Login):
                number, chain = audit.numbers.get(said.entity, (0, first_chain(said.entity)))
                where = f"record {record.n} of region {index}"
                if said.number != number + 1:
                    self.fail("numbers", f"{where}: action {said.number} of {said.entity} after {number}")
                body = said.body if isinstance(said, Acted) else login_body(said)
                chain = player_chain(chain, said.number, body)
                audit.numbers[said.entity] = said.number, chain
                audit.done[said.entity, said.number] = Done(chain, body, verdict, index, record.n)
                if isinstance(said, Login):
                    if verdict == Refusal.DONE:
                        audit.sessions[said.entity] = said.number
                elif said.session != audit.sessions.get(said.entity):
                    self.fail("numbers", f"{where}: action {said.number} of an older session, {said.session}")
                elif (said.entity, said.number, said.body) not in audit.asked:
                    self.fail("numbers", f"{where}: action {said.number} of {said.entity} nobody asked for in this era")
            elif isinstance(said, Confirmed) and not verdict:
                self._confirmed(audit, said)

    def _item(self, audit: EraAudit, index: int, record: Record, said: Outside, taken: Taken) -> None:
        """Each item once; numbers of this era, without gaps."""
        item = parse_item(said.item).id
        where = f"record {record.n} of region {index}: item {said.number} of {said.entity}"
        if item in audit.items:
            self.fail("numbers", f"{where} is in a record already")
        number = audit.signed.get(item)
        if number is None and not any(era.signed.get(item) == 0 for era in self.eras.values()):
            self.fail("numbers", f"{where} is none that its wallet signed in era {audit.era.number}")
        if said.number != (number or 0):
            self.fail("numbers", f"{where} was signed as number {number}")
        if said.number:
            last = audit.outside.get(said.entity, 0)
            if said.number != last + 1:
                self.fail("numbers", f"{where} after {last}")
            audit.outside[said.entity] = said.number
        audit.items[item] = taken

    def _mail(self, audit: EraAudit, index: int, record: Record) -> None:
        for heard in record.heard:
            letter = heard.era, heard.term, heard.n
            before = audit.letters.get((heard.region, index), (0, 0, 0))
            if heard.era != audit.era.number or letter <= before:
                self.fail(
                    "mail", f"record {record.n} of region {index} hears {heard.region}'s letter {letter} after {before}"
                )
            audit.letters[heard.region, index] = letter
            sent = audit.sent.get((heard.region, index), {})
            for mail in heard.mail:
                where = f"record {record.n} of region {index}: mail {mail.number} from {heard.region}"
                taken = audit.taken.get((heard.region, index), 0)
                if mail.number != taken + 1:
                    self.fail("mail", f"{where} after {taken}")
                if sent.get(mail.number) != letters.mail_hash(mail):
                    self.fail("mail", f"{where} is in no durable record of its sender")
                audit.taken[heard.region, index] = mail.number
                if mail.kind == letters.LEFT and (heard.region, mail.number) not in record.parked:
                    self._left(audit, mail, where)
            if audit.courses[heard.region].hash(heard.n) != heard.hash:
                self.fail(
                    "durable", f"record {record.n} of region {index} heard a record {heard.n} that is not durable"
                )
        for one in record.sent:
            sent = audit.sent.setdefault((index, one.region), {0: b""})
            last = max(sent)
            if one.number != last + len(one.mail):
                self.fail("mail", f"record {record.n} of region {index} sent mail {one.number} after {last}")
            for place, digest in enumerate(one.mail):
                sent[last + 1 + place] = digest

    def _left(self, audit: EraAudit, mail: Mail, where: str) -> None:
        """From this record on the item by which an asset left may be seen outside."""
        body = letters.decode_body(mail)
        assert isinstance(body, Left)
        self.crossed["out"] += 1
        if body.item:
            item = parse_item(body.item)
            n, process = int(item.tag("Record") or 0), item.tag("From-Process")
            ends = [end.end for known in self.manifests.values() for end in known.regions if end.process == process]
            if item.id != body.id or n > max(ends, default=0):
                self.fail(
                    "outside", f"{where}: asset {body.asset} leaves by an item of record {n}, archived are {ends}"
                )
        if self.shown.get(body.asset, body.id) != body.id and body.asset not in audit.inside:
            self.fail("outside", f"{where}: asset {body.asset} leaves by a second item")
        self.shown[body.asset] = body.id
        audit.inside.discard(body.asset)

    def _room(self, audit: EraAudit, index: int, record: Record) -> None:
        region = audit.courses[index].region
        if not index or record.claim is not None:
            return
        free = region.rules.free_rows(region.bodies)
        if free < letters.reserved(region.state):
            self.fail("room", f"region {index} at {record.n}: {free} rows, {letters.reserved(region.state)} promised")
        for near in region.state.neighbours:
            if self.sim.flocking and near.index and record.fresh and near.credit <= near.leaving:
                self.sim.met("full neighbour")

    def _held(self, audit: EraAudit, index: int, record: Record) -> None:
        audit.courses[index].held = held(audit.courses[index].region)
        places: Counter[int] = Counter()
        players: Counter[int] = Counter()
        wallets: Counter[bytes] = Counter()
        coins = made = 0
        titles: dict[int, int] = {}
        doubled: list[tuple[int, int, int]] = []
        where = f"after record {record.n} of region {index}"
        for sender, course in audit.courses.items():
            one = course.held
            places.update(one.entities)
            players.update(one.players)
            wallets.update(one.wallets)
            coins += one.coins
            made += one.made
            for asset, holder in one.assets:
                doubled += [(asset, titles[asset], holder)] if asset in titles else []
                titles[asset] = holder
            for flight in one.flights:
                if flight.number <= audit.taken.get((sender, flight.to), 0):
                    continue
                image = flight.image
                places[image.entity] += 1
                players[image.entity] += bool(flight.wallet)
                wallets[flight.wallet] += bool(flight.wallet)
                coins += image.coins
                for asset in image.assets:
                    doubled += [(asset, titles[asset], image.entity)] if asset in titles else []
                    titles[asset] = image.entity
            for parcel in one.parcels:
                if parcel.number > audit.taken.get((sender, parcel.to), 0):
                    asset, holder = parcel.asset, parcel.holder
                    doubled += [(asset, titles[asset], holder)] if asset in titles else []
                    titles[asset] = holder
        for counted in (places, players):
            twice = [entity for entity, count in counted.items() if count > 1]
            if twice:
                self.fail("place", f"{where}: {twice[:3]} in several places")
        if max(wallets.values(), default=0) > 1:
            self.fail("place", f"{where}: a wallet has {max(wallets.values())} bodies")
        state = audit.courses[index].region.state
        for entity, number in audit.outside.items():
            player = state.players.get(entity)
            if player is not None and player.outside != number:
                self.fail("numbers", f"{where}: item {number} of {entity} is spent, the state says {player.outside}")
        lost = [entity for known in (audit.numbers, audit.outside) for entity in known if entity not in players]
        if lost:
            self.fail("place", f"{where}: players {lost[:3]} are nowhere")
        if doubled:
            asset, holder, other = doubled[0]
            self.fail("conservation", f"{where}: asset {asset} with {holder} and {other}")
        if coins != made:
            self.fail("conservation", f"{where}: {coins} coins, {made} were minted")
        gone = [asset for asset in audit.titles if asset not in titles]
        if gone:
            self.fail("conservation", f"{where}: assets {gone[:3]} are gone")
        self._titles(audit, titles, record, where)

    def _titles(self, audit: EraAudit, titles: dict[int, int], record: Record, where: str) -> None:
        before, audit.titles = audit.titles, titles
        for asset in titles.keys() - before.keys():
            era = self.minted.setdefault(asset, audit.era.number)
            if era != audit.era.number:
                self.fail("place", f"{where}: asset {asset} is made, and was in era {era} already")
        moved = {asset: old for asset, old in before.items() if titles[asset] != old}
        if not moved:
            return
        given: dict[int, list[tuple[int, int]]] = {}
        for said, verdict in zip(record.inputs, record.verdicts):
            if isinstance(said, Acted) and not verdict:
                action = decode_action(said.body)
                if isinstance(action, GiveAsset):
                    given.setdefault(action.asset, []).append((said.entity, action.target))
            elif isinstance(said, Outside) and not verdict:
                item = parse_item(said.item)
                giving = _giving(said, item)
                if giving is not None:
                    given.setdefault(int(item.tag("Asset") or 0), []).append(giving)
        for asset, holder in moved.items():
            for giver, target in given.get(asset, []):
                holder = target if giver == holder else holder
            if holder < 0 < titles[asset]:
                audit.inside.add(asset)
                self.crossed["in"] += 1
                holder = titles[asset] if self._address(audit, titles[asset]) == holder else holder
            if holder != titles[asset]:
                self.fail("title", f"{where}: asset {asset} went from {before[asset]} to {titles[asset]} by itself")

    def _address(self, audit: EraAudit, entity: int) -> int:
        """The holder outside that a player's wallet is."""
        for course in audit.courses.values():
            if entity in course.region.state.players:
                return outsider(course.region.state.players[entity].address)
        return 0

    # What processes say.

    def said(self, era: int, index: int, message: Any) -> None:
        """A region's process lets something out."""
        course = self.eras[era].courses[index]
        if isinstance(message, Letter | Answers | Delta):
            if course.hash(message.n) != message.hash:
                self.fail("durable", f"region {index} tells of record {message.n}, {course.last} is durable")
        elif isinstance(message, Beat):
            if message.n > course.last:
                self.fail("durable", f"region {index} beats with record {message.n}, {course.last} is durable")
        elif isinstance(message, Here):
            number, chain = self.eras[era].numbers.get(message.entity, (0, first_chain(message.entity)))
            if message.number > number or (message.number == number and message.chain != chain):
                self.fail("durable", f"region {index} says {message.entity} did {message.number}; {number} is durable")
        if isinstance(message, Answers):
            for answer in message.answers:
                taken = self.eras[era].items.get(answer.chain)
                if taken is not None and answer.status == STATUS_DONE:
                    if (taken.number, taken.verdict) != (answer.number, answer.verdict):
                        self.fail("durable", f"region {index} says {answer.verdict} of item {answer.number}")
                    continue
                done = self.eras[era].done.get((answer.entity, answer.number))
                if answer.status == STATUS_DONE and (done is None or done.chain != answer.chain):
                    self.fail("durable", f"region {index} calls action {answer.number} done, which is in no record")

    def snapshot(self, era: int, index: int, n: int, head: bytes) -> None:
        """A region's process hands out its state."""
        if self.eras[era].courses[index].hash(n) != head:
            self.fail("durable", f"region {index} files a snapshot of record {n}, which is not durable")

    def raised(self, who: str, error: Exception) -> None:
        """A core raised."""
        raise Violated("input", f"{who} raised {type(error).__name__}: {error}") from error

    def door(self, name: str, words: str) -> None:
        """A client was told what it may not be told."""
        self.fail("acked", f"player {name}: {words}")

    # What players were told.

    def acked(self, name: str, receipt: Receipt) -> None:
        """A player was told that an action is done."""
        self.acks += 1
        audit = self.eras[receipt.era]
        done = audit.done.get((receipt.entity, receipt.number))
        words = f"player {name}: action {receipt.number} of {receipt.entity}"
        if done is None or done.chain != receipt.chain or done.body != receipt.body:
            self.fail("acked", f"{words} was acknowledged and is in no record")
        assert done is not None
        if receipt.status == STATUS_DONE and done.verdict != receipt.verdict:
            self.fail("acked", f"{words}: told verdict {receipt.verdict}, the record says {done.verdict}")
        if receipt.n and audit.courses[receipt.region].hash(receipt.n) != receipt.hash:
            self.fail("acked", f"{words}: the receipt's record {receipt.n} is not durable")
        self.trace.update(receipt.chain)

    def taken(self, era: int, item: bytes) -> Taken | None:
        """What a durable record says of an item, as anyone can read there."""
        return self.eras[era].items.get(item)

    def item_signed(self, era: int, number: int, item: bytes) -> None:
        """A wallet signs an item."""
        self.eras[era].signed[item] = number

    def item_acked(self, name: str, era: int, item: bytes, verdict: int) -> None:
        """A wallet was told that a record holds its item."""
        self.acks += 1
        taken = self.eras[era].items.get(item)
        if taken is None:
            self.fail("acked", f"wallet {name}: an item was acknowledged and is in no record")
        assert taken is not None
        if taken.verdict != verdict:
            self.fail("acked", f"wallet {name}: told verdict {verdict} on item {taken.number}, not {taken.verdict}")
        self.trace.update(item)

    def item_refused(self, name: str, number: int) -> None:
        """A wallet was told by a region of its item's era that the item does not hold."""
        self.fail("acked", f"wallet {name}: item {number} is called invalid")

    def item_lost(self, name: str, number: int) -> None:
        """A wallet was told that a number is spent, which none of its items in any record has."""
        self.fail("numbers", f"wallet {name}: number {number} is spent, by none of its items")

    def welcomed(self, name: str, era: int, entity: int, number: int) -> None:
        """A player was let in."""
        if (entity, number) not in self.eras[era].done:
            self.fail("acked", f"player {name}: let in by login {number} of {entity}, which is in no record")

    def done_twice(self, name: str, sent: list[tuple[int, int, int, bytes]]) -> None:
        """What a player sent as one action, under these (era, entity, number, chain hash): at most one may count."""
        counted = []
        for era, entity, number, chain in sent:
            done = self.eras[era].done.get((entity, number))
            if done is not None and done.chain == chain:
                counted.append((era, number))
        if len(counted) > 1:
            self.fail("numbers", f"player {name}: one action counts as each of (era, number) {counted}")

    def asked(self, era: int, entity: int, number: int, body: bytes) -> None:
        """A player asks for something."""
        self.eras[era].asked.add((entity, number, body))

    def not_told(self, name: str, before: int, era: int) -> None:
        """A client that acted in one era was let into a later one as if nothing had happened."""
        self.fail("acked", f"player {name}: goes on in era {era} and is not told what was undone of era {before}")

    def undone(self, name: str, entity: int, era: int, number: int, acked: int) -> None:
        """A player was told that the world was restored."""
        start = self.eras[era].started.get(entity, 0)
        if number < start:
            self.fail("acked", f"player {name}: told that all after {number} was undone; the era began at {start}")

    # The archive.

    def archivist_ended(self, era: int, words: dict[str, Any]) -> None:
        """An archivist ended by itself."""
        rotten = {"bit flip", "torn write", "disk lost", "disk full"} & set(self.sim.faults.kinds)
        if words.get("alarm") and not words.get("superseded") and era not in self.sim.tampered and not rotten:
            self.fail("archive", f"an archivist gave up: {words.get('reason')}")

    def _manifest(self, item_id: str) -> Manifest:
        if item_id not in self.manifests:
            self.manifests[item_id] = checkpoint.read_item(restore.fetch(self.sim.store.kept, item_id))
        return self.manifests[item_id]

    def _confirmed(self, audit: EraAudit, said: Confirmed) -> None:
        """A confirmation is durable: the store must hold all of the checkpoint, and its cut be consistent."""
        item_id = b64(said.manifest)
        self.checkpoints += 1
        try:
            manifest = self._manifest(item_id)
        except ArchiveError as error:
            self.fail("archive", f"checkpoint {said.number} is confirmed, and the store says {error}")
        if said.number <= audit.confirmed:
            self.fail("archive", f"checkpoint {said.number} is confirmed after {audit.confirmed}")
        audit.confirmed, audit.confirmed_ids[said.number] = said.number, item_id
        ends = manifest.ends()
        numbers = {}
        for index, end in enumerate(manifest.regions):
            course = audit.courses[index]
            if end.end > course.last or (end.end >= course.first and b64(course.hash(end.end) or b"") != end.end_hash):
                self.fail("cut", f"checkpoint {said.number} ends region {index} at {end.end}, not a durable record")
            numbers[index] = end.neighbours
            for one in [end.snapshot, *(run.id for run in end.segments)]:
                if one is not None and not self._holds(one):
                    self.fail("archive", f"checkpoint {said.number} is confirmed, and {one} is not in the store")
        if manifest.era == audit.era.number:
            for index, said_numbers in numbers.items():
                state = self.state_at(audit, index, ends[index])
                if numbers_of(state.state) != said_numbers:
                    self.fail("cut", f"checkpoint {said.number} says what the state of region {index} does not")
                if state.digest().hex() != manifest.regions[index].state_hash:
                    self.fail("archive", f"checkpoint {said.number}: another state of region {index}")
            broken = violations(ends, numbers)
            if broken:
                self.fail("cut", f"checkpoint {said.number}: {broken[0]}")

    def _holds(self, item_id: str) -> bool:
        try:
            self.sim.store.kept.get(item_id)
        except ArchiveError:
            return False
        return True

    def trimmed(self, era: int, index: int, n: int) -> None:
        """A region's owner drops the beginning of its log: the archive must be able to go on without it."""
        audit = self.eras[era]
        opening = audit.era.opening
        for _, manifest in restore.manifests(self.sim.store.kept, opening):
            if manifest.number <= audit.confirmed and manifest.regions[index].snapshot_n >= n:
                return
        self.fail("trim", f"region {index} trims its log to {n}; no confirmed checkpoint has a snapshot from there on")

    def state_at(self, audit: EraAudit, index: int, n: int) -> Region:
        """A region's state at a durable record, folded by the auditor."""
        course = audit.courses[index]
        base = max(one for one in course.states if one <= n)
        region = region_state.decode(course.states[base], course.region.rules, course.hash(base) or b"")
        for raw in course.raws[base + 1 - course.first : n + 1 - course.first]:
            compute.apply(region, raw)
        return region

    def archive_alone(self) -> None:
        """The newest checkpoint in the store gives the states that the logs give, and nothing is in two places."""
        store = self.sim.store.kept
        world = self.sim.era.charter.world
        newest = self.eras[max(self.eras)]
        try:
            if restore.newest_manifest(store, newest.era.opening) is None:
                return
            found = revive.find(store, world)
            regions = revive.load(store, found, kit(self.sim.full_rules))
            chain = {item_id for item_id, _ in History.read(store, revive.opening_of, world).chain}
        except ArchiveError as error:
            self.fail("archive", f"the archive alone does not give the world: {error}")
        for number, item_id in sorted(newest.confirmed_ids.items()):
            if item_id not in chain:
                self.fail("archive", f"checkpoint {number} is confirmed, and the archive's history goes on without it")
        if found.manifest.number < newest.confirmed:
            self.fail(
                "archive", f"checkpoint {newest.confirmed} is confirmed, the archive gives {found.manifest.number}"
            )
        if found.manifest.number == newest.confirmed and found.manifest_id != newest.confirmed_ids[newest.confirmed]:
            self.fail("archive", f"checkpoint {newest.confirmed} is confirmed, the archive gives another of its number")
        self._same(newest, regions)

    def _same(self, audit: EraAudit, regions: list[Region]) -> None:
        for index, region in enumerate(regions):
            n = region.state.n
            if region.state.era != audit.era.number:
                return
            if self.state_at(audit, index, n).encode() != region.encode():
                self.fail("archive", f"region {index} at {n}: the archive has another state than the log")

    def restored(self, era: Era, made: Revived, old: int) -> None:
        """A new era begins with these states."""
        before = self.eras[max(self.eras)]
        if made.checkpoint < before.confirmed and made.charter.era == old + 1:
            words = f"era {era.number} begins at checkpoint {made.checkpoint}, {before.confirmed} is confirmed"
            self.fail("archive", words)
        opened: dict[int, Region] = {}
        for index, (_, raw) in made.snapshots.items():
            found = snapshot.decode_file(raw)
            opened[index] = region_state.decode(found.state, kit(self.sim.full_rules).rules(index), found.head)
        self.eras[era.number] = EraAudit(era, opened)
        audit = self.eras[era.number]
        if made.charter.cut is not None:
            for index, cut in enumerate(made.charter.cut):
                self._leaving(audit, self.state_at(self.eras[old], index, cut.n))
        self._held_all(audit)
        ends = {index: course.region.state.n for index, course in audit.courses.items()}
        numbers = {index: numbers_of(course.region.state) for index, course in audit.courses.items()}
        broken = violations(ends, numbers)
        if broken:
            self.fail("cut", f"era {era.number} begins inconsistently: {broken[0]}")

    def _leaving(self, audit: EraAudit, region: Region) -> None:
        """What was on its way out of a region at the cut leaves by the item that is signed in the archive and by no
        other, or by any, as long as none was."""
        for parcel in region.state.escrow:
            if parcel.id:
                self.shown[parcel.asset] = parcel.id
            else:
                audit.inside.add(parcel.asset)
        for near in region.state.neighbours:
            for mail in near.outbox:
                if mail.kind == letters.LEFT and mail.number > audit.taken.get((region.state.index, near.index), 0):
                    body = letters.decode_body(mail)
                    assert isinstance(body, Left)
                    self.shown[body.asset] = body.id

    def _held_all(self, audit: EraAudit) -> None:
        """Nothing is lost or doubled by the cut itself."""
        places: Counter[int] = Counter()
        coins = made = 0
        for sender, course in audit.courses.items():
            one = course.held
            places.update(one.entities)
            coins += one.coins
            made += one.made
            for flight in one.flights:
                if flight.number > audit.taken.get((sender, flight.to), 0):
                    places[flight.image.entity] += 1
                    coins += flight.image.coins
        twice = [entity for entity, count in places.items() if count > 1]
        if twice:
            self.fail("cut", f"era {audit.era.number} begins with {twice[:3]} in several places")
        if coins != made:
            self.fail("cut", f"era {audit.era.number} begins with {coins} coins, {made} were minted")

    def stopped(self, status: int | None) -> None:
        """A planned stop is over: the archive holds the logs up to their ends, and the agent was content."""
        audit = self.eras[max(self.eras)]
        newest = restore.newest_manifest(self.sim.store.kept, audit.era.opening)
        ends = newest[1].ends() if newest is not None else {}
        logs = {index: course.last for index, course in audit.courses.items()}
        if status or ends != logs:
            self.fail("archive", f"a planned stop ended with status {status} at {ends}; the logs end at {logs}")
        self.archive_alone()

    # After the faults.

    def calm(self) -> None:
        """From now on nothing fails."""
        self._confirmed_before = self.eras[max(self.eras)].confirmed
        self._calm_ms = self.sim.schedule.now_us // 1000

    def unsettled(self) -> str:
        """What is not yet as it must be when no fault is left; empty when all is well."""
        audit = self.eras[max(self.eras)]
        for index, course in audit.courses.items():
            last = self.sim.log.info(audit.era.log(index)).last
            if last < course.last:
                self.fail("acked", f"the log of region {index} ends at {last}; record {course.last} was acknowledged")
            owners = self.sim.owners(index)
            if not owners:
                return f"region {index} has no owner"
            for near in course.region.state.neighbours:
                if self._stuck(index, near):
                    return f"mail {near.outbox[0].number} of region {index} to {near.index} is not consumed"
        if audit.confirmed <= self._confirmed_before:
            return f"no checkpoint is confirmed after {audit.confirmed}"
        for player in self.sim.players:
            if player.session.pending and not player.over:
                return f"player {player.name} waits for {len(player.session.pending)} receipts"
            # The small rules show nothing, so a player to whom nobody gives anything takes the silence for a broken
            # connection now and then, and comes again.
            out_us = self.sim.schedule.now_us - player.out_since_us if player.session.welcome is None else 0
            if out_us > COMES_AGAIN_US and not player.over and not self._no_room(audit, player):
                return f"player {player.name} is not in the world"
        for wallet in self.sim.ao.wallets:
            if wallet.unsettled:
                return wallet.unsettled
            for entry in wallet.ledger:
                if entry.era == audit.era.number and entry.item not in audit.items:
                    self.fail("acked", f"wallet {wallet.name}: item {entry.number} was acknowledged and is undone")
        return ""

    def _stuck(self, index: int, near: Neighbour) -> bool:
        """Whether the oldest mail for a neighbour has been there for a second: who walks to and fro makes new ones."""
        oldest, now_us = (near.outbox[0].number if near.outbox else 0), self.sim.schedule.now_us
        number, since_us = self._oldest.get((index, near.index), (0, 0))
        if oldest != number:
            number, since_us = self._oldest[index, near.index] = oldest, now_us
        return bool(oldest) and now_us - since_us >= STUCK_US

    def _no_room(self, audit: EraAudit, player: "Player") -> bool:
        """Whether a player's body sleeps in a region that is full: it may not wake before another leaves."""
        entity = self.sim.entities.get(player.wallet.public, 0)
        states = [(course.region, course.region.state) for course in audit.courses.values()]
        return any(
            entity in state.sleepers and letters.room_for_births(state, region.rules.free_rows(region.bodies)) < 1
            for region, state in states
        )


def _giving(said: Outside, item: DataItem) -> tuple[int, int] | None:
    """From whom to whom an item hands an asset; None for any other."""
    if item.tag("Asset") is None:
        return None
    if item.tag("Action") == "Give":
        return said.entity, int(item.tag("Recipient") or 0)
    if item.tag("Action") == "Withdraw":
        return said.entity, outsider(address_bytes(item.tag("Recipient") or ""))
    if item.tag("Action") == "Transfer":
        address = names(item.signature_type, item.owner)[1]
        return outsider(address), outsider(address_bytes(item.tag("Recipient") or ""))
    return None
