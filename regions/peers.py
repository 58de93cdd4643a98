"""One player's connection: from Hello to a body, then its numbered actions until regions have answered each of them.

A state machine without I/O, held by `regions.gateway`, which carries out what its methods return. Every action that no
region has answered (`regions.unanswered`) goes again to where the body is; none is changed or judged here.

    GREETING    nothing said yet                         Hello, then its turn -> CHALLENGED
    CHALLENGED  the wallet is to sign                    LoginSigned, then its turn -> SEEKING
    SEEKING     no region has said that it has the body  Here -> ENTERING; none in 300 ms: a birth is asked for
    ENTERING    the login, a numbered action, is on its way    done -> SERVED; moved -> SEEKING
    SERVED      actions go to `region`                   left, moved -> LOST
    LOST        actions wait, the body is looked for     Here, seen -> SERVED
    OVER        told why, closed
"""

from enum import Enum, auto
from typing import Final

from regions import protocol
from regions.arrival import SEEK_EVERY_MS, Arrival
from regions.bucket import Bucket
from regions.config import (
    CHALLENGE_TTL_MS,
    CLIENT_BURST,
    CLIENT_FRAME_BYTES_MAX,
    CLIENT_FRAMES_PER_SECOND,
    LOGIN_TIMEOUT_MS,
)
from regions.errors import RecordError
from regions.greeting import Greeting
from regions.handshake import unseal
from regions.messages import (
    STATUS_BUSY,
    STATUS_DONE,
    STATUS_GAP,
    STATUS_HEAD,
    STATUS_INVALID,
    STATUS_LAST,
    STATUS_MOVED,
    STATUS_SUPERSEDED,
    STATUS_UNSIGNED,
    Answer,
    Answers,
    Here,
)
from regions.protocol import (
    Acked,
    Act,
    Challenge,
    LookAgain,
    NewEra,
    Refused,
    Shapes,
    SignedHead,
    Superseded,
    Welcome,
)
from regions.record import Acted, Head
from regions.unanswered import NEVER, Unanswered
from regions.wishes import (
    GOING_AWAY,
    POLICY,
    TRY_AGAIN,
    AskWhere,
    Door,
    End,
    Entered,
    ShowAll,
    Tell,
    ToRegion,
    Turn,
    Wish,
)
from world.events import REASONS, Refusal


class State(Enum):
    """See the module's docstring."""

    GREETING = auto()
    CHALLENGED = auto()
    SEEKING = auto()
    ENTERING = auto()
    SERVED = auto()
    LOST = auto()
    OVER = auto()


PLAYING: Final = (State.SERVED, State.LOST)


