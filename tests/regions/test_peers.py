"""One connection's state machine, spoken to directly: what it wants at each step, and what it does not put up with."""

from collections.abc import Iterable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from archive.keys import Ed25519Key
from regions import protocol
from regions.arrival import BIRTH_AFTER_MS, SEEK_EVERY_MS
from regions.config import (
    CLIENT_BURST,
    CLIENT_FRAME_BYTES_MAX,
    LOGIN_TIMEOUT_MS,
    RESEND_AFTER_MS,
    UNSIGNED_ACTIONS_MAX,
)
from regions.handshake import client_key, gateway_key, gateway_point, is_signed, seal, to_u, unseal
from regions.looks import Look
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
from regions.peers import Peer, State
from regions.protocol import (
    Acked,
    Act,
    Challenge,
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
from regions.record import Acted, Birth, Head, Login, first_chain, login_body, login_message, player_chain
from regions.unanswered import INVALID_MAX, REPEATS_SHIFT_MAX
from regions.wishes import AskWhere, Door, End, Entered, ShowAll, Tell, ToRegion, Turn, Wish

NOW = 1_700_000_000_000
WORLD = bytes(range(32))
DOOR = Door(WORLD, "g1", (64, 64), ((0, 0, 0, 0), (0, 0, 2, 4), (2, 0, 4, 4)))
WALLET = Ed25519Key(b"w" * 32)
SESSION = Ed25519Key(b"s" * 32)
ENTITY = 1 << 48 | 7
SECRET = bytes(range(48))
T = TypeVar("T")
ORDER = 2**252 + 27742317777372353535851937790883648493


class Player:
    """A peer and the client's side of its frames."""

    def __init__(self) -> None:
        self.peer = Peer(DOOR, SECRET, NOW)
        self.now = NOW
        self.key = b""
        self.frames = 0
        self.chain = first_chain(ENTITY)
        self.number = 0
        self.login: Login | None = None

    def hello(self) -> Challenge:
        wishes = self.turn(protocol.encode(Hello(protocol.VERSION, WALLET.public, SESSION.public)))
        challenge = told(wishes, Challenge)
        self.key = client_key(SESSION.seed, challenge.point, challenge.nonce)
        return challenge

    def sign(self, challenge: Challenge) -> list[Wish]:
        said = Birth(WALLET.public, SESSION.public, challenge.nonce, challenge.expires_ms, bytes(64))
        signature = WALLET.sign(login_message(WORLD, said))
        return self.turn(protocol.encode(LoginSigned(signature)))

    def turn(self, frame: bytes) -> list[Wish]:
        """Say something during the login, and have its turn at once."""
        wishes = self.peer.receive(self.now, frame)
        return self.peer.turn(self.now) if any(isinstance(wish, Turn) for wish in wishes) else wishes

    def here(self, region: int = 1, hop: int = 3, number: int = 41, **other: object) -> list[Wish]:
        self.number = number
        fields = {"era": 1, "leaving": False, "asleep": False, "chain": self.chain} | other
        return self.peer.here(self.now, Here(region, WALLET.public, ENTITY, hop, number, **fields))  # type: ignore[arg-type]

    def enter(self) -> list[Wish]:
        self.sign(self.hello())
        wishes = self.here()
        self.login = sent(wishes)[0]
        self.number += 1
        self.chain = player_chain(self.chain, self.number, login_body(self.login))
        return self.answer(STATUS_DONE, self.number, self.chain, session=self.number)

    def answer(
        self,
        status: int,
        number: int,
        chain: bytes = bytes(32),
        *,
        session: int = 42,
        verdict: int = 0,
        region: int = 1,
        era: int = 1,
    ) -> list[Wish]:
        answers = Answers(region, era, 900, b"h" * 32, (), (), ())
        return self.peer.answered(self.now, answers, Answer(ENTITY, status, number, chain, verdict, session))

    def say(self, said: protocol.Said) -> list[Wish]:
        self.frames += 1
        return self.peer.receive(self.now, seal(self.key, self.frames, protocol.encode(said)))

    def act(self, body: bytes = b"\x93\x01\x00\x00") -> list[Wish]:
        self.number += 1
        self.chain = player_chain(self.chain, self.number, body)
        return self.say(Act(self.number, body))

    def later(self, ms: int) -> list[Wish]:
        self.now += ms
        return self.peer.timer(self.now)


def told(wishes: Iterable[Wish], kind: type[T]) -> T:
    found = [wish.told for wish in wishes if isinstance(wish, Tell) and isinstance(wish.told, kind)]
    assert len(found) == 1, wishes
    return found[0]


def sent(wishes: Iterable[Wish]) -> list:
    return [said for wish in wishes if isinstance(wish, ToRegion) for said in wish.inputs]


def ended(wishes: Iterable[Wish]) -> str:
    (end,) = [wish for wish in wishes if isinstance(wish, End)]
    return end.reason


def entered() -> Player:
    player = Player()
    player.enter()
    return player


def test_both_ends_agree_on_a_key_and_a_stranger_does_not() -> None:
    nonce = bytes(16)
    theirs = client_key(SESSION.seed, gateway_point(SECRET[:32]), nonce)
    assert theirs == gateway_key(SECRET[:32], SESSION.public, nonce)
    assert theirs != gateway_key(SECRET[:32], WALLET.public, nonce)
    assert unseal(theirs, 5, seal(theirs, 5, b"abc")) == b"abc"


def test_points_of_low_order_are_refused_as_keys_and_as_signers() -> None:
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    # Order 8: twice the point has y = 0, so x^2 = -y^2, and with the curve's equation d y^4 + 2 y^2 - 1 = 0.
    squares = [(sign * _root(1 + d, p) - 1) * pow(d, -1, p) % p for sign in (1, -1)]
    eighth = next(_root(square, p) for square in squares if _root(square, p) ** 2 % p == square)
    for y in (0, 1, p - 1, eighth, p - eighth, p, p + 1):
        for sign in (0, 1 << 255):
            point = (y | sign).to_bytes(32, "little")
            with pytest.raises(protocol.RecordError):
                gateway_key(SECRET[:32], point, bytes(16))
            assert not is_signed(point, point + bytes(32), b"anything")


def _root(square: int, p: int) -> int:
    root = pow(square, (p + 3) // 8, p)
    return root if root * root % p == square % p else root * pow(2, (p - 1) // 4, p) % p


def test_who_is_welcomed_in_a_world_with_its_own_species_is_told_how_they_look() -> None:
    fox = Look(14, "fox", "quadruped", (0xC8642C,))
    player = Player()
    assert [wish for wish in player.enter() if isinstance(wish, Tell)][1:] == [], "nothing where there are none"
    player = Player()
    player.peer = Peer(structs.replace(DOOR, looks=(fox,)), SECRET, NOW)
    wishes = [wish.told for wish in player.enter() if isinstance(wish, Tell)]
    assert isinstance(wishes[0], Welcome) and wishes[1] == Shapes((fox,))
    assert protocol.decode_told(protocol.encode(wishes[1])) == wishes[1]


def test_a_login_asks_where_then_sends_the_next_number_then_welcomes() -> None:
    player = Player()
    challenge = player.hello()
    assert (challenge.world, challenge.nonce) == (WORLD, SECRET[32:48])
    wishes = player.sign(challenge)
    assert wishes == [AskWhere()]
    wishes = player.here(region=2, number=41)
    (login,) = sent(wishes)
    assert isinstance(login, Login) and login.number == 42 and wishes[0].region == 2  # type: ignore[union-attr]
    chain = player_chain(player.chain, 42, login_body(login))
    wishes = player.answer(STATUS_DONE, 42, chain, session=42, region=2)
    welcome = told(wishes, Welcome)
    assert wishes[0] == Entered()
    assert (welcome.entity, welcome.number, welcome.chain) == (ENTITY, 42, chain)


def test_a_wallet_without_a_body_asks_for_its_birth_and_is_told() -> None:
    player = Player()
    player.sign(player.hello())
    while player.now - NOW < BIRTH_AFTER_MS:
        assert sent(player.later(SEEK_EVERY_MS)) == [] or player.now - NOW >= BIRTH_AFTER_MS
    assert player.peer.state is State.SEEKING
    births = [said for _ in range(20) for said in sent(player.later(SEEK_EVERY_MS))]
    assert births and all(isinstance(one, Birth) and one.wallet == WALLET.public for one in births)
    assert len(births) <= 3  # about one a second, not with every question
    assert isinstance(sent(player.here(number=0))[0], Login)


def test_nobody_answers_and_the_login_ends_with_words() -> None:
    player = Player()
    player.sign(player.hello())
    wishes: list[Wish] = []
    while not any(isinstance(wish, End) for wish in wishes):
        wishes = player.later(SEEK_EVERY_MS)
        assert player.now - NOW <= LOGIN_TIMEOUT_MS + SEEK_EVERY_MS
    assert "no region" in ended(wishes)


def test_the_image_that_is_leaving_is_not_entered_and_the_higher_hop_wins() -> None:
    player = Player()
    player.sign(player.hello())
    assert player.here(region=1, hop=7, leaving=True) == []
    assert sent(player.here(region=1, hop=6))[0].number == 42
    wishes = player.here(region=2, hop=7)
    assert wishes[0].region == 2 and sent(wishes)[0].number == 42  # type: ignore[union-attr]
    assert player.here(region=1, hop=6) == []


def test_a_login_whose_answer_was_lost_is_recognised_by_its_chain() -> None:
    player = Player()
    player.sign(player.hello())
    login = sent(player.here())[0]
    assert sent(player.later(RESEND_AFTER_MS)) == [login]
    chain = player_chain(player.chain, 42, login_body(login))
    assert told(player.answer(STATUS_LAST, 42, chain), Welcome).number == 42


def test_a_login_overtaken_by_an_older_session_takes_the_next_number() -> None:
    player = Player()
    player.sign(player.hello())
    player.here()
    other = b"o" * 32
    login = sent(player.answer(STATUS_LAST, 43, other))[0]
    assert login.number == 44
    assert told(player.answer(STATUS_DONE, 44, player_chain(other, 44, login_body(login))), Welcome).number == 44


def test_a_login_without_room_is_refused_with_the_reason() -> None:
    player = Player()
    player.sign(player.hello())
    login = sent(player.here())[0]
    chain = player_chain(player.chain, 42, login_body(login))
    assert "no room" in told(player.answer(STATUS_DONE, 42, chain, verdict=5), Refused).reason


def test_actions_go_to_the_region_and_are_forgotten_with_their_receipt() -> None:
    player = entered()
    (acted,) = sent(player.act())
    assert acted == Acted(ENTITY, 43, 42, b"\x93\x01\x00\x00")
    acked = told(player.answer(STATUS_DONE, 43, player.chain), Acked)
    assert (acked.number, acked.chain, acked.n, acked.hash) == (43, player.chain, 900, b"h" * 32)
    assert not player.peer.unanswered.acts
    assert player.answer(STATUS_DONE, 43, player.chain) == []


def test_what_is_not_answered_is_sent_again_and_answered_actions_are_not() -> None:
    player = entered()
    first = sent(player.act())
    player.later(50)
    second = sent(player.act())
    player.answer(STATUS_DONE, 43, player.chain)
    assert sent(player.later(RESEND_AFTER_MS)) == second
    assert first != second
    assert sent(player.later(RESEND_AFTER_MS)) == second


@pytest.mark.parametrize("status", [STATUS_BUSY, STATUS_UNSIGNED])
def test_a_region_that_is_busy_gets_everything_again_in_order_and_nothing_before(status: int) -> None:
    player = entered()
    player.act()
    player.answer(status, 42)
    assert sent(player.act()) == []
    assert [one.number for one in sent(player.later(400))] == [43, 44]


def test_a_gap_is_filled_in_order() -> None:
    player = entered()
    for _ in range(3):
        player.act()
    assert told(player.answer(STATUS_GAP, 43, b"c" * 32), Acked).status == STATUS_LAST
    assert list(player.peer.unanswered.acts) == [44, 45]
    assert [one.number for one in sent(player.later(50))] == [44, 45]


def test_what_was_sent_twice_is_not_sent_a_third_time() -> None:
    player = entered()
    for _ in range(3):
        player.act()
    player.answer(STATUS_LAST, 43, b"c" * 32)
    assert list(player.peer.unanswered.acts) == [44, 45]
    assert sent(player.later(RESEND_AFTER_MS - 1)) == []
    assert [one.number for one in sent(player.later(1))] == [44, 45]


def test_whoever_is_not_answered_repeats_itself_ever_more_seldom() -> None:
    player = entered()
    player.act()
    pauses: list[int] = []
    for _ in range(5):
        before = player.now
        while not sent(player.later(RESEND_AFTER_MS)):
            pass
        pauses.append((player.now - before) // RESEND_AFTER_MS)
    assert pauses == [1, 1, 2, 4, 4]
    player.answer(STATUS_DONE, 43, player.chain)
    player.act()
    assert [one.number for one in sent(player.later(RESEND_AFTER_MS))] == [44]


def test_moved_looks_for_the_body_and_sends_the_rest_there() -> None:
    player = entered()
    player.act()
    assert player.answer(STATUS_MOVED, 43) == [AskWhere()]
    assert sent(player.act()) == []
    assert player.later(SEEK_EVERY_MS) == [AskWhere()]
    wishes = player.here(region=2, hop=4, number=42)
    assert wishes[0].region == 2 and [one.number for one in sent(wishes)] == [43, 44]  # type: ignore[union-attr]


def test_what_is_not_answered_when_the_body_leaves_follows_once_it_is_seen() -> None:
    player = entered()
    player.act()
    assert player.peer.left(player.now, 2, 4) == []
    assert sent(player.act()) == []
    assert player.peer.moved(player.now, 1, 3) == []  # an old sight
    wishes = player.peer.moved(player.now, 2, 4)
    assert wishes[0].region == 2 and [one.number for one in sent(wishes)] == [43, 44]  # type: ignore[union-attr]
    assert player.peer.left(player.now, 1, 3) == []  # an old word
    assert player.answer(STATUS_MOVED, 43, region=1) == []  # an old answer
    assert [one.number for one in sent(player.act())] == [45]


def test_a_body_that_left_and_is_not_seen_is_looked_for() -> None:
    player = entered()
    assert player.peer.left(player.now, 2, 4) == []
    assert player.later(SEEK_EVERY_MS) == [AskWhere()]


def test_a_head_goes_to_the_region_once_and_again_until_it_is_recorded() -> None:
    player = entered()
    player.act()
    player.answer(STATUS_DONE, 43, player.chain)
    said = SignedHead(43, player.chain, b"h" * 32, b"x" * 64)
    (head,) = sent(player.say(said))
    assert head == Head(ENTITY, 43, player.chain, b"h" * 32, b"x" * 64)
    assert sent(player.later(RESEND_AFTER_MS)) == [head]
    player.answer(STATUS_HEAD, 43, player.chain, session=0)
    assert sent(player.later(RESEND_AFTER_MS)) == []


def test_a_head_may_come_before_the_action_it_lets_in() -> None:
    player = entered()
    chain = player_chain(player.chain, 43, b"give")
    assert sent(player.say(SignedHead(43, chain, b"", b"x" * 64))) == []
    wishes = sent(player.act(b"give"))
    assert [type(one).__name__ for one in wishes] == ["Head", "Acted"]
    assert [type(one).__name__ for one in sent(player.act())] == ["Acted"]


def test_every_head_that_may_still_be_needed_is_kept_and_none_else() -> None:
    """A region that lost actions can be owed a head older than the newest: without it nothing would ever go on."""
    player = entered()
    for number in range(43, 53):
        player.act()
        player.say(SignedHead(number, player.chain, b"", bytes([number]) * 64))
    player.answer(STATUS_LAST, 47)
    assert list(player.peer.unanswered.heads) == list(range(43, 53))
    player.say(SignedHead(52, player.chain, b"", b"x" * 64))
    assert list(player.peer.unanswered.heads) == [47, 48, 49, 50, 51, 52]
    again = sent(player.later(RESEND_AFTER_MS))
    assert [one.number for one in again] == [47, 48, 48, 49, 49, 50, 50, 51, 51, 52, 52]
    assert [type(one).__name__ for one in again] == ["Head", *["Head", "Acted"] * 5]
    player.answer(STATUS_HEAD, 51, session=0)
    assert list(player.peer.unanswered.heads) == [52]


def test_a_client_is_asked_for_the_head_that_a_region_wants_once_per_attempt() -> None:
    player = entered()
    for _ in range(3):
        player.act()
    player.say(SignedHead(45, player.chain, b"", b"x" * 64))
    asked = told(player.answer(STATUS_UNSIGNED, 42, b"c" * 32), Acked)
    assert (asked.number, asked.status) == (42, STATUS_UNSIGNED)
    assert player.answer(STATUS_UNSIGNED, 42) == []
    again = sent(player.say(SignedHead(43, b"d" * 32, b"", b"y" * 64)))
    assert [(type(one).__name__, one.number) for one in again] == [
        ("Head", 43),
        ("Acted", 43),
        ("Acted", 44),
        ("Head", 45),
        ("Acted", 45),
    ]
    assert player.answer(STATUS_UNSIGNED, 42) == [], "one that will do is on its way"


def test_heads_that_never_hold_end_the_conversation() -> None:
    player = entered()
    player.act()
    player.say(SignedHead(43, b"z" * 32, b"", b"x" * 64))
    for _ in range(INVALID_MAX):
        player.answer(STATUS_INVALID, 42)
        player.later(400)
    assert "do not hold" in ended(player.answer(STATUS_INVALID, 42))


def test_a_newer_session_is_told_and_its_acks_are_not_taken() -> None:
    player = entered()
    player.act()
    assert player.answer(STATUS_DONE, 43, b"o" * 32, session=43) == []  # the other's login took 43
    assert list(player.peer.unanswered.acts) == [43]
    wishes = player.answer(STATUS_SUPERSEDED, 43, b"o" * 32)
    assert told(wishes, Superseded) == Superseded(43, b"o" * 32)
    assert player.act() == []


def test_a_body_that_sleeps_is_not_taken_for_superseded() -> None:
    player = entered()
    player.act()
    assert player.answer(STATUS_SUPERSEDED, 42, player.chain) == [AskWhere()]
    assert "fell asleep" in ended(player.here(number=42, asleep=True))


def test_a_new_era_is_told_with_what_it_knows_and_nothing_is_sent_again() -> None:
    player = entered()
    player.act()
    assert player.peer.era_began(player.now) == [AskWhere()]
    wishes = player.here(number=30, hop=1, era=2, chain=b"e" * 32)
    assert told(wishes, NewEra) == NewEra(2, 30, b"e" * 32)
    assert sent(wishes) == [] and player.peer.state is State.OVER


def test_an_owner_of_an_era_that_is_over_lets_nobody_in_and_acknowledges_nothing() -> None:
    """Simulation, seed 57: a machine that had slept through a restore answered the login that another era was sent."""
    player = Player()
    player.sign(player.hello())
    assert sent(player.here(region=1, hop=9)) and sent(player.here(region=2, hop=1, era=2, number=30))
    assert player.here(region=1, hop=12) == []
    login = player.peer._arriving.login
    assert login is not None and login.number == 31
    chain = player_chain(player.chain, 31, login_body(login))
    assert player.answer(STATUS_DONE, 31, chain, era=1) == [] and player.peer.state is State.ENTERING
    assert told(player.answer(STATUS_DONE, 31, chain, session=31, era=2), Welcome).era == 2
    player.answer(STATUS_DONE, 32, chain, session=31, era=3)
    assert player.peer.state is State.LOST


def test_a_login_under_way_when_a_new_era_begins_looks_again() -> None:
    player = Player()
    player.sign(player.hello())
    player.here(region=1, hop=9)
    assert player.answer(STATUS_DONE, 42, era=2) == [AskWhere()] and player.peer.state is State.SEEKING


def test_a_client_that_sends_more_than_may_be_unanswered_is_cut() -> None:
    player = entered()
    for _ in range(UNSIGNED_ACTIONS_MAX):
        assert len(sent(player.act())) == 1
        player.now += 20
    assert "limit is 64" in ended(player.act())
    assert not player.peer.unanswered.acts


def test_a_flood_of_frames_is_cut() -> None:
    player = entered()
    wishes: list[Wish] = []
    for _ in range(CLIENT_BURST + 1):
        wishes = player.say(LookAgain())
        if wishes != [ShowAll()]:
            break
    assert "frames a second" in ended(wishes)


@pytest.mark.parametrize(
    "said, words",
    [
        (Act(45, b"x"), "expected 43"),
        (Act(42, b"x"), "expected 43"),
        (SignedHead(44, bytes(32), b"", bytes(64)), "expected 42 to 43"),
        (Hello(protocol.VERSION, bytes(32), bytes(32)), "after the login"),
        (LoginSigned(bytes(64)), "after the login"),
    ],
)
def test_what_is_out_of_turn_is_cut_with_the_numbers(said: protocol.Said, words: str) -> None:
    assert words in ended(entered().say(said))


def test_a_second_login_or_early_action_is_cut() -> None:
    player = Player()
    assert "Hello is expected" in ended(player.peer.receive(NOW, protocol.encode(LoginSigned(bytes(64)))))
    player = Player()
    player.hello()
    assert "LoginSigned" in ended(
        player.peer.receive(NOW, protocol.encode(Hello(protocol.VERSION, bytes(32), bytes(32))))
    )
    player = Player()
    player.sign(player.hello())
    assert "before the Welcome" in ended(player.say(LookAgain()))


def test_a_wrong_version_world_or_signature_is_refused() -> None:
    assert "version 9" in ended(Player().peer.receive(NOW, protocol.encode(Hello(9, WALLET.public, SESSION.public))))
    player = Player()
    challenge = player.hello()
    said = Birth(WALLET.public, SESSION.public, challenge.nonce, challenge.expires_ms, bytes(64))
    forged = WALLET.sign(login_message(b"another world" + bytes(19), said))
    assert "does not hold" in ended(player.turn(protocol.encode(LoginSigned(forged))))
    player = Player()
    good = WALLET.sign(login_message(WORLD, said))
    high_s = good[:32] + (int.from_bytes(good[32:], "little") + ORDER).to_bytes(32, "little")
    player.hello()
    assert "does not hold" in ended(player.turn(protocol.encode(LoginSigned(high_s))))


def test_a_login_that_takes_too_long_is_ended() -> None:
    player = Player()
    assert "no login" in ended(player.later(LOGIN_TIMEOUT_MS))
    player = Player()
    challenge = player.hello()
    player.later(LOGIN_TIMEOUT_MS)
    assert player.sign(challenge) == [], "too late"


@settings(deadline=None)
@given(st.data())
def test_any_bytes_at_any_stage_end_in_words_and_leave_nothing(data: st.DataObject) -> None:
    player = Player()
    stage = data.draw(st.integers(0, 3))
    if stage >= 1:
        challenge = player.hello()
        if stage >= 2:
            player.sign(challenge)
            if stage >= 3:
                player = entered()
    frame = data.draw(st.binary(max_size=CLIENT_FRAME_BYTES_MAX + 64))
    wishes = player.peer.receive(player.now, frame)
    assert told(wishes, Refused) and ended(wishes)
    assert player.peer.state is State.OVER and not player.peer.unanswered.acts
    assert player.peer.receive(player.now, frame) == []


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 255))
def test_a_flipped_bit_in_a_frame_cuts(at: int, flip: int) -> None:
    player = entered()
    frame = bytearray(seal(player.key, 1, protocol.encode(Act(43, b"\x93\x01\x00\x00"))))
    frame[at % len(frame)] ^= flip
    assert ended(player.peer.receive(NOW, bytes(frame)))
    assert not player.peer.unanswered.acts


def test_a_replayed_or_reordered_frame_cuts() -> None:
    player = entered()
    frame = seal(player.key, 1, protocol.encode(LookAgain()))
    assert player.peer.receive(NOW, frame) == [ShowAll()]
    assert "expected 2" in ended(player.peer.receive(NOW, frame))
    player = entered()
    assert "expected 1" in ended(player.peer.receive(NOW, seal(player.key, 2, protocol.encode(LookAgain()))))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 3)), max_size=60))
