"""Verify is not fooled: not by a changed input, not by other rules, not by a node that signs whatever it likes."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from archive import checkpoint
from archive.bundle import pack
from archive.data_item import parse_item, sign_item
from archive.errors import ArchiveError, Damaged, Diverged, Forged, Missing
from archive.keys import Ed25519Key, b64
from archive.stores.memory import MemoryStore
from regions.config import SPAN, UNSIGNED_ACTIONS_MAX
from regions.record import Acted, Head, Login, Record
from tests import forger
from tests.archived import Archived, restored
from tests.audits import audited, fault, play, small_world
from tests.cluster import NODE, OWNER, Player
from tests.forger import chain, retell
from tests.simulation import small_rules
from world.actions import Move, encode_action

CHANGED_FROM = 100
LIE = b"what nobody said"


def first_action(world: Archived, player: Player, after: int = CHANGED_FROM) -> tuple[int, int]:
    """(Region, record) of a player's first action after a record that is followed by a head in the same span."""
    for index in (1, 2):
        for record in world.records(index):
            if record.n >= after and any(isinstance(s, Acted) and s.entity == player.entity for s in record.inputs):
                return index, record.n
    raise AssertionError("the player did nothing")


def with_action(at: tuple[int, int], player: Player, body: bytes) -> Callable[[int, Record], Record]:
    """A change of what a player asked for in one record."""

    def change(index: int, record: Record) -> Record:
        if (index, record.n) != at:
            return record
        inputs = list(record.inputs)
        for place, said in enumerate(inputs):
            if isinstance(said, Acted) and said.entity == player.entity:
                inputs[place] = replace(said, body=body)
                return replace(record, inputs=tuple(inputs))
        return record

    return change


def test_an_honest_history_is_proved_whole() -> None:
    world, _ = small_world()
    found = audited(world.store, world)
    assert found.state_hash == world.told[-1]["state_hash"] == world.manifest().state_hash
    assert found.records == sum(len(world.raws(index)) for index in world.processes)
    assert found.manifest_id == world.told[-1]["manifest"] and found.void == []


def test_the_forger_is_honest_when_it_changes_nothing() -> None:
    """Else the tests below would show nothing."""
    world, _ = small_world()
    again = retell(world, lambda index, record: record)
    assert set(again.ids()) == set(world.store.ids())


def test_a_changed_input_diverges_at_that_region_within_a_span() -> None:
    """All is made anew, hashes, signatures, manifests, but the state hashes."""
    world, (player, _) = small_world()
    at = first_action(world, player)
    change = with_action(at, player, encode_action(Move(-1, 0)))
    error = fault(retell(world, change, keep_state_hashes=True), world)
    assert isinstance(error, Diverged)
    assert error.region == str(at[0]) and at[1] <= (error.record or 0) <= at[1] + SPAN


def test_with_state_hashes_made_anew_it_is_forged_as_no_head_covers_it() -> None:
    world, (player, _) = small_world()
    at = first_action(world, player)
    error = fault(retell(world, with_action(at, player, encode_action(Move(-1, 0)))), world)
    assert isinstance(error, Forged) and "covers other actions" in error.reason
    covering = [
        (index, record.n)
        for index in (1, 2)
        for record in world.records(index)
        if any(isinstance(said, Head) and said.entity == player.entity for said in record.inputs)
    ]
    assert (int(error.region or 0), error.record) in covering


def test_a_left_out_action_is_forged() -> None:
    """The last one before a head: no gap in the numbers tells of it."""
    world, (player, _) = small_world()
    head: list[int] = []

    def change(index: int, record: Record) -> Record:
        said = [one for one in record.inputs if getattr(one, "entity", 0) == player.entity]
        if record.n < CHANGED_FROM or head or not any(isinstance(one, Head) for one in said):
            return record
        number = next(one.number for one in said if isinstance(one, Head))
        kept = tuple(one for one in record.inputs if not (isinstance(one, Acted) and one.number == number))
        if len(kept) == len(record.inputs) or kept[-1] is not said[-1]:
            return record
        head.append(number)
        return replace(record, inputs=kept)

    # What the player did later does not follow any more: the forger stops at that head.
    with pytest.raises(Exception, match="the next is") as caught:
        retell(world, change)
    assert head, caught.value


def test_one_rule_constant_changed_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = small_world()
    monkeypatch.setattr(small_rules, "GATHERED", 2)
    error = fault(world.store, world)
    assert isinstance(error, Diverged) and error.region in ("1", "2") and error.record is not None


@pytest.mark.parametrize("what", ["login", "head", "claim", "node head", "span", "confirmed"])
def test_a_signature_that_its_key_did_not_make_is_forged(what: str) -> None:
    """The node makes all of history follow from a signature that it could not have."""
    world, _ = small_world()
    done: list[tuple[int, int]] = []

    def change(index: int, record: Record) -> Record:
        if done:
            return record
        inputs = list(record.inputs)
        for place, said in enumerate(inputs):
            if (what == "login" and isinstance(said, Login)) or (what == "head" and isinstance(said, Head)):
                inputs[place] = replace(said, signature=bytes(64))
                done.append((index, record.n))
                return replace(record, inputs=tuple(inputs))
        return record

    if what in ("login", "head"):
        error = fault(retell(world, change), world)
        assert isinstance(error, Forged) and (error.region, error.record) == (str(done[0][0]), done[0][1])
        assert "is not signed by" in error.reason
        return
    store = tampered(world, what)
    error = fault(store, world)
    assert isinstance(error, Forged) and "sign" in error.reason


