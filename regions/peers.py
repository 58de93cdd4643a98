"""One player's connection: from Hello to a body, then its numbered actions until regions have answered each of them.

A state machine without I/O, held by `regions.gateway`, which carries out what its methods return. It keeps every
action that no region has answered and sends it again, in order, to where the body is; it never changes or judges one.

    GREETING    nothing said yet                         Hello -> CHALLENGED
    CHALLENGED  the wallet is to sign                    LoginSigned -> SEEKING
    SEEKING     no region has said that it has the body  Here -> ENTERING; none in 300 ms: a birth is asked for
    ENTERING    the login, a numbered action, is on its way    done -> SERVED; moved -> SEEKING
    SERVED      actions go to `region`                   moved -> LOST
    LOST        actions wait, the body is looked for     Here, left, seen -> SERVED
    OVER        told why, closed
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from regions import protocol
from regions.config import (
    CHALLENGE_TTL_MS,
    CLIENT_BURST,
    CLIENT_FRAME_BYTES_MAX,
    CLIENT_FRAMES_PER_SECOND,
    LOGIN_TIMEOUT_MS,
    RESEND_AFTER_MS,
    SESSION_TTL_MS,
    UNSIGNED_ACTIONS_MAX,
)
from regions.errors import RecordError
from regions.handshake import gateway_key, gateway_point, is_signed, unseal
from regions.messages import (
    STATUS_BUSY,
    STATUS_DONE,
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
    Hello,
    LoginSigned,
    LookAgain,
    NewEra,
    Refused,
    SignedHead,
    Status,
    Superseded,
    Told,
    Welcome,
)
from regions.record import Acted, Birth, Head, Login, login_body, login_message, player_chain
from world.events import REASONS, Refusal

SEEK_EVERY_MS: Final = 100
BIRTH_AFTER_MS: Final = 300
BIRTH_EVERY_MS: Final = 1_000
BACKOFF_MS: Final = (20, 50, 100, 200, 400)
INVALID_MAX: Final = 8  # invalid heads without one that held
NEVER: Final = 2**62

POLICY: Final = 1008  # websocket close codes: the client's fault; the world's; try again
GOING_AWAY: Final = 1001
TRY_AGAIN: Final = 1013


class State(Enum):
    """See the module's docstring."""

    GREETING = auto()
    CHALLENGED = auto()
    SEEKING = auto()
    ENTERING = auto()
    SERVED = auto()
    LOST = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class Door:
    """What every connection of a gateway has in common. `regions` are rectangles in chunks, by index."""

    world: bytes
    gateway: str
    world_tiles: tuple[int, int]
    regions: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """A message for the client."""

    told: Told


@dataclass(frozen=True, slots=True)
class ToRegion:
    """Inputs for the region with this index, in this order; 0 is the world's process."""

    region: int
    inputs: tuple[Acted | Login | Head | Birth, ...]


@dataclass(frozen=True, slots=True)
class AskWhere:
    """Ask every region for the body of this peer's wallet."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The peer controls its body now; older peers of the body do not."""


@dataclass(frozen=True, slots=True)
class ShowAll:
    """The client lost its place: keyframes of everything in view."""


@dataclass(frozen=True, slots=True)
class End:
    """Close the connection, with a websocket close code and words."""

    code: int
    reason: str


Wish = Tell | ToRegion | AskWhere | Entered | ShowAll | End


