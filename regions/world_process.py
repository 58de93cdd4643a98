"""The region without land: births, the order of checkpoints and their confirmation.

It is every region's neighbour for mail only, runs on the same core and fold, and may be away for minutes. What it
decides goes to the regions as mail. (The roster and the partition stand in every region's state; they change by an
owner-signed item, of which the era item is the only one yet.)
"""

from typing import Any, Final

import msgspec

from regions import letters
from regions.config import ABROAD_MAX, STATE_BYTES_MAX
from regions.letters import Archived, Born
from regions.messages import Own
from regions.parcels import Abroad, Claimed, Left, Passed, Returned
from regions.record import Confirmed, Order
from regions.region_state import Command, Commanded, Newcomer
from world.events import Refusal
from world.phases import Mark, unmarked
from world.state import make_id
from world.tick import Inputs, Outputs

WALLETS_MAX: Final = 250_000
WALLET_BYTES: Final = 192  # of a wallet here, and of its body that was never awake in the one region there may be
ABROAD_BYTES: Final = 128
if WALLETS_MAX * WALLET_BYTES + ABROAD_MAX * ABROAD_BYTES > STATE_BYTES_MAX:
    raise ValueError(f"{WALLETS_MAX} wallets and {ABROAD_MAX} assets do not fit a state of {STATE_BYTES_MAX} bytes")


