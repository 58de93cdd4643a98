"""Law 2, second half: what leaves the world waits in escrow until a confirmed checkpoint holds the very bytes by which
it leaves; law 4: it is in exactly one place, whoever dies when."""

from collections.abc import Iterator

import pytest

from archive.data_item import DataItem, parse_item
from archive.keys import ED25519, Ed25519Key, b64
from regions import compute, letters, messages, outside, region_state
from regions.filing import left
from regions.letters import WORLD
from regions.outside import names
from regions.parcels import Parcel
from regions.record import Issued, Order, Outside
from regions.world_process import Registry
from tests.cluster import NODE, Cluster, Player
from tests.regions.test_world_process import MAKER, confirmed
from tests.simulation.small_rules import Line, SmallRules, holdings
from tests.wallets import Wallet, recorded
from world.actions import Gather
from world.events import Refusal

DONE = [(messages.STATUS_DONE, Refusal.DONE)]


class Story:
    """A finder with an asset, and two wallets outside; `second` has a body in the finder's region, `first` has none."""

    def __init__(self) -> None:
        self.cluster = Cluster(rules=lambda index: SmallRules(2, wanderers=0))
        self.finder = Player(self.cluster)
        self.finder.enter()
        self.home = self.finder.where().region  # type: ignore[union-attr]
        while not self.assets():
            self.finder.send(self.finder.act(Gather(0, 0)))
            self.finder.send(self.finder.head())
            self.cluster.ticks(2)
        self.asset = self.assets()[0]
        self.wallet = Wallet(self.cluster, self.finder.wallet, "finder")
        self.first = Wallet(self.cluster, name="first")
        self.second = Wallet(self.cluster, name="second")
        while self.region_of(self.second) != self.home:
            self.second = Wallet(self.cluster, name=f"{self.second.name}-")
            self.second.send(self.second.item("Join", WORLD), WORLD)
            self.cluster.ticks(25)
        assert self.second.send(self.second.item("Join", self.home, self.second.next()), self.home) == DONE
        self.checkpoints = 0
        self.folded = {index: self.cluster.genesis(index) for index in (0, 1, 2)}

    def assets(self) -> list[int]:
        lines = [self.cluster.region(index).bodies for index in (1, 2)]
        return [
            asset
            for line in lines
            if isinstance(line, Line)
            for one in line.bodies.values()
            for asset, *_ in one.assets
        ]

    def region_of(self, wallet: Wallet) -> int:
        for index in (1, 2):
            state = self.cluster.region(index).state
            players = [*state.players.values(), *(one.player for one in state.sleepers.values())]
            if any(one.wallet == names(ED25519, wallet.key.public)[0] for one in players):
                return index
        return 0

    def withdraw(self, to: Wallet) -> DataItem:
        """Escrow, and the item's signature a tick later."""
        item = self.wallet.item("Withdraw", self.home, self.wallet.next(), Asset=self.asset, Recipient=address(to))
        assert self.wallet.send(item, self.home) == DONE
        self.cluster.ticks(3)
        return item

    def checkpoint(self) -> None:
        """The world's process confirms a checkpoint of all that stands in the logs."""
        self.checkpoints += 1
        number = self.checkpoints
        ends = {index: (self.cluster.region(index).state.n - 1, 0) for index in (1, 2)}
        self.cluster.send(WORLD, Order(number, False, MAKER))
        self.cluster.ticks(3)
        self.cluster.send(WORLD, confirmed(self.cluster, number, ends))
        self.cluster.ticks(60)

    def transfer(self, giver: Wallet, to: Wallet, number: str) -> list[tuple[int, int]]:
        item = giver.item("Transfer", WORLD, number, Asset=self.asset, Recipient=address(to))
        return giver.send(item, WORLD)

    def deposit(self, wallet: Wallet) -> list[tuple[int, int]]:
        item = wallet.item("Deposit", self.home, wallet.next(), Asset=self.asset)
        answer = wallet.send(item, self.home)
        self.cluster.ticks(60)
        return answer

    def parcel(self) -> Parcel | None:
        return next(iter(self.cluster.region(self.home).state.escrow), None)

    def holder(self) -> bytes:
        """Who has it outside; empty: nobody."""
        bodies = self.cluster.region(WORLD).bodies
        assert isinstance(bodies, Registry)
        return bodies.abroad[self.asset].holder if self.asset in bodies.abroad else b""

    def outgoing(self) -> list[DataItem]:
        """What the archive may show of it."""
        return list(left(self.cluster.raws(WORLD)))

    def places(self) -> list[str]:
        """Everywhere the asset is, by the logs alone."""
        for index, region in self.folded.items():
            for raw in self.cluster.raws(index)[region.state.n :]:
                compute.apply(region, raw)
        regions = self.folded
        taken = {(index, near.index): near.taken for index, one in regions.items() for near in one.state.neighbours}
        found = []
        for index, region in regions.items():
            for one in holdings(region):
                if one.asset == self.asset and (one.mail is None or one.mail[1] > taken[one.mail[0], index]):
                    found.append(f"region {index}, holder {one.holder}, mail {one.mail}")
        return found


