"""Unmodified AO clients use a real world; what is no honest item is refused with a reason, and leaves no trace."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive.data_item import DataItem, parse_item, sign_item
from archive.keys import Ed25519Key, b64, unb64
from archive.stores.disk import DiskStore
from clients.ledger_check import archived_records
from regions.config import OUTSIDE_BYTES_MAX
from regions.outside import address_text, names
from regions.record import Outside
from tests.ao.open_door import Door, open_door, run, tag
from tests.regions.live_world import wait_for
from tests.wallets import AO, EthereumKey, rsa

REFUSED: list[bytes] = []
"""Every item that was refused, all of this file's tests together: no record may hold one."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("aoconnect") / "w"


@pytest.fixture(scope="module")
def door(home: Path) -> Iterator[Door]:
    with open_door(home, "--regions", "2x1", "--npcs", "300", "--checkpoint-every", "4s") as (_, opened):
        yield opened
    # What the archive holds is all that ever happened.
    held = {
        said.item
        for _, record in archived_records(DiskStore(home / "store"), opened.about["world"])
        for said in record.inputs
        if isinstance(said, Outside)
    }
    assert held
    assert not held & set(REFUSED)


def item(
    key: Any, process: str, action: str, number: str = "", data: bytes = b" ", anchor: bytes | None = None, **more: str
) -> DataItem:
    tags = [("Action", action), *AO, *more.items(), *([("Number", number)] if number else [])]
    return sign_item(key, data, tags, unb64(process), anchor)


class Settler:
    """An outside wallet with a body."""

    def __init__(self, door: Door, key: Any) -> None:
        self.door, self.key = door, key
        self.address = address_text(names(key.signature_type, key.public)[1])
        assert door.post(item(key, door.world, "Join").raw).status_code == 202
        wait_for(self._find, 20, "a body")
        assert door.post(item(key, self.home, "Join", self.next).raw).status_code == 202

    def _find(self) -> bool:
        self.home = next((one for one in self.door.regions if self.door.inventory(one, self.address)), "")
        return bool(self.home)

    @property
    def next(self) -> str:
        found: str = self.door.inventory(self.home, self.address)["Next"]
        return found


@pytest.fixture(scope="module")
def settlers(door: Door) -> list[Settler]:
    """One for each kind of key."""
    return [Settler(door, key) for key in (rsa(), Ed25519Key(os.urandom(32)), EthereumKey(os.urandom(32)))]


def test_legacy_mode(door: Door) -> None:
    seen = run("legacy.mjs", door.base)
    assert seen["home"] in door.regions
    shown = door.client.get(f"{door.doors['scheduler']}/{seen['kept']}?process-id={seen['home']}").json()
    assert shown["message"]["data"] == "kept"
    assert int(tag(shown["assignment"]["tags"], "Nonce")) > seen["nonce"] > 0


def test_mainnet_mode(door: Door) -> None:
    seen = run("mainnet.mjs", door.base)
    assert seen["slot"] > 0 and seen["said"] > 0
    shown = door.client.get(f"{door.doors['mainnet']}{door.world}~process@1.0/slot/current")
    assert shown.status_code == 200 and shown.text.isdigit()


def test_wallets_of_other_kinds_are_called_what_their_users_call_them(door: Door) -> None:
    seen = run("signers.mjs", door.base)
    assert seen["ethereum"]["address"].startswith("0x")
    assert seen["ed25519"]["entity"] != seen["ethereum"]["entity"]


def test_the_hash_chain_follows_from_what_the_scheduler_shows(door: Door) -> None:
    wait_for(lambda: all(len(door.edges(one)) > 4 for one in door.regions), 20, "some assignments")
    chains = run("chain.mjs", door.base)
    assert set(chains) == {door.world, *door.regions}
    for process in door.regions:
        assert chains[process]["nonce"] > 3
        edge = door.edges(process)[chains[process]["nonce"]]
        assert edge["node"]["assignment"]["id"] == chains[process]["id"]


def test_any_letter_that_is_altered_breaks_the_chain(door: Door) -> None:
    wait_for(lambda: len(door.edges(door.regions[0])) > 4, 20, "some assignments")
    seen = run("altered.mjs", door.base, door.regions[0])
    assert seen["altered"] > 200


def test_mail_is_the_senders_message_and_the_receivers_item(door: Door, settlers: list[Settler]) -> None:
    """Every message of every Advance, and every item that names a From-Process: the same mail from both ends."""
    sent: dict[tuple[str, str, str], str] = {}
    come: dict[tuple[str, str, str], str] = {}

    def look() -> bool:
        for process in (door.world, *door.regions):
            for edge in door.edges(process)[1:]:
                message = edge["node"]["message"]
                if tag(message["tags"], "Action") == "Mail":
                    key = tag(message["tags"], "From-Process"), process, tag(message["tags"], "Reference")
                    come[key] = message["data"]
                    assert tag(message["tags"], "From-Module") == door.about["module"]
                    assert message["owner"]["address"] == door.about["scheduler"]
                elif tag(message["tags"], "Action") == "Advance":
                    for one in door.result(process, message["id"])["Messages"]:
                        sent[process, one["Target"], tag(one["Tags"], "Reference")] = one["Data"]
        return any(sent.get(key) == come[key] and key[0] in door.regions for key in come)

    wait_for(look, 60, "a mail to be shown at both ends")
    both = set(sent) & set(come)
    assert {key: sent[key] for key in both} == {key: come[key] for key in both}
    assert all(target in (door.world, *door.regions) for _, target, _ in sent)


