"""What a player, or a mind that drives an NPC, may ask for.

An action is a MessagePack array `[kind, ...fields]`, kind first, as the structs below list their fields; it is kept in
the record exactly as its sender wrote it. Every field is bounded here, before any rule sees it.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from world.units import COINS_MAX, GOODS_MAX, SPEECH_MAX, WORLD_TILES_MAX

ACTION_BYTES_MAX: Final = 512

Unit = Annotated[int, Meta(ge=-127, le=127)]
EntityId = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Tile = Annotated[int, Meta(ge=0, lt=WORLD_TILES_MAX)]
Count = Annotated[int, Meta(ge=1, le=GOODS_MAX)]


class Move(msgspec.Struct, array_like=True, tag=1, frozen=True, forbid_unknown_fields=True):
    """Walk in this direction until told otherwise; (0, 0) stands. A vector longer than 127 counts as 127 long."""

    dx: Unit
    dy: Unit


class Strike(msgspec.Struct, array_like=True, tag=2, frozen=True, forbid_unknown_fields=True):
    """Strike at a body within reach."""

    target: EntityId


class Gather(msgspec.Struct, array_like=True, tag=3, frozen=True, forbid_unknown_fields=True):
    """Take from the tree, bush, rock or field at this tile."""

    x: Tile
    y: Tile


class Give(msgspec.Struct, array_like=True, tag=4, frozen=True, forbid_unknown_fields=True):
    """Hand goods (`item` as in `world.items`) to a body within reach."""

    target: EntityId
    item: Annotated[int, Meta(ge=0, le=255)]
    count: Count


class GiveCoins(msgspec.Struct, array_like=True, tag=5, frozen=True, forbid_unknown_fields=True):
    """Hand coins to a body within reach."""

    target: EntityId
    coins: Annotated[int, Meta(ge=1, le=COINS_MAX)]


class GiveAsset(msgspec.Struct, array_like=True, tag=6, frozen=True, forbid_unknown_fields=True):
    """Hand an asset one holds to a player within reach: the only way an asset changes hands (law: Title)."""

    target: EntityId
    asset: EntityId


class Drop(msgspec.Struct, array_like=True, tag=7, frozen=True, forbid_unknown_fields=True):
    """Lay goods on the ground as a pile."""

    item: Annotated[int, Meta(ge=0, le=255)]
    count: Count


class PickUp(msgspec.Struct, array_like=True, tag=8, frozen=True, forbid_unknown_fields=True):
    """Take a whole pile within reach."""

    target: EntityId


class Build(msgspec.Struct, array_like=True, tag=9, frozen=True, forbid_unknown_fields=True):
    """Make a tile a wall (costs stone) or a floor over mud or water (costs wood); `terrain` as in `world.tilemap`."""

    x: Tile
    y: Tile
    terrain: Annotated[int, Meta(ge=0, le=15)]


class Dig(msgspec.Struct, array_like=True, tag=10, frozen=True, forbid_unknown_fields=True):
    """Take a wall or floor away, which leaves ground and gives stone or wood back."""

    x: Tile
    y: Tile


class Speak(msgspec.Struct, array_like=True, tag=11, frozen=True, forbid_unknown_fields=True):
    """Say something aloud; those who see the speaker hear it."""

    text: Annotated[str, Meta(min_length=1, max_length=SPEECH_MAX)]


class Shoot(msgspec.Struct, array_like=True, tag=12, frozen=True, forbid_unknown_fields=True):
    """Send an arrow this way with the bow in hand, or else throw a stone; (0, 0) is no way."""

    dx: Unit
    dy: Unit


class Craft(msgspec.Struct, array_like=True, tag=13, frozen=True, forbid_unknown_fields=True):
    """Make what a recipe makes (`recipe` is its number in `world.recipes`)."""

    recipe: Annotated[int, Meta(ge=0, le=255)]


class Equip(msgspec.Struct, array_like=True, tag=14, frozen=True, forbid_unknown_fields=True):
    """Take a weapon in hand or put armour on (`item` as in `world.items`); what is in use already is put away."""

    item: Annotated[int, Meta(ge=0, le=255)]


class Wear(msgspec.Struct, array_like=True, tag=15, frozen=True, forbid_unknown_fields=True):
    """Wear a skin one holds; 0 takes it off."""

    asset: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class UseDoor(msgspec.Struct, array_like=True, tag=16, frozen=True, forbid_unknown_fields=True):
    """Do something (`what` as in `world.doors`: shut, open, lock, unlock) with the door at this tile."""

    x: Tile
    y: Tile
    what: Annotated[int, Meta(ge=0, le=3)]


class Eat(msgspec.Struct, array_like=True, tag=17, frozen=True, forbid_unknown_fields=True):
    """Eat a piece of food, which heals."""

    item: Annotated[int, Meta(ge=0, le=255)]


class Offer(msgspec.Struct, array_like=True, tag=40, frozen=True, forbid_unknown_fields=True):
    """Offer a player within reach a trade: coins, goods of one kind and an asset, for coins, goods and an asset.

    Items are `world.items` + 1; 0 is none, and so is a count, coins or an asset of 0. It takes the place of the offer
    one made before, and stands until it is accepted, withdrawn, or OFFER_TICKS are over.
    """

    target: EntityId
    gives_coins: Annotated[int, Meta(ge=0, le=COINS_MAX)]
    gives_item: Annotated[int, Meta(ge=0, le=255)]
    gives_count: Annotated[int, Meta(ge=0, le=GOODS_MAX)]
    gives_asset: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    wants_coins: Annotated[int, Meta(ge=0, le=COINS_MAX)]
    wants_item: Annotated[int, Meta(ge=0, le=255)]
    wants_count: Annotated[int, Meta(ge=0, le=GOODS_MAX)]
    wants_asset: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Accept(msgspec.Struct, array_like=True, tag=41, frozen=True, forbid_unknown_fields=True):
    """Accept an offer made to one: both sides change hands at once. An offer never changes, so its id says it all."""

    offer: EntityId


class Retract(msgspec.Struct, array_like=True, tag=42, frozen=True, forbid_unknown_fields=True):
    """Take back an offer one made, or turn down one that was made to one."""

    offer: EntityId


class Buy(msgspec.Struct, array_like=True, tag=43, frozen=True, forbid_unknown_fields=True):
    """Buy goods of a trader within reach, for at most so many coins together."""

    target: EntityId
    item: Annotated[int, Meta(ge=0, le=255)]
    count: Count
    coins_max: Annotated[int, Meta(ge=0, le=COINS_MAX)]


class Sell(msgspec.Struct, array_like=True, tag=44, frozen=True, forbid_unknown_fields=True):
    """Sell goods to a trader within reach, for at least so many coins together."""

    target: EntityId
    item: Annotated[int, Meta(ge=0, le=255)]
    count: Count
    coins_min: Annotated[int, Meta(ge=0, le=COINS_MAX)]


class AskPrices(msgspec.Struct, array_like=True, tag=45, frozen=True, forbid_unknown_fields=True):
    """Ask a trader within reach what it has; its answer is heard by all who see it."""

    target: EntityId


Action = (
    Move | Strike | Gather | Give | GiveCoins | GiveAsset | Drop | PickUp | Build | Dig | Speak
    | Shoot | Craft | Equip | Wear | UseDoor | Eat
    | Offer | Accept | Retract | Buy | Sell | AskPrices
)  # fmt: skip

_decoder: Final[msgspec.msgpack.Decoder[Action]] = msgspec.msgpack.Decoder(Action)
_encoder: Final = msgspec.msgpack.Encoder()

# Actions that move something of worth need a signed head that covers them (regions.scheduler).
VALUABLE: Final = (Give, GiveCoins, GiveAsset, Offer, Accept, Buy, Sell)


def encode_action(action: Action) -> bytes:
    """The MessagePack bytes of an action."""
    return _encoder.encode(action)


def decode_action(raw: bytes) -> Action:
    """Read an action. Raises ValueError for any bytes that are not one, and for one over ACTION_BYTES_MAX."""
    if len(raw) > ACTION_BYTES_MAX:
        raise ValueError(f"an action of {len(raw)} bytes; the limit is {ACTION_BYTES_MAX}")
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not an action: {error}") from None
