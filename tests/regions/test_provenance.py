"""Gifts are read out of records: those that were done, by a player's action or by a wallet's item, and no others."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from archive.data_item import sign_item
from archive.keys import Ed25519Key, b64, unb64
from regions.provenance import Gift, Logged, gifts, wallets
from regions.record import Acted, Input, Outside, encode
from tests.clients.treasure import treasure
from world.actions import GiveAsset, GiveCoins, encode_action
from world.events import Refusal

WALLET = Ed25519Key(b"\x11" * 32)
GIVER, RECEIVER = 281_474_976_710_700, 281_474_976_710_701


def logged(*inputs: Input, verdict: int = Refusal.DONE) -> Iterator[Logged]:
    """A record with these inputs, all with one verdict."""
    world, _, _ = treasure()
    record = replace(world.records(1)[40], inputs=inputs, verdicts=(int(verdict),) * len(inputs), replies=())
    yield Logged(1, record.n, encode(record), "segment", 7)


def asked(asset: int, recipient: str, action: str = "Give") -> Outside:
    target = unb64(treasure()[0].charter.seats[1].process)
    tags = [("Data-Protocol", "ao"), ("Type", "Message"), ("Action", action), ("Recipient", recipient)]
    item = sign_item(WALLET, b"", [*tags, ("Asset", str(asset)), ("Number", "1.1")], target)
    return Outside(item.raw, GIVER, 1)


def test_a_player_s_gift_counts_once_it_is_done() -> None:
    _, _, asset = treasure()
    gift = Acted(GIVER, 9, 1, encode_action(GiveAsset(RECEIVER, asset)))
    coins = Acted(GIVER, 10, 1, encode_action(GiveCoins(RECEIVER, 3)))
    (found,) = gifts(logged(coins, gift), asset)
    assert (found.giver, found.receiver, found.item, found.logged.checkpoint) == (GIVER, RECEIVER, None, 7)
    assert not list(gifts(logged(gift, verdict=Refusal.OUT_OF_REACH), asset))
    assert not list(gifts(logged(gift), asset + 1)) and not list(gifts(logged(coins), asset))
    assert not list(gifts(logged(Acted(GIVER, 9, 1, gift.body + b"x")), asset))


@pytest.mark.parametrize("recipient", [str(RECEIVER), b64(bytes(range(32))), "0x" + "ab" * 20])
def test_a_wallet_s_gift_counts_under_whatever_name_it_has_for_the_receiver(recipient: str) -> None:
    _, _, asset = treasure()
    said = asked(asset, recipient)
    (found,) = gifts(logged(said), asset)
    assert isinstance(found, Gift) and found.giver == GIVER and found.item is not None
    assert found.receiver == (RECEIVER if recipient.isdigit() else recipient)
    assert not list(gifts(logged(said, verdict=Refusal.NOT_YOURS), asset))
    assert not list(gifts(logged(asked(asset + 1, recipient)), asset))
    assert not list(gifts(logged(asked(asset, recipient, "Info")), asset))
    assert not list(gifts(logged(Outside(said.item[:-30], GIVER, 1)), asset))


def test_wallets_are_those_that_logged_in_or_sent_items() -> None:
    world, players, _ = treasure()
    found = dict(wallets((Logged(1, one.n, encode(one), "", 0) for one in world.records(1)), lambda *_: True))
    assert {player.entity for player in players} <= set(found)
    ((entity, name),) = wallets(logged(asked(5, "1")), lambda *_: True)
    assert entity == GIVER and len(name) == 43
    assert not list(wallets(logged(asked(5, "1")), lambda entity, address: entity != GIVER))
