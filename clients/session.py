"""What a player's client knows of its own actions, across any number of connections: a core without I/O.

It numbers actions, keeps the hash chain over them, signs heads, and keeps each action until a receipt for its own chain
names it done. After a lost connection it tells from the Welcome which actions were admitted, and sends the others anew.
Across eras nothing is sent again: what was undone is told. Not here: sockets (`clients.connection`), what is seen
(`clients.seen`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from archive.keys import Ed25519Key
from regions import protocol
from regions.config import UNSIGNED_ACTIONS_MAX
from regions.errors import RecordError
from regions.handshake import client_key, seal
from regions.messages import STATUS_DONE, STATUS_LAST, STATUS_UNSIGNED
from regions.protocol import (
    Acked,
    Act,
    Challenge,
    Having,
    Hello,
    LoginSigned,
    LookAgain,
    NewEra,
    Refused,
    Shapes,
    SignedHead,
    Status,
    Superseded,
    Welcome,
)
from regions.record import Login, login_body, login_message, player_chain, player_head_message
from world.actions import VALUABLE, Action, decode_action, encode_action

HEAD_EVERY_MS: Final = 850  # regions want one a second


class Signer(Protocol):
    """A wallet: an Ed25519 key, or something that asks its holder."""

    @property
    def public(self) -> bytes:
        """32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An action without a receipt; `chain` is the hash chain up to and with it."""

    number: int
    body: bytes
    chain: bytes
    acted_ms: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An action is in a durable record.

    With STATUS_LAST its verdict is not known, and `n` is that record or a later one, or 0 if a Welcome showed it.
    """

    entity: int
    action: Pending
    verdict: int
    status: int
    region: int
    n: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The body may act. `resumed`: it went on where an earlier connection ended."""

    entity: int
    era: int
    number: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class Undone:
    """The world was restored: actions after `number`, acknowledged up to `acked`, never happened, nor did `pending`."""

    era: int
    number: int
    acked: int
    pending: tuple[Pending, ...]


@dataclass(frozen=True, slots=True)
class Unsure:
    """Another session used the body meanwhile: whether these were admitted is unknown, and they are not repeated."""

    pending: tuple[Pending, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Something for the player to read."""

    text: str


@dataclass(frozen=True, slots=True)
class Parted:
    """The gateway ended the conversation. `superseded`: a newer session has the body, so do not come back.

    `again_ms`: come back after so long, as it has no time for you now; 0: it says nothing.
    """

    reason: str
    superseded: bool
    again_ms: int = 0


News = Acknowledged | Welcomed | Undone | Unsure | Words | Parted | Having | Shapes


