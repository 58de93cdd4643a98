"""Letters in and out: which are kept, what a tick takes of them, and to whom the next ones go."""

from msgspec.structs import replace

from archive.keys import Ed25519Key
from regions import letters, messages
from regions.config import GHOST_BYTES_MAX, HEARD_BYTES_MAX, LETTER_FRESH_MS, LETTER_REPEAT_MS, MAIL_PER_LETTER
from regions.letters import HANDOVER, RULES
from regions.messages import Letter
from regions.post_box import PostBox
from regions.record import Mail
from regions.region_state import Region
from regions.seat import Seat
from tests.cluster import NODE, Cluster

T = 1_000_000


def box(shape: tuple[int, int] = (3, 1), index: int = 2) -> tuple[PostBox, Region, Cluster]:
    cluster = Cluster(shape=shape, tiles=(64 * shape[0], 64 * shape[1]), start=False)
    seat = Seat(cluster.world, index, cluster.processes[index], cluster.processes, NODE, None)
    return PostBox(seat), cluster.genesis(index), cluster


def letter(sender: int, n: int, mail: tuple[Mail, ...] = (), world: bytes = b"", **fields: object) -> Letter:
    made = Letter(sender, 1, 1, n, bytes([n % 256]) * 32, 0, 0, mail, b"", NODE.public, b"")
    made = replace(made, **fields)
    if not mail:
        return made
    return replace(made, signature=NODE.sign(messages.letter_message(world, made, 2)))


def test_only_the_newest_letter_counts() -> None:
    post, region, _ = box()
    for n in (5, 3, 7, 7, 6):
        post.receive(T, region, letter(1, n))
    heard, _ = post.heard(T, region.state)
    assert [one.n for one in heard] == [7]


def test_a_new_term_comes_before_an_old_ones_numbers() -> None:
    post, region, _ = box()
    post.receive(T, region, letter(1, 900))
    post.receive(T, region, letter(1, 5, term=2))
    assert [one.n for one in post.heard(T, region.state)[0]] == [5]


def test_letters_of_strangers_other_eras_or_beyond_limits_are_not_kept() -> None:
    post, region, _ = box()
    for wrong in (letter(7, 5), letter(2, 5), letter(1, 5, era=2), letter(1, 5, ghosts=bytes(GHOST_BYTES_MAX + 32))):
        post.receive(T, region, wrong)
    assert post.heard(T, region.state) == ((), 0)


def test_mail_needs_the_signature_of_a_node_of_the_roster() -> None:
    post, region, cluster = box()
    mail = (Mail(1, RULES, b"m"),)
    good = letter(1, 5, mail, world=cluster.world)
    stranger = Ed25519Key(b"x" * 32)
    forged = replace(good, node=stranger.public)
    forged = replace(forged, signature=stranger.sign(messages.letter_message(cluster.world, forged, 2)))
    elsewhere = replace(good, signature=NODE.sign(messages.letter_message(cluster.world, good, 3)))
    for wrong in (replace(good, signature=b""), forged, elsewhere, replace(good, consumed=1), replace(good, room=9)):
        post.receive(T, region, wrong)
        assert post.newest == {}
    post.receive(T, region, good)
    assert post.heard(T, region.state)[0][0].mail == mail


def test_what_was_taken_is_not_taken_again_and_a_gap_waits() -> None:
    post, region, cluster = box()
    near = letters.neighbour(region.state, 1)
    near.taken = 4
    mails = tuple(Mail(number, RULES, b"m") for number in (3, 4, 5, 6, 8))
    post.receive(T, region, letter(1, 9, mails, world=cluster.world))
    (one,) = post.heard(T, region.state)[0]
    assert [mail.number for mail in one.mail] == [5, 6]


def test_no_more_is_taken_than_a_record_holds_and_the_rest_comes_later() -> None:
    post, region, cluster = box()
    mails = tuple(Mail(number, RULES, bytes(16_000)) for number in range(1, 12))
    post.receive(T, region, letter(1, 9, mails, world=cluster.world))
    post.receive(T, region, letter(3, 9, mails, world=cluster.world))
    heard, _ = post.heard(T, region.state)
    assert 0 < sum(len(mail.body) for one in heard for mail in one.mail) <= HEARD_BYTES_MAX
    assert heard[0].mail and len(heard[0].mail) < len(mails)


