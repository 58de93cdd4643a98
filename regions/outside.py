"""What wallets ask of a region by signed ANS-104 items: who asks, what, under which number; and the fold's part of it.

An item is an AO message to the region's process: tags Data-Protocol=ao, Type=Message and `Action`, one of READS or
ACTS. An item that changes state carries `Number: <era>.<number>`, the wallet's next in the world's present era; the
number, like that of a player's own actions, has no gaps and is spent by the record that holds the item. Reads and Say
may come without; of those a region remembers the newest ids, so that none is taken twice. (An id is taken of the
signature, and only a wallet itself can sign its words a second time: `archive.keys` takes one spelling of each.)

    Join                     a body for a wallet that has none (to the world's own process), or to wake it (elsewhere)
    Move       X, Y          -127..127, walks until told otherwise
    Say                      the item's data, aloud
    Give       Recipient, and Asset, Quantity (coins), or Item and Count
    Withdraw   Asset, Recipient (an address): out of the world, once a confirmed checkpoint holds it
    Transfer   Asset, Recipient (an address); to the world's own process, from who holds it outside. Its number is the
               asset's: one more than `Holder` tells there
    Deposit    Asset: from outside into the hands of the wallet's body, where that is
    Info, Balance, Balances, Holder, Inventory, Chronicle    see `regions.replies`

The world's own process also takes a Process item that names the world's Module: it is then a mailbox, a process of its
own to which any wallet may post any message; nothing computes on it, it keeps and numbers them.

A wallet is named by 32 bytes: an Ed25519 key is its own name; an RSA key its address (SHA-256 of the modulus), an
Ethereum key twelve zeros and its 20-byte address. `address` is what AO calls it: 32 bytes, or Ethereum's 20.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError
from archive.keys import ARWEAVE, ED25519, ETHEREUM, b64, ethereum_address, ethereum_text, unb64
from regions.config import MAILBOXES_MAX, OUTSIDE_BYTES_MAX, OUTSIDE_REMEMBERED
from regions.errors import RecordError
from regions.letters import WORLD
from regions.parcels import Passed
from regions.record import Outside
from regions.region_state import Newcomer, Player, RegionState
from world.actions import Action, decode_action

READS: Final = ("Info", "Balance", "Balances", "Holder", "Inventory", "Chronicle")
CROSSINGS: Final = ("Withdraw", "Deposit")
ACTS: Final = ("Join", "Move", "Say", "Give", *CROSSINGS, "Transfer")
SPAWN: Final = "Spawn"  # a Process item
POST: Final = "Post"  # any message for a mailbox
SIGNERS: Final = (ARWEAVE, ED25519, ETHEREUM)
_encode: Final = msgspec.msgpack.encode


class Request(Protocol):
    """What is asked: the kind, and its tags."""

    @property
    def kind(self) -> str:
        """One of READS or ACTS."""

    def tag(self, name: str) -> str:
        """The first tag of that name; empty when there is none."""


@dataclass(frozen=True)
class Asked:
    """An item, read. `number` is the wallet's, 0 when it carries none; `move` an asset's, in a Transfer."""

    item: DataItem
    kind: str
    wallet: bytes
    address: bytes
    era: int
    number: int
    move: int = 0

    @property
    def numbered(self) -> bool:
        """Whether it carries a number: then it is of that era alone, era 0 (which never was) included."""
        return bool(self.number or self.move)

    def tag(self, name: str) -> str:
        """The value of the first tag of that name; empty when there is none."""
        return self.item.tag(name) or ""


def read(raw: bytes, process: bytes | None = None) -> Asked:
    """Read an outside item. What is not for the region `process`, where that is given, counts as a mailbox's.

    Its signature is not checked here. Raises RecordError with what is wrong with it.
    """
    try:
        return read_item(parse_item(raw, OUTSIDE_BYTES_MAX), process)
    except ArchiveError as error:
        raise RecordError(str(error)) from None


def read_item(item: DataItem, process: bytes | None = None) -> Asked:
    """As `read`, of an item that was parsed."""
    if item.signature_type not in SIGNERS:
        raise RecordError(f"signature type {item.signature_type} is not taken; 1, 2 and 3 are (RSA, Ed25519, Ethereum)")
    kind, wallet, address = item.tag("Action") or "", *names(item.signature_type, item.owner)
    if item.tag("Data-Protocol") != "ao" or item.tag("Type") not in ("Message", "Process"):
        raise RecordError("not an AO message: it needs the tags Data-Protocol: ao and Type: Message")
    if item.tag("Type") == "Process":
        return Asked(item, SPAWN, wallet, address, 0, 0)
    if item.target is None:
        raise RecordError("a message without a target: it must name a process")
    if process is not None and item.target != process:
        return Asked(item, POST, wallet, address, 0, 0)
    if kind not in READS and kind not in ACTS:
        raise RecordError(f"Action {kind[:40]!r} is none of {', '.join((*READS, *ACTS))}")
    era, number = _number(item.tag("Number"))
    if kind == "Transfer":
        if not number:
            raise RecordError("Transfer without a Number: the asset's next, as Holder tells it")
        asked = Asked(item, kind, wallet, address, era, 0, number)
    else:
        asked = Asked(item, kind, wallet, address, era, number)
    if kind in (*CROSSINGS, "Transfer"):
        asset_of(asked)
        if kind != "Deposit":
            address_bytes(asked.tag("Recipient"))
    elif kind in ACTS:
        action_of(asked, recipient(()))
    return asked


def _number(text: str | None) -> tuple[int, int]:
    if text is None:
        return 0, 0
    era, dot, number = text.partition(".")
    if not (dot and _small(era) and _small(number)) or number == "0":
        raise RecordError(f"Number {text[:40]!r} is not <era>.<number>, such as 1.17")
    return int(era), int(number)


def _small(text: str) -> bool:
    return 0 < len(text) <= 15 and text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def names(signature_type: int, owner: bytes) -> tuple[bytes, bytes]:
    """A signer's wallet and address."""
    if signature_type == ETHEREUM:
        account = ethereum_address(owner)
        return bytes(12) + account, account
    digest = sha256(owner).digest()
    return (owner if signature_type == ED25519 else digest), digest