def address(wallet: Wallet) -> str:
    return b64(names(ED25519, wallet.key.public)[1])


@pytest.fixture
def story() -> Story:
    return Story()


def test_it_waits_in_escrow_for_the_checkpoint_that_holds_its_outgoing_item(story: Story) -> None:
    story.withdraw(story.first)
    parcel = story.parcel()
    assert parcel is not None and story.asset not in story.assets()
    item = parse_item(parcel.item)
    item.verify()
    assert (item.id, item.owner, item.target) == (parcel.id, NODE.public, names(ED25519, story.first.key.public)[1])
    assert item.tag("Record") == str(parcel.n) and item.tag("Recipient") == address(story.first)
    held = story.cluster.records(story.home)[parcel.n - 1]
    assert any(isinstance(said, Issued) and said.asset == story.asset for said in held.inputs)
    story.cluster.ticks(40)
    assert not story.holder() and not story.outgoing(), "no checkpoint holds it yet"
    story.checkpoint()
    assert story.parcel() is None and story.holder() == names(ED25519, story.first.key.public)[1]
    assert [one.raw for one in story.outgoing()] == [item.raw], "those very bytes"
    assert len(story.places()) == 1


def test_a_checkpoint_from_before_its_item_does_not_let_it_out(story: Story) -> None:
    before = {index: (story.cluster.region(index).state.n - 1, 0) for index in (1, 2)}
    story.withdraw(story.first)
    story.cluster.send(WORLD, Order(1, False, MAKER))
    story.cluster.ticks(3)
    story.cluster.send(WORLD, confirmed(story.cluster, 1, before))
    story.cluster.ticks(60)
    assert story.parcel() is not None and not story.outgoing()


def test_while_it_is_out_nobody_inside_can_move_it(story: Story) -> None:
    story.withdraw(story.first)
    for again in ("Withdraw", "Give"):
        item = story.wallet.item(
            again, story.home, story.wallet.next(), Asset=story.asset, Recipient=address(story.second)
        )
        assert story.wallet.send(item, story.home) == [(messages.STATUS_DONE, Refusal.NOT_YOURS)]
    story.checkpoint()
    assert story.deposit(story.wallet) == DONE, "asked for, and not given"
    assert story.holder() == names(ED25519, story.first.key.public)[1] and not story.assets()


def test_it_passes_outside_and_only_the_last_to_have_it_brings_it_back(story: Story) -> None:
    story.withdraw(story.first)
    story.checkpoint()
    assert story.transfer(story.second, story.second, "1.1") == [(messages.STATUS_DONE, Refusal.NOT_YOURS)]
    told = story.first.ask("Holder", WORLD, Asset=story.asset)
    assert told["Data"] == address(story.first) and told["Tags"]["Next"] == "1.1"
    passing = story.first.item("Transfer", WORLD, "1.1", Asset=story.asset, Recipient=address(story.second))
    assert story.first.send(passing, WORLD) == DONE
    assert story.first.send(passing, WORLD) == [(messages.STATUS_LAST, 0)], "an item counts once"
    assert story.transfer(story.first, story.first, "1.2") == [(messages.STATUS_DONE, Refusal.NOT_YOURS)]
    story.deposit(story.wallet)
    assert not story.assets(), "the finder does not have it any more"
    assert story.deposit(story.second) == DONE
    assert story.assets() == [story.asset] and not story.holder()
    line = story.cluster.region(story.home).bodies
    assert isinstance(line, Line)
    owner = next(one.entity for one in line.bodies.values() if one.assets)
    assert story.cluster.region(story.home).state.players[owner].wallet == story.second.key.public
    assert len(story.places()) == 1
    assert all(story.cluster.replay(index).digest() == story.cluster.region(index).digest() for index in (0, 1, 2))


def test_a_transfer_of_another_turn_or_era_changes_nothing(story: Story) -> None:
    story.withdraw(story.first)
    story.checkpoint()
    assert story.transfer(story.first, story.second, "1.2") == [(messages.STATUS_DONE, Refusal.TOO_SOON)]
    assert story.transfer(story.first, story.second, "2.1") == [(messages.STATUS_INVALID, 0)]
    assert story.holder() == names(ED25519, story.first.key.public)[1]


def test_a_transfer_counts_once_also_after_the_asset_was_inside_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a region knows by their ids are the newest items only, so the asset's own number must not begin anew."""
    monkeypatch.setattr(outside, "OUTSIDE_REMEMBERED", 8)
    story.withdraw(story.first)
    story.checkpoint()
    passing = story.first.item("Transfer", WORLD, "1.1", Asset=story.asset, Recipient=address(story.second))
    assert story.first.send(passing, WORLD) == DONE
    assert story.deposit(story.second) == DONE and story.assets() == [story.asset]
    again = story.second.item(
        "Withdraw", story.home, story.second.next(), Asset=story.asset, Recipient=address(story.first)
    )
    assert story.second.send(again, story.home) == DONE
    story.cluster.ticks(3)
    story.checkpoint()
    first = names(ED25519, story.first.key.public)[1]
    assert story.holder() == first
    for _ in range(8):
        told = story.first.ask("Holder", WORLD, Asset=story.asset)
    assert story.first.send(passing, WORLD) != DONE
    assert story.holder() == first, "only what its holder signs for this time passes it on"
    assert story.transfer(story.first, story.second, told["Tags"]["Next"]) == DONE and len(story.places()) == 1


