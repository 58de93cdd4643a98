"""The players' door: holds the connections, knows no rules. A core: `step(now_ms, event) -> effects`, without I/O.

It gathers the players' inputs into batches for the regions, tells each player what regions answered, and shows to each
what the regions around its body published. Nothing it holds is needed to go on: a gateway that dies costs its players
a reconnection. Not here: one player's conversation (`regions.peers`), lists of players (`regions.roll`), who sees what
(`regions.sights`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from regions import messages, protocol
from regions.admission import Admission
from regions.config import BATCH_MS, CLIENTS_MAX, STRANGERS_MAX
from regions.errors import RecordError
from regions.gateway_verbs import (
    Backlog,
    Close,
    Closed,
    Connected,
    Effect,
    Event,
    Framed,
    Frames,
    Heard,
    LetIn,
    Publish,
    Send,
    Timer,
)
from regions.messages import Answers, Batch, Beat, Delta, Here, Keys, KeyWanted, Where
from regions.peers import PLAYING, Peer, State
from regions.protocol import TOLD, Having, Refused, Status, Told
from regions.record import Acted, Birth, Head, Login
from regions.roll import Client, Roll
from regions.sights import Sights
from regions.unanswered import NEVER
from regions.views import RegionView
from regions.wishes import TRY_AGAIN, AskWhere, Door, End, Entered, ShowAll, Tell, ToRegion, Turn, Wish

BATCH_INPUTS_MAX: Final = 256
STUCK_MS: Final = 30_000  # a client that reads nothing for so long is closed
SILENT_MS: Final = 1_000  # a region from which nothing came for so long is called silent
FULL_AGAIN_MS: Final = 5_000  # when to come again to a gateway that has no place
LOOK_EVERY_MS: Final = 250  # how often silence, keys and stuck clients are looked for
_TOLD: Final = bytes([TOLD])
WELL: Final = ("loading", "claiming", "serving", "stopping")  # what an owner says when there is nothing to tell


@dataclass(slots=True)
class Figures:
    """What the gateway counts for its operator."""

    frames: int = 0
    refused: int = 0
    messages_bad: int = 0


class Gateway:
    """All connections of one gateway process. `due_ms` is when it wants a `Timer`."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.figures = Figures()
        self.roll = Roll()
        self.views = {
            index: RegionView(index, chunks)
            for index, chunks in enumerate(door.regions)
            if chunks[0] < chunks[2] and chunks[1] < chunks[3]
        }
        self.sights = Sights(self.views)
        self.era = 0
        self._batches: dict[tuple[int, int], list[Acted | Login | Head | Birth]] = {}  # by region and era
        self._batch_at_ms, self._batch_sent_ms = NEVER, 0
        self._receipts: dict[int, list[Send]] = {}  # by region: told together with the view of their tick
        self._receipts_at_ms = NEVER
        self._admission = Admission(0)
        self._look_at_ms = 0
        self._waits: dict[int, str] = {}  # by region: why its players wait, as they were told

    @property
    def clients(self) -> dict[int, Client]:
        """All connections, by number."""
        return self.roll.clients

    @property
    def due_ms(self) -> int:
        """When a `Timer` is wanted."""
        soon = min(self._batch_at_ms, self._receipts_at_ms, self._admission.due_ms)
        return min(soon, self._look_at_ms, self.roll.due_ms)

    def step(self, now_ms: int, event: Event) -> list[Effect]:
        """Take one event at `now_ms` (ms since 1970); return what is to be done, in order. No bytes make it raise."""
        out: list[Effect] = []
        match event:
            case Frames():
                for framed in event.frames:
                    self._framed(now_ms, framed, out)
            case Framed():
                self._framed(now_ms, event, out)
            case Heard():
                self._heard(now_ms, event.data, out)
            case Backlog():
                self.sights.backlog(now_ms, event.peer, event.unsent)
            case Connected():
                self._connected(now_ms, event, out)
            case Closed():
                self._forget(event.peer)
            case Timer():
                self._timers(now_ms, out)
        if now_ms >= self._admission.due_ms:
            self._admit(now_ms, out)
        if now_ms >= self._batch_at_ms:
            self._flush(now_ms, out)
        if now_ms >= self._receipts_at_ms:
            self._tell_receipts(out)
        return out

    # Connections.

    def _framed(self, now_ms: int, event: Framed, out: list[Effect]) -> None:
        client = self.clients.get(event.peer)
        if client is not None:
            self._do(now_ms, client, client.peer.receive(now_ms, event.frame), out)
            if now_ms >= self._admission.due_ms:
                self._admit(now_ms, out)

    def _connected(self, now_ms: int, event: Connected, out: list[Effect]) -> None:
        if len(self.clients) - self.roll.players >= STRANGERS_MAX:
            reason = f"{STRANGERS_MAX} connections are before their login, this gateway's limit; try another, or later"
            out += [Send(event.peer, _frame(Refused(reason, FULL_AGAIN_MS))), Close(event.peer, TRY_AGAIN, reason)]
            return
        self.roll.add(now_ms, Client(event.peer, Peer(self.door, event.secret, now_ms)))

    def _forget(self, number: int) -> None:
        if self.roll.forget(number) is not None:
            self.sights.forget(number)
            self._admission.forget(number)

    def _do(self, now_ms: int, client: Client, wishes: Iterable[Wish], out: list[Effect]) -> None:
        """Carry out what a peer wants, and list it under the body it has come to know."""
        peer = client.peer
        if peer.entity != client.entity:
            self.roll.list_body(client)
        for wish in wishes:
            match wish:
                case ToRegion():
                    self._post(now_ms, wish, peer.era, out)
                case Tell():
                    out.append(Send(client.number, _frame(wish.told)))
                case Turn():
                    self._wait(now_ms, client, wish, out)
                case AskWhere():
                    self._ask_where(now_ms, client, out)
                case Entered():
                    for other in self.roll.of_entity(client.entity):
                        if other is not client and other.peer.state in PLAYING:
                            self._do(now_ms, other, other.peer.superseded(peer.session, peer.login_chain), out)
                case ShowAll():
                    self.sights.show_all(client.number)
                case End():
                    self.figures.refused += 1
                    out.append(Close(client.number, wish.code, wish.reason, fault=wish.fault))
                    self._forget(client.number)
        self.roll.call(now_ms, client)

    def _wait(self, now_ms: int, client: Client, turn: Turn, out: list[Effect]) -> None:
        """A login's next step waits for its turn, if there is any use in waiting."""
        again_ms = self._admission.full_ms
        if again_ms and not turn.signed:
            reason = f"{len(self._admission)} logins wait; come again in {again_ms / 1000:.1f} s"
            self._do(now_ms, client, client.peer.refuse(reason, TRY_AGAIN, again_ms), out)
        else:
            self._admission.wait(now_ms, client.number, turn.signed)

    def _admit(self, now_ms: int, out: list[Effect]) -> None:
        for number in self._admission.next(now_ms):
            client = self.clients[number]
            self._do(now_ms, client, client.peer.turn(now_ms), out)

    def _ask_where(self, now_ms: int, client: Client, out: list[Effect]) -> None:
        if not client.wallet:
            if self.roll.players >= CLIENTS_MAX:
                reason = f"this gateway holds {CLIENTS_MAX} players, its limit; try another, or later"
                self._do(now_ms, client, client.peer.refuse(reason, TRY_AGAIN, FULL_AGAIN_MS), out)
                return
            # Whoever is still on the way in with the same wallet gives way to the newest.
            for other in self.roll.of_wallet(client.peer.wallet):
                if other.peer.state in (State.SEEKING, State.ENTERING):
                    self._do(now_ms, other, other.peer.refuse("a newer login of your wallet", TRY_AGAIN), out)
            self.roll.list_wallet(client)
            out.append(LetIn(client.number))
        out.append(Publish("where", messages.encode(Where(self.door.gateway, client.wallet))))

    # Towards the regions.

    def _post(self, now_ms: int, wish: ToRegion, era: int, out: list[Effect]) -> None:
        batch = self._batches.get((wish.region, era))
        if batch is None:
            batch = self._batches[wish.region, era] = []
        batch += wish.inputs
        # At once after a pause, and then at most one batch in BATCH_MS.
        self._batch_at_ms = min(self._batch_at_ms, max(now_ms, self._batch_sent_ms + BATCH_MS))
        if len(batch) >= BATCH_INPUTS_MAX:
            self._flush(now_ms, out)

    def _flush(self, now_ms: int, out: list[Effect]) -> None:
        for (region, era), inputs in self._batches.items():
            subject = f"in.{region}" if region else "world"
            for first in range(0, len(inputs), BATCH_INPUTS_MAX):
                batch = Batch(self.door.gateway, tuple(inputs[first : first + BATCH_INPUTS_MAX]), era)
                out.append(Publish(subject, messages.encode(batch)))
        self._batches, self._batch_at_ms, self._batch_sent_ms = {}, NEVER, now_ms

    # From the regions.

    def _heard(self, now_ms: int, data: bytes, out: list[Effect]) -> None:
        try:
            message = messages.decode(data)
        except RecordError:
            self.figures.messages_bad += 1
            return
        match message:
            case Delta() | Keys():
                self._shown(now_ms, message, out)
            case Answers():
                self._answered(now_ms, message, out)
            case Here() if message.region in self.views:
                for client in self.roll.of_wallet(message.wallet):
                    self._do(now_ms, client, client.peer.here(now_ms, message), out)
            case Beat():
                if message.region in self.views:
                    self._say(message.region, "" if message.state in WELL else message.state, out)
            case _:
                self.figures.messages_bad += 1

    def _answered(self, now_ms: int, message: Answers, to_all: list[Effect]) -> None:
        """Tell receipts: if the view of their tick is still to come, with it, as each write to a socket costs."""
        out: list[Effect] = []
        self._take_answers(now_ms, message, out)
        view = self.views.get(message.region)
        if view is None or view.n >= message.n or any(isinstance(one, Close) for one in out):
            self._tell_receipts(to_all)
            to_all += out
            return
        self._receipts.setdefault(message.region, []).extend(one for one in out if isinstance(one, Send))
        self._receipts_at_ms = min(self._receipts_at_ms, now_ms + BATCH_MS)
        to_all += [one for one in out if not isinstance(one, Send)]

    def _tell_receipts(self, out: list[Effect]) -> None:
        for receipts in self._receipts.values():
            out += receipts
        self._receipts, self._receipts_at_ms = {}, NEVER

    def _take_answers(self, now_ms: int, message: Answers, out: list[Effect]) -> None:
        for answer in message.answers:
            for client in self.roll.of_entity(answer.entity):
                self._do(now_ms, client, client.peer.answered(now_ms, message, answer), out)
        for own in message.own:
            for client in self.roll.of_entity(own.entity):
                if client.peer.state in PLAYING and client.peer.era == message.era:
                    out.append(Send(client.number, _frame(Having(own.coins, own.goods, own.assets, own.worn))))
        for entity, region, hop in message.left:
            if region in self.views:
                for client in self.roll.of_entity(entity):
                    if client.peer.era == message.era:
                        self._do(now_ms, client, client.peer.left(now_ms, region, hop), out)

    def _shown(self, now_ms: int, message: Delta | Keys, out: list[Effect]) -> None:
        view = self.views.get(message.region)
        if view is None:
            self.figures.messages_bad += 1
            return
        before = view.era, view.term
        try:
            ticked = view.delta(now_ms, message) if isinstance(message, Delta) else view.keys(message)
        except (ValueError, KeyError):  # not what a region makes: its keys are asked for again
            self.figures.messages_bad += 1
            ticked = None
        if before != (0, 0) and (view.era, view.term) > before:
            self._restarted(now_ms, view, out)
        if view.wants_keys(now_ms):
            out.append(Publish(f"in.{view.index}", messages.encode(KeyWanted(self.door.gateway))))
        if ticked is None:
            return
        if view.index in self._waits:
            self._say(view.index, "", out)
        of_entity, look = self.roll.of_entity, self.sights.look
        for entity, (x, y, hop) in view.bodies(self.roll.entities).items():
            for client in of_entity(entity):
                peer = client.peer
                elsewhere = peer.region != view.index and hop > peer.hop
                if peer.era == view.era and (elsewhere or peer.state is State.LOST):  # of a new era only Here tells
                    self._do(now_ms, client, peer.moved(now_ms, view.index, hop), out)
                if peer.region == view.index and peer.state in PLAYING:
                    look(client.number, view.index, x, y)
        out += [one for one in self._receipts.pop(view.index, ()) if not self.sights.hold(one.peer, view, one.frame)]
        frames = self.sights.frames(view, ticked.anew)
        self.figures.frames += len(frames)
        out += frames

    def _restarted(self, now_ms: int, view: RegionView, out: list[Effect]) -> None:
        """A region has a new owner, or a new era began."""
        for client in list(self.clients.values()):
            peer = client.peer
            if 0 < peer.era < view.era:
                self._do(now_ms, client, peer.era_began(now_ms), out)
            elif peer.region == view.index:
                self._do(now_ms, client, peer.restarted(now_ms), out)

    # By the clock.

    def _timers(self, now_ms: int, out: list[Effect]) -> None:
        for client in self.roll.due(now_ms):
            self._do(now_ms, client, client.peer.timer(now_ms), out)
        if now_ms < self._look_at_ms:
            return
        self._look_at_ms = now_ms + LOOK_EVERY_MS
        for view in self.views.values():
            if view.wants_keys(now_ms):
                out.append(Publish(f"in.{view.index}", messages.encode(KeyWanted(self.door.gateway))))
            if view.heard_ms and now_ms - view.heard_ms > SILENT_MS and view.index not in self._waits:
                self._say(view.index, f"region {view.index} is silent; it goes on when it has an owner again", out)
        for number in self.sights.full_since(now_ms - STUCK_MS):
            reason = f"nothing was read for {STUCK_MS // 1000} s"
            out.append(Close(number, TRY_AGAIN, reason, at_once=True))
            self._forget(number)

    def _say(self, region: int, why: str, out: list[Effect]) -> None:
        """Tell the players of a region why they wait; empty: that it goes on. Said once for each reason."""
        if self._waits.get(region, "") == why:
            return
        if why:
            self._waits[region] = why
        else:
            del self._waits[region]
        frame = _frame(Status(why or "the world goes on"))
        for client in self.clients.values():
            if client.peer.region == region and client.peer.state in PLAYING:
                out.append(Send(client.number, frame))


def _frame(told: Told) -> bytes:
    return _TOLD + protocol.encode(told)
