"""Targets: what comes from sockets and the bus. First each decoder alone, then the cores that act on what was decoded.

A core's input is a MessagePack array of [door, bytes]: what comes in, one after another, at a core that was set up the
same way each time. A core may raise nothing, whatever comes.
"""

import copy
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key
from clients.connection import Connection
from clients.seen import Seen
from regions import (
    chain,
    compute,
    evidence,
    founding,
    handshake,
    letters,
    messages,
    outside,
    protocol,
    record,
    region_state,
    spent,
    websocket,
)
from regions.drafts import finished
from regions.errors import FoldFailed, RecordError
from regions.gateway import Gateway
from regions.gateway_verbs import Backlog, Connected, Effect, Event, Framed, Heard, Send, Timer
from regions.looks import Look
from regions.messages import Answer, Answers, Delta, Here, Keys
from regions.process import RegionCore
from regions.protocol import TOLD, VIEW, Challenge, Hello, LoginSigned, Welcome
from regions.record import (
    Birth,
    Login,
    Mail,
    first_chain,
    login_body,
    login_message,
    player_chain,
    player_head_message,
)
from regions.region_state import Region
from regions.seat import Seat
from regions.shell.stopwatch import Stopwatch
from regions.show import Show
from regions.verbs import Append, End, Load, Loaded, Received, Settled
from regions.verbs import Timer as RegionTimer
from regions.wishes import Door
from tests.cluster import NODE, SCHEDULER
from tests.fuzz import seeds
from tests.fuzz.target import Plant, Target, at_most, nothing, objects
from world import actions, borders, ghosts, portrait
from world.kinds import PLAYER
from world.mail import Blow, TileChange, decode_mail, encode_mail
from world.mirror import Mirror
from world.phases import Phase
from world.state import KIND

MIB = 1 << 20
NOW_MS = 1_700_000_000_000


def _doors(raw: bytes) -> list[tuple[int, bytes]]:
    """An input of a core; empty for bytes that are none."""
    try:
        return msgspec.msgpack.decode(raw, type=list[tuple[int, bytes]])[:64]
    except (msgspec.DecodeError, RecursionError):
        return []


def _through(door: int, raws: list[bytes]) -> bytes:
    return msgspec.msgpack.encode([(door, raw) for raw in raws])


# A socket.


def _opening(raw: bytes) -> object:
    return websocket.opening(raw)


def _incoming(raw: bytes) -> object:
    """First byte: how large the pieces are that the bytes come in; then frames: the same however they come."""
    size, sent = (raw[0] if raw else 0) + 1, raw[1:]
    incoming = websocket.Incoming()
    found = [frame for at in range(0, len(sent), size) for frame in incoming.frames(sent[at : at + size])]
    assert found == list(websocket.Incoming().frames(sent))
    return found


def _openings() -> list[bytes]:
    line = b"GET /play HTTP/1.1\r\nHost: a\r\n"
    whole = b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    return [line + whole + key + b"\x82\x80aaaa", line + b"\r\n", line + whole + b"\r\n", line[:30], b"POST"]


