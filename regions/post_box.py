"""A region's letters: the newest one from each neighbour, what a tick takes of them, and the ones to write.

Of letters only the newest counts, so any may be lost; mail is repeated in every letter until it is named consumed.
"""

from msgspec.structs import replace

from archive.keys import ED25519, verify
from regions import letters, messages
from regions.config import (
    GHOST_BYTES_MAX,
    HEARD_BYTES_MAX,
    LETTER_FRESH_MS,
    LETTER_REPEAT_MS,
    MAIL_PER_LETTER,
)
from regions.messages import Letter
from regions.record import Heard, Mail
from regions.region_state import Neighbour, Region, RegionState
from regions.seat import Seat
from regions.verbs import Publish


class PostBox:
    """Letters in and out of one region. Reads its state, never writes it."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.newest: dict[int, tuple[Letter, int]] = {}  # by neighbour, with when it came
        self.told: dict[int, tuple[int, int]] = {}  # to whom no letter goes each tick: mail taken, when last told

    def receive(self, now_ms: int, region: Region, letter: Letter) -> None:
        """Keep a letter if it is newer than the last, of this era, shows what can be shown, and a node of the roster
        signed its mail."""
        state = region.state
        near = next((one for one in state.neighbours if one.index == letter.sender), None)
        if near is None or letter.era != state.era or len(letter.ghosts) > GHOST_BYTES_MAX:
            return
        if letter.ghosts and not region.rules.ghosts_fit(region.bodies, letter.ghosts):
            return
        before = self.newest.get(letter.sender)
        if before is not None and (letter.term, letter.n) <= (before[0].term, before[0].n):
            return
        if letter.mail:
            message = messages.letter_message(state.world, letter, self.seat.index)
            if letter.node not in state.nodes or not verify(ED25519, letter.node, message, letter.signature):
                return
        self.newest[letter.sender] = (letter, now_ms)

    def forget(self, sender: int) -> None:
        """Wait for another letter of this neighbour: its newest one makes the fold raise."""
        self.newest.pop(sender, None)

    def mail_waits(self, state: RegionState) -> bool:
        """Whether a letter brings mail, or word of consumed mail, that no record has taken yet."""
        for near in state.neighbours:
            letter = self.newest.get(near.index, (None, 0))[0]
            if letter is None or (letter.era, letter.term, letter.n) <= (near.era, near.term, near.n):
                continue
            if any(mail.number > near.taken for mail in letter.mail):
                return True
            if near.outbox and letter.consumed >= near.outbox[0].number:
                return True
        return False

    def heard(self, now_ms: int, state: RegionState) -> tuple[tuple[Heard, ...], int]:
        """What a tick takes from the newest letters, and which neighbours with land are fresh (bit i: the i-th).

        Each tick begins with another neighbour, so that a crowd at one border does not silence the others.
        """
        heard: list[Heard] = []
        size, first = 0, state.tick % len(state.neighbours) if state.neighbours else 0
        for near in state.neighbours[first:] + state.neighbours[:first]:
            letter = self.newest.get(near.index, (None, 0))[0]
            if letter is None or (letter.era, letter.term, letter.n) <= (near.era, near.term, near.n):
                continue
            one = _take(near, letter, HEARD_BYTES_MAX - size)
            if one is not None and letter.consumed <= near.sent:
                heard.append(one)
                size += len(one.ghosts) + sum(len(mail.body) + 16 for mail in one.mail) + 128
        landed = [near for near in state.neighbours if near.index != letters.WORLD]
        fresh = sum(self._is_fresh(now_ms, near) << place for place, near in enumerate(landed))
        return tuple(heard), fresh

    def _is_fresh(self, now_ms: int, near: Neighbour) -> bool:
        letter, at_ms = self.newest.get(near.index, (None, 0))
        return letter is not None and now_ms - at_ms <= LETTER_FRESH_MS

    def letters(self, now_ms: int, region: Region, ghosts: dict[int, bytes]) -> list[Publish]:
        """The letters to write after a durable record: to every neighbour with land; to and from the world's process
        only when there is news, repeated each second."""
        state = region.state
        written: list[Publish] = []
        for near in state.neighbours:
            if letters.WORLD in (near.index, self.seat.index):
                taken, told_ms = self.told.get(near.index, (-1, 0))
                if not near.outbox and near.taken == taken and now_ms - told_ms < LETTER_REPEAT_MS:
                    continue
                self.told[near.index] = (near.taken, now_ms)
            written.append(Publish(f"letter.{near.index}", self._write(region, near, ghosts.get(near.index, b""))))
        return written

    def _write(self, region: Region, near: Neighbour, ghosts: bytes) -> Letter:
        state = region.state
        letter = Letter(
            sender=self.seat.index,
            era=state.era,
            term=state.term,
            n=state.n,
            hash=region.head,
            consumed=near.taken,
            room=near.granted,
            mail=tuple(near.outbox[:MAIL_PER_LETTER]),
            ghosts=ghosts,
            node=self.seat.node.public,
            signature=b"",
        )
        if not letter.mail:
            return letter
        return replace(letter, signature=self.seat.node.sign(messages.letter_message(state.world, letter, near.index)))


def _take(near: Neighbour, letter: Letter, room: int) -> Heard | None:
    size = len(letter.ghosts)
    if size > room:
        return None
    mail: list[Mail] = []
    arrived = near.arrived
    for one in letter.mail:
        if one.number <= near.taken:
            continue
        if one.number != near.taken + 1 + len(mail) or size + len(one.body) > room:
            break
        arrived += one.kind == letters.HANDOVER
        if arrived > near.granted:
            break  # no row is kept for it: a neighbour that sends it all the same has to wait
        size += len(one.body)
        mail.append(one)
    return Heard(
        region=letter.sender,
        era=letter.era,
        term=letter.term,
        n=letter.n,
        hash=letter.hash,
        consumed=letter.consumed,
        room=letter.room,
        mail=tuple(mail),
        ghosts=letter.ghosts,
        signature=letter.signature if letter.mail else b"",
    )
