"""Keys and pointer to actions: what the player of the window wants, given what the window shows.

Knows pygame's events and nothing of sockets or pixels drawn. What it cannot do itself it says in a few words (`said`).
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import pygame

from clients import reach
from clients.choosing import Choice
from clients.draw.camera import Camera
from clients.draw.panel import Panel
from clients.offers import Offer, called, offers, recipes, uses
from clients.reach import REACH_TILES, Body
from clients.trading import TRADER, Trading, givable, market, standing
from clients.view import Bodies, View, printable
from world.actions import (
    Action,
    AskPrices,
    Build,
    Dig,
    Gather,
    Move,
    PickUp,
    Shoot,
    Speak,
    Strike,
    UseDoor,
)
from world.doors import LOCK, OPEN, SHUT, UNLOCK
from world.kinds import CRATE, PILE, PLAYER, VILLAGER
from world.movement import INTENT_MAX
from world.shown import LOOK_DOWN
from world.tilemap import DOOR, FLOOR, WALL
from world.units import SPEECH_MAX

SHOOT_EVERY_MS: Final = 1_100  # the rules allow an arrow in 1,000 ms
STRIKE_EVERY_MS: Final = 600  # while its key is held; the rules allow one in 500 ms
GATHER_EVERY_MS: Final = 1_100  # the rules allow one in 1,000 ms
SPENT_MS: Final = 20_000  # a tile that had nothing left is passed over for so long
MOVE_AGAIN_MS: Final = 400  # after a step was refused
BUILDS: Final = {pygame.K_b: WALL, pygame.K_n: FLOOR, pygame.K_k: DOOR}
ZOOMS: Final = (1, 2, 3, 4)

_WAYS: Final = {
    pygame.K_w: (0, -1), pygame.K_UP: (0, -1), pygame.K_s: (0, 1), pygame.K_DOWN: (0, 1),
    pygame.K_a: (-1, 0), pygame.K_LEFT: (-1, 0), pygame.K_d: (1, 0), pygame.K_RIGHT: (1, 0),
}  # fmt: skip
_ARROWS: Final = (pygame.K_UP, pygame.K_DOWN, pygame.K_LEFT, pygame.K_RIGHT)
HELP: Final = (
    ("W A S D, arrows", "walk"),
    ("Space", "strike what is nearest (beasts before people); hold to go on"),
    ("E", "gather from the nearest tree, bush, rock or field; hold to go on"),
    ("R", "shoot an arrow, or throw a stone, at the pointer; hold to go on"),
    ("C, V", "make something; use, wear or eat something"),
    ("O, L", "open or shut the nearest door; lock or unlock your own"),
    ("F", "pick up the nearest pile"),
    ("G", "give goods, coins or an asset to who or what is nearest"),
    ("Q", "drop goods"),
    ("T", "trade: a trader's prices, offers to you, an offer to who is nearest"),
    ("B, N, K", "build a wall (2 stone), a floor or a door (2 wood) at the pointer"),
    ("X", "dig away a wall, floor, door or rock at the pointer"),
    ("Enter", "speak; Enter says it, Esc does not"),
    ("Left click", "strike a beast, pick up a pile, gather from a tile"),
    ("Tab", "goods and assets"),
    ("M", "map: small, large, none"),
    ("Wheel, + and -", "nearer, farther"),
    ("H", "this help"),
    ("Esc", "close what is open; then leave the world"),
)


class Sheet(Enum):
    """What is open over the picture."""

    NONE = auto()
    HELP = auto()
    GOODS = auto()
    SPEAK = auto()
    HAND = auto()  # choosing what to give, drop, make or use
    UNDONE = auto()


@dataclass(frozen=True)
class Sight:
    """What the player has before his eyes."""

    view: View
    bodies: Bodies
    camera: Camera
    panel: Panel
    now_ms: float


@dataclass
class Controls:
    """The state of keys and sheets; `event` for each event of the window, `held` once a picture."""

    sheet: Sheet = Sheet.NONE
    text: str = ""  # being typed
    choice: Choice = field(default_factory=Choice)  # what the sheet HAND lists
    map_shown: int = 1  # 0 none, 1 small, 2 large
    zoom: int = 2
    pointer: tuple[int, int] = (-1, -1)
    trading: Trading = field(default_factory=Trading)
    _asked: int = 0  # the trader whose prices were asked for
    leaving: bool = False
    said: list[str] = field(default_factory=list)
    _keys: dict[int, float] = field(default_factory=dict)  # held, and when the held work is due again
    _down: set[int] = field(default_factory=set)
    _sent: tuple[int, int] | None = None
    _wait_ms: float = 0.0
    _unlock: bool = True  # what was asked of a lock last; the next time it is the other
    _spent: dict[tuple[int, int], float] = field(default_factory=dict)

    def event(self, event: pygame.event.Event, sight: Sight | None) -> list[Action]:
        """What an event of the window asks for. Without a sight (not in the world yet) only sheets and leaving."""
        if event.type == pygame.QUIT:
            self.leaving = True
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._keys.clear()
            self._down.clear()
        elif event.type == pygame.MOUSEMOTION:
            self.pointer = event.pos
        elif event.type == pygame.MOUSEWHEEL:
            self._wheel(event.y)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self.pointer = event.pos
            return self._click(event.pos, sight)
        elif event.type == pygame.TEXTINPUT and self.sheet is Sheet.SPEAK:
            self.text = (self.text + printable(event.text))[:SPEECH_MAX]
        elif event.type == pygame.KEYUP:
            self._keys.pop(event.key, None)
            self._down.discard(event.key)
        elif event.type == pygame.KEYDOWN:
            repeated = event.key in self._down  # by the keyboard, which is good for typing only
            self._down.add(event.key)
            if not repeated or self.sheet is Sheet.SPEAK:
                return self._key(event.key, sight)
        return []

    def held(self, sight: Sight) -> list[Action]:
        """Walking, and work whose key is held down; a trader's answer opens its list."""
        if self._asked and self.trading.quote[0] == self._asked:
            self._prices_came(sight.panel)
        wanted = self._way()
        actions: list[Action] = []
        if sight.view.look & LOOK_DOWN:
            self._sent = None  # who stands up again stands still
        elif wanted != self._sent and sight.now_ms >= self._wait_ms and (wanted != (0, 0) or self._sent is not None):
            self._sent = wanted
            actions.append(Move(*wanted))
        for key, work in ((pygame.K_SPACE, self._strike), (pygame.K_e, self._gather), (pygame.K_r, self._shoot)):
            if self._keys.get(key, sight.now_ms + 1) <= sight.now_ms:
                actions += work(sight, False)
        return actions

    def begin_anew(self) -> None:
        """The body has another controller's intent, or none: say again which way to walk."""
        self._sent = None

    def refused(self, action: Action, nothing_there: bool, now_ms: float) -> None:
        """An action changed nothing."""
        if isinstance(action, Move):
            self._sent, self._wait_ms = None, now_ms + MOVE_AGAIN_MS
        elif isinstance(action, Gather) and nothing_there:
            self._spent = {tile: until for tile, until in self._spent.items() if until > now_ms}
            self._spent[action.x, action.y] = now_ms + SPENT_MS

    def _way(self) -> tuple[int, int]:
        ways = [_WAYS[key] for key in self._keys if key in _WAYS and not (self._choosing and key in _ARROWS)]
        dx = min(max(sum(way[0] for way in ways), -1), 1)
        dy = min(max(sum(way[1] for way in ways), -1), 1)
        return dx * INTENT_MAX, dy * INTENT_MAX

    @property
    def _choosing(self) -> bool:
        return self.sheet is Sheet.HAND

    def _key(self, key: int, sight: Sight | None) -> list[Action]:
        if self.sheet is Sheet.SPEAK:
            return self._typing(key)
        if key == pygame.K_ESCAPE:
            self.leaving = self.sheet is Sheet.NONE
            self.sheet = Sheet.NONE
        elif self._choosing and key in (*_ARROWS, pygame.K_RETURN, pygame.K_KP_ENTER):
            return self._choose(key)
        elif key in (pygame.K_h, pygame.K_F1):
            self._open(Sheet.HELP)
        elif key == pygame.K_TAB:
            self._open(Sheet.GOODS)
        elif key == pygame.K_m:
            self.map_shown = (self.map_shown + 1) % 3
        elif key in (pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS):
            self._closer(1)
        elif key in (pygame.K_MINUS, pygame.K_KP_MINUS):
            self._closer(-1)
        elif sight is not None:
            return self._act(key, sight)
        return []

    def _act(self, key: int, sight: Sight) -> list[Action]:
        if key in _WAYS:
            self._keys[key] = 0.0
        elif key in (pygame.K_RETURN, pygame.K_KP_ENTER):
            self._keys.clear()
            self.sheet, self.text = Sheet.SPEAK, ""
        elif key == pygame.K_SPACE:
            return self._strike(sight, True)
        elif key == pygame.K_e:
            return self._gather(sight, True)
        elif key == pygame.K_f:
            pile = reach.nearest_body(sight.bodies, (PILE,), REACH_TILES)
            return [PickUp(pile.entity)] if pile else self._say("no pile within reach")
        elif key == pygame.K_g:
            near = reach.nearest_body(sight.bodies, (PLAYER,), REACH_TILES)
            near = near or reach.nearest_body(sight.bodies, (VILLAGER, CRATE), REACH_TILES)
            return self._hand(near, sight.panel) if near else self._say("nobody within reach to give to")
        elif key == pygame.K_q:
            return self._hand(None, sight.panel)
        elif key == pygame.K_t:
            return self._trade(sight)
        elif key == pygame.K_r:
            return self._shoot(sight, True)
        elif key == pygame.K_c:
            return self._make(sight.panel)
        elif key == pygame.K_v:
            return self._use(sight.panel)
        elif key in (pygame.K_o, pygame.K_l):
            return self._door(key, sight)
        elif key in (pygame.K_b, pygame.K_n, pygame.K_k, pygame.K_x):
            return self._work_on_tile(key, sight)
        return []

    def _typing(self, key: int) -> list[Action]:
        if key == pygame.K_BACKSPACE:
            self.text = self.text[:-1]
        elif key in (pygame.K_ESCAPE, pygame.K_RETURN, pygame.K_KP_ENTER):
            text, self.text, self.sheet = self.text.strip(), "", Sheet.NONE
            if text and key != pygame.K_ESCAPE:
                return [Speak(text)]
        return []

    def _choose(self, key: int) -> list[Action]:
        choice = self.choice
        if key in (pygame.K_UP, pygame.K_DOWN):
            choice.next(1 if key == pygame.K_DOWN else -1)
        elif key in (pygame.K_LEFT, pygame.K_RIGHT):
            choice.more(1 if key == pygame.K_RIGHT else -1)
        else:
            taken = choice.take()
            if taken is not None:
                self.sheet = Sheet.NONE
                return [taken]
        return []

    def _trade(self, sight: Sight) -> list[Action]:
        """Ask a trader for its prices, or look at offers and make one to a player."""
        trader = reach.nearest_body(sight.bodies, (TRADER,), REACH_TILES)
        near = reach.nearest_body(sight.bodies, (PLAYER,), REACH_TILES)
        if trader is not None and (near is None or trader.far <= near.far):
            self._asked, self.trading.quote = trader.entity, (0, 0, ())
            return [AskPrices(trader.entity)]
        lines = standing(self.trading, sight.view.entity)
        mine = givable(sight.panel) if near is not None else []
        if not lines and not mine:
            return self._say("no trader and no player within reach, and no offer stands")
        if near is None:
            return self._list("Offers", lines)
        self.choice.show(f"Trade with {called(near)}", lines, mine, near.entity)
        self.sheet = Sheet.HAND
        return []

    def _prices_came(self, panel: Panel) -> None:
        """Open the list of a trader that has answered."""
        self._asked = 0
        listed = market(self.trading, panel)
        if listed:
            self._list(f"The trader has {self.trading.quote[1]} coins", listed)
        else:
            self._say("the trader neither has nor wants anything of yours")

    def _click(self, pixel: tuple[int, int], sight: Sight | None) -> list[Action]:
        if self._choosing:
            return self._choose(pygame.K_RETURN) if self.choice.point(pixel) else []
        if sight is None or self.sheet is not Sheet.NONE:
            self.sheet = Sheet.NONE if self.sheet is not Sheet.SPEAK else self.sheet
            return []
        body = reach.pointed_at(sight.bodies, sight.camera, pixel)
        if body is not None and body.kind in (*reach.BEASTS, CRATE):
            return [Strike(body.entity)]
        if body is not None and body.kind == PILE:
            return [PickUp(body.entity)]
        work = reach.work_at(sight.view, *sight.camera.tile_at(*pixel))
        return [Gather(work.x, work.y)] if work is not None and body is None else []

    def _strike(self, sight: Sight, first: bool) -> list[Action]:
        self._keys[pygame.K_SPACE] = sight.now_ms + STRIKE_EVERY_MS
        body = reach.to_strike(sight.bodies)
        if body is not None:
            return [Strike(body.entity)]
        return self._say("nobody within reach to strike") if first else []

    def _gather(self, sight: Sight, first: bool) -> list[Action]:
        self._keys[pygame.K_e] = sight.now_ms + GATHER_EVERY_MS
        spent = [tile for tile, until in self._spent.items() if until > sight.now_ms]
        work = reach.to_gather(sight.view, sight.bodies, spent)
        if work is not None:
            return [Gather(work.x, work.y)]
        return self._say("nothing within reach to gather") if first else []

    def _work_on_tile(self, key: int, sight: Sight) -> list[Action]:
        x, y = sight.camera.tile_at(*self.pointer)
        place = reach.own_place(sight.bodies)
        if self.pointer[0] < 0 or place is None or not reach.on_map(sight.view, x, y):
            return self._say("point at a tile first")
        if reach.tile_far(place, x, y) > REACH_TILES:
            return self._say("the tile under the pointer is out of reach")
        if key == pygame.K_x:
            return [Dig(x, y)]
        return [Build(x, y, BUILDS[key])]

    def _hand(self, target: Body | None, panel: Panel) -> list[Action]:
        listed = offers(target, panel)
        if not listed:
            return self._say("you have nothing to give" if target else "you have nothing to drop")
        return self._list(f"Give to {called(target)}" if target is not None else "Drop on the ground", listed)

    def _list(self, title: str, listed: list[Offer]) -> list[Action]:
        """Let one of these be chosen."""
        self.choice.show(title, listed)
        self.sheet = Sheet.HAND
        return []

    def _make(self, panel: Panel) -> list[Action]:
        return self._list("Make by hand", recipes(panel))

    def _use(self, panel: Panel) -> list[Action]:
        listed = uses(panel)
        return self._list("Use, wear or eat", listed) if listed else self._say("you have nothing to use, wear or eat")

    def _shoot(self, sight: Sight, first: bool) -> list[Action]:
        """Towards the pointer, from where the own body is drawn."""
        self._keys[pygame.K_r] = sight.now_ms + SHOOT_EVERY_MS
        place = reach.own_place(sight.bodies)
        if place is None or self.pointer[0] < 0:
            return self._say("point where to shoot") if first else []
        x, y = sight.camera.on_screen(*place)
        dx, dy = self.pointer[0] - x, self.pointer[1] - y
        size = max(abs(dx), abs(dy))
        return [Shoot(dx * INTENT_MAX // size, dy * INTENT_MAX // size)] if size else []

    def _door(self, key: int, sight: Sight) -> list[Action]:
        """The nearest door within reach: open or shut it, lock or unlock it."""
        door = reach.nearest_door(sight.view, sight.bodies)
        if door is None:
            return self._say("no door within reach")
        x, y, shut = door
        if key == pygame.K_o:
            return [UseDoor(x, y, OPEN if shut else SHUT)]
        self._unlock = not self._unlock
        return [UseDoor(x, y, UNLOCK if self._unlock else LOCK)]

    def _open(self, sheet: Sheet) -> None:
        self.sheet = Sheet.NONE if self.sheet is sheet else sheet

    def _wheel(self, up: int) -> None:
        if self._choosing:
            self._choose(pygame.K_UP if up > 0 else pygame.K_DOWN)
        else:
            self._closer(1 if up > 0 else -1)

    def _closer(self, way: int) -> None:
        self.zoom = min(max(self.zoom + way, ZOOMS[0]), ZOOMS[-1])

    def _say(self, words: str) -> list[Action]:
        self.said.append(words)
        return []