def _masked(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes([0x80 | opcode]) + length + b"mask" + websocket._unmask(payload, b"mask")


def _incoming_seeds() -> list[bytes]:
    frames = [_masked(websocket.BINARY, raw) for raw in seeds.doors().said[:4]]
    frames += [
        _masked(websocket.PING, b"abc"),
        _masked(websocket.BINARY, bytes(300)),
        _masked(websocket.CLOSE, b"\3\xe8bye"),
    ]
    return [b"\xff" + b"".join(frames), b"\0" + frames[0], b"\7" + frames[-2] + frames[-1]]


# Decoders of single messages.


def _round(decode: Any, encode: Any) -> Any:
    """What is read can be written, and read again as the same."""

    def run(raw: bytes) -> object:
        found = decode(raw)
        assert decode(encode(found)) == found
        return found

    return run


def _spent() -> list[bytes]:
    watch = Stopwatch()
    watch.mark(Phase.NPCS)
    watch.append_begins()
    watch.tick_ends(1, 2)
    process = spent.Process("region 1", 5_000_000, 120_000)
    running = spent.Running(1, (process,), 7, 30_000, {"players": 3}, 0, ("a warning",))
    return [spent.encode(watch.told(1, 1, 320, 288)), spent.encode(running)]


def _record(raw: bytes) -> object:
    found = record.decode(raw)
    assert record.encode(found) == raw, "a record with another encoding"
    return found


def _body(raw: bytes) -> object:
    """First byte: the mail's kind."""
    found = letters.decode_body(Mail(1, raw[0] % 6 if raw else 0, raw[1:]))
    return found if isinstance(found, bytes) else letters.encode_body(found)


def _bodies() -> list[bytes]:
    world, (one, _), _ = seeds.played()
    mails = [
        mail for index in world.processes for read in world.records(index) for at in read.heard for mail in at.mail
    ]
    born = letters.encode_body(letters.Born(one.entity, bytes(32), bytes(20)))
    return [bytes([mail.kind]) + mail.body for mail in mails[:20]] + [b"\3" + born]


def _ghost_seeds() -> list[bytes]:
    found = [heard.ghosts for index in (1, 2) for read in seeds.played()[0].records(index) for heard in read.heard]
    return list(dict.fromkeys(one for one in found if one))[:6]


def _images() -> list[bytes]:
    state = seeds.played()[0].region(1).bodies
    holder = copy.deepcopy(state)
    player = next(entity for entity, row in state.index.items() if state.rows[KIND, row] == PLAYER)
    for asset in (2**40 + 1, 2**40 + 5):
        borders.add_asset(holder, asset, player, 1, 0x5A5A)
    return [borders.image_of(state, entity) for entity in list(state.index)[:4]] + [borders.image_of(holder, player)]


def _handshake(raw: bytes) -> object:
    """32 bytes: a point; 16: a nonce; then a frame."""
    key = handshake.gateway_key(bytes([7]) * 32, raw[:32], raw[32:48])
    handshake.is_signed(raw[:32], raw[48:112], raw[112:])
    return handshake.unseal(key, 1, raw[48:]), handshake.client_key(bytes(32), raw[:32], b"")


def _handshake_seeds() -> list[bytes]:
    session = Ed25519Key(bytes([5]) * 32)
    key = handshake.gateway_key(bytes([7]) * 32, session.public, bytes(16))
    points = [session.public, b"\1" + bytes(31), bytes(32), b"\xff" * 32]
    return [point + bytes(16) + handshake.seal(key, 1, b"\x91\5") for point in points]


def _asset(raw: bytes) -> object:
    """What a gateway says a player holds, drawn."""
    kind, traits = raw[0] if raw else 0, int.from_bytes(raw[1:10], "little", signed=True)
    return portrait.named(traits, kind), portrait.picture_png(traits, kind)


# Deltas and view frames.


def _delta(raw: bytes) -> object:
    """Several [chunks as int32 numbers, bytes] for one mirror, one after another."""
    mirror = Mirror((0, 0, 64, 64))
    for _, piece in _doors(raw):
        size = piece[0] if piece else 0
        chunks = [int.from_bytes(piece[1 + at : 2 + at]) for at in range(min(size, 20))]
        mirror.apply(chunks, piece[1 + size :])
        for chunk in mirror.held.tolist():
            mirror.key(chunk)
    return mirror.cols.copy()


def _delta_seeds() -> list[bytes]:
    first, *later = seeds.shown()
    return [_through(0, some) for some in ([first], [first, *later[:3]], [first, *later[:30]], [first, *later])]


def _views(raw: bytes) -> object:
    seen = Seen(((0, 0, 0, 0), (0, 0, 4, 4), (4, 0, 8, 4)))
    found: list[object] = []
    for _, frame in _doors(raw):
        found.append(seen.take(frame))
        seen.find(2**48 + 1)
        seen.tile(3, 3)
    return found


def _view_seeds() -> list[bytes]:
    views = [raw for raw in seeds.doors().told if raw[0] == VIEW]
    return [_through(0, some) for some in (views[:1], views[:3], views[:12], views[:50], views[-3:])]


# A gateway.


class AtGateway:
    """A client whose login went through: everything that a gateway is told on the way, the same each time."""

    def __init__(self) -> None:
        doors = seeds.doors()
        self.door = Door(bytes(range(32)), "g1", (128, 64), ((0, 0, 0, 0), (0, 0, 4, 4), (4, 0, 8, 4)))
        self.secret = bytes(range(48))
        self.entity = 2**48 + 1
        wallet, session = Ed25519Key(bytes([1]) * 32), Ed25519Key(bytes([2]) * 32)
        self.wallet = wallet.public
        before = Gateway(self.door)
        before.step(NOW_MS, Connected(1, self.secret))
        hello = protocol.encode(Hello(protocol.VERSION, wallet.public, session.public))
        challenge = protocol.decode_told(_sent(before.step(NOW_MS, Framed(1, hello)))[0][1:])
        assert isinstance(challenge, Challenge)
        birth = Birth(wallet.public, session.public, challenge.nonce, challenge.expires_ms, bytes(64))
        signature = wallet.sign(login_message(self.door.world, birth))
        self.key = handshake.client_key(session.seed, challenge.point, challenge.nonce)
        self.chain = first_chain(self.entity)
        login = Login(self.entity, 1, wallet.public, session.public, challenge.nonce, challenge.expires_ms, signature)
        self.login_chain = player_chain(self.chain, 1, login_body(login))
        shown = [raw for raw in doors.heard if isinstance(messages.decode(raw), Delta | Keys)][:40]
        self.events: list[Event] = [
            Connected(1, self.secret),
            *map(Heard, shown),
            Framed(1, hello),
            Framed(1, protocol.encode(LoginSigned(signature))),
            Heard(self.here()),
            Heard(self.answers(Answer(self.entity, messages.STATUS_DONE, 1, self.login_chain, 0, 1))),
        ]

    def here(self) -> bytes:
        """Region 1 says that it has the body."""
        return messages.encode(Here(1, self.wallet, self.entity, 0, 0, self.chain, 1, False, False))

    def answers(self, *answers: Answer) -> bytes:
        """Region 1 answers."""
        own = (messages.Own(self.entity, 1, (1, 2), ((2**40, 1, 5),)),)
        return messages.encode(Answers(1, 1, 9, bytes(32), answers, own, ((self.entity, 2, 1),)))


def _sent(effects: list[Effect]) -> list[bytes]:
    return [one.frame for one in effects if isinstance(one, Send)]


@lru_cache(maxsize=1)
def at_gateway() -> AtGateway:
    """One is enough."""
    return AtGateway()


BARE, SEALED, BUS, UNSENT, LATER, ENTERING = range(6)


def _gateway(raw: bytes) -> object:
    """Doors: 0 a frame as it is, 1 sealed and numbered, 2 a message of the bus, 3 unsent bytes, 4 time, 5 (first only)
    before the login was answered."""
    here, doors = at_gateway(), _doors(raw)
    gateway = Gateway(here.door)
    logged_in = not (doors and doors[0][0] == ENTERING)
    for event in here.events if logged_in else here.events[:-1]:
        gateway.step(NOW_MS, event)
    number, now_ms = 0, NOW_MS
    effects: list[Effect] = []
    for door, body in doors:
        now_ms += 10
        if door == BARE:
            effects = gateway.step(now_ms, Framed(1, body))
        elif door == SEALED:
            number += 1
            effects = gateway.step(now_ms, Framed(1, handshake.seal(here.key, number, body)))
        elif door == BUS:
            effects = gateway.step(now_ms, Heard(body))
        elif door == UNSENT:
            effects = gateway.step(now_ms, Backlog(1, int.from_bytes(body[:4])))
        elif door == LATER:
            now_ms += int.from_bytes(body[:2])
            effects = gateway.step(now_ms, Timer())
    return effects


def _gateway_frames() -> list[bytes]:
    acts = [protocol.encode(protocol.Act(2 + place, body)) for place, body in enumerate(seeds.action_bytes())]
    bare = [raw for raw in seeds.doors().said if raw[:1] in (b"\x94", b"\x92", b"\x93")][:6]
    head = protocol.encode(protocol.SignedHead(1, bytes(32), b"", bytes(64)))
    look = protocol.encode(protocol.LookAgain())
    ticks = [(BUS, raw) for raw in seeds.doors().heard if isinstance(messages.decode(raw), Delta)][40:44]
    mixed = [(SEALED, look), *ticks, (SEALED, head), (UNSENT, b"\0\1\0\0"), (LATER, b"\2\0"), (LATER, b"\xff\xff")]
    return [_through(SEALED, acts), *(_through(BARE, [one]) for one in bare), msgspec.msgpack.encode(mixed)]


def _gateway_bus() -> list[bytes]:
    here = at_gateway()
    done = [Answer(here.entity, status, 1, here.login_chain, 0, 1) for status in range(8)]
    said = [(SEALED, protocol.encode(protocol.Act(2, seeds.action_bytes()[0])))]
    answers = [*said, *((BUS, here.answers(one)) for one in done)]
    heard = [(BUS, raw) for raw in seeds.bus()]
    later = [(LATER, b"\4\0"), (BUS, here.here())]
    whole = [heard[at : at + 8] for at in range(0, len(heard), 8)]
    entering = [[(ENTERING, b""), (BUS, here.answers(one)), (BUS, here.here()), *later] for one in done]
    return [msgspec.msgpack.encode(one) for one in (answers, answers[:3] + later, *entering, *whole)]


# A client.


def _client(raw: bytes) -> object:
    """Frames of a gateway, as `Connection` takes them; door 1: the connection is lost, and there is another."""
    news: list[object] = []
    connection = Connection("ws://127.0.0.1:1", Ed25519Key(bytes([1]) * 32), heard=news.append)
    connection.session.opened(bytes([2]) * 32)
    connection.session.act(NOW_MS, actions.Move(1, 2))
    for door, frame in _doors(raw):
        if door == 1:
            connection.session.opened(bytes([2]) * 32)
            connection.session.act(NOW_MS, actions.Speak("again"))
        else:
            connection._receive(frame)
    return news


def _client_seeds() -> list[bytes]:
    told = seeds.doors().told
    first = next(raw for raw in told if raw[0] == TOLD)
    welcomes = [raw for raw in told if raw[0] == TOLD and isinstance(protocol.decode_told(raw[1:]), Welcome)]
    views = [raw for raw in told if raw[0] == VIEW][:4]
    others = [raw for raw in told if raw[0] == TOLD][2:]
    again = [(0, first), (0, welcomes[0]), (1, b""), (0, first), (0, welcomes[0])]
    kinds = (
        protocol.NewEra(2, 1, bytes(32)),
        protocol.Refused("why"),
        protocol.Superseded(3, bytes(32)),
        protocol.Acked(2, bytes(32), 0, messages.STATUS_UNSIGNED, 1, 9, bytes(32)),
        protocol.Having(3, (1, 2), ((2**40, 1, 5),)),
        protocol.Shapes((Look(14, "fox", "quadruped", (0xC8642C, 0xB85A30), 0xF4ECE0, 75),)),
    )
    said = [bytes([TOLD]) + protocol.encode(one) for one in kinds]
    whole = [_through(0, [first, welcomes[0], *some]) for some in (views, others, others[-6:] + views, said)]
    return [msgspec.msgpack.encode(again), *whole]


# A region's owner, and who folds its records again.


@lru_cache(maxsize=1)
def _owner() -> tuple[RegionCore, list[bytes]]:
    """A core that serves region 1 of the played world, and the records since its snapshot."""
    world = seeds.played()[0]
    seat = Seat(world.world, 1, world.processes[1], world.processes, NODE, SCHEDULER, tick_offset_ms=0)
    core = RegionCore(seat, lambda size: bytes([3]) * size, Show(1))
    now_ms = world.region(1).state.time_ms + 1000
    records: list[bytes] = []
    _drive(core, now_ms, [Loaded(fresh_region(), [])], records)
    core.links = core.links[-200:]
    return core, records


def _drive(core: RegionCore, now_ms: int, queue: list[Any], records: list[bytes]) -> None:
    """Give a core events, and those that follow from its effects; its log takes everything."""
    while queue:
        for effect in core.step(now_ms, queue.pop(0)):
            if isinstance(effect, Append):
                records.append(effect.raw)
                queue.append(Settled("durable", effect.position))
            elif isinstance(effect, Load):
                queue.append(Loaded(fresh_region(), list(records)))
            assert not isinstance(effect, End), f"the region ended: {effect.reason}"


def fresh_region() -> Region:
    """Region 1 as its newest snapshot has it."""
    found = seeds.states()[1]
    return region_state.decode(found.state, founding.rules_of(1), found.head)


HEAR, WAIT, ACT, ITEM, ASK = range(5)


def _region(raw: bytes) -> object:
    """Doors: 0 a message of the bus, 1 time, 2 an action of a player's, rightly numbered, chained and covered; 3 bytes
    for an outside item, 4 tags and data of one that its wallet signed, rightly numbered."""
    mould, before = _owner()
    shared = (mould.seat, mould.random)
    core: RegionCore = copy.deepcopy(mould, {id(one): one for one in shared})
    records, now_ms = list(before), seeds.played()[0].region(1).state.time_ms + 1000
    actor = Actor(core)
    for door, body in _doors(raw):
        now_ms += 50
        queue: list[Any] = [RegionTimer()]
        if door == HEAR:
            try:
                queue.insert(0, Received(messages.decode(body)))
            except RecordError:
                continue
        elif door == ACT:
            queue.insert(0, Received(actor.act(body[: actions.ACTION_BYTES_MAX])))
        elif door == ITEM:
            queue.insert(0, Received(messages.Batch("ao", (record.Outside(body, 0, 0),))))
        elif door == ASK and (asked := _asked(core, body)):
            queue.insert(0, Received(asked))
        _drive(core, now_ms, queue, records)
    assert core.region is not None and not core.region.state.halted, "the region halted"
    return records


def _asked(core: RegionCore, raw: bytes) -> messages.Batch | None:
    """The next item of the wallet that has a body in region 1; None for tags that no item can carry."""
    assert core.region is not None
    state = core.region.state
    try:
        tags, data = msgspec.msgpack.decode(raw, type=tuple[list[tuple[str, str]], bytes])
        last = next(one.outside for one in state.players.values() if one.wallet == seeds.OUTSIDE.public)
        own = [("Number", f"{state.era}.{last + 1}"), ("Data-Protocol", "ao"), ("Type", "Message")]
        item = sign_item(seeds.OUTSIDE, data, [*own, *tags], state.region)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArchiveError, StopIteration):
        return None
    return messages.Batch("ao", (record.Outside(item.raw, 0, 0),))


