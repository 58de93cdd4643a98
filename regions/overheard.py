"""What regions said to one another, as re-execution gives it, against what the others' records say they heard.

A letter is not archived: the receiver's record holds what it took from it, and the sender's state after the record that
the letter names holds all that was in it. So a receiver that invents mail, ghosts, room or a hash is found out, and so
is a sender that told two neighbours different things.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from archive.keys import ED25519, verify
from regions.config import MAIL_PER_LETTER
from regions.messages import Letter, letter_message
from regions.record import Heard, Mail, Record
from regions.region_state import Region, Told

STATE_HASHES_KEPT = 64


@dataclass(frozen=True)
class Spoke:
    """All that a region had to say after one record: its hash, term, the node that owned it, and per neighbour (mail
    consumed, room, hash of the ghosts or empty, mail in the letter)."""

    head: bytes
    term: int
    node: bytes
    to: Mapping[int, tuple[int, int, bytes, tuple[Mail, ...]]]


@dataclass
class Course:
    """One region while it is re-executed from record `start` on."""

    region: Region
    start: int
    opened: int = 0  # the last record before its era
    term: int = 0  # at `start`
    hashed: int = 0  # the newest record whose state hash held
    ticks: int = 0
    told_number: int = 0  # key events filed by earlier checkpoints
    told: list[Told] = field(default_factory=list)
    spoke: dict[int, Spoke] = field(default_factory=dict)
    order: deque[int] = field(default_factory=deque)  # the records in `spoke`, oldest first
    heard: list[tuple[int, Heard]] = field(default_factory=list)  # not yet held against their senders
    state_hashes: dict[int, bytes] = field(default_factory=dict)  # of the newest records that carry one

    @property
    def newest_told(self) -> int:
        """The number of the newest key event."""
        return self.told[-1].number if self.told else self.told_number

    def note(self, record: Record) -> None:
        """Remember what a record that was just applied said and heard."""
        state = self.region.state
        if record.state_hash:
            self.hashed = record.n
            self.state_hashes[record.n] = record.state_hash
            if len(self.state_hashes) > STATE_HASHES_KEPT:
                del self.state_hashes[next(iter(self.state_hashes))]
        self.ticks += record.claim is None and not record.halt
        ghosts = {one.region: one.ghosts for one in record.sent}
        to = {
            near.index: (near.taken, near.granted, ghosts.get(near.index, b""), tuple(near.outbox[:MAIL_PER_LETTER]))
            for near in state.neighbours
        }
        self.spoke[record.n] = Spoke(self.region.head, record.term, state.claim_node, to)
        self.order.append(record.n)
        self.heard += [(record.n, one) for one in record.heard]
        if state.chronicle_next - 1 > self.newest_told:
            newest = self.newest_told
            self.told += [one for one in state.chronicle if one.number > newest]

    def begin_era(self) -> None:
        """The region's state was adopted by a new era: letters of the old one are not heard in it."""
        self.start = self.opened = self.hashed = self.region.state.n
        self.term = 0
        self.state_hashes = {self.start: self.region.digest()}
        self.spoke.clear()
        self.order.clear()

    def forget(self, n: int) -> None:
        """What was said up to record `n` will not be heard any more."""
        while self.order and self.order[0] <= n:
            del self.spoke[self.order.popleft()]


def misheard(index: int, heard: Heard, sender: Course, receiver: Region) -> str:
    """What is wrong with a letter as region `index` heard it; empty when nothing is, or it cannot be known."""
    if heard.era != receiver.state.era:
        return f"is of era {heard.era}"
    if heard.n <= sender.start:  # written before re-execution began, if it was: with nothing to hold it against
        written = heard.n > sender.opened and heard.term <= sender.term
        return "" if written else "is of a record that is not there"
    spoke = sender.spoke.get(heard.n)
    if spoke is None or index not in spoke.to:
        return "is older than one heard before, or of a record that is not there"
    consumed, room, ghosts, mail = spoke.to[index]
    found = sha256(heard.ghosts).digest() if heard.ghosts else b""
    for what, said, did in (
        ("hash", heard.hash, spoke.head),
        ("term", heard.term, spoke.term),
        ("mail consumed", heard.consumed, consumed),
        ("room", heard.room, room),
        ("ghosts", found, ghosts),
    ):
        if said != did:
            return f"its {what} is not what the sender's own log gives"
    sent = {one.number: one for one in mail}
    if any(sent.get(one.number) != one for one in heard.mail):
        return "it brings mail that the sender did not send"
    if bool(mail) != bool(heard.signature):
        return "its sender did not sign it" if mail else "it is signed, but the sender had no mail"
    if not heard.mail:
        return ""  # what was taken of it is compared above; a signature is asked for where mail was applied
    letter = Letter(
        sender=heard.region,
        era=heard.era,
        term=heard.term,
        n=heard.n,
        hash=heard.hash,
        consumed=heard.consumed,
        room=heard.room,
        mail=mail,
        ghosts=heard.ghosts,
        node=spoke.node,
        signature=heard.signature,
    )
    message = letter_message(receiver.state.world, letter, index)
    return "" if verify(ED25519, spoke.node, message, heard.signature) else "its sender's node did not sign it"


def forget_heard(courses: Mapping[int, Course]) -> None:
    """Let go of what every neighbour has heard, or heard something newer than."""
    for index, course in courses.items():
        oldest: list[int] = []
        for other in courses.values():
            state = other.region.state
            oldest += [near.n if near.era == state.era else 0 for near in state.neighbours if near.index == index]
        course.forget(min(oldest, default=0))