def test_no_second_item_is_ever_signed_for_it(story: Story) -> None:
    story.withdraw(story.first)
    parcel = story.parcel()
    assert parcel is not None
    region = story.cluster.replay(story.home)
    fresh = region_state.decode(region.encode(), region.rules, region.head)
    fresh.state.n += 1  # the record a second item would stand in
    other = Parcel(*[getattr(parcel, name) for name in ("asset", "kind", "traits", "giver", "to", "n")], b"", b"")
    fresh.state.escrow = [other]
    again = compute.escrow.issue(NODE, fresh.state)
    assert again is not None
    assert compute.escrow.take_signature(region.state, again) == Refusal.NOT_YOURS
    assert region.state.escrow[0].item == parcel.item
    stranger = Ed25519Key(b"x" * 32)
    assert compute.escrow.issue(stranger, fresh.state) is None, "only a node of the roster signs"
    forged = Issued(story.asset, stranger.public, again.signature)
    assert compute.escrow.take_signature(fresh.state, forged) == Refusal.NOT_YOURS
    assert compute.escrow.take_signature(fresh.state, Issued(story.asset, NODE.public, bytes(64))) == Refusal.NOT_YOURS


def test_who_has_walked_away_finds_it_outside_again(story: Story) -> None:
    """The claim is under way while the body leaves: the asset is not lost, and not in two places."""
    story.withdraw(story.second)
    story.checkpoint()
    item = story.second.item("Deposit", story.home, story.second.next(), Asset=story.asset)
    story.cluster.lost = lambda sender, subject, message: sender == WORLD and subject.startswith("letter.")
    assert story.second.send(item, story.home) == DONE
    line = story.cluster.region(story.home).bodies
    assert isinstance(line, Line)
    record, _ = recorded(story.cluster, story.home, item)
    entity = next(said.entity for said in record.inputs if isinstance(said, Outside))
    way = 127 if story.home == 1 else -127
    move = story.second.item("Move", story.home, story.second.next(), X=way, Y=0)
    assert story.second.send(move, story.home) == DONE
    story.cluster.ticks(60)
    assert entity not in line.bodies, "it is over the border"
    story.cluster.lost = lambda sender, subject, message: False
    story.cluster.ticks(100)
    assert story.holder() == names(ED25519, story.second.key.public)[1] and len(story.places()) == 1
    assert len(story.outgoing()) == 1, "it left by one item"


@pytest.mark.parametrize("victim", [WORLD, 1, 2])
def test_killed_at_every_step_it_is_in_exactly_one_place(victim: int) -> None:
    story = Story()
    for step in _steps(story):
        assert len(story.places()) == 1, f"{step}: {story.places()}"
        story.cluster.kill(victim)
        story.cluster.start(victim, snapshot=True)
        story.cluster.ticks(1)
    assert story.assets() == [story.asset] and len(story.places()) == 1 and len(story.outgoing()) == 1


def _steps(story: Story) -> Iterator[str]:
    """A withdrawal, a move outside and the way back, a few ticks at a time; each message is sent until it is heard."""
    to, back = address(story.first), address(story.second)
    items = (
        (story.wallet, story.wallet.item("Withdraw", story.home, "1.1", Asset=story.asset, Recipient=to), story.home),
        (story.first, story.first.item("Transfer", WORLD, "1.1", Asset=story.asset, Recipient=back), WORLD),
        (story.second, story.second.item("Deposit", story.home, "1.2", Asset=story.asset), story.home),
    )
    for number, (wallet, item, index) in enumerate(items):
        for _ in range(9):
            wallet.send(item, index)
            yield f"item {number}"
            if _stands(story, index, item):
                break
        assert _stands(story, index, item)
        for turn in range(20):
            story.cluster.ticks(1)
            yield f"after item {number}, turn {turn}"
        if not number:
            story.checkpoint()
            for turn in range(20):
                story.cluster.ticks(2)
                yield f"after the checkpoint, turn {turn}"
    for turn in range(20):
        story.cluster.ticks(4)
        yield f"on the way back, turn {turn}"


def _stands(story: Story, index: int, item: DataItem) -> bool:
    records = story.cluster.records(index)
    return any(isinstance(said, Outside) and said.item == item.raw for record in records for said in record.inputs)


def test_mail_of_an_asset_counts_only_where_it_belongs(story: Story) -> None:
    """A region cannot give away what lies in another's name, and no region hears what is for the world's process."""
    body = letters.encode_body(letters.Claimed(2, story.asset, 1, bytes(32)))
    region = story.cluster.replay(WORLD)
    before = region.encode()
    taken = compute._Taken({near.index: [] for near in region.state.neighbours})
    mail = letters.Mail(1, letters.CLAIMED, body)
    with pytest.raises(compute.RecordError, match="about its own"):
        compute._consume(region, 1, mail, taken)
    assert region.encode() == before