def _item_seeds() -> list[bytes]:
    raws = seeds.outside_items()
    asked = [msgspec.msgpack.encode((list(tags.items()), data)) for tags, data in seeds.REQUESTS]
    found = [_through(ITEM, raws[at : at + 4]) for at in range(0, len(raws), 4)]
    return found + [_through(ASK, asked[at : at + 3]) for at in range(0, len(asked), 3)]


def _item(raw: bytes) -> object:
    """An item as a door reads it; then what it asks for, where everybody is known and where nobody is."""
    asked = outside.read(raw)
    if asked.kind in outside.ACTS:
        outside.action_of(asked, lambda whom: 7)
    assert outside.address_bytes(outside.address_text(asked.address)) == asked.address
    return asked.number


class Actor:
    """A player in region 1 whose keys are known: what it sends is admitted, whatever it asks for."""

    def __init__(self, core: RegionCore) -> None:
        assert core.region is not None
        self.state = core.region.state
        known = {player.entity: player for player in seeds.played()[1]}
        self.player = next(one for entity, one in self.state.players.items() if entity in known)
        self.key = known[self.player.entity].key
        self.number, self.chain = self.player.number, self.player.chain

    def act(self, body: bytes) -> messages.Batch:
        """An action and the head that covers it."""
        entity = self.player.entity
        self.number, chain_before = self.number + 1, self.chain
        self.chain = player_chain(chain_before, self.number, body)
        text = player_head_message(self.state.world, self.state.era, entity, self.number, self.chain, b"")
        head = record.Head(entity, self.number, self.chain, b"", self.key.sign(text))
        return messages.Batch("g", (head, record.Acted(entity, self.number, self.player.session, body)))