class Session:
    """One player's side. Methods that take bytes raise RecordError when the gateway says what it may not say."""

    def __init__(self, wallet: Signer, world: bytes = b"") -> None:
        self.wallet = wallet
        self.world = world  # empty: whichever world answers first, and no other afterwards
        self.entity = self.era = self.number = 0
        self.welcome: Welcome | None = None  # of this connection
        self.pending: dict[int, Pending] = {}
        self.acked = 0
        self.foreign_acks = 0  # receipts for a chain that is not mine
        self.frames_sent = 0
        self._acked_chain = self._chain = b""
        self._seen = b""
        self._seed_key: Ed25519Key | None = None
        self._key = b""
        self._challenge: Challenge | None = None
        self._signature = b""
        self._uncovered_ms = 0  # since when there is an action that no head covers; 0: none

    @property
    def room(self) -> int:
        """How many more actions may be without a receipt."""
        return UNSIGNED_ACTIONS_MAX - len(self.pending)

    def opened(self, seed: bytes) -> list[bytes]:
        """A connection is open; 32 fresh random bytes make its session key. What to send."""
        self._seed_key = Ed25519Key(seed)
        self._key, self._challenge, self.welcome, self.frames_sent = b"", None, None, 0
        return [protocol.encode(Hello(protocol.VERSION, self.wallet.public, self._seed_key.public))]

    def told(self, now_ms: int, array: bytes) -> tuple[list[bytes], list[News]]:
        """The gateway said something (without byte 0): what to send, and what is new."""
        match protocol.decode_told(array):
            case Challenge() as challenge:
                return self._sign(challenge), []
            case Welcome() as welcome:
                return self._welcomed(now_ms, welcome)
            case Acked() as acked if acked.status == STATUS_UNSIGNED:
                return self._wanted_head(acked.number), []
            case Acked() as acked:
                return [], list(self._receipt(acked))
            case Having() | Shapes() as told:
                return [], [told]
            case Status(text):
                return [], [Words(text)]
            case NewEra(era, number, _):
                return [], [Words(f"the world was restored; era {era} begins after your action {number}")]
            case Superseded():
                return [], [Parted("a newer session controls your body", True)]
            case Refused(reason, again_ms):
                return [], [Parted(reason, False, again_ms)]
        raise RecordError("a message of no known kind")

    def act(self, now_ms: int, action: Action) -> list[bytes]:
        """Do something: the frames to send, none while there is no Welcome. OverflowError when there is no room."""
        if self.room < 1:
            raise OverflowError(f"{len(self.pending)} actions without a receipt; the limit is {UNSIGNED_ACTIONS_MAX}")
        one = self._append(now_ms, encode_action(action))
        return self._act_frames(one) if self.welcome is not None else []

    def signed_head(self, now_ms: int) -> list[bytes]:
        """The head over everything sent, if it is time for one."""
        if self.welcome is None or not self._uncovered_ms or now_ms - self._uncovered_ms < HEAD_EVERY_MS:
            return []
        return [self._head_frame(self.number, self._chain)]

    def look_again(self) -> list[bytes]:
        """Ask for everything in view from the beginning."""
        return [] if self.welcome is None else [self._frame(LookAgain())]

    def _sign(self, challenge: Challenge) -> list[bytes]:
        if self._challenge is not None or self._seed_key is None:
            raise RecordError("a second challenge")
        if self.world and challenge.world != self.world:
            raise RecordError(f"a gateway of world {challenge.world.hex()[:12]}; expected {self.world.hex()[:12]}")
        self.world, self._challenge = challenge.world, challenge
        self._key = client_key(self._seed_key.seed, challenge.point, challenge.nonce)
        self._signature = self.wallet.sign(login_message(self.world, self._login(0, 0)))
        return [protocol.encode(LoginSigned(self._signature))]

    def _login(self, entity: int, number: int) -> Login:
        said, key = self._challenge, self._seed_key
        assert said is not None and key is not None
        signature = self._signature or bytes(64)
        return Login(entity, number, self.wallet.public, key.public, said.nonce, said.expires_ms, signature)

    def _welcomed(self, now_ms: int, welcome: Welcome) -> tuple[list[bytes], list[News]]:
        if self._challenge is None or not self._signature or self.welcome is not None:
            raise RecordError("a Welcome out of turn")
        waiting, known = tuple(self.pending.values()), self.entity != 0
        news: list[News] = [Welcomed(welcome.entity, welcome.era, welcome.number, known)]
        again: Iterable[Pending] = waiting
        if known and (welcome.era, welcome.entity) != (self.era, self.entity):
            news.append(Undone(welcome.era, welcome.number - 1, self.acked, waiting))
            again = ()
        elif known:
            admitted = [one for one in waiting if one.number < welcome.number]
            last_chain = admitted[-1].chain if admitted else self._acked_chain
            end = admitted[-1].number if admitted else self.acked
            login = login_body(self._login(welcome.entity, welcome.number))
            if end == welcome.number - 1 and player_chain(last_chain, welcome.number, login) == welcome.chain:
                news += [Acknowledged(self.entity, one, 0, STATUS_LAST, 0, 0, b"") for one in admitted]
                again = waiting[len(admitted) :]
            elif waiting:
                news.append(Unsure(waiting))
                again = ()
        self.welcome, self.entity, self.era = welcome, welcome.entity, welcome.era
        self.number = self.acked = welcome.number
        self._chain = self._acked_chain = welcome.chain
        self.pending.clear()
        # A head at once: regions let nobody act whose last actions before a break are still unsigned.
        head = self._head_frame(welcome.number, welcome.chain)
        anew = [self._append(one.acted_ms, one.body) for one in again]
        return [head, *(frame for one in anew for frame in self._act_frames(one))], news

    def _append(self, now_ms: int, body: bytes) -> Pending:
        self.number += 1
        self._chain = player_chain(self._chain, self.number, body)
        one = self.pending[self.number] = Pending(self.number, body, self._chain, now_ms)
        self._uncovered_ms = self._uncovered_ms or now_ms
        return one

    def _wanted_head(self, number: int) -> list[bytes]:
        """The region lets nobody act on without a head over `number` or the action after it."""
        if self.welcome is None:
            return []
        for wanted in (number + 1, number):
            if wanted in self.pending:
                return [self._head_frame(wanted, self.pending[wanted].chain)]
        return [self._head_frame(number, self._acked_chain)] if number == self.acked else []

    def _receipt(self, acked: Acked) -> Iterable[Acknowledged]:
        if acked.hash:
            self._seen = acked.hash
        one = self.pending.get(acked.number)
        if one is None or one.chain != acked.chain:
            self.foreign_acks += not (acked.number == self.acked and acked.chain == self._acked_chain)
            return
        # The chain covers every action before: those are done as well, though their own receipts were lost.
        for number in [number for number in self.pending if number <= acked.number]:
            exact = number == acked.number and acked.status == STATUS_DONE
            verdict, status = (acked.verdict, STATUS_DONE) if exact else (0, STATUS_LAST)
            action = self.pending.pop(number)
            yield Acknowledged(self.entity, action, verdict, status, acked.region, acked.n, acked.hash)
        self.acked, self._acked_chain = acked.number, acked.chain

    def _head_frame(self, number: int, chain: bytes) -> bytes:
        assert self._seed_key is not None
        message = player_head_message(self.world, self.era, self.entity, number, chain, self._seen)
        if number == self.number:
            self._uncovered_ms = 0
        return self._frame(SignedHead(number, chain, self._seen, self._seed_key.sign(message)))

    def _act_frames(self, one: Pending) -> list[bytes]:
        """An action's frame; before a valuable one the head that covers it, without which no region admits it."""
        act = Act(one.number, one.body)
        if not isinstance(decode_action(one.body), VALUABLE):
            return [self._frame(act)]
        return [self._head_frame(one.number, one.chain), self._frame(act)]

    def _frame(self, said: Act | SignedHead | LookAgain) -> bytes:
        self.frames_sent += 1
        return seal(self._key, self.frames_sent, protocol.encode(said))