def test_each_neighbour_is_first_in_its_turn() -> None:
    post, region, _ = box(shape=(3, 3), index=5)
    for sender in (1, 2, 3, 4, 6, 7, 8, 9):
        post.receive(T, region, letter(sender, 9))
    firsts = set()
    for tick in range(9):
        region.state.tick = tick
        firsts.add(post.heard(T, region.state)[0][0].region)
    assert firsts == {1, 2, 3, 4, 6, 7, 8, 9}


def test_a_handover_without_a_row_is_not_taken() -> None:
    post, region, cluster = box()
    near = letters.neighbour(region.state, 1)
    near.granted = 2
    mails = tuple(Mail(number, HANDOVER, b"x") for number in range(1, 5))
    post.receive(T, region, letter(1, 9, mails, world=cluster.world))
    (one,) = post.heard(T, region.state)[0]
    assert [mail.number for mail in one.mail] == [1, 2]


def test_a_letter_that_claims_more_than_was_sent_is_not_heard() -> None:
    post, region, _ = box()
    post.receive(T, region, letter(1, 9, consumed=1))
    assert post.heard(T, region.state)[0] == ()


def test_freshness_is_a_bit_for_each_neighbour_with_land() -> None:
    post, region, _ = box()
    post.receive(T, region, letter(0, 1))
    post.receive(T, region, letter(3, 1))
    assert post.heard(T, region.state)[1] == 0b10
    assert post.heard(T + LETTER_FRESH_MS, region.state)[1] == 0b10
    assert post.heard(T + LETTER_FRESH_MS + 1, region.state)[1] == 0
    post.receive(T + 300, region, letter(1, 1))
    assert post.heard(T + 300, region.state)[1] == 0b01


def test_letters_go_to_every_neighbour_with_land_and_to_the_world_once_a_second() -> None:
    post, region, _ = box()
    assert [one.subject for one in post.letters(T, region, {})] == ["letter.0", "letter.1", "letter.3"]
    assert [one.subject for one in post.letters(T + 50, region, {})] == ["letter.1", "letter.3"]
    assert "letter.0" in [one.subject for one in post.letters(T + LETTER_REPEAT_MS + 50, region, {})]
    letters.neighbour(region.state, 0).taken = 1  # something to tell it
    assert "letter.0" in [one.subject for one in post.letters(T + LETTER_REPEAT_MS + 100, region, {})]


def test_a_letter_carries_the_oldest_mail_its_own_ghosts_and_a_signature_when_it_has_mail() -> None:
    post, region, cluster = box()
    for _ in range(MAIL_PER_LETTER + 8):
        letters.post(region.state, 1, RULES, b"m")
    _, one, three = (publish.message for publish in post.letters(T, region, {1: b"g" * 32}))
    assert isinstance(one, Letter) and isinstance(three, Letter)
    assert [mail.number for mail in one.mail] == list(range(1, MAIL_PER_LETTER + 1))
    assert (one.ghosts, three.ghosts) == (b"g" * 32, b"") and three.signature == b""
    other = PostBox(Seat(cluster.world, 1, cluster.processes[1], cluster.processes, NODE, None))
    neighbour = cluster.genesis(1)
    other.receive(T, neighbour, replace(one, ghosts=b""))
    assert other.newest[2][0].mail == one.mail


def test_a_letter_that_makes_the_fold_raise_is_forgotten() -> None:
    post, region, _ = box()
    post.receive(T, region, letter(1, 9))
    post.forget(1)
    assert post.heard(T, region.state) == ((), 0)


def test_the_worlds_process_knows_when_mail_waits() -> None:
    cluster = Cluster(start=False)
    post = PostBox(Seat(cluster.world, 0, cluster.processes[0], cluster.processes, NODE, None))
    region = cluster.genesis(0)
    post.receive(T, region, letter(1, 5))
    assert not post.mail_waits(region.state)
    letters.post(region.state, 1, RULES, b"m")
    assert not post.mail_waits(region.state)
    post.receive(T, region, letter(1, 6, consumed=1))
    assert post.mail_waits(region.state)
