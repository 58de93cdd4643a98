"""Who looks where, and what each client holds of what it sees: turns a region's tick into frames for clients.

A client that does not keep up gets no frame until its socket is nearly empty, then keyframes that say so: never a
longer queue. In a crowd (`RegionView.rate_step`) a client's frames are held and sent several at a time, clients in
turn, as a call of the system for each frame is what costs most; what it was told meanwhile goes with them.
Not here: how a frame is made (`regions.views`), and where a body is (`regions.gateway`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from regions.config import CLIENT_BACKLOG_BYTES_MAX
from regions.gateway_verbs import Send
from regions.views import NOTHING, Rect, RegionView, anchor, keeping, rectangle

BACKLOG_RESUMES: Final = CLIENT_BACKLOG_BYTES_MAX // 4
RECTANGLES_KEPT: Final = 65_536
HELD_MAX: Final = 24  # frames of one client


@dataclass(slots=True)
class Sight:
    """One client's: `home` is the region of its body, `hung` the half chunk its view hangs on."""

    home: int = -1
    hung: tuple[int, int] = (-(2**20), -(2**20))  # far from anywhere until the body is seen
    keeps: Rect = NOTHING  # where its body may stand without its view moving: low x, low y, high x, high y
    wanted: dict[int, Rect] = field(default_factory=dict)
    given: dict[int, Rect] = field(default_factory=dict)
    anew: set[int] = field(default_factory=set)  # regions to be shown from the beginning
    full_since_ms: int = 0  # 0: it keeps up
    missed: set[int] = field(default_factory=set)  # regions of which frames were left out since the last one
    step: int = 0  # it is sent something every 2 ** step ticks of its home
    told: list[bytes] = field(default_factory=list)  # held for its turn, before what is shown
    held: list[bytes] = field(default_factory=list)

    def turn(self, number: int, tick: int) -> bool:
        """Whether a tick of its home is one at which it is sent something; clients take turns."""
        return not (tick + number) & ((1 << self.step) - 1) or len(self.held) >= HELD_MAX


class Sights:
    """The sights of all clients, by the client's number."""

    def __init__(self, views: Mapping[int, RegionView]) -> None:
        self.skipped = 0
        self.keyframes = 0
        self._views = views
        self._all: dict[int, Sight] = {}
        self._viewers: dict[int, dict[int, Sight]] = {index: {} for index in views}
        self._rectangles: dict[tuple[int, int], dict[int, Rect]] = {}

    def forget(self, number: int) -> None:
        """A client is gone."""
        self._all.pop(number, None)
        for viewers in self._viewers.values():
            viewers.pop(number, None)

    def look(self, number: int, home: int, x: int, y: int) -> None:
        """A client's body stands at x, y (wire units) in region `home`: what its frames will show from now on."""
        sight = self._all.get(number)
        if sight is None:
            sight = self._all[number] = Sight()
        sight.home = home
        low_x, low_y, high_x, high_y = sight.keeps
        if low_x <= x < high_x and low_y <= y < high_y:
            return
        hung = sight.hung = anchor(sight.hung, x, y)
        sight.keeps = keeping(hung)
        around = self._around(hung)
        for index in self._views:
            rect = around.get(index, NOTHING)
            if rect != NOTHING or index in sight.given:
                sight.wanted[index] = rect
                self._viewers[index][number] = sight

    def show_all(self, number: int) -> None:
        """A client lost its place: its next frames begin anew."""
        sight = self._all.get(number)
        if sight is not None:
            sight.anew.update(sight.given)

    def backlog(self, now_ms: int, number: int, unsent: int) -> None:
        """So many bytes wait for a client's socket."""
        sight = self._all.get(number)
        if sight is None:
            return
        if unsent > CLIENT_BACKLOG_BYTES_MAX:
            sight.full_since_ms = sight.full_since_ms or now_ms
            sight.anew.update(sight.given)
            sight.held.clear()
        elif unsent <= BACKLOG_RESUMES:
            sight.full_since_ms = 0

    def full_since(self, before_ms: int) -> list[int]:
        """Clients that have not kept up since `before_ms`."""
        return [number for number, sight in self._all.items() if 0 < sight.full_since_ms <= before_ms]

    def hold(self, number: int, view: RegionView, told: bytes) -> bool:
        """Keep something told for the client's turn; False: it is to be sent now."""
        sight = self._all.get(number)
        if sight is None or not sight.step or sight.home != view.index or sight.turn(number, view.tick):
            return False
        sight.told.append(told)
        return True

    def frames(self, view: RegionView, anew: bool) -> list[Send]:
        """A region stands at a new tick: the frames of everyone who is to see it. `anew`: all begin anew."""
        index = view.index
        out: list[Send] = []
        gone = []
        for number, sight in self._viewers[index].items():
            if sight.full_since_ms:
                out += _held(number, sight)
                self.skipped += 1
                sight.anew.add(index)
                sight.missed.add(index)
                continue
            rect, given = sight.wanted[index], sight.given.get(index)
            if rect == given and not anew and index not in sight.anew:
                frame, says, step = view.frame(rect)
                if index == sight.home:
                    sight.step = step
                elif not says:
                    continue
                if sight.step and not (index == sight.home and sight.turn(number, view.tick)):
                    sight.held.append(frame)
                    continue
                if sight.told or sight.held:
                    out += _held(number, sight)
                out.append(Send(number, frame))
                continue
            out += _held(number, sight)
            if rect == NOTHING:
                gone.append(number)
                del sight.wanted[index]
                del sight.given[index]
                sight.anew.discard(index)
                sight.missed.discard(index)
                out.append(Send(number, view.key_frame(NOTHING, frozenset(), anew=False)))
                continue
            begin = anew or given is None or index in sight.anew
            held = frozenset() if begin or given is None else frozenset(view.chunk_list(given))
            sight.given[index] = rect
            sight.anew.discard(index)
            self.keyframes += 1
            slowed = index in sight.missed
            sight.missed.discard(index)
            out.append(Send(number, view.key_frame(rect, held, begin, slowed)))
        for number in gone:
            del self._viewers[index][number]
        return out

    def _around(self, hung: tuple[int, int]) -> dict[int, Rect]:
        known = self._rectangles.get(hung)
        if known is None:
            if len(self._rectangles) >= RECTANGLES_KEPT:
                self._rectangles.clear()
            every = {index: rectangle(hung, view.chunks) for index, view in self._views.items()}
            known = self._rectangles[hung] = {index: rect for index, rect in every.items() if rect != NOTHING}
        return known


def _held(number: int, sight: Sight) -> list[Send]:
    """What waited for the client's turn."""
    waited, sight.told, sight.held = sight.told + sight.held, [], []
    return [Send(number, frame) for frame in waited]