@pytest.mark.parametrize("name", ["messenger", "scheduler", "compute", "gateway", "mainnet"])
def test_pages_from_anywhere_may_ask(door: Door, name: str) -> None:
    origin = {"Origin": "https://game.example"}
    asked = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,accept"}
    answer = door.client.options(door.doors[name], headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in ("*", "https://game.example")
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "content-type" in answer.headers["access-control-allow-headers"].lower()
    refused = door.client.get(f"{door.doors[name].rstrip('/')}/no/such/thing", headers=origin)
    assert refused.status_code == 404
    assert refused.headers["access-control-allow-origin"] == "*"


# What is no honest item.


def forged(raw: bytes) -> bytes:
    """The same words with another letter of what is said, under the old signature."""
    one = parse_item(raw)
    return raw[: -len(one.data)] + bytes([one.data[0] ^ 1]) + one.data[1:]


def refuse(door: Door, raw: bytes, process: str, statuses: tuple[int, ...], words: str) -> None:
    """Post it at each door that takes items; each says no, and why."""
    REFUSED.append(raw)
    for name, path in (("messenger", ""), ("scheduler", ""), ("mainnet", f"{process}~process@1.0/push")):
        answer = door.post(raw, name, path)
        assert answer.status_code in statuses, (name, answer.status_code, answer.text)
        assert words in answer.json()["error"], (name, answer.text)


def test_forged_items_are_refused_and_change_nothing(door: Door, settlers: list[Settler]) -> None:
    for settler in settlers:
        before = door.inventory(settler.home, settler.address)
        for action, more in (("Say", {}), ("Move", {"X": "1", "Y": "1"})):
            number = before["Next"] if action == "Move" else ""
            good = item(settler.key, settler.home, action, number, b"words", **more)
            refuse(door, forged(good.raw), settler.home, (400,), "signature")
            another = item(Ed25519Key(os.urandom(32)), settler.home, action, number, b"words", **more)
            stolen = bytearray(good.raw)
            stolen[2:66] = another.signature[:64]
            refuse(door, bytes(stolen), settler.home, (400,), "signature")
        assert door.inventory(settler.home, settler.address) == before


def test_a_flipped_v_does_not_make_a_second_item(door: Door, settlers: list[Settler]) -> None:
    settler = settlers[2]
    good = item(settler.key, settler.home, "Say", "", b"once")
    assert door.post(good.raw).status_code == 202
    for v in (0, 1, 27 + 28 - good.signature[64], 29, 255):
        flipped = good.raw[: 2 + 64] + bytes([v]) + good.raw[2 + 65 :]
        assert parse_item(flipped).id != good.id
        refuse(door, flipped, settler.home, (400,), "signature")
    # The other spelling of the same signature: s is n - s, v the other.
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = order - int.from_bytes(good.signature[32:64], "big")
    other = good.raw[: 2 + 32] + high.to_bytes(32, "big") + bytes([55 - good.signature[64]]) + good.raw[2 + 65 :]
    refuse(door, other, settler.home, (400,), "signature")
    assert door.post(good.raw).status_code == 409


def test_an_item_is_taken_once_at_whichever_door(door: Door, settlers: list[Settler]) -> None:
    for settler in settlers:
        number = settler.next
        good = item(settler.key, settler.home, "Move", number, X="1", Y="0")
        assert door.post(good.raw).status_code == 202
        before = door.inventory(settler.home, settler.address)
        for name, path in (("messenger", ""), ("scheduler", ""), ("mainnet", f"{settler.home}~process@1.0/push")):
            answer = door.post(good.raw, name, path)
            assert (answer.status_code, "taken already" in answer.text) == (409, True)
        # Its number under other words, with a signature that is good.
        again = item(settler.key, settler.home, "Move", number, X="0", Y="1")
        refuse(door, again.raw, settler.home, (409,), before["Next"])
        era, _, last = before["Next"].partition(".")
        later = item(settler.key, settler.home, "Move", f"{era}.{int(last) + 1}", X="0", Y="1")
        refuse(door, later.raw, settler.home, (409,), before["Next"])
        assert door.inventory(settler.home, settler.address) == before


def test_items_of_another_era_or_world_are_refused(door: Door, settlers: list[Settler]) -> None:
    settler = settlers[1]
    before = door.inventory(settler.home, settler.address)
    last = before["Next"].partition(".")[2]
    for era in (0, 2, 9):
        other = item(settler.key, settler.home, "Move", f"{era}.{last}", X="1", Y="0")
        refuse(door, other.raw, settler.home, (400,), "era")
    elsewhere = item(settler.key, b64(bytes(range(32))), "Move", before["Next"], X="1", Y="0")
    refuse(door, elsewhere.raw, settler.home, (404,), "none of world")
    away = next(one for one in door.regions if one != settler.home)
    refuse(door, item(settler.key, away, "Move", before["Next"], X="1", Y="0").raw, away, (409,), "not in that region")
    stranger = item(Ed25519Key(os.urandom(32)), settler.home, "Say", "", b"boo")
    refuse(door, stranger.raw, settler.home, (409,), "not in that region")
    assert door.inventory(settler.home, settler.address) == before


def test_what_is_too_large_or_no_item_is_refused(door: Door, settlers: list[Settler]) -> None:
    settler = settlers[1]
    key, home = settler.key, settler.home
    before = door.inventory(home, settler.address)
    empty = len(item(key, home, "Info", "", b"").raw)
    refuse_large = item(key, home, "Info", "", bytes(OUTSIDE_BYTES_MAX + 1 - empty))
    assert len(refuse_large.raw) == OUTSIDE_BYTES_MAX + 1
    refuse(door, refuse_large.raw, home, (400, 413), "16384")
    largest = item(key, home, "Info", "", bytes(OUTSIDE_BYTES_MAX - empty))
    assert door.post(largest.raw).status_code == 202
    refuse(door, bytes(1_000_000), home, (400, 413), "")
    words = {"Move": {"X": "128", "Y": "0"}, "Give": {"Recipient": "nobody", "Asset": "1"}, "Rob": {}, "": {}}
    for action, more in words.items():
        refuse(door, item(key, home, action or "Info2", before["Next"], **more).raw, home, (400,), "")
    for number in ("1", "1.0", "1.-1", "1.1e3", "1.01", "01.1", "1." + "9" * 40):
        refuse(door, item(key, home, "Move", number, X="1", Y="0").raw, home, (400,), "Number")
    refuse(door, item(key, home, "Move", X="1", Y="0").raw, home, (400,), "Number")
    not_ao = sign_item(key, b"hello", [("Action", "Say"), ("Type", "Message")], unb64(home))
    refuse(door, not_ao.raw, home, (400,), "Data-Protocol")
    untargeted = sign_item(key, b"hello", [("Action", "Info"), *AO])
    refuse(door, untargeted.raw, home, (400, 404), "")
    assert door.inventory(home, settler.address) == before


def test_mangled_bytes_are_refused_with_a_reason(door: Door, settlers: list[Settler]) -> None:
    settler, random_ = settlers[1], random.Random(20)
    before = door.inventory(settler.home, settler.address)
    good = item(settler.key, settler.home, "Move", before["Next"], b"mangle me", X="1", Y="0").raw
    for _ in range(60):
        raw = bytearray(good)
        match random_.randrange(4):
            case 0:
                raw[random_.randrange(len(raw))] ^= 1 << random_.randrange(8)
            case 1:
                del raw[random_.randrange(len(raw)) :]
            case 2:
                raw += random_.randbytes(random_.randrange(1, 40))
            case _:
                raw = bytearray(random_.randbytes(random_.randrange(300)))
        REFUSED.append(bytes(raw))
        answer = door.post(bytes(raw), random_.choice(["messenger", "scheduler"]))
        assert 400 <= answer.status_code < 500, (raw.hex(), answer.text)
        assert answer.json()["error"]
    assert door.inventory(settler.home, settler.address) == before


def test_senseless_questions_are_answered_4xx(door: Door) -> None:
    compute, scheduler, mainnet = (door.doors[name] for name in ("compute", "scheduler", "mainnet"))
    nothing, home = "A" * 43, door.regions[0]
    for url in (
        f"{compute}/result/{nothing}",
        f"{compute}/result/x?process-id={home}",
        f"{compute}/results/{nothing}",
        f"{compute}/results/{home}?from=%00",
        f"{compute}/results/{home}?limit=-1",
        f"{compute}/results/{home}?from=eyJvcmRpbmF0ZSI6IDFlOTk5OX0=",
        f"{compute}/results/{home}?from=eyJvcmRpbmF0ZSI6ICI5OTk5OTk5OTk5OTk5OTk5OTk5OTk5In0=",
        f"{compute}/results/{home}?from=eyJvcmRpbmF0ZSI6ICItMSJ9",
        f"{compute}/results/{home}?from={'W1tb' * 100}",
        f"{scheduler}/{home}?from-nonce=x",
        f"{scheduler}/{home}?limit={'9' * 30}",
        f"{scheduler}/x",
        f"{mainnet}{home}~process@1.0/compute/results=99999999",
        f"{mainnet}{home}~process@1.0/compute/results=x",
    ):
        answer = door.client.get(url)
        assert 400 <= answer.status_code < 500, (url, answer.status_code, answer.text)
    for body in (b"", b"[", b"[" * 100_000, b'{"Tags": 3}', b'{"Tags": [{}]}', b"\xff" * 100):
        answer = door.client.post(f"{compute}/dry-run?process-id={home}", content=body)
        assert 400 <= answer.status_code < 500, (body[:20], answer.text)
