"""A client's own bookkeeping: numbers, chain, heads, receipts, resuming, and what a new era undoes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.keys import Ed25519Key
from clients.session import HEAD_EVERY_MS, Acknowledged, Parted, Session, Undone, Unsure, Welcomed, Words
from regions import protocol
from regions.config import UNSIGNED_ACTIONS_MAX
from regions.errors import RecordError
from regions.handshake import gateway_key, gateway_point, is_signed, unseal
from regions.messages import STATUS_DONE, STATUS_LAST, STATUS_UNSIGNED
from regions.protocol import Acked, Act, Challenge, Hello, LoginSigned, NewEra, Refused, SignedHead, Superseded, Welcome
from regions.record import Login, first_chain, login_body, login_message, player_chain, player_head_message
from world.actions import GiveCoins, Move, Speak, encode_action

NOW = 1_700_000_000_000
WORLD = bytes(range(32))
WALLET = Ed25519Key(b"w" * 32)
SECRET, NONCE = b"g" * 32, b"n" * 16
ENTITY = 1 << 48 | 9


class Door:
    """The gateway's side of one connection, as far as a session can tell."""

    def __init__(self, session: Session, seed: bytes = b"s" * 32) -> None:
        self.session = session
        (hello,) = session.opened(seed)
        self.hello = protocol.decode_said(hello)
        assert isinstance(self.hello, Hello)
        self.key = gateway_key(SECRET, self.hello.session, NONCE)
        challenge = Challenge(WORLD, "g1", NONCE, NOW + 1000, gateway_point(SECRET))
        (signed,), _ = session.told(NOW, protocol.encode(challenge))
        self.signed = protocol.decode_said(signed)
        self.frames = 0

    def login(self, number: int) -> Login:
        assert isinstance(self.hello, Hello) and isinstance(self.signed, LoginSigned)
        return Login(ENTITY, number, self.hello.wallet, self.hello.session, NONCE, NOW + 1000, self.signed.signature)

    def welcome(self, number: int, chain_before: bytes, era: int = 1, now: int = NOW) -> tuple[list, list]:
        chain = player_chain(chain_before, number, login_body(self.login(number)))
        welcome = Welcome(ENTITY, era, number, chain, (64, 64), ((0, 0, 0, 0), (0, 0, 4, 4)))
        frames, news = self.session.told(now, protocol.encode(welcome))
        return self.read(frames), news

    def read(self, frames: list[bytes]) -> list[protocol.Said]:
        said = []
        for frame in frames:
            self.frames += 1
            said.append(protocol.decode_said(unseal(self.key, self.frames, frame)))
        return said

    def ack(self, number: int, chain: bytes, status: int = STATUS_DONE, verdict: int = 0) -> list:
        acked = Acked(number, chain, verdict, status, 1, 77, b"h" * 32)
        return self.session.told(NOW, protocol.encode(acked))[1]


def entered() -> tuple[Session, Door]:
    session = Session(WALLET, WORLD)
    door = Door(session)
    door.welcome(5, b"c" * 32)
    return session, door


def chains(session: Session) -> dict[int, bytes]:
    return {number: one.chain for number, one in session.pending.items()}


def test_the_login_is_signed_by_the_wallet_for_this_world_and_session() -> None:
    session = Session(WALLET, WORLD)
    door = Door(session)
    message = login_message(WORLD, door.login(0))
    assert isinstance(door.signed, LoginSigned) and is_signed(WALLET.public, door.signed.signature, message)


def test_it_enters_any_world_first_and_then_no_other() -> None:
    session = Session(WALLET)
    Door(session)
    assert session.world == WORLD
    session.opened(b"t" * 32)
    with pytest.raises(RecordError, match="expected 00010203"):
        session.told(NOW, protocol.encode(Challenge(b"x" * 32, "g1", NONCE, NOW, gateway_point(SECRET))))


def test_actions_are_numbered_after_the_login_and_chained() -> None:
    session, door = entered()
    said = door.read(session.act(NOW, Move(1, 2)) + session.act(NOW, Speak("hi")))
    assert said == [Act(6, encode_action(Move(1, 2))), Act(7, encode_action(Speak("hi")))]
    chain = session._acked_chain
    for act in said:
        assert isinstance(act, Act)
        chain = player_chain(chain, act.number, act.body)
    assert session.pending[7].chain == chain


def test_a_head_is_signed_at_once_after_a_login_then_once_in_a_while_and_before_what_is_valuable() -> None:
    session = Session(WALLET, WORLD)
    door = Door(session)
    (head,), _ = door.welcome(5, b"c" * 32)
    assert isinstance(head, SignedHead) and head.number == 5
    door.read(session.act(NOW, Move(1, 1)))
    assert session.signed_head(NOW + HEAD_EVERY_MS - 1) == []
    (head,) = door.read(session.signed_head(NOW + HEAD_EVERY_MS))
    assert isinstance(head, SignedHead) and isinstance(door.hello, Hello)
    message = player_head_message(WORLD, 1, ENTITY, 6, session.pending[6].chain, b"")
    assert head.number == 6 and is_signed(door.hello.session, head.signature, message)
    assert session.signed_head(NOW + 10 * HEAD_EVERY_MS) == []
    head, act = door.read(session.act(NOW, GiveCoins(4, 1)))
    assert isinstance(head, SignedHead) and isinstance(act, Act) and head.number == act.number == 7