def test_whatever_regions_answer_every_action_is_kept_until_it_is_done(steps: list[tuple[int, int]]) -> None:
    """Law: exactly once. An action leaves `unacked` only by an answer that names it done."""
    player = entered()
    chains = {player.number: player.chain}
    done = player.number
    for kind, far in steps:
        if kind == 0 and len(player.peer.unanswered.acts) < UNSIGNED_ACTIONS_MAX:
            player.act()
            chains[player.number] = player.chain
        elif kind == 1 and done + 1 <= player.number:
            done = min(done + 1 + far, player.number)
            player.answer(STATUS_LAST, done, chains[done])
        elif kind == 2:
            player.answer(STATUS_BUSY, done)
        elif kind == 3:
            player.answer(STATUS_MOVED, done)
        elif kind == 4:
            player.here(region=1 + far % 2, hop=player.peer.hop + far, number=player.number)
        elif kind == 5:
            player.later(100 * (far + 1))
        elif kind == 6:
            player.answer(STATUS_LAST, max(done - far, 42), bytes(32))
        elif kind == 7:
            player.peer.moved(player.now, 1 + far % 2, player.peer.hop + far)
        elif kind == 8:
            player.peer.left(player.now, 1 + far % 2, player.peer.hop + far)
        elif kind == 9:
            player.answer(STATUS_GAP, max(done - far, 42), bytes(32))
        else:
            player.peer.restarted(player.now)
        assert player.peer.state in (State.SERVED, State.LOST)
        assert list(player.peer.unanswered.acts) == list(range(done + 1, player.number + 1))
    if player.peer.state is State.LOST:
        player.here(region=1, hop=player.peer.hop, number=player.number)
    again = [one for _ in range(3) for one in sent(player.later(RESEND_AFTER_MS << REPEATS_SHIFT_MAX))]
    numbers = [one.number for one in again]
    assert numbers == sorted(player.peer.unanswered.acts) * 3 or not player.peer.unanswered.acts


def test_status_is_told_once_when_a_birth_is_asked_for() -> None:
    player = Player()
    player.sign(player.hello())
    wishes = [wish for _ in range(30) for wish in player.later(SEEK_EVERY_MS)]
    assert len([wish for wish in wishes if isinstance(wish, Tell) and isinstance(wish.told, Status)]) == 1


def test_a_key_needs_a_canonical_point() -> None:
    with pytest.raises(protocol.RecordError):
        to_u(((2**255 - 19) + 5).to_bytes(32, "little"))
