"""Verify is not fooled by an owner that invents what nobody can contradict: letters of no record, gifts of the absent.

Here the node cheats as well as it can (`tests.forger`), and everything that follows from its lie is made anew.
"""

from functools import lru_cache

import msgspec
import pytest
from msgspec.structs import replace

from archive import segment
from archive.checkpoint import Manifest
from archive.data_item import parse_item
from archive.errors import Diverged, Forged
from archive.stores.memory import MemoryStore
from regions.letters import HANDOVER, Handover, decode_body, encode_body
from regions.record import Acted, Confirmed, Heard, Input, Mail, Record
from regions.region_state import Player as Controller
from regions.scheduler import confirmed_message
from tests import forger
from tests.archived import Archived, restored
from tests.audits import audited, fault, play, small_world
from tests.cluster import NODE, Player
from tests.forger import retell
from tests.simulation import small_rules
from world.actions import GiveAsset, GiveCoins, Speak, encode_action
from world.events import Refusal

RICHES = 1_000_000


def enriched(mail: Mail) -> Mail:
    """The same handover, of a body that has come into money."""
    body = decode_body(mail)
    assert isinstance(body, Handover)
    rich = msgspec.structs.replace(small_rules.read(body.image), coins=RICHES)
    return replace(mail, body=encode_body(Handover(msgspec.msgpack.encode(rich), body.player)))


def test_a_letter_of_a_record_that_never_was_is_forged() -> None:
    """Records begin with 1, so none was written before re-execution began that a letter of this era could name."""
    world = wandered()
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


@lru_cache(maxsize=1)
def wandered() -> Archived:
    """Nobody plays, and a wanderer goes from region 1 to region 2; not to be changed."""
    world = Archived()
    world.until(lambda: any(has_handover(one) for record in world.records(2) for one in record.heard))
    world.run(1_000)
    assert world.archivist is not None
    world.checkpoint(world.archivist.built + 1)
    world.stop_in_order()
    assert fault(world.store, world) is None
    return world


def has_handover(heard: Heard) -> bool:
    """Whether region 1 hands a body over in this letter."""
    return heard.region == 1 and any(mail.kind == HANDOVER for mail in heard.mail)


@pytest.mark.parametrize("what", ["coins", "asset"])
def test_a_gift_of_one_who_is_away_is_forged(what: str) -> None:
    """Few actions may go without a head, but none that gives away: an owner could make it up (law 13, Title)."""
    world = Archived()
    robbed, _, thief = (Player(world, name).enter() for name in ("robbed", "elsewhere", "thief"))
    play(world, 18, robbed)
    robbed.send(robbed.head())
    world.ticks(4)
    last = world.region(robbed.region).state.n
    before = controller(world, robbed)
    assert before.signed == before.number and robbed.region == thief.region
    body = world.region(robbed.region).bodies.bodies[robbed.entity]
    assert body.coins and body.assets
    action = GiveCoins(thief.entity, 1) if what == "coins" else GiveAsset(thief.entity, body.assets[0][0])
    world.checkpoint(2)
    world.stop_in_order()
    assert fault(world.store, world) is None

    def change(index: int, record: Record) -> Record:
        if (index, record.n) != (robbed.region, last + 3):
            return record
        invented: Input = Acted(robbed.entity, before.number + 1, before.session, encode_action(action))
        return replace(record, inputs=(*record.inputs, invented))

    error = fault(retell(world, change), world)
    assert isinstance(error, Forged) and (error.region, error.record) == (str(robbed.region), last + 3)
    assert "no head over it" in error.reason


def controller(world: Archived, player: Player) -> Controller:
    """A player as its region knows it."""
    return world.region(player.region).state.players[player.entity]


# The rules raise on it, says the owner.


@pytest.mark.parametrize("what", ["action", "handover"])
def test_what_is_said_to_make_the_rules_raise_must(what: str) -> None:
    """An owner could refuse what it does not like, and make a body vanish that comes from a neighbour."""
    world = wandered() if what == "handover" else small_world()[0]
    lied: list[int] = []

    def change(index: int, record: Record) -> Record:
        if lied or index != 2 or record.n < 40:
            return record
        bodies = [mail for one in record.heard for mail in one.mail if has_handover(one)]
        actions = [place for place, said in enumerate(record.inputs) if isinstance(said, Acted)]
        if what == "handover" and bodies:
            lied.append(record.n)
            return replace(record, parked=((1, bodies[0].number),))
        if what == "action" and actions:
            lied.append(record.n)
            return replace(record, verdicts=verdict_at(record, actions[0], Refusal.RULE_FAILED))
        return record

    error = fault(retell(world, change), world)
    assert isinstance(error, Forged) and (error.region, error.record) == ("2", lied[0])
    assert "is said to make the rules raise, and does not" in error.reason