class Registry(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The world's process's own state. `regions` are (partition index, region id) of those with land."""

    era: int
    regions: list[tuple[int, bytes]]
    wallets: dict[bytes, int]  # wallet -> entity, for ever
    born: int  # ids given in this era
    ordered: int  # the newest checkpoint ordered
    maker: bytes  # who gave that order; empty before the first
    since: int  # the first checkpoint that maker ordered
    ordered_full: bool
    confirmed: int  # the newest checkpoint confirmed
    manifest: bytes  # its manifest's id
    abroad: dict[int, Abroad]  # assets that are outside, and (without a holder) that have been


_decoder: Final = msgspec.msgpack.Decoder(Registry)
_encoder: Final = msgspec.msgpack.Encoder()


class WorldRules:
    """Rules of the world's process (`regions.region_state.Rules`)."""

    def advance(self, state: Registry, inputs: Inputs, mark: Mark = unmarked) -> Outputs:
        """Nothing lives here. Raises ValueError if something arrives all the same."""
        if inputs.actions or inputs.arrivals or inputs.births:
            raise ValueError("the world's process has no land for bodies")
        return Outputs()

    def command(self, state: Registry, era: int, said: Command) -> Commanded:
        """Births, orders and confirmations; who holds what outside."""
        if isinstance(said, Newcomer):
            return self._birth(state, said)
        if isinstance(said, Order):
            if said.number != state.ordered + 1:
                return Commanded(Refusal.WRONG_PLACE, [])
            state.since = state.since if said.maker == state.maker else said.number
            state.ordered, state.ordered_full, state.maker = said.number, said.full, said.maker
            return Commanded(Refusal.DONE, [])
        if isinstance(said, Confirmed):
            return self._confirmed(state, said)
        if isinstance(said, Left):
            return self._left(state, said)
        if isinstance(said, Claimed):
            return self._claimed(state, said)
        if isinstance(said, Passed):
            return self._passed(state, said)
        return Commanded(Refusal.NOT_AN_ACTION, [])

    def _birth(self, state: Registry, said: Newcomer) -> Commanded:
        if said.wallet in state.wallets:
            return Commanded(Refusal.NOT_YOURS, [])  # it has a body already
        if len(state.wallets) >= WALLETS_MAX:
            return Commanded(Refusal.NO_ROOM, [])
        state.born += 1
        entity = make_id(state.era, 0, state.born)
        state.wallets[said.wallet] = entity
        index = state.regions[state.born % len(state.regions)][0]
        return Commanded(
            Refusal.DONE, [(index, letters.BORN, letters.encode_body(Born(entity, said.wallet, said.address)))]
        )

    def _confirmed(self, state: Registry, said: Confirmed) -> Commanded:
        # Checkpoints that another maker was ordered after these may still reach a store, and go on from older ones.
        ordered = said.maker == state.maker and state.since <= said.number <= state.ordered
        if not ordered or said.number <= state.confirmed:
            return Commanded(Refusal.WRONG_PLACE, [])
        state.confirmed, state.manifest = said.number, said.manifest
        ends = {region: (n, trim) for region, n, trim in said.ends}
        mail = []
        for index, region in state.regions:
            if region in ends:
                n, trim = ends[region]
                mail.append((index, letters.CONFIRMED, letters.encode_body(Archived(said.number, n, trim))))
        return Commanded(Refusal.DONE, mail)

    def _left(self, state: Registry, said: Left) -> Commanded:
        before = state.abroad.get(said.asset)
        if before is None and len(state.abroad) >= ABROAD_MAX:
            back_again = min((asset for asset, one in state.abroad.items() if not one.holder), default=None)
            if back_again is None:
                back = Returned(said.asset, said.kind, said.traits, said.giver, said.to, said.id)
                return Commanded(Refusal.NO_ROOM, [(said.region, letters.RETURNED, letters.encode_body(back))])
            del state.abroad[back_again]
        moves = before.moves if before is not None else 0
        state.abroad[said.asset] = Abroad(said.kind, said.traits, said.to, moves, said.id)
        return Commanded(Refusal.DONE, [])

    def _claimed(self, state: Registry, said: Claimed) -> Commanded:
        found = state.abroad.get(said.asset)
        if found is None or found.holder != said.address:
            return Commanded(Refusal.NOT_YOURS, [])
        # Its moves are counted on when it leaves again: a Transfer signed before must not count a second time.
        state.abroad[said.asset] = Abroad(found.kind, found.traits, b"", found.moves + 1, b"")
        returned = Returned(said.asset, found.kind, found.traits, said.entity, said.address, found.id)
        return Commanded(Refusal.DONE, [(said.region, letters.RETURNED, letters.encode_body(returned))])

    def _passed(self, state: Registry, said: Passed) -> Commanded:
        found = state.abroad.get(said.asset)
        if found is None or found.holder != said.holder:
            return Commanded(Refusal.NOT_YOURS, [])
        if said.number != found.moves + 1:
            return Commanded(Refusal.TOO_SOON, [])
        found.holder, found.moves = said.to, said.number
        return Commanded(Refusal.DONE, [])

    def encode(self, state: Registry) -> bytes:
        """Canonical bytes."""
        state.wallets = dict(sorted(state.wallets.items()))
        state.abroad = dict(sorted(state.abroad.items()))
        return _encoder.encode(state)

    def decode(self, raw: bytes) -> Registry:
        """The state again; ValueError for any other bytes."""
        try:
            return _decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"not the world's process's state: {error}") from None

    def free_rows(self, state: Any) -> int:
        """No rows: nothing lives here."""
        return 0

    def has(self, state: Any, entity: int) -> bool:
        """Nothing lives here."""
        return False

    def ghosts_fit(self, state: Any, ghosts: bytes) -> bool:
        """Nothing is shown to a region without land."""
        return not ghosts

    def sleep(self, state: Any, entity: int) -> bytes:
        """Nothing lives here. Raises KeyError."""
        raise KeyError(entity)

    def entity_of(self, image: bytes) -> tuple[int, int, int]:
        """Nothing arrives here. Raises ValueError."""
        raise ValueError("the world's process has no land for bodies")

    def own(self, state: Any, entity: int) -> Own:
        """Nobody owns anything here."""
        return Own(entity, 0, (), ())

    def carried(self, image: bytes) -> Own:
        """Nothing lives here. Raises ValueError."""
        raise ValueError("the world's process has no land for bodies")

    def holder(self, state: Any, asset: int) -> int:
        """Nobody holds anything here."""
        return 0

    def take_out(self, state: Any, entity: int, asset: int) -> tuple[int, int] | None:
        """Nobody holds anything here."""
        return None

    def put_in(self, state: Any, entity: int, asset: int, kind: int, traits: int) -> bool:
        """Nothing lives here."""
        return False

    def abroad(self, state: Registry, asset: int) -> Abroad | None:
        """Who holds an asset outside."""
        found = state.abroad.get(asset)
        return found if found is not None and found.holder else None

    def hop(self, state: Any, entity: int) -> int:
        """Nothing lives here."""
        return 0

    def counts(self, state: Any) -> tuple[int, int]:
        """No bodies."""
        return 0, 0

    def begin_era(self, state: Registry, era: int) -> None:
        """From here new ids carry this era; numbers begin anew in it, and no archivist of the one before is heard."""
        state.era, state.born, state.maker = era, 0, b""