def _region_seeds() -> list[bytes]:
    heard = seeds.bus()
    _, (one, two), _ = seeds.played()
    said = [
        messages.encode(messages.Batch("g", (record.Acted(player.entity, player.number + 1, player.session, body),)))
        for player in (one, two)
        for body in seeds.action_bytes()
    ]
    found = [_through(HEAR, heard[at : at + 6]) for at in range(0, len(heard), 6)]
    found += [_through(HEAR, said[at : at + 4]) for at in range(0, len(said), 4)]
    whom = next(iter(fresh_region().bodies.index))
    near: list[actions.Action] = [
        actions.GiveCoins(whom, 1),
        actions.Give(whom, 1, 1),
        actions.Strike(whom),
        actions.PickUp(whom),
    ]
    done = [*seeds.action_bytes(), *(actions.encode_action(one) for one in near), b"", b"\xc1"]
    return (
        found
        + [_through(ACT, done[at : at + 4]) for at in range(0, len(done), 4)]
        + [_through(HEAR, [_forged_letter()])]
    )


def _forged_letter(kinds: tuple[int, ...] = (letters.RULES,), ahead: int = 1000) -> bytes:
    """A letter of the neighbour that is newer than all before, with mail of these kinds."""
    state = fresh_region().state
    near = next(one for one in state.neighbours if one.index == 2)
    some = [mail for mail in _mails() if mail.kind in kinds]
    mail = tuple(replace(one, number=near.taken + 1 + place) for place, one in enumerate(some))
    numbers = 2, state.era, near.term, near.n + ahead, bytes(32), near.sent, near.credit
    return messages.encode(messages.Letter(*numbers, mail, _ghost_seeds()[0], NODE.public, bytes(64)))


