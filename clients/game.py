"""One player in a world, as the window has it: what a connection tells and shows, put into a view and a panel.

No window here and no pixels (`clients.play`): times are milliseconds of the window's clock, read when a frame comes.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final

from clients.connection import Connection
from clients.draw.panel import Panel, asset_words
from clients.seen import Frame
from clients.session import Acknowledged, News, Parted, Signer, Undone, Unsure, Welcomed, Words
from clients.trading import Trading
from clients.view import View, printable, short_name
from regions.messages import STATUS_DONE
from regions.protocol import Having, Shapes
from world.actions import (
    Accept,
    Action,
    AskPrices,
    Build,
    Buy,
    Craft,
    Dig,
    Drop,
    Eat,
    Equip,
    Gather,
    Give,
    GiveAsset,
    GiveCoins,
    Move,
    Offer,
    PickUp,
    Retract,
    Sell,
    Shoot,
    Speak,
    Strike,
    UseDoor,
    Wear,
    decode_action,
)
from world.crafting import RECIPES
from world.doors import WHAT
from world.events import REASONS, Event, Kind, Refusal
from world.items import ITEMS
from world.tilemap import TERRAINS
from world.units import TICK_MS

LINES_KEPT: Final = 50
AGAIN_MS: Final = 3_000
PING_SHARE: Final = 0.15
PING_MS: Final = 60.0  # before anything was measured
LEAD_TICKS_MAX: Final = 12.0
LEAD_LESS: Final = 0.6  # ticks between sending and the own next tick, on the average: measured to slip least
SILENT_MS: Final = 1_500  # without a tick of one's own region
NOTICE_MS: Final = 4_000  # words stay at least so long
HISTORY_MAX: Final = 5_000  # actions remembered, to tell what a new era undid
UNDONE_SHOWN: Final = 12

VERBS: Final[dict[type[Action], str]] = {
    Move: "walk", Strike: "strike", Gather: "gather", Give: "give", GiveCoins: "give coins", GiveAsset: "give",
    Drop: "drop", PickUp: "pick up", Build: "build", Dig: "dig", Speak: "speak",
    Shoot: "shoot", Craft: "make", Equip: "use", Wear: "wear", UseDoor: "door", Eat: "eat",
    Offer: "offer", Accept: "accept", Retract: "retract", Buy: "buy", Sell: "sell", AskPrices: "ask",
}  # fmt: skip


def clock_ms() -> float:
    """The window's clock."""
    return time.perf_counter() * 1000