def address_text(address: bytes) -> str:
    """An address as AO writes it: base64url, or 0x and hex for an Ethereum one."""
    return ethereum_text(address) if len(address) == 20 else b64(address)


def address_bytes(text: str) -> bytes:
    """The inverse of `address_text`. Raises RecordError."""
    ethereum = text.startswith("0x") and len(text) == 42  # of Arweave's 43 letters the first two may be the same
    try:
        raw = bytes.fromhex(text[2:]) if ethereum else unb64(text)
    except (ValueError, ArchiveError):
        raw = b""
    if len(raw) != (20 if ethereum else 32):
        raise RecordError(f"{text[:64]!r} is no address: 43 letters of base64url, or 0x and 40 hex digits")
    return raw


def action_of(asked: Asked, find: Callable[[str], int]) -> Action | None:
    """The action that an item asks for; None for Join. `find` gives the body that a Recipient names, 0 if none is here.

    Raises RecordError for tags that make no action.
    """
    fields = _fields(asked, find)
    if not fields:
        return None
    try:
        return decode_action(_encode(fields))
    except ValueError as error:
        raise RecordError(f"{asked.kind}: {error}") from None


def _fields(asked: Asked, find: Callable[[str], int]) -> list[object]:
    if asked.kind == "Move":
        return [1, _whole(asked, "X"), _whole(asked, "Y")]
    if asked.kind == "Say":
        try:
            return [11, asked.item.data.decode()]
        except UnicodeDecodeError as error:
            raise RecordError(f"Say: the data is not UTF-8: {error}") from None
    if asked.kind != "Give":
        return []
    target = find(asked.tag("Recipient")) or 2**63 - 1  # nobody has that id
    if asked.tag("Asset"):
        return [6, target, _whole(asked, "Asset")]
    if asked.tag("Quantity"):
        return [5, target, _whole(asked, "Quantity")]
    return [4, target, _whole(asked, "Item"), _whole(asked, "Count")]


