"""What a tick reports, and the reasons for which an action is refused.

An event is five integers and, for speech, a text: `(kind, a, b, c, d, text)`; the comment behind each kind says what
the integers are. x and y are tiles.
"""

from enum import IntEnum
from typing import Final, NamedTuple


class Kind(IntEnum):
    """Event kinds. The numbers stand in records: never reuse one."""

    HIT = 1  # striker id, victim id, damage, health left
    DIED = 2  # victim id, killer id, x, y
    GATHERED = 3  # entity id, item, count, stock left
    GAVE = 4  # giver id, receiver id, item (-1 coins, -2 asset), count or asset id
    DROPPED = 5  # entity id, pile id, item, count
    PICKED_UP = 6  # entity id, pile id, 0, 0
    BUILT = 7  # entity id, x, y, terrain
    DUG = 8  # entity id, x, y, terrain that was
    SPOKE = 9  # entity id, 0, 0, 0, text
    MINTED = 10  # asset id, holder id, asset kind, rarity
    BORN = 11  # entity id, kind, x, y
    ARRIVED = 12  # entity id, hop, 0, 0
    LEFT = 13  # entity id, hop, neighbour index, 0
    FELL_ASLEEP = 14  # entity id, 0, 0, 0
    WOKE = 15  # entity id, 0, 0, 0
    SHOT = 16  # shooter id, missile id, item, 0
    CRAFTED = 17  # entity id, recipe, item (-1 a crate), count
    EQUIPPED = 18  # entity id, 1 + weapon in hand, 1 + armour worn, id of the skin worn
    DOOR_USED = 19  # entity id, x, y, what (world.doors)
    ATE = 20  # entity id, item, health gained, health
    WORE_OUT = 21  # entity id, item that broke, 0, 0
    BROKEN = 22  # crate id, breaker id, x, y
    WITHDREW = 30  # asset id, who held it, 0, 0: it leaves the world
    DEPOSITED = 31  # asset id, who holds it, 0, 0: it is back
    RULES_CHANGED = 32  # era, 0, 0, 0, text: nothing of a tick's, but of the owner's word that opened the era
    ROBBED = 40  # robber id, victim id, coins, 0
    OFFERED = 41  # offer id, maker id, id it is made to, 0; text: the eight numbers of the action, with spaces
    TRADED = 42  # offer id, maker id, id that accepted, 0
    OFFER_ENDED = 43  # offer id, maker id, id it was made to, 0 withdrawn, 1 turned down, 2 its time was over
    BOUGHT = 44  # buyer id, trader id, item, count; text: the coins
    SOLD = 45  # seller id, trader id, item, count; text: the coins
    QUOTED = 46  # trader id, asker id, its coins, 0; text: how many it has of each item, with spaces


class Event(NamedTuple):
    """One event; see `Kind` for the meaning of a..d."""

    kind: int
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    text: str = ""


class Refusal(IntEnum):
    """Why an action changed nothing. 0 is done. The numbers stand in records: never reuse one."""

    DONE = 0
    NO_SUCH_TARGET = 1
    OUT_OF_REACH = 2
    TOO_SOON = 3
    NOT_ENOUGH = 4
    NO_ROOM = 5
    NOT_YOURS = 6
    WRONG_PLACE = 7
    NOTHING_THERE = 8
    NOT_ALIVE = 9
    NOT_AN_ACTION = 10
    ACROSS_BORDER = 11
    TOO_MANY = 12
    RULE_FAILED = 13
    TARGET_DOWN = 14
    LOCKED = 15
    NOT_HUNGRY = 16
    NO_SUCH_OFFER = 40
    PRICE_MOVED = 41
    NO_TRADER = 42
    NOT_WANTED = 43


REASONS: Final = {
    Refusal.NO_SUCH_OFFER: "there is no such offer",
    Refusal.PRICE_MOVED: "the price is another one now",
    Refusal.NO_TRADER: "that is no trader",
    Refusal.NOT_WANTED: "the trader does not deal in that, or has enough of it",
    Refusal.NO_SUCH_TARGET: "there is no such body here",
    Refusal.OUT_OF_REACH: "it is out of reach",
    Refusal.TOO_SOON: "you are not ready yet",
    Refusal.NOT_ENOUGH: "you do not have enough",
    Refusal.NO_ROOM: "there is no room for it",
    Refusal.NOT_YOURS: "it is not yours",
    Refusal.WRONG_PLACE: "that cannot be done at this place",
    Refusal.NOTHING_THERE: "nothing is left there",
    Refusal.NOT_ALIVE: "you are down",
    Refusal.NOT_AN_ACTION: "that is not an action",
    Refusal.ACROSS_BORDER: "it stands across the border; step over first",
    Refusal.TOO_MANY: "too many at once",
    Refusal.TARGET_DOWN: "it lies on the ground already",
    Refusal.LOCKED: "it is locked",
    Refusal.NOT_HUNGRY: "you need no food now",
    Refusal.RULE_FAILED: "the rule failed on it; the world goes on without it",
}
