"""Real values to begin from, made by the project's own encoders: a played world with its archive, and what went over
its sockets and its bus. Nothing here is a file in the repository."""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

from archive import snapshot
from archive.data_item import DataItem, parse_item, sign_item
from archive.keys import Ed25519Key, b64
from regions import messages
from regions.messages import Message
from tests.archived import Archived
from tests.cluster import Player
from tests.regions.little_gateway import LittleClient, LittleGateway, run
from tests.regions.little_world import LittleWorld
from tests.wallets import EthereumKey, Wallet, rsa
from tests.world.lands import flat, key, put
from world.actions import (
    Action,
    Build,
    Dig,
    Drop,
    Gather,
    Give,
    GiveAsset,
    GiveCoins,
    Move,
    PickUp,
    Speak,
    Strike,
    encode_action,
)
from world.delta import encode_key, encode_tick
from world.kinds import DEER, PLAYER
from world.shown import wire_rows
from world.state import GOODS, GOODS_0, HOP
from world.tick import Inputs, advance

ACTIONS: tuple[Action, ...] = (
    Move(127, -3),
    Strike(2**40),
    Gather(3, 4),
    Give(2**40, 1, 2),
    GiveCoins(2**40, 7),
    GiveAsset(2**40, 2**41),
    Drop(1, 2),
    PickUp(2**40),
    Build(5, 6, 3),
    Dig(5, 6),
    Speak("Grüß dich"),
)


OUTSIDE = Ed25519Key(b"o" * 32)
REQUESTS: tuple[tuple[dict[str, str], bytes], ...] = (
    ({"Action": "Move", "X": "1", "Y": "-127"}, b""),
    ({"Action": "Say"}, "Grüß dich".encode()),
    ({"Action": "Give", "Recipient": "281474976710657", "Quantity": "1"}, b""),
    ({"Action": "Give", "Recipient": b64(bytes(32)), "Item": "1", "Count": "2"}, b""),
    ({"Action": "Give", "Recipient": "0x" + "ab" * 20, "Asset": "7"}, b""),
    ({"Action": "Info"}, b""),
    ({"Action": "Balance", "Target": b64(sha256(OUTSIDE.public).digest())}, b""),
    ({"Action": "Balances", "Cursor": "A"}, b""),
    ({"Action": "Holder", "Asset": "7"}, b""),
    ({"Action": "Inventory", "Recipient": "281474976710657"}, b""),
    ({"Action": "Chronicle"}, b""),
    ({"Action": "Join"}, b""),
)
"""What a wallet may ask of a region: tags and data."""


def action_bytes() -> list[bytes]:
    """One of each."""
    return [encode_action(action) for action in ACTIONS]


@dataclass
class Overheard:
    """What went over the bus of a played world, by the kind of message, a few of each; and per region its records."""

    bus: list[bytes] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)

    def note(self, sender: int, subject: str, message: Message) -> bool:
        """Keep some of each kind; loses nothing."""
        kind = f"{type(message).__name__} {bool(getattr(message, 'mail', ()))}"
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] <= 6 or self.kinds[kind] % 50 == 0:
            self.bus.append(messages.encode(message))
        return False


@lru_cache(maxsize=1)
def played() -> tuple[Archived, tuple[Player, Player], Overheard]:
    """A world under the real rules, with NPCs and two players who gathered, gave and crossed the border, and an outside
    wallet that did a little of everything; archived."""
    heard = Overheard()
    world = Archived(small=False, population=(4, 4, 1), interval_ms=2_000)
    world.lost = heard.note
    one, two = Player(world).enter(), Player(world, "q").enter()
    for tick in range(90):
        for player, towards in ((one, 127), (two, -127)):
            if tick % 30 == 0:
                player.act(Move(towards, 0))
            elif tick % 7 == 0:
                player.act(Gather(1, 1))
            elif tick == 50:
                player.act(GiveCoins(one.entity, 1), covered=True)
            elif tick == 60:
                player.act(Speak("hello"))
            if tick % 8 == 7:
                player.send(player.head())
        world.ticks(1)
    _ask(Wallet(world, OUTSIDE))
    world.checkpoint(1)
    return world, (one, two), heard


def _ask(wallet: Wallet) -> None:
    wallet.join()
    for tags, data in REQUESTS:
        more = {name: value for name, value in tags.items() if name != "Action"}
        wallet.send(wallet.item(tags["Action"], 1, wallet.next(), data, **more), 1)


@lru_cache(maxsize=1)
def outside_items() -> list[bytes]:
    """A signed item of each kind for region 1, with and without a number; and some by other kinds of key."""
    region = played()[0].processes[1]
    keys: list[Any] = [OUTSIDE, EthereumKey(b"v" * 32), rsa()]
    found = []
    for place, (tags, data) in enumerate(REQUESTS):
        pairs = [*tags.items(), ("Data-Protocol", "ao"), ("Type", "Message")]
        for number in ([], [("Number", f"1.{place + 1}")]):
            found += [sign_item(OUTSIDE, data, [*pairs, *number], region).raw]
        found += [sign_item(keys[place % 3], data, pairs, region, bytes(32)).raw]
    return found


