"""Golden bytes of the record, read by the code and by a second reader (`msgpack`) written from the docstring alone.

What they have caught: nothing yet. `python -m tests.regions.test_golden_record` writes them anew, which is right only
for a new format number.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import pytest

from archive.keys import ED25519, Ed25519Key, verify
from regions.errors import RecordError
from regions.record import (
    Acted,
    Birth,
    Claim,
    Confirmed,
    Head,
    Heard,
    Login,
    Mail,
    Order,
    Outside,
    OwnerSaid,
    Record,
    Sent,
    SpanSigned,
    claim_message,
    decode,
    encode,
    first_chain,
    genesis_hash,
    head_message,
    login_body,
    login_message,
    player_chain,
    player_head_message,
    record_hash,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "record.json"
NODE, WALLET, SESSION = (Ed25519Key(bytes([number]) * 32) for number in (3, 4, 5))


def digest(word: str) -> bytes:
    """A hash to have one."""
    return sha256(word.encode()).digest()


WORLD, REGION = digest("world"), digest("region")
ENTITY = 1 << 48 | 7


def claim() -> Record:
    """Record 1 of a region: its first claim."""
    bare = Claim(NODE.public, bytes(range(16)), digest("commitment"), 65_536, digest("era"), bytes(64))
    message = claim_message(REGION, 1, 1, 1, genesis_hash(REGION), bare)
    signed = Claim(bare.node, bare.process, bare.commitment, bare.links, bare.era_item, NODE.sign(message))
    return Record(
        1, 1, 1, 1, 0, genesis_hash(REGION), 1_700_000_000_000, digest("module"), 1, 1, signed,
        b"", (), (), 0, (), "", (), (), (), b"", b"", b"",
    )  # fmt: skip


def full() -> Record:
    """A record with every kind of input, a letter with mail, a state hash and a head."""
    login = Login(ENTITY, 1, WALLET.public, SESSION.public, bytes(16), 1_700_000_600_000, bytes(64))
    login = Login(*login_fields(login), WALLET.sign(login_message(WORLD, login)))
    chain = player_chain(first_chain(ENTITY), 1, login_body(login))
    seen = digest("record seen")
    head_signature = SESSION.sign(
        player_head_message(WORLD, 1, ENTITY, 2, player_chain(chain, 2, b"\x92\x01\x7f"), seen)
    )
    inputs = (
        login,
        Acted(ENTITY, 2, 1, b"\x92\x01\x7f"),
        Head(ENTITY, 2, player_chain(chain, 2, b"\x92\x01\x7f"), seen, head_signature),
        Outside(b"an item", ENTITY, 3),
        SpanSigned(1, 32, 0, ((b"", bytes(64)), (bytes(range(64)), bytes(range(64))))),
        Birth(WALLET.public, SESSION.public, bytes(16), 1_700_000_600_000, bytes(64)),
        Order(3, True, bytes(range(16))),
        Confirmed(2, digest("manifest"), bytes(range(16)), ((REGION, 31, 0),), NODE.public, bytes(64)),
        OwnerSaid(b"another item"),
    )
    heard = (Heard(2, 1, 4, 60, digest("record 60"), 9, 16, (Mail(5, 1, b"a body"),), b"ghosts", bytes(64)),)
    sent = (Sent(2, 9, (digest("mail 9"),), digest("ghosts"), 17),)
    state_hash = digest("state")
    head = NODE.sign(head_message(REGION, 1, 2, 64, digest("record 63"), state_hash))
    return Record(
        1, 1, 2, 64, 62, digest("record 63"), 1_700_000_003_200, digest("module"), 1, 1, None, digest("link"),
        inputs, heard, 3, ((2, 5),), "", (0, 0, 0, 10, 0, 0, 7, 0, 6), (b"a reply",), sent, digest("events"),
        state_hash, head,
    )  # fmt: skip


def login_fields(login: Login) -> tuple[Any, ...]:
    """All but the signature."""
    return login.entity, login.number, login.wallet, login.session_key, login.nonce, login.expires_ms


def golden() -> dict[str, str]:
    """The golden file."""
    found: dict[str, str] = json.loads(GOLDEN.read_text())
    return found


@pytest.mark.parametrize("name", ["claim", "full"])
def test_golden_records_are_read_and_written_alike(name: str) -> None:
    raw, record = bytes.fromhex(golden()[name]), {"claim": claim, "full": full}[name]()
    assert decode(raw) == record
    assert encode(record) == raw
    assert record_hash(raw).hex() == golden()[f"{name}_hash"] == sha256(raw).hexdigest()


def test_a_second_reader_of_records() -> None:
    found = msgpack.unpackb(bytes.fromhex(golden()["full"]), use_list=False)
    assert found[:6] == (1, 1, 2, 64, 62, digest("record 63"))
    assert found[6:12] == (1_700_000_003_200, digest("module"), 1, 1, None, digest("link"))
    inputs, heard, fresh, parked, halt, verdicts, replies, sent, events, state_hash, head = found[12:]
    assert [one[0] for one in inputs] == [1 + place for place in (1, 0, 2, 3, 4, 5, 6, 7, 8)]
    tag, entity, number, session, body = inputs[1]
    chain = sha256(b"everloom-player" + entity.to_bytes(8, "little")).digest()
    login = inputs[0]
    chain = sha256(chain + (1).to_bytes(8, "little") + b"login" + login[4] + login[5]).digest()
    chain = sha256(chain + number.to_bytes(8, "little") + body).digest()
    assert (tag, session, inputs[2][3]) == (1, 1, chain)
    signed = b"everloom-head-of-player-1\0" + WORLD + (1).to_bytes(4, "little") + entity.to_bytes(8, "little")
    signed += number.to_bytes(8, "little") + chain + inputs[2][4]
    assert verify(ED25519, login[4], signed, inputs[2][5])
    certificate = b"everloom-login-1\0" + WORLD + login[4] + login[5] + login[6].to_bytes(8, "little")
    assert verify(ED25519, login[3], certificate, login[7])
    assert heard[0][:8] == (2, 1, 4, 60, digest("record 60"), 9, 16, ((5, 1, b"a body", b""),))
    assert (fresh, parked, halt, verdicts) == (3, ((2, 5),), "", (0, 0, 0, 10, 0, 0, 7, 0, 6))
    assert (inputs[3], replies) == ((4, b"an item", ENTITY, 3), (b"a reply",))
    assert sent == ((2, 9, (digest("mail 9"),), digest("ghosts"), 17),)
    message = b"everloom-head-1\0" + msgpack.packb((REGION, 1, 2, 64, digest("record 63"), state_hash))
    assert events == digest("events") and verify(ED25519, NODE.public, message, head)


def test_a_second_reader_of_claims() -> None:
    found = msgpack.unpackb(bytes.fromhex(golden()["claim"]), use_list=False)
    node, process, commitment, links, era_item, signature = found[10]
    fields = (REGION, 1, 1, 1, found[5], node, process, commitment, links, era_item)
    assert found[5] == sha256(b"everloom-genesis" + REGION).digest()
    assert verify(ED25519, node, b"everloom-claim-1\0" + msgpack.packb(fields), signature)


def test_every_flipped_bit_of_a_record_is_refused_or_is_another_record() -> None:
    raw = bytes.fromhex(golden()["full"])
    for place in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << bit
            try:
                assert encode(decode(bytes(flipped))) == flipped, (place, bit)
            except RecordError:
                continue
    for end in range(len(raw)):
        with pytest.raises(RecordError):
            decode(raw[:end])


def main() -> None:
    """Write the golden file."""
    words = {}
    for name, record in (("claim", claim()), ("full", full())):
        words |= {name: encode(record).hex(), f"{name}_hash": record_hash(encode(record)).hex()}
    GOLDEN.write_text(json.dumps(words, indent=1) + "\n")


if __name__ == "__main__":
    main()