def verdict_at(record: Record, place: int, verdict: int) -> tuple[int, ...]:
    """A record's verdicts with one of them another."""
    return (*record.verdicts[:place], int(verdict), *record.verdicts[place + 1 :])


def test_what_does_make_the_rules_raise_is_proved() -> None:
    """An action, mail of a body that no region can take in, and two in one record."""
    world = Archived()
    one, other = Player(world).enter(), Player(world, "q").enter()
    for player in (one, other):
        player.act(Speak(small_rules.BREAKING))
        player.act(Speak(small_rules.BREAKING))
        player.act(Speak(small_rules.CURSE))
    world.until(lambda: any(record.parked for index in (1, 2) for record in world.records(index)))
    world.checkpoint(2)
    world.stop_in_order()
    failed = [record for index in (1, 2) for record in world.records(index) if Refusal.RULE_FAILED in record.verdicts]
    assert failed and fault(world.store, world) is None


# What the archivist says.


@pytest.mark.parametrize("what", ["archived", "to be cut"])
def test_a_confirmation_says_what_its_checkpoint_holds(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assets leave the world on its word, and logs are cut: an archivist could say that more is archived."""
    honest = forger._confirmation

    def lying(world: Archived, manifest: Manifest, manifest_id: str) -> Confirmed:
        said = honest(world, manifest, manifest_id)
        if not any(n > 1 for _, n, _ in said.ends):
            return said
        more, cut = (1, 0) if what == "archived" else (0, 1)
        said = replace(said, ends=tuple((region, n + more, trim + cut) for region, n, trim in said.ends))
        return replace(said, signature=NODE.sign(confirmed_message(world.world, said)))

    world, _ = small_world()
    with monkeypatch.context() as context:
        context.setattr(forger, "_confirmation", lying)
        store = retell(world, lambda index, record: record)
    error = fault(store, world)
    assert isinstance(error, Forged) and error.region == "0"
    assert "holds other records than it does" in error.reason


def test_rules_of_a_later_era_do_not_change_what_an_asset_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world's owner signs a Module that makes more of somebody's assets than was filed (law 13, Title)."""
    world = Archived()
    player = Player(world).enter()
    play(world, 60, player)
    world.stop_in_order()
    assert world.manifest().assets or world.manifest().assets_before

    def lying(self: small_rules.SmallRules, state: small_rules.Line, era: int) -> None:
        state.era, state.made = era, 0
        for body in state.bodies.values():
            body.assets = [(asset, kind, traits ^ 1) for asset, kind, traits in body.assets]

    monkeypatch.setattr(small_rules.SmallRules, "begin_era", lying)
    second = restored(world)
    second.run(4_000)
    error = fault(second.store, world)
    assert isinstance(error, Diverged) and "was filed with another kind or other traits" in error.reason


def test_two_histories_in_one_store_convict_their_signer() -> None:
    """Some were shown one, others another; a manifest names only one of them, and numbers may be left out."""
    world, (player, _) = small_world()
    lied: list[int] = []

    def change(index: int, record: Record) -> Record:
        places = [place for place, said in enumerate(record.inputs) if getattr(said, "entity", 0) == player.entity]
        if lied or index != 1 or record.n < 100 or not places or not isinstance(record.inputs[places[0]], Acted):
            return record
        lied.append(record.n)
        other = replace(record.inputs[places[0]], body=encode_action(Speak("what nobody said")))
        return replace(record, inputs=(*record.inputs[: places[0]], other, *record.inputs[places[0] + 1 :]))

    store, forged = MemoryStore(), retell(world, change)
    assert lied
    for one in reversed(list(world.store.ids())):
        store.put(world.store.get(one))
    assert audited(store, world).void == []
    for one in reversed(list(forged.ids())):
        if parse_item(forged.get(one)).tag("Type") == segment.TYPE:
            store.put(forged.get(one))
    error = fault(store, world)
    assert isinstance(error, Forged) and error.object in forged.ids() and ": a fork" in error.reason