def items(kind: str = "") -> list[DataItem]:
    """The items of the played world's store, all or those of one type."""
    world, _, _ = played()
    found = [parse_item(world.store.get(item_id)) for item_id in world.store.ids()]
    return [item for item in found if not kind or item.tag("Type") == kind]


def records() -> list[bytes]:
    """Records of every kind that the played world has: claims, ticks, spans' ends; of all its regions."""
    world, _, _ = played()
    found = [raw for index in world.processes for raw in world.raws(index)]
    return found[:40] + found[40::17]


@lru_cache(maxsize=1)
def states() -> dict[int, snapshot.Snapshot]:
    """The newest snapshot of each region, read."""
    world, _, _ = played()
    return {index: snapshot.decode_file(files[max(files)]) for index, files in world.files.items() if files}


@lru_cache(maxsize=1)
def shown() -> list[bytes]:
    """A crowd's ticks as `world.delta` writes them, 16 chunks: [how many chunks, their numbers, the bytes] each."""
    state = flat(64, 64)
    people = [put(state, PLAYER, 14.5 + place, 15.5 + place % 2, goods_0=9) for place in range(4)]
    state.rows[GOODS_0 : GOODS_0 + GOODS, state.row(people[1])] = 99
    for place in range(6):
        put(state, DEER, 20.5 + place, 30.5)
    before = wire_rows(state)
    pieces = [bytes([16, *range(16)]) + b"".join(encode_key(before, chunk) for chunk in range(16))]
    for tick in range(40):
        asked: list[tuple[int, Action]] = [(people[0], Move(127, 9 * (tick % 20) - 90)), (people[3], Strike(people[2]))]
        if tick % 2:
            asked.append((people[2], Speak("hey" * tick)))
        else:
            asked.append((people[1], Build(16, 14 + tick // 12, 3)))
        out = advance(state, Inputs(key(tick), actions=asked))
        if tick == 20:
            state.rows[HOP, state.row(people[1])] += 300
            state.free_row(people[3])
            people[3] = people[2]
        now = wire_rows(state, (), before)
        index, data = encode_tick(before, now, out.events)
        pieces.append(bytes([len(index), *index[:, 0].tolist()]) + data)
        before = now
    return pieces


@lru_cache(maxsize=1)
def old_state() -> tuple[snapshot.Snapshot, list[bytes]]:
    """The oldest snapshot of region 1 that is left, and the records after it."""
    world, _, _ = played()
    found = snapshot.decode_file(world.files[1][min(world.files[1])])
    first = world.logs.info(world.log(1)).first
    return found, world.raws(1)[found.n + 1 - first :]


@lru_cache(maxsize=1)
def bus() -> list[bytes]:
    """Messages of every kind."""
    _, _, heard = played()
    inputs = [raw for _, raw in doors().published]
    asked = [
        messages.Question("g", bytes(16), tags["Action"], sha256(OUTSIDE.public).digest(), tuple(tags.items()))
        for tags, _ in REQUESTS
    ]
    told = messages.Told(bytes(16), 7, b'{"Data":"1","Tags":{}}')
    return heard.bus + doors().heard[:60] + inputs[:40] + [messages.encode(one) for one in (*asked, told)]


@dataclass
class Doors:
    """What passed a gateway: frames from a client (not sealed), frames to it, and messages from and to the bus."""

    said: list[bytes] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)  # to the first of them
    heard: list[bytes] = field(default_factory=list)
    published: list[tuple[str, bytes]] = field(default_factory=list)


@lru_cache(maxsize=1)
def doors() -> Doors:
    """Two clients log in at a gateway, walk over a border, and say something."""
    found = Doors()
    world = LittleWorld()
    gateway = LittleGateway(world)
    for subject in ("delta", "beat", "answer", "answer.g1"):
        world.listen(subject, found.heard.append)
    players = [_Listening(gateway, found) for _ in range(2)]
    world.advance(world.now_ms + 200)
    for player in players:
        player.connect()
    run(world, [gateway], [*players], 1500)
    for action in (Move(127, 0), Speak("hi"), Move(0, 0)):
        for player in players:
            player.act(action)
        run(world, [gateway], [*players], 700)
    found.published = [(one.subject, one.data) for one in gateway.published]
    return found


class _Listening(LittleClient):
    """A client that notes all frames."""

    def __init__(self, gateway: LittleGateway, found: Doors) -> None:
        super().__init__(gateway)
        self.found = found

    def read(self) -> None:
        if self.number == 1:
            self.found.told += self._unread
        super().read()

    def send(self, frames: list[bytes]) -> None:
        bare = self.session.frames_sent == 0
        self.found.said += frames if bare else [frame[8:-16] for frame in frames]
        super().send(frames)
