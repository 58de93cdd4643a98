"""Verify is not fooled by an owner that invents what nobody can contradict: letters of no record, gifts of the absent.

Here the node cheats as well as it can (`tests.forger`), and everything that follows from its lie is made anew.
"""

import msgspec
from msgspec.structs import replace

from archive.errors import Forged
from regions.letters import HANDOVER, Handover, decode_body, encode_body
from regions.record import Heard, Mail, Record
from tests.archived import Archived
from tests.audits import fault
from tests.forger import retell
from tests.simulation import small_rules

RICHES = 1_000_000


def enriched(mail: Mail) -> Mail:
    """The same handover, of a body that has come into money."""
    body = decode_body(mail)
    assert isinstance(body, Handover)
    rich = msgspec.structs.replace(small_rules.read(body.image), coins=RICHES)
    return replace(mail, body=encode_body(Handover(msgspec.msgpack.encode(rich), body.player)))


def test_a_letter_of_a_record_that_never_was_is_forged() -> None:
    """Records begin with 1, so none was written before re-execution began that a letter of this era could name."""
    world = Archived()
    world.until(lambda: any(has_handover(one) for record in world.records(2) for one in record.heard))
    world.run(1_000)
    world.checkpoint(world.archivist.built + 1 if world.archivist is not None else 0)
    world.stop_in_order()
    assert fault(world.store, world) is None
    lied: list[int] = []

    def change(index: int, record: Record) -> Record:
        if index != 2:
            return record
        heard: list[Heard] = []
        for one in record.heard:
            if one.region != 1 or (not lied and not has_handover(one)):
                heard.append(one)
            elif not lied:  # from here on region 2 is deaf to region 1
                lied.append(record.n)
                mail = tuple(enriched(mail) if mail.kind == HANDOVER else mail for mail in one.mail)
                heard.append(replace(one, term=2, n=0, mail=mail))
        return replace(record, heard=tuple(heard))

    store = retell(world, change)
    assert lied
    error = fault(store, world)
    assert isinstance(error, Forged) and (error.region, error.record) == ("2", lied[0])
    assert "is of a record that is not there" in error.reason


def has_handover(heard: Heard) -> bool:
    """Whether region 1 hands a body over in this letter."""
    return heard.region == 1 and any(mail.kind == HANDOVER for mail in heard.mail)