def test_a_head_that_a_region_wants_is_signed_over_what_it_can_check() -> None:
    session, door = entered()
    for step in range(4):
        session.act(NOW, Move(step, 0))
    door.frames = session.frames_sent
    door.ack(6, session.pending[6].chain)
    for number, wanted in ((7, 8), (9, 9), (6, 7)):
        acked = Acked(number, bytes(32), 0, STATUS_UNSIGNED, 1, 77, b"h" * 32)
        (head,) = door.read(session.told(NOW, protocol.encode(acked))[0])
        assert isinstance(head, SignedHead)
        assert (head.number, head.chain) == (wanted, session.pending[wanted].chain)
    acked = Acked(5, bytes(32), 0, STATUS_UNSIGNED, 1, 77, b"h" * 32)
    assert session.told(NOW, protocol.encode(acked)) == ([], [])


def test_a_receipt_is_taken_only_for_ones_own_chain() -> None:
    session, door = entered()
    session.act(NOW, Move(1, 1))
    assert door.ack(6, b"o" * 32) == [] and session.foreign_acks == 1 and 6 in session.pending
    (ack,) = door.ack(6, session.pending[6].chain, verdict=3)
    assert isinstance(ack, Acknowledged) and (ack.verdict, ack.n, ack.region) == (3, 77, 1)
    assert not session.pending and session.acked == 6


def test_a_receipt_covers_the_actions_before_whose_own_were_lost() -> None:
    session, door = entered()
    for step in range(3):
        session.act(NOW, Move(step, 0))
    acks = door.ack(7, session.pending[7].chain)
    assert [(ack.action.number, ack.status) for ack in acks] == [(6, STATUS_LAST), (7, STATUS_DONE)]
    assert list(session.pending) == [8]


def test_there_is_room_for_as_many_as_regions_admit_without_a_head() -> None:
    session, _ = entered()
    for _ in range(UNSIGNED_ACTIONS_MAX):
        session.act(NOW, Move(0, 0))
    with pytest.raises(OverflowError, match="64"):
        session.act(NOW, Move(0, 0))


def test_on_resuming_what_was_admitted_is_recognised_and_the_rest_is_sent_anew_under_new_numbers() -> None:
    for admitted in range(5):
        session, _ = entered()
        for step in range(4):
            session.act(NOW, Move(step, 0))
        known = chains(session)
        end = 5 + admitted
        before = known.get(end, session._acked_chain)
        again = Door(session, b"t" * 32)
        said, news = again.welcome(end + 1, before)
        acks = [one for one in news if isinstance(one, Acknowledged)]
        assert [ack.action.number for ack in acks] == list(range(6, end + 1))
        acts = [act for act in said if isinstance(act, Act)]
        assert [act.body for act in acts] == [encode_action(Move(step, 0)) for step in range(admitted, 4)]
        assert [act.number for act in acts] == list(range(end + 2, end + 2 + 4 - admitted))
        assert isinstance(news[0], Welcomed) and news[0].resumed


def test_what_is_done_while_away_goes_out_on_return() -> None:
    session, _ = entered()
    base = session._acked_chain
    again = Door(session, b"t" * 32)
    assert session.act(NOW, Move(9, 9)) == []
    said, _ = again.welcome(6, base)
    assert [act for act in said if isinstance(act, Act)] == [Act(7, encode_action(Move(9, 9)))]


def test_when_another_session_acted_meanwhile_nothing_is_repeated_and_the_player_is_told() -> None:
    session, _ = entered()
    session.act(NOW, Move(1, 1))
    said, news = Door(session, b"t" * 32).welcome(9, b"foreign!" * 4)
    assert [act for act in said if isinstance(act, Act)] == []
    (unsure,) = [one for one in news if isinstance(one, Unsure)]
    assert [one.number for one in unsure.pending] == [6] and not session.pending


def test_a_new_era_lists_what_was_undone_and_nothing_is_sent_again() -> None:
    session, door = entered()
    for step in range(4):
        session.act(NOW, Move(step, 0))
    door.ack(8, session.pending[8].chain)
    _, news = session.told(NOW, protocol.encode(NewEra(2, 6, b"e" * 32)))
    assert isinstance(news[0], Words)
    said, news = Door(session, b"t" * 32).welcome(7, b"e" * 32, era=2)
    assert [act for act in said if isinstance(act, Act)] == []
    (undone,) = [one for one in news if isinstance(one, Undone)]
    assert (undone.era, undone.number, undone.acked) == (2, 6, 8)
    assert [one.number for one in undone.pending] == [9]
    assert not session.pending and session.number == 7 and session.era == 2


def test_words_refusals_and_supersession_are_news() -> None:
    session, _ = entered()
    for told, kind in (
        (protocol.Status("wait"), Words),
        (Refused("no"), Parted),
        (Superseded(7, bytes(32)), Parted),
    ):
        _, (news,) = session.told(NOW, protocol.encode(told))
        assert isinstance(news, kind)
    assert isinstance(news, Parted) and news.superseded


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_or_refused(raw: bytes, inside: bool) -> None:
    session = entered()[0] if inside else Session(WALLET)
    if not inside:
        session.opened(b"s" * 32)
    before = chains(session)
    with pytest.raises(RecordError):
        session.told(NOW, b"\xc1" + raw)
    try:
        session.told(NOW, raw)
    except RecordError:
        assert chains(session) == before


def test_a_welcome_or_challenge_out_of_turn_is_an_error() -> None:
    session, _ = entered()
    with pytest.raises(RecordError):
        session.told(NOW, protocol.encode(Welcome(ENTITY, 1, 9, bytes(32), (1, 1), ())))
    with pytest.raises(RecordError):
        session.told(NOW, protocol.encode(Challenge(WORLD, "g", NONCE, NOW, gateway_point(SECRET))))
    early = Session(WALLET)
    early.opened(b"s" * 32)
    with pytest.raises(RecordError):
        early.told(NOW, protocol.encode(Welcome(ENTITY, 1, 9, first_chain(ENTITY), (1, 1), ())))