class Peer:
    """One connection. Every method takes the time in ms since 1970 and returns what is to be done, in order.

    `secret` are 48 random bytes that nobody else knows.
    """

    __slots__ = (
        "_arrival",
        "_bucket",
        "_door",
        "_frames",
        "_greeting",
        "_wait_ms",
        "entity",
        "era",
        "hop",
        "region",
        "session",
        "state",
        "unanswered",
    )

    def __init__(self, door: Door, secret: bytes, now_ms: int) -> None:
        self.state = State.GREETING
        self.entity = self.region = self.era = self.session = 0
        self.hop = -1
        self.unanswered = Unanswered(0, 0)
        self._door = door
        self._greeting = Greeting(door, secret)
        self._frames = 0
        self._bucket = Bucket(CLIENT_FRAMES_PER_SECOND, CLIENT_BURST, now_ms)
        self._arrival: Arrival | None = None
        self._wait_ms = now_ms + door.login_ms  # until when, while nothing is on its way to regions

    @property
    def wallet(self) -> bytes:
        """Its public key; empty before Hello was answered."""
        return self._greeting.wallet

    @property
    def login_chain(self) -> bytes:
        """The body's chain hash after the login."""
        return self._arriving.chain

    @property
    def due_ms(self) -> int:
        """When `timer` wants to be called."""
        if self.state is State.SERVED:
            again_ms, expires_ms = self.unanswered.due_ms, self._greeting.expires_ms
            return again_ms if again_ms < expires_ms else expires_ms
        if self.state in (State.SEEKING, State.ENTERING):
            return self._arriving.wait_ms
        return self._wait_ms

    @property
    def _arriving(self) -> Arrival:
        assert self._arrival is not None
        return self._arrival

    def receive(self, now_ms: int, frame: bytes) -> list[Wish]:
        """A frame from the client: any bytes."""
        if self.state is State.OVER:
            return []
        try:
            if not self._bucket.take(now_ms):
                raise RecordError(f"more than {CLIENT_FRAMES_PER_SECOND} frames a second")
            if len(frame) > CLIENT_FRAME_BYTES_MAX:
                raise RecordError(f"a frame of {len(frame)} bytes; the limit is {CLIENT_FRAME_BYTES_MAX}")
            if self.state in PLAYING:
                array = unseal(self._greeting.key, self._frames + 1, frame)
                self._frames += 1
                return self._said(now_ms, protocol.decode_said(array))
            if self.state in (State.SEEKING, State.ENTERING):
                raise RecordError("a frame before the Welcome")
            self._greeting.read(frame)
            self._wait_ms = NEVER  # now it is the gateway that takes its time
            return [Turn(self.state is State.CHALLENGED)]
        except RecordError as error:
            return self._fault(str(error))

    def turn(self, now_ms: int) -> list[Wish]:
        """There is time for what `receive` asked a Turn for."""
        if self.state not in (State.GREETING, State.CHALLENGED):
            return []
        try:
            answer = self._greeting.answer(now_ms)
        except RecordError as error:
            return self._fault(str(error))
        if isinstance(answer, Challenge):
            self.state, self._wait_ms = State.CHALLENGED, now_ms + min(self._door.login_ms, CHALLENGE_TTL_MS)
            return [Tell(answer)]
        self._arrival = Arrival(answer, now_ms)
        return self._seek(now_ms)

    def refuse(self, reason: str, code: int = POLICY, again_ms: int = 0) -> list[Wish]:
        """End the conversation with words, and after how many ms to come again."""
        return self._end(Refused(reason, again_ms), code, reason)

    def _fault(self, reason: str, code: int = POLICY) -> list[Wish]:
        return self._end(Refused(reason), code, reason, fault=True)

    def timer(self, now_ms: int) -> list[Wish]:
        """To be called when `due_ms` has come."""
        if now_ms < self.due_ms:
            return []
        match self.state:
            case State.GREETING | State.CHALLENGED:
                return self._fault(f"no login within {self._door.login_ms / 1000:g} s", TRY_AGAIN)
            case State.SEEKING | State.ENTERING if now_ms - self._arriving.began_ms >= LOGIN_TIMEOUT_MS:
                return self.refuse("no region of the world answered for your body; try again", TRY_AGAIN)
            case State.SEEKING:
                return self._seek(now_ms)
            case State.ENTERING:
                return self._arriving.send(now_ms, self.region)
            case State.SERVED if now_ms >= self._greeting.expires_ms:
                return self.refuse("your session has ended; log in again", TRY_AGAIN)
            case State.SERVED:
                return self._send(self.unanswered.again(now_ms))
            case State.LOST:
                return self._lose(now_ms)
        return []

    def here(self, now_ms: int, here: Here) -> list[Wish]:
        """A region says that it has the body."""
        if self.state in PLAYING and here.era > self.era:
            return self._undone(here)
        said, known = (here.era, here.hop), (self.era, self.hop)
        if here.leaving or said < known:
            return []
        if self.state is State.SEEKING or (self.state is State.ENTERING and said > known):
            self.region, self.hop, self.entity, self.era = here.region, here.hop, here.entity, here.era
            return self._enter(now_ms, here.number, here.chain)
        if self.state is State.LOST:
            if here.asleep:
                return self.refuse("your body fell asleep; log in again", TRY_AGAIN)
            return self.moved(now_ms, here.region, here.hop)
        return []

    def moved(self, now_ms: int, region: int, hop: int) -> list[Wish]:
        """The body is in `region` since its handover `hop`: what is not answered goes there."""
        if hop < self.hop or self.state not in (State.ENTERING, State.SERVED, State.LOST):
            return []
        if self.state is not State.LOST and (region, hop) == (self.region, self.hop):
            return []
        self.region, self.hop = region, hop
        if self.state is State.ENTERING:
            return self._arriving.send(now_ms, self.region)
        self.state = State.SERVED
        return self._send(self.unanswered.again(now_ms))

    def left(self, now_ms: int, region: int, hop: int) -> list[Wish]:
        """The body is on its way to `region` by its handover `hop`: what is not answered waits until it is seen there,
        as it would come before the body."""
        if self.state not in PLAYING:
            return self.moved(now_ms, region, hop)
        if hop > self.hop:
            self.region, self.hop = region, hop
            self.state, self._wait_ms = State.LOST, now_ms + SEEK_EVERY_MS
            self.unanswered.hold()
        return []

    def restarted(self, now_ms: int) -> list[Wish]:
        """The region that has the body has a new owner, which may not have heard what was sent."""
        if self.state is State.ENTERING:
            return self._arriving.send(now_ms, self.region)
        return self._send(self.unanswered.again(now_ms)) if self.state is State.SERVED else []

    def era_began(self, now_ms: int) -> list[Wish]:
        """The world was restored while the client is here: learn what it knows of the player, then part."""
        if self.state is State.ENTERING:
            self.state = State.SEEKING
            return self._arriving.seek_again(now_ms)
        if self.state not in PLAYING:
            return []
        self.hop = -1
        return self._lose(now_ms)

    def answered(self, now_ms: int, answers: Answers, answer: Answer) -> list[Wish]:
        """A region's word on one of the entity's inputs. What a process of another era calls done is not done here."""
        if answers.era != self.era:
            return self.era_began(now_ms) if answers.era > self.era else []
        if self.state is State.ENTERING:
            return self._login_answered(now_ms, answer)
        if self.state not in PLAYING:
            return []
        if answer.status == STATUS_MOVED:
            return self._lose(now_ms) if self.state is State.SERVED and answers.region == self.region else []
        if answer.session not in (self.session, 0):  # 0: of a head
            return []
        unanswered = self.unanswered
        match answer.status:
            case status if status in (STATUS_DONE, STATUS_LAST, STATUS_GAP):
                return [Tell(_receipt(answers, answer))] if unanswered.answered(now_ms, answer) else []
            case status if status == STATUS_SUPERSEDED:
                # An action past mine: a newer login. Else the body sleeps.
                newer = answer.number > unanswered.done
                return self.superseded(answer.number, answer.chain) if newer else self._lose(now_ms)
            case status if status == STATUS_HEAD:
                unanswered.signed(now_ms, answer.number)
            case status if status == STATUS_UNSIGNED:
                return [Tell(_receipt(answers, answer))] if unanswered.unsigned(now_ms, answer.number) else []
            case status if status == STATUS_BUSY:
                unanswered.back_off(now_ms)
            case status if status == STATUS_INVALID:
                try:
                    unanswered.invalid(now_ms)
                except RecordError as error:
                    return self._fault(str(error))
        return []

    def superseded(self, number: int, chain: bytes) -> list[Wish]:
        """A newer session controls the body."""
        return self._end(Superseded(number, chain), POLICY, "a newer session controls your body")

    def _seek(self, now_ms: int) -> list[Wish]:
        self.state = State.SEEKING
        return self._arriving.seek(now_ms)

    def _enter(self, now_ms: int, number: int, chain: bytes) -> list[Wish]:
        self.state = State.ENTERING
        return self._arriving.enter(now_ms, self.region, self.entity, number, chain)

    def _login_answered(self, now_ms: int, answer: Answer) -> list[Wish]:
        login = self._arriving.login
        assert login is not None
        mine = answer.number == login.number and answer.chain == self.login_chain
        if mine and answer.status in (STATUS_DONE, STATUS_LAST):
            if answer.status == STATUS_DONE and answer.verdict != Refusal.DONE:
                known = (words for refusal, words in REASONS.items() if refusal == answer.verdict)
                reason = next(known, f"reason {answer.verdict}")
                return self.refuse(f"the region did not let you in: {reason}", TRY_AGAIN)
            return self._welcome(now_ms, login.number)
        if answer.status == STATUS_LAST and answer.number >= login.number:
            # Another session acted after the region said where the body stood.
            return self._enter(now_ms, answer.number, answer.chain)
        if answer.status == STATUS_MOVED:
            self.state = State.SEEKING
            return self._arriving.seek_again(now_ms)
        if answer.status in (STATUS_BUSY, STATUS_LAST, STATUS_GAP):
            self._arriving.put_off(now_ms)
        if answer.status == STATUS_INVALID:
            return self.refuse("the region does not accept your wallet's signature")
        return []

    def _welcome(self, now_ms: int, number: int) -> list[Wish]:
        self.state, self.session = State.SERVED, number
        self.unanswered = Unanswered(self.entity, number)
        door = self._door
        welcome = Welcome(self.entity, self.era, number, self.login_chain, door.world_tiles, door.regions)
        return [Entered(), Tell(welcome), *([Tell(Shapes(door.looks))] if door.looks else [])]

    def _said(self, now_ms: int, said: protocol.Said) -> list[Wish]:
        match said:
            case Act():
                return self._send(self.unanswered.act(now_ms, said))
            case SignedHead():
                return self._send(self.unanswered.sign(now_ms, said))
            case LookAgain():
                return [ShowAll()]
        raise RecordError(f"{type(said).__name__} after the login")

    def _send(self, inputs: list[Acted | Head]) -> list[Wish]:
        return [ToRegion(self.region, tuple(inputs))] if inputs else []

    def _lose(self, now_ms: int) -> list[Wish]:
        self.state, self._wait_ms = State.LOST, now_ms + SEEK_EVERY_MS
        self.unanswered.hold()
        return [AskWhere()]

    def _undone(self, here: Here) -> list[Wish]:
        told = NewEra(here.era, here.number, here.chain)
        return self._end(told, GOING_AWAY, f"the world was restored; era {here.era} began")

    def _end(self, told: Refused | Superseded | NewEra, code: int, reason: str, fault: bool = False) -> list[Wish]:
        self.state, self._wait_ms = State.OVER, NEVER
        self.unanswered = Unanswered(0, 0)
        return [Tell(told), End(code, reason, fault)]


def _receipt(answers: Answers, answer: Answer) -> Acked:
    status = STATUS_LAST if answer.status == STATUS_GAP else answer.status
    return Acked(answer.number, answer.chain, answer.verdict, status, answers.region, answers.n, answers.hash)