def _letter_seeds() -> list[bytes]:
    kinds = [(kind,) for kind in (letters.HANDOVER, letters.RULES, letters.BORN, letters.CONFIRMED)]
    found = [
        _through(HEAR, [_forged_letter(some)]) for some in [*kinds, (), (letters.HANDOVER, letters.BORN, letters.RULES)]
    ]
    return [*found, _through(HEAR, [_forged_letter(), _forged_letter((letters.HANDOVER,), 2000)]), *_region_seeds()[:4]]


def _signed_letters(raw: bytes) -> object:
    """As `_region`; letters are signed by a node of the roster: what a neighbour's bad owner can say."""
    world = seeds.played()[0].world
    signed = []
    for door, body in _doors(raw):
        try:
            message = messages.decode(body) if door == 0 else None
        except RecordError:
            continue
        if isinstance(message, messages.Letter):
            message = replace(message, node=NODE.public)
            message = replace(message, signature=NODE.sign(messages.letter_message(world, message, 1)))
        signed.append((door, messages.encode(message) if message is not None else body))
    return _region(msgspec.msgpack.encode(signed))


def _fold(raw: bytes) -> object:
    """A record after the snapshot, folded as replay and restore do."""
    return compute.apply(copy.deepcopy(_base()[0]), raw)