class Peer:
    """One connection. Every method takes the time in ms since 1970 and returns what is to be done, in order.

    `due_ms` is when `timer` wants to be called next. `secret` are 48 random bytes that nobody else knows.
    """

    def __init__(self, door: Door, secret: bytes, now_ms: int) -> None:
        self.state = State.GREETING
        self.due_ms = now_ms + LOGIN_TIMEOUT_MS
        self.wallet = self.session_key = b""
        self.entity = self.region = self.era = self.session = 0
        self.hop = -1
        self.unacked: dict[int, Acted] = {}
        self._door = door
        self._secret, self._nonce = secret[:32], secret[32:48]
        self._key = b""
        self._frames = 0
        self._tokens, self._tokens_at = float(CLIENT_BURST), now_ms
        self._began_ms = now_ms
        self._expires_ms = 0
        self._birth_at_ms = NEVER
        self._certificate: Birth | None = None
        self._login: Login | None = None
        self.login_chain = b""
        self._last = 0  # the newest action the client sent
        self._done = 0  # the newest that a region answered
        self._head: Head | None = None  # the newest, not yet answered
        self._failures = 0
        self._held_back = False  # new actions wait for the next sending in order
        self._invalid = 0

    def receive(self, now_ms: int, frame: bytes) -> list[Wish]:
        """A frame from the client: any bytes."""
        if self.state is State.OVER:
            return []
        try:
            self._spend_token(now_ms)
            if len(frame) > CLIENT_FRAME_BYTES_MAX:
                raise RecordError(f"a frame of {len(frame)} bytes; the limit is {CLIENT_FRAME_BYTES_MAX}")
            if self.state is State.GREETING:
                return self._hello(now_ms, protocol.decode_said(frame))
            if self.state is State.CHALLENGED:
                return self._signed(now_ms, protocol.decode_said(frame))
            if self.state in (State.SEEKING, State.ENTERING):
                raise RecordError("a frame before the Welcome")
            array = unseal(self._key, self._frames + 1, frame)
            self._frames += 1
            return self._said(now_ms, protocol.decode_said(array))
        except RecordError as error:
            return self.refuse(str(error))

    def refuse(self, reason: str, code: int = POLICY) -> list[Wish]:
        """End the conversation with words."""
        self.state, self.due_ms = State.OVER, NEVER
        self.unacked.clear()
        return [Tell(Refused(reason)), End(code, reason)]

    def timer(self, now_ms: int) -> list[Wish]:
        """To be called when `due_ms` has come."""
        if now_ms < self.due_ms:
            return []
        match self.state:
            case State.GREETING | State.CHALLENGED:
                return self.refuse(f"no login within {LOGIN_TIMEOUT_MS // 1000} s")
            case State.SEEKING | State.ENTERING if now_ms - self._began_ms >= LOGIN_TIMEOUT_MS:
                return self.refuse("no region of the world answered for your body; try again", TRY_AGAIN)
            case State.SEEKING:
                return self._seek(now_ms)
            case State.LOST:
                self.due_ms = now_ms + SEEK_EVERY_MS
                return [AskWhere()]
            case State.ENTERING | State.SERVED:
                return self._send_again(now_ms)
            case State.OVER:
                self.due_ms = NEVER
        return []

    def here(self, now_ms: int, here: Here) -> list[Wish]:
        """A region says that it has the body."""
        if self.state in (State.SERVED, State.LOST) and here.era > self.era:
            return self._undone(here)
        if here.leaving or here.hop < self.hop:
            return []
        if self.state is State.SEEKING or (self.state is State.ENTERING and here.hop > self.hop):
            self._place(here.region, here.hop)
            self.entity, self.era = here.entity, here.era
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
        self._place(region, hop)
        if self.state is State.LOST:
            self.state = State.SERVED
        return self._send_again(now_ms)

    def restarted(self, now_ms: int) -> list[Wish]:
        """The region that has the body has a new owner, which may not have heard what was sent."""
        if self.state in (State.ENTERING, State.SERVED):
            return self._send_again(now_ms)
        return []

    def era_began(self, now_ms: int) -> list[Wish]:
        """The world was restored while the client is here: learn what it knows of the player, then part."""
        if self.state is State.SERVED:
            self.state, self.hop, self.due_ms = State.LOST, -1, now_ms
        return self.timer(now_ms)

    def answered(self, now_ms: int, answers: Answers, answer: Answer) -> list[Wish]:
        """A region's word on one of the entity's inputs."""
        if self.state is State.ENTERING:
            return self._login_answered(now_ms, answer)
        if self.state not in (State.SERVED, State.LOST):
            return []
        if answer.status == STATUS_MOVED:
            return self._lose(now_ms) if self.state is State.SERVED and answers.region == self.region else []
        if answer.session not in (self.session, 0):  # 0: of a head
            return []
        if answer.status in (STATUS_DONE, STATUS_LAST):
            return self._acked(now_ms, answers, answer)
        if answer.status == STATUS_SUPERSEDED:
            # An action past mine: a newer login. Else the body sleeps, or a login waits for its record.
            return self.superseded(answer.number, answer.chain) if answer.number > self._done else self._lose(now_ms)
        if answer.status == STATUS_HEAD:
            self._invalid = 0
            if self._head is not None and self._head.number <= answer.number:
                self._head = None
                self._settle(now_ms)
        elif answer.status in (STATUS_BUSY, STATUS_UNSIGNED, STATUS_INVALID):
            # A head may be invalid only because an action before it was lost on the way.
            self._invalid += answer.status == STATUS_INVALID
            if self._invalid > INVALID_MAX:
                return self.refuse(f"your signed heads after action {answer.number} do not hold")
            self._back_off(now_ms)
        return []

    def superseded(self, number: int, chain: bytes) -> list[Wish]:
        """A newer session controls the body."""
        self.state, self.due_ms = State.OVER, NEVER
        self.unacked.clear()
        return [Tell(Superseded(number, chain)), End(POLICY, "a newer session controls your body")]

    def _spend_token(self, now_ms: int) -> None:
        gained = max(now_ms - self._tokens_at, 0) * CLIENT_FRAMES_PER_SECOND / 1000
        self._tokens, self._tokens_at = min(self._tokens + gained, float(CLIENT_BURST)), now_ms
        if self._tokens < 1:
            raise RecordError(f"more than {CLIENT_FRAMES_PER_SECOND} frames a second")
        self._tokens -= 1

    def _hello(self, now_ms: int, said: protocol.Said) -> list[Wish]:
        if not isinstance(said, Hello):
            raise RecordError(f"{type(said).__name__} where Hello is expected")
        if said.version != protocol.VERSION:
            raise RecordError(f"protocol version {said.version}; this gateway speaks {protocol.VERSION}")
        self._key = gateway_key(self._secret, said.session, self._nonce)
        self.wallet, self.session_key = said.wallet, said.session
        self._expires_ms = now_ms + SESSION_TTL_MS
        self.state, self.due_ms = State.CHALLENGED, now_ms + min(LOGIN_TIMEOUT_MS, CHALLENGE_TTL_MS)
        door = self._door
        challenge = Challenge(door.world, door.gateway, self._nonce, self._expires_ms, gateway_point(self._secret))
        return [Tell(challenge)]

    def _signed(self, now_ms: int, said: protocol.Said) -> list[Wish]:
        if not isinstance(said, LoginSigned):
            raise RecordError(f"{type(said).__name__} where LoginSigned is expected")
        if now_ms >= self.due_ms:
            raise RecordError("the challenge is too old")
        certificate = Birth(self.wallet, self.session_key, self._nonce, self._expires_ms, said.signature)
        if not is_signed(self.wallet, said.signature, login_message(self._door.world, certificate)):
            raise RecordError("the wallet's signature over the challenge does not hold")
        self._certificate = certificate
        self.state, self._began_ms = State.SEEKING, now_ms
        self._birth_at_ms = now_ms + BIRTH_AFTER_MS
        return self._seek(now_ms)

    def _seek(self, now_ms: int) -> list[Wish]:
        self.due_ms = now_ms + SEEK_EVERY_MS
        wishes: list[Wish] = [AskWhere()]
        if now_ms >= self._birth_at_ms:
            assert self._certificate is not None
            if self._birth_at_ms == self._began_ms + BIRTH_AFTER_MS:
                wishes.append(Tell(Status("no region has your body yet; asking for its birth")))
            self._birth_at_ms = now_ms + BIRTH_EVERY_MS
            wishes.append(ToRegion(0, (self._certificate,)))
        return wishes

    def _place(self, region: int, hop: int) -> None:
        self.region, self.hop, self._failures = region, hop, 0

    def _enter(self, now_ms: int, number: int, chain: bytes) -> list[Wish]:
        """Send the login as the action after `number`, whose chain hash is `chain`."""
        said = self._certificate
        assert said is not None
        self._login = Login(
            self.entity, number + 1, said.wallet, said.session_key, said.nonce, said.expires_ms, said.signature
        )
        self.login_chain = player_chain(chain, number + 1, login_body(self._login))
        self.state, self.due_ms = State.ENTERING, now_ms + RESEND_AFTER_MS
        return [ToRegion(self.region, (self._login,))]

    def _login_answered(self, now_ms: int, answer: Answer) -> list[Wish]:
        login = self._login
        assert login is not None
        mine = answer.number == login.number and answer.chain == self.login_chain
        if mine and answer.status in (STATUS_DONE, STATUS_LAST):
            if answer.status == STATUS_DONE and answer.verdict != Refusal.DONE:
                reason = REASONS.get(Refusal(answer.verdict), f"reason {answer.verdict}")
                return self.refuse(f"the region did not let you in: {reason}", TRY_AGAIN)
            return self._welcome(now_ms, login.number)
        if answer.status == STATUS_LAST and answer.number >= login.number:
            # Another session acted after the region said where the body stood.
            return self._enter(now_ms, answer.number, answer.chain)
        if answer.status == STATUS_MOVED:
            self.state, self.due_ms = State.SEEKING, now_ms + SEEK_EVERY_MS
            return [AskWhere()]
        if answer.status in (STATUS_BUSY, STATUS_LAST):
            self._back_off(now_ms)
        if answer.status == STATUS_INVALID:
            return self.refuse("the region does not accept your wallet's signature")
        return []

    def _welcome(self, now_ms: int, number: int) -> list[Wish]:
        self.state, self.session, self._last, self._done = State.SERVED, number, number, number
        self._failures, self._held_back, self.due_ms = 0, False, self._expires_ms
        door = self._door
        welcome = Welcome(self.entity, self.era, number, self.login_chain, door.world_tiles, door.regions)
        return [Entered(), Tell(welcome)]

    def _said(self, now_ms: int, said: protocol.Said) -> list[Wish]:
        match said:
            case Act():
                return self._act(now_ms, said)
            case SignedHead():
                return self._signed_head(now_ms, said)
            case LookAgain():
                return [ShowAll()]
        raise RecordError(f"{type(said).__name__} after the login")

    def _act(self, now_ms: int, said: Act) -> list[Wish]:
        if said.number != self._last + 1:
            raise RecordError(f"action {said.number}; expected {self._last + 1}")
        if len(self.unacked) >= UNSIGNED_ACTIONS_MAX:
            raise RecordError(f"{len(self.unacked) + 1} unanswered actions; the limit is {UNSIGNED_ACTIONS_MAX}")
        self._last = said.number
        acted = Acted(self.entity, said.number, self.session, said.body)
        self.unacked[said.number] = acted
        if self.state is not State.SERVED or self._held_back:
            return []
        return self._send(now_ms, self._with_head([acted]))

    def _signed_head(self, now_ms: int, said: SignedHead) -> list[Wish]:
        """A head may come one action ahead: a region admits a valuable action only under a head that covers it."""
        if not self.session <= said.number <= self._last + 1:
            raise RecordError(f"a head over action {said.number}; expected {self.session} to {self._last + 1}")
        self._head = Head(self.entity, said.number, said.chain, said.seen, said.signature)
        if self.state is not State.SERVED or said.number > self._last:
            return []
        # Also what was held back for want of a head may go now.
        return self._send_again(now_ms) if self._held_back else self._send(now_ms, [self._head])

    def _with_head(self, acts: Iterable[Acted]) -> list[Acted | Head]:
        """These actions, and the head before and behind the one it covers: before, it lets a valuable action in.

        Behind, for the case that the region has that action already.
        """
        head, inputs = self._head, list[Acted | Head]()
        for acted in acts:
            if head is not None and acted.number == head.number:
                inputs += [head, acted, head]
            else:
                inputs.append(acted)
        return inputs

    def _acked(self, now_ms: int, answers: Answers, answer: Answer) -> list[Wish]:
        if answer.status == STATUS_DONE:
            done = self.unacked.pop(answer.number, None) is not None
        else:
            known = [number for number in self.unacked if number <= answer.number]
            for number in known:
                del self.unacked[number]
            done = bool(known)
            if self.unacked and next(iter(self.unacked)) == answer.number + 1:
                self._back_off(now_ms)
        if not done:
            return []
        self._failures = self._invalid = 0
        self._done = max(self._done, answer.number)
        self._settle(now_ms)
        acked = Acked(
            answer.number, answer.chain, answer.verdict, answer.status, answers.region, answers.n, answers.hash
        )
        return [Tell(acked)]

    def _settle(self, now_ms: int) -> None:
        """Something was answered: the rest has its full time again."""
        if not self.unacked and self._head is None:
            self.due_ms, self._held_back = self._expires_ms, False
        elif not self._held_back:
            self.due_ms = min(now_ms + RESEND_AFTER_MS, self._expires_ms)

    def _back_off(self, now_ms: int) -> None:
        """What is not answered goes again soon, in order; until then nothing new goes before it."""
        if self._held_back:
            return
        self._held_back = True
        self.due_ms = now_ms + BACKOFF_MS[min(self._failures, len(BACKOFF_MS) - 1)]
        self._failures += 1

    def _lose(self, now_ms: int) -> list[Wish]:
        self.state, self.due_ms = State.LOST, now_ms + SEEK_EVERY_MS
        return [AskWhere()]

    def _send(self, now_ms: int, inputs: Iterable[Acted | Head]) -> list[Wish]:
        self.due_ms = min(self.due_ms, now_ms + RESEND_AFTER_MS)
        return [ToRegion(self.region, tuple(inputs))]

    def _send_again(self, now_ms: int) -> list[Wish]:
        """Everything that is not answered, in order."""
        self._held_back = False
        if self.state is State.ENTERING:
            assert self._login is not None
            self.due_ms = now_ms + RESEND_AFTER_MS
            return [ToRegion(self.region, (self._login,))]
        if now_ms >= self._expires_ms:
            return self.refuse("your session has ended; log in again", TRY_AGAIN)
        head = self._head
        inputs = self._with_head(self.unacked.values())
        if head is not None and head.number <= self._last and head.number not in self.unacked:
            inputs.insert(0, head)  # what it covers is answered
        self.due_ms = now_ms + RESEND_AFTER_MS if inputs else self._expires_ms
        return [ToRegion(self.region, tuple(inputs))] if inputs else []

    def _undone(self, here: Here) -> list[Wish]:
        self.state, self.due_ms = State.OVER, NEVER
        self.unacked.clear()
        told = NewEra(here.era, here.number, here.chain)
        return [Tell(told), End(GOING_AWAY, f"the world was restored; era {here.era} began")]