def _whole(asked: Request, name: str) -> int:
    text = asked.tag(name)
    if not _small(text.removeprefix("-")) and not (text.isascii() and text.isdigit() and len(text) < 20):
        raise RecordError(f"{asked.kind}: tag {name} is {text[:40]!r}; a whole number is needed")
    return int(text)


def asset_of(asked: Request) -> int:
    """The asset that an item is about: its tag Asset, a decimal number as in Give. Raises RecordError."""
    asset = _whole(asked, "Asset")
    if not 0 < asset < 2**63:
        raise RecordError(f"{asked.kind}: tag Asset is {asset}; an asset's id lies between 1 and {2**63 - 1}")
    return asset


def recipient(players: Iterable[Player]) -> Callable[[str], int]:
    """Whom a Recipient names among these: an entity's id, or the address of a player's wallet."""
    players = list(players)

    def find(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 20:
            return int(text)
        address = address_bytes(text)
        return next((player.entity for player in players if player.address == address), 0)

    return find


# The fold's part.


def take(state: RegionState, said: Outside) -> tuple[Asked, Player | None]:
    """Spend an item's number, or remember the item. The player is None for strangers and at the world's process.

    Raises RecordError for what is not admissible here: `regions.scheduler` lets no such item into a record.
    """
    asked = read(said.item, state.region)
    player = _player(state, said, asked)
    why_not = misplaced(state, asked)
    if why_not:
        raise RecordError(why_not)
    if said.number != asked.number or (asked.numbered and asked.era != state.era):
        raise RecordError(f"an item with number {asked.era}.{asked.number}, taken as {state.era}.{said.number}")
    if asked.number:
        if player is None or asked.number != player.outside + 1:
            raise RecordError(f"item number {asked.number} of entity {said.entity} is not its next")
        player.outside = asked.number
        player.idle = 0
        return asked, player
    if needs_number(state.index, asked):
        raise RecordError(f"{asked.kind} without a number")
    if asked.item.id in state.items:
        raise RecordError("an item that was taken already")
    state.items.append(asked.item.id)
    del state.items[:-OUTSIDE_REMEMBERED]
    return asked, player


def misplaced(state: RegionState, asked: Asked) -> str:
    """Why a Process item, or one for another process than this region, has no place here; empty when it has."""
    if asked.kind not in (SPAWN, POST):
        return ""
    if state.index != WORLD:
        return "an item for another process"
    mailboxes = state.assignments.mailboxes
    if asked.kind == POST:
        return "" if asked.item.target in mailboxes else "an item for another process"
    if asked.tag("Module") != b64(state.module):
        return f"a Process of Module {asked.tag('Module')[:64]!r}; this world's is {b64(state.module)}"
    if asked.item.id in mailboxes:
        return "a Process that is here already"
    return f"{MAILBOXES_MAX} mailboxes are as many as there may be" if len(mailboxes) >= MAILBOXES_MAX else ""


def mailbox(asked: Asked) -> bytes:
    """The mailbox that an item makes or is for; empty for any other."""
    if asked.kind == SPAWN:
        return asked.item.id
    return asked.item.target or b"" if asked.kind == POST else b""


def needs_number(index: int, asked: Asked) -> bool:
    """Whether an item of this kind changes state, so that it must carry a number."""
    return asked.kind in ("Move", "Give", *CROSSINGS) or (asked.kind == "Join" and index != WORLD)


def newcomer(asked: Asked) -> Newcomer:
    """Who asks the world's process for a body."""
    return Newcomer(asked.wallet, asked.address)


def passed(asked: Asked) -> Passed:
    """What a Transfer asks of the world's process."""
    return Passed(asset_of(asked), asked.address, address_bytes(asked.tag("Recipient")), asked.move)


def _player(state: RegionState, said: Outside, asked: Asked) -> Player | None:
    if not said.entity:
        return None
    player = state.players.get(said.entity)
    if player is None and said.entity in state.sleepers:
        player = state.sleepers[said.entity].player
    if player is None or player.wallet != asked.wallet:
        raise RecordError(f"an item for entity {said.entity}, which that wallet does not have here")
    return player