class Game:
    """A player's session. `refused` is called with an action that changed nothing, and its verdict."""

    def __init__(
        self, url: str, wallet: Signer, refused: Callable[[Action, int], None] = lambda action, verdict: None
    ) -> None:
        self.connection = Connection(url, wallet, heard=self.heard, shown=self.shown)
        self.view: View | None = None
        self.panel = Panel(world="Everloom")
        self.trading = Trading()
        self.undone: list[str] = []  # what a new era took back, until the window has shown it
        self.anew = False  # the body may not walk as told before
        self._refused = refused
        self._having: Having | None = None
        self._history: deque[tuple[int, Action]] = deque(maxlen=HISTORY_MAX)
        self._region = -1
        self._tick_ms = 0.0  # when the own region was seen last
        self._words = ""
        self._words_ms = 0.0
        self._noted = ""
        self._times = 0
        self._ping_ms = PING_MS

    @property
    def entered(self) -> bool:
        """Whether the world was ever entered."""
        return self.view is not None

    @property
    def trouble(self) -> str:
        """One line for the terminal: why there is no world, or none any more; empty while all is well."""
        connection = self.connection
        if connection.over:
            return printable(connection.over)
        if self.entered or not connection.reconnects:
            return ""
        return f"no world answers at {connection.url} ({printable(connection.trouble)}); trying again"

    def do(self, action: Action) -> None:
        """Do something; a walk is shown at once."""
        if isinstance(action, Move) and self.view is not None:
            self.view.own.walk(action.dx, action.dy)
        try:
            self.connection.act(action)
        except OverflowError:
            self.note("the world does not answer; nothing more is sent until it does")

    def note(self, words: str) -> None:
        """Something to read, in the corner; what is said again at once is counted."""
        lines, now_ms, words = self.panel.lines, clock_ms(), printable(words)
        if not words:
            return
        if lines and self._noted == words and now_ms - lines[-1][0] < AGAIN_MS:
            self._times += 1
            lines[-1] = (now_ms, f"{words}  (x {self._times})")
            return
        self._noted, self._times = words, 1
        lines.append((now_ms, words))
        del lines[:-LINES_KEPT]

    def look(self, now_ms: float) -> None:
        """Once a picture: walk the own body, and say what the player should know of the connection."""
        if self.view is not None:
            self.view.advance(now_ms)
        self.panel.notice = self._notice(now_ms)

    def heard(self, news: News) -> None:
        """Something was told."""
        match news:
            case Acknowledged():
                self._acknowledged(news)
            case Shapes(looks) if self.view is not None:
                self.view.looks |= {look.kind: look for look in looks}
            case Having():
                self._have(news)
            case Welcomed():
                self._welcomed(news)
            case Words(text):
                self._say(text)
            case Undone():
                self._undo(news)
            case Unsure(pending):
                self.note(f"another window used your body; {len(pending)} of your actions may or may not be done")
            case Parted(reason):
                self._say(reason)
            case _:
                pass

    def shown(self, frame: Frame, size: int) -> None:
        """A view frame was read."""
        view, seen = self.view, self.connection.seen
        if view is None or seen is None:
            return
        now_ms = clock_ms()
        for _, event in frame.events:
            self._happened(event)
        mirror = seen.regions[frame.region].mirror
        lead = min(max(self._ping_ms / TICK_MS - LEAD_LESS, 0.0), LEAD_TICKS_MAX)
        view.show(
            now_ms,
            frame.region,
            frame.tick,
            mirror,
            frame.events,
            anew=frame.anew,
            lead=lead,
            at_once=1 << frame.rate_step,
        )
        home = seen.find(view.entity)
        if home is None or home.region != frame.region:
            return
        self._region, self._tick_ms = frame.region, now_ms
        panel = self.panel
        panel.durable, panel.not_archived = frame.n, frame.not_archived
        panel.late_ms, panel.slowed, panel.rate_step = frame.late_ms, frame.slowed, frame.rate_step

    def _welcomed(self, news: Welcomed) -> None:
        welcome = self.connection.session.welcome
        assert welcome is not None
        if self.view is None or self.view.entity != news.entity:
            self.view = View(welcome.world_tiles, news.entity)
            self.note(f"you are {short_name(news.entity)}; H shows the keys")
        else:
            self.view.forget_bodies()
        self.panel.world = f"{short_name(news.entity)}  ·  era {news.era}"
        self.anew = True
        self._words, self._tick_ms = "", clock_ms()

    def _acknowledged(self, news: Acknowledged) -> None:
        action = decode_action(news.action.body)
        self._history.append((news.action.number, action))
        if news.status != STATUS_DONE:
            return
        ping_ms = time.time() * 1000 - news.action.acted_ms
        self._ping_ms += (min(ping_ms, 2000.0) - self._ping_ms) * PING_SHARE
        self.panel.ping_ms = self._ping_ms
        if news.verdict:
            reason = Refusal(news.verdict) if news.verdict in REASONS else Refusal.RULE_FAILED
            self.note(f"{VERBS[type(action)]}: {REASONS[reason]}")
            self._refused(action, news.verdict)

    def _have(self, now: Having) -> None:
        """The purse changed: say by how much."""
        before, self._having = self._having, now
        self.panel.coins, self.panel.goods, self.panel.assets = now.coins, now.goods, now.assets
        self.panel.worn = now.worn
        if before is None:
            return
        changes = [(name, b - a) for name, a, b in zip(ITEMS, before.goods, now.goods) if a != b]
        if now.coins != before.coins:
            changes.append(("coin" if abs(now.coins - before.coins) == 1 else "coins", now.coins - before.coins))
        self.note(", ".join(f"{change:+d} {name}".replace("-", "−") for name, change in changes))
        held = {asset for asset, _, _ in before.assets}
        for asset, kind, traits in now.assets:
            if asset not in held:
                self.note(f"now yours: {asset_words(kind, traits)}")
        for asset, kind, traits in before.assets:
            if asset not in {one for one, _, _ in now.assets}:
                self.note(f"no longer yours: {asset_words(kind, traits)}")

    def _undo(self, news: Undone) -> None:
        gone = [action for number, action in self._history if news.number < number <= news.acked]
        known = len(gone)
        gone += [decode_action(one.body) for one in news.pending]
        older = max(news.acked - news.number, 0) - known
        self.undone = [
            f"The world was restored from its archive: this is era {news.era}.",
            f"What you did after your action {news.number} never happened:",
            *undone_words(gone),
        ]
        if older > 0:
            self.undone.append(f"and {older} actions that this window does not remember")
        if not gone and older <= 0:
            self.undone[1:] = ["Nothing that you did is undone."]
        self._history.clear()
        self._having = None

    def _say(self, text: str) -> None:
        self._words, self._words_ms = printable(text), clock_ms()
        self.note(text)

    def _notice(self, now_ms: float) -> str:
        connection = self.connection
        if connection.over:
            return f"{printable(connection.over)}  (Esc closes)"
        if not connection.serving:
            if self.entered:
                why = f" ({printable(connection.trouble)})" if connection.trouble else ""
                return f"the connection was lost{why}; coming back ..."
            return f"{self.trouble or f'connecting to {connection.url}'} ..."
        silent_ms = now_ms - self._tick_ms
        if silent_ms > SILENT_MS:
            return f"{self._words or 'the world waits'}  ({silent_ms / 1000:.0f} s)"
        return self._words if now_ms - self._words_ms < NOTICE_MS else ""

    def _happened(self, event: Event) -> None:
        """What concerns the player, or was said aloud, as a line."""
        me = self.view.entity if self.view is not None else 0
        if words := self.trading.heard(event, me):
            self.note(words)
        match event.kind:
            case Kind.SPOKE:
                self.note(f"{'you' if event.a == me else short_name(event.a)}: {event.text}")
            case Kind.DIED if event.a == me:
                self.note("you fell; what you carried lies on the ground, your assets stay yours")
            case Kind.DIED if event.b == me:
                self.note("you struck it down")
            case Kind.MINTED if event.b != me:
                self.note(f"{short_name(event.b)} came by a rare find")
            case Kind.WORE_OUT if event.a == me:
                self.note(f"your {ITEMS[event.b]} is worn out")
            case Kind.GAVE if event.b == me:
                self.note(f"{short_name(event.a)} gives you something")
            case _:
                pass