@lru_cache(maxsize=1)
def _base() -> tuple[Region, record.Record]:
    """Region 1 and the fullest record that follows it in the log."""
    found, raws = seeds.old_state()
    at = max(range(len(raws)), key=lambda place: len(raws[place]))
    region = region_state.decode(found.state, founding.rules_of(1), found.head)
    for raw in raws[:at]:
        compute.apply(region, raw)
    return region, record.decode(raws[at])


def _next_records() -> list[bytes]:
    """The record that follows, with its inputs and letters exchanged for those of others, or for mail of every kind."""
    region, following = _base()
    moved = [following]
    for raw in seeds.played()[0].raws(1):
        one = record.decode(raw)
        if one.inputs:
            moved.append(replace(following, inputs=(*following.inputs, *one.inputs), verdicts=one.verdicts))
    for source in region.state.neighbours:
        mail = tuple(replace(one, number=source.taken + 1 + place) for place, one in enumerate(_mails()))
        for some in (mail, *((replace(one, number=source.taken + 1),) for one in mail)):
            heard = record.Heard(
                source.index, region.state.era, source.term, source.n + 9, bytes(32), source.sent, source.credit + 1,
                some, b"", bytes(64),
            )  # fmt: skip
            moved.append(replace(following, heard=(heard,)))
    raws = {record.encode(one) for one in moved if len(one.heard) < 9}
    return sorted(raws, key=len)[:: max(1, len(raws) // 60)]


def _mails() -> list[Mail]:
    """Mail of every kind, that could come next."""
    state = seeds.played()[0].region(2).bodies
    player = next(iter(seeds.played()[0].region(2).state.players.values()), None)
    bodies = [letters.encode_body(letters.Handover(borders.image_of(state, entity), None)) for entity in state.index]
    if player is not None:
        bodies.append(letters.encode_body(letters.Handover(borders.image_of(state, player.entity), player)))
    return [
        *(Mail(1, letters.HANDOVER, body) for body in bodies[-2:]),
        Mail(1, letters.RULES, encode_mail(Blow(2**40, 2**41, 5, 0, 0))),
        Mail(1, letters.RULES, encode_mail(TileChange(64, 1, 0, 0, 0))),
        Mail(1, letters.BORN, letters.encode_body(letters.Born(2**48 + 99, bytes(32), bytes(32)))),
        Mail(1, letters.CONFIRMED, letters.encode_body(letters.Archived(1, 2, 1))),
    ]


def _placed(given: record.Record) -> record.Record:
    """The record, standing where the next one has to stand."""
    _, following = _base()
    names = ("era", "term", "n", "tick", "previous", "time_ms", "module", "roster", "partition", "link", "format")
    return replace(given, **{name: getattr(following, name) for name in names})


def _auditor(raw: bytes) -> object:
    """The record that a bad owner makes of these given fields, signed and with all outcomes right; then the auditor."""
    given = _placed(record.decode(raw))
    region = copy.deepcopy(_base()[0])
    folded = compute.fold(region, given)
    made = record.encode(finished(region.state.region, NODE, given, folded))
    audited = copy.deepcopy(_base()[0])
    looked = evidence.look(audited, record.decode(made))
    try:
        found, _ = compute.apply(audited, made)
    except RecordError as error:
        assert not chain.is_signed(audited.state, record.decode(made)), error
        raise
    return evidence.judge(looked, audited, found, seeds.played()[0].charter, {})


TARGETS = (
    Target(
        "outside-item",
        _item,
        (RecordError,),
        seeds.outside_items,
        {
            "regions.outside": (
                "read",
                "_number",
                "_small",
                "names",
                "address_text",
                "address_bytes",
                "action_of",
                "_fields",
                "_whole",
                "recipient",
            )
        },
        objects,
        longest=16_384 + 64,
        words=(b"Action", b"Number", b"1.1", b"Recipient", b"Quantity", b"0x", b"Say", b"Give"),
    ),
    Target(
        "region-items",
        _region,
        (),
        _item_seeds,
        {
            "regions.items": ("Items",),
            "regions.outside": ("take", "_player", "needs_number"),
            "regions.replies": ("reply", "_info", "_player", "_whom", "_balance", "_balances", "_holder", "_inventory"),
            "regions.compute": ("_take_item",),
        },
        at_most(32 * MIB),
        shape="msgpack",
        longest=65536,
        words=(b"Action", b"Cursor", b"Target", b"Asset", b"Inventory", b"Balances", b"Holder"),
    ),
    Target(
        "websocket-opening",
        _opening,
        (websocket.Broken,),
        _openings,
        {"regions.websocket": ("opening", "_headers", "_words", "_is_key", "_plain")},
        objects,
        words=(b"Upgrade: websocket\r\n", b"\r\n\r\n", b": ", b"Sec-WebSocket-Key", b"HTTP/1.1", b"\xff"),
    ),
    Target(
        "websocket-frames",
        _incoming,
        (websocket.Broken,),
        _incoming_seeds,
        {"regions.websocket": ("Incoming", "_cut", "_opcode", "_unmask")},
        objects,
        longest=16384,
        plants=(Plant("regions.websocket", "    if left < 2:", "    if left < 1:"),),
    ),
    Target(
        "client-frame",
        _round(protocol.decode_said, protocol.encode),
        (RecordError,),
        lambda: seeds.doors().said,
        {"regions.protocol": ("decode_said",)},
        objects,
        shape="msgpack",
    ),
    Target(
        "action",
        _round(actions.decode_action, actions.encode_action),
        (ValueError,),
        seeds.action_bytes,
        {"world.actions": ("decode_action",)},
        objects,
        shape="msgpack",
        longest=1024,
    ),
    Target(
        "handshake",
        _handshake,
        (RecordError,),
        _handshake_seeds,
        {"regions.handshake": ("to_u", "_key", "gateway_key", "client_key", "is_signed", "unseal")},
        objects,
    ),
    Target(
        "gateway-frames",
        _gateway,
        (),
        _gateway_frames,
        {
            "regions.gateway": ("Gateway",),
            "regions.peers": ("Peer",),
            "regions.unanswered": ("Unanswered",),
        },
        at_most(8 * MIB),
        shape="msgpack",
        longest=16384,
    ),
    Target(
        "bus-message",
        _round(messages.decode, messages.encode),
        (RecordError,),
        seeds.bus,
        {"regions.messages": ("decode",)},
        objects,
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "spent",
        _round(spent.decode, spent.encode),
        (RecordError,),
        _spent,
        {"regions.spent": ("decode",)},
        objects,
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "gateway-bus",
        _gateway,
        (),
        _gateway_bus,
        {
            "regions.gateway": ("Gateway",),
            "regions.peers": ("Peer",),
            "regions.views": ("RegionView", "_checked"),
        },
        at_most(8 * MIB),
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "region-bus",
        _region,
        (),
        _region_seeds,
        {
            "regions.process": ("RegionCore",),
            "regions.scheduler": ("Scheduler",),
            "regions.post_box": ("PostBox", "_take"),
        },
        at_most(32 * MIB),
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "region-letters",
        _signed_letters,
        (),
        _letter_seeds,
        {
            "regions.post_box": ("PostBox", "_take"),
            "regions.poison": ("sift", "_failure"),
            "regions.letters": ("hear", "decode_body"),
        },
        at_most(32 * MIB),
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "client",
        _client,
        (RecordError,),
        _client_seeds,
        {
            "clients.connection": ("Connection._receive", "Connection._note", "Connection._look_again"),
            "clients.session": ("Session.told", "Session._sign", "Session._welcomed", "Session._receipt"),
            "regions.protocol": ("decode_told",),
        },
        at_most(4 * MIB),
        shape="msgpack",
        longest=16384,
    ),
    Target(
        "view-frame",
        _views,
        (RecordError,),
        _view_seeds,
        {
            "clients.seen": ("Seen.take", "_pieces", "_cut", "Seen.find", "Seen.tile"),
            "world.mirror": ("Mirror.apply", "Mirror.keep", "Mirror._events"),
        },
        at_most(4 * MIB),
        shape="msgpack",
        longest=16384,
        jit=False,
        plants=(Plant("clients.seen", "            if at >= len(raw) or shift > 28:", "            if shift > 28:"),),
    ),
    Target(
        "delta",
        _delta,
        (ValueError,),
        _delta_seeds,
        {
            "world.delta_read": (
                "_mask",
                "_varint",
                "_int8",
                "_int16",
                "_entry",
                "_moves",
                "_appearances",
                "_entries",
                "_unpack",
                "_sections",
                "_chunk",
                "read_chunks",
            ),
            "world.mirror": ("Mirror.apply", "Mirror.key", "Mirror._events"),
        },
        at_most(4 * MIB),
        shape="msgpack",
        longest=16384,
        jit=False,
    ),
    Target(
        "record",
        _record,
        (RecordError,),
        seeds.records,
        {"regions.record": ("decode", "encode")},
        objects,
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "fold",
        _fold,
        (RecordError, FoldFailed),
        _next_records,
        {
            "regions.compute": ("apply", "fold", "_tick", "_take_letters", "_take_inputs", "_consume", "_post"),
            "regions.chain": ("take_place", "take_claim", "reveal", "is_signed"),
            "regions.players": ("act", "login", "head"),
        },
        at_most(32 * MIB),
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "auditor",
        _auditor,
        (RecordError, FoldFailed),
        _next_records,
        {
            "regions.evidence": (
                "look",
                "judge",
                "_player",
                "_arriving",
                "_judge_head",
                "_judge_outside",
                "_judge_span",
            ),
        },
        at_most(32 * MIB),
        shape="msgpack",
        longest=65536,
    ),
    Target("mail-body", _body, (RecordError,), _bodies, {"regions.letters": ("decode_body",)}, objects, longest=16384),
    Target(
        "rules-mail",
        _round(decode_mail, encode_mail),
        (ValueError,),
        lambda: [encode_mail(Blow(1, 2, 3, -4, 5)), encode_mail(TileChange(1, 2, 3, 4, 5))],
        {"world.mail": ("decode_mail",)},
        objects,
        shape="msgpack",
        longest=512,
    ),
    Target("ghosts", ghosts.unpack_ghosts, (ValueError,), _ghost_seeds, {"world.ghosts": ("unpack_ghosts",)}, nothing),
    Target("image", borders.read_image, (ValueError,), _images, {"world.borders": ("read_image",)}, objects, jit=False),
    Target(
        "asset-drawn",
        _asset,
        (ValueError,),
        lambda: [bytes([kind]) + bytes([0x5A] * 7) for kind in range(1, 5)],
        {"world.portrait": ("read_traits", "named")},
        at_most(2 * MIB),
        longest=16,
    ),
)