def tampered(world: Archived, what: str) -> MemoryStore:
    """History with one of the node's own signatures spoilt, all that follows made anew."""

    class Spoilt:
        public = NODE.public
        signature_type = NODE.signature_type
        spoilt = False

        def sign(self, message: bytes) -> bytes:
            begins = {"claim": b"everloom-claim-1", "node head": b"everloom-head-1", "confirmed": b"everloom-confirmed"}
            if what in begins and message.startswith(begins[what]) and not self.spoilt:
                self.spoilt = True
                return bytes(64)
            return NODE.sign(message)

    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(forger, "NODE", Spoilt())
        if what == "span":
            context.setattr(forger, "SCHEDULER", Ed25519Key(b"8" * 32))
        return retell(world, lambda index, record: record)


def test_mail_that_the_sender_did_not_send_is_forged() -> None:
    """A region that invents what it heard: its own fold cannot tell."""
    world, _ = small_world()
    done: list[tuple[int, int]] = []

    def change(index: int, record: Record) -> Record:
        if done or record.n < 40 or index != 2:
            return record
        for place, heard in enumerate(record.heard):
            if heard.region == 1:
                done.append((index, record.n))
                lying = replace(heard, ghosts=heard.ghosts + LIE)
                return replace(record, heard=(*record.heard[:place], lying, *record.heard[place + 1 :]))
        return record

    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        honest = forger._heard_anew
        context.setattr(
            forger,
            "_heard_anew",
            lambda state, heard, letter: (
                replace(honest(state, heard, letter), ghosts=heard.ghosts)
                if heard.ghosts.endswith(LIE)
                else honest(state, heard, letter)
            ),
        )
        store = retell(world, change)
    error = fault(store, world)
    assert isinstance(error, Forged) and (error.region, error.record) == ("2", done[0][1])
    assert "its ghosts is not what the sender's own log gives" in error.reason