def undone_words(actions: Iterable[Action]) -> list[str]:
    """What was undone, in lines a player can read: like things counted, words and buildings one by one."""
    counted: Counter[str] = Counter()
    for action in actions:
        counted[_in_words(action)] += 1
    lines = [f"{words}  (x {count})" if count > 1 else words for words, count in counted.most_common()]
    more = len(lines) - UNDONE_SHOWN
    return [*lines[:UNDONE_SHOWN], f"and {more} kinds of thing more"] if more > 0 else lines


def _in_words(action: Action) -> str:
    match action:
        case Move():
            return "walked"
        case Gather():
            return "gathered"
        case Strike(target):
            return f"struck {short_name(target)}"
        case Give(target, item, count):
            return f"gave {count} {ITEMS[item] if item < len(ITEMS) else 'goods'} to {short_name(target)}"
        case GiveCoins(target, coins):
            return f"gave {coins} coins to {short_name(target)}"
        case GiveAsset(target, _):
            return f"gave an asset to {short_name(target)}"
        case Drop(item, count):
            return f"dropped {count} {ITEMS[item] if item < len(ITEMS) else 'goods'}"
        case PickUp():
            return "picked up a pile"
        case Build(x, y, terrain):
            return f"built {TERRAINS[terrain] if terrain < len(TERRAINS) else 'something'} at {x}, {y}"
        case Dig(x, y):
            return f"dug at {x}, {y}"
        case Shoot():
            return "shot"
        case Craft(recipe):
            return f"made {RECIPES[recipe].name if recipe < len(RECIPES) else 'something'}"
        case Equip(item):
            return f"took {ITEMS[item] if item < len(ITEMS) else 'something'} in use, or put it away"
        case Wear():
            return "changed your skin"
        case UseDoor(x, y, what):
            return f"{WHAT[what]} the door at {x}, {y}"
        case Eat(item):
            return f"ate {ITEMS[item] if item < len(ITEMS) else 'something'}"
        case Offer(target):
            return f"offered {short_name(target)} a trade"
        case Accept():
            return "accepted a trade"
        case Retract():
            return "called a trade off"
        case Buy(_, item, count, _):
            return f"bought {count} {ITEMS[item] if item < len(ITEMS) else 'goods'}"
        case Sell(_, item, count, _):
            return f"sold {count} {ITEMS[item] if item < len(ITEMS) else 'goods'}"
        case AskPrices():
            return "asked for prices"
        case Speak(text):
            return f"said “{printable(text)}”"