def test_actions_beyond_what_heads_cover_are_forged() -> None:
    """An owner that admits more unsigned actions than the rules of admission allow has made them up."""
    world = Archived()
    player = Player(world).enter()
    core = world.cores[player.region]
    for _ in range(UNSIGNED_ACTIONS_MAX // 2):
        player.act(Move(1, 0))
        world.ticks(1)
        # What a dishonest owner does: it forgets that it waits for a head.
        assert core.scheduler is not None
        for expected in core.scheduler.expected.values():
            expected.acting_since = 0
    world.checkpoint(2)
    assert fault(world.store, world) is None
    for _ in range(UNSIGNED_ACTIONS_MAX):
        assert core.scheduler is not None
        for expected in core.scheduler.expected.values():
            expected.acting_since, expected.signed = 0, expected.number
        player.act(Move(-1, 0))
        world.ticks(1)
    assert world.archivist is not None
    world.checkpoint(world.archivist.built + 1)
    error = fault(world.store, world)
    assert isinstance(error, Forged) and "covered by no head" in error.reason


# What the store may try.


def without(store: MemoryStore, item_id: str) -> MemoryStore:
    """A store that hides one item."""
    found = MemoryStore()
    for one in reversed(list(store.ids())):
        if one != item_id:
            found.put(store.get(one))
    return found


def test_a_hidden_item_is_missed() -> None:
    world, _ = small_world()
    (_, first), *_, (_, last) = chain(world)
    hidden = [first.regions[1].segments[0].id, last.table, last.regions[2].snapshot, first.charter, last.previous]
    hidden += [last.chronicle or first.chronicle, world.charter.world]
    for item_id in hidden:
        assert item_id is not None
        error = fault(without(world.store, item_id), world)
        assert isinstance(error, Missing), item_id


def test_a_stranger_cannot_speak_for_the_world() -> None:
    """A manifest and a charter of anyone's own, rightly signed by them, count for nothing."""
    world, _ = small_world()
    store = MemoryStore()
    for one in reversed(list(world.store.ids())):
        store.put(world.store.get(one))
    stranger = Ed25519Key(b"7" * 32)
    manifest = world.manifest()
    store.put(checkpoint.sign(stranger, replace(manifest, number=manifest.number + 1)).raw)
    charter = parse_item(world.charter_item.raw)
    store.put(sign_item(stranger, charter.data.replace(b'"era":1', b'"era":2'), charter.tags).raw)
    assert audited(store, world).manifest_id == world.told[-1]["manifest"]


def test_a_manifest_names_the_record_that_ordered_it() -> None:
    """Its number was ordered there, from the archivist that made it."""
    world, _ = small_world()
    newest_id, newest = chain(world)[-1]
    store = MemoryStore()
    for one in reversed(list(world.store.ids())):
        if one != newest_id:
            store.put(world.store.get(one))
    store.put(checkpoint.sign(NODE, replace(newest, ordered=newest.ordered + 1)).raw)
    error = fault(store, world)
    assert isinstance(error, Diverged) and f"did not order checkpoint {newest.number}" in error.reason


def test_two_manifests_of_one_checkpoint_convict_their_signer() -> None:
    world, _ = small_world()
    store = MemoryStore()
    for one in reversed(list(world.store.ids())):
        store.put(world.store.get(one))
    manifest = chain(world)[2][1]
    store.put(checkpoint.sign(NODE, replace(manifest, time_ms=manifest.time_ms + 1)).raw)
    error = fault(store, world)
    assert isinstance(error, Forged) and "second manifest of checkpoint 3" in error.reason


@pytest.mark.parametrize(
    "name",
    ["told", "hashed_n", "neighbours", "time_ms", "assets", "table", "module", "before", "cut", "snapshot", "id"],
)
def test_a_manifest_that_says_otherwise_than_history_is_found_out(name: str) -> None:
    world, _ = small_world()
    store, place = MemoryStore(), 4
    honest = chain(world)
    manifest = honest[place][1]
    assert manifest.assets
    region = manifest.regions[1]
    assert region.snapshot is not None and region.snapshot_n < region.end and manifest.assets_before is not None
    lies = {
        "module": replace(manifest, module=manifest.charter),
        "before": replace(manifest, assets_before=None),
        "cut": with_region(manifest, replace(region, snapshot_before=region.snapshot_n)),
        "snapshot": with_region(manifest, replace(region, snapshot_n=region.end)),
        "id": with_region(manifest, replace(region, snapshot=manifest.regions[2].snapshot)),
        "told": with_region(manifest, replace(region, told=99)),
        "hashed_n": with_region(manifest, replace(region, hashed_n=0)),
        "neighbours": with_region(manifest, replace(region, neighbours=[])),
        "time_ms": replace(manifest, time_ms=manifest.time_ms + 1),
        "assets": replace(manifest, assets=manifest.assets[1:]),
        "table": replace(manifest, table=honest[place - 1][1].table),
    }
    gone = {manifest_id for manifest_id, _ in honest[place:]}
    for one in reversed(list(world.store.ids())):
        if one not in gone:
            store.put(world.store.get(one))
    store.put(checkpoint.sign(NODE, lies[name]).raw)
    error = fault(store, world)
    assert isinstance(error, Diverged | Damaged), error


def with_region(manifest: checkpoint.Manifest, end: checkpoint.RegionEnd) -> checkpoint.Manifest:
    """A manifest that says something else of region 1."""
    return replace(manifest, regions=[manifest.regions[0], end, *manifest.regions[2:]])


# Eras.


def test_history_goes_on_from_era_to_era() -> None:
    world = Archived()
    player = Player(world).enter()
    play(world, 60, player)
    world.checkpoint(2)
    void_before = world.archivist.built if world.archivist is not None else 0
    second = restored(world)
    assert second.charter.era == 2
    second.checkpoint(void_before + 2)
    third = restored(second)
    third.run(4_000)
    found = audited(third.store, world)
    assert found.eras == [1, 2, 3] and found.era == 3 and found.void == []
    assert found.state_hash == third.manifest().state_hash
    for number in range(1, found.checkpoint + 1):
        assert audited(third.store, world, since=number).state_hash == found.state_hash
    renamed = restored(third, Ed25519Key(b"9" * 32))
    renamed.run(4_000)
    found = audited(renamed.store, world, of=renamed.charter.world)
    assert renamed.charter.world != third.charter.world and found.eras == [1, 2, 3, 4]
    assert renamed.charter.named_before == third.charter.world


def test_work_past_the_cut_is_void_and_named() -> None:
    """The archivist of the old era stores one more checkpoint after the world was restored elsewhere."""
    world = Archived()
    world.checkpoint(2)
    second = restored(world)
    before = set(world.store.ids())
    world.before_upload = lambda number: None
    world.run(3_000)
    late = set(world.store.ids()) - before
    second.run(3_000)
    found = audited(second.store, world)
    assert late and late & set(found.void) and found.era == 2
    manifests = [one for one in late if parse_item(world.store.get(one)).tag("Type") == checkpoint.TYPE]
    assert set(manifests) <= set(found.void)


def test_a_charter_that_another_key_signed_does_not_open_an_era() -> None:
    world = Archived()
    world.checkpoint(1)
    stranger = Ed25519Key(b"6" * 32)
    item = parse_item(world.charter_item.raw)
    words = item.data.replace(b'"era":1', b'"era":2')
    world.store.put_bundle(pack([sign_item(stranger, words, item.tags)]))
    assert audited(world.store, world).eras == [1]
    assert OWNER.public != stranger.public


def test_until_a_checkpoint() -> None:
    world, _ = small_world()
    manifest_id, manifest = chain(world)[2]
    found = audited(world.store, world, until=manifest_id)
    assert (found.checkpoint, found.state_hash) == (3, manifest.state_hash)
    with pytest.raises(ArchiveError):
        audited(world.store, world, until=b64(bytes(32)))
