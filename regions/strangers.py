"""Who may come to a gateway's door: sockets before their login, counted in all and by address.

A core: the shell of the sockets (`regions.shell.lines`) asks it and tells it. What an address may do: hold so many
sockets, come so often, and pay for each fault with the visits it has left, so that one who only makes faults is soon
let in once a second and refused at the cost of an accept. Players behind one address (a school, a carrier) share its
allowance for coming in; those who are in play are not touched by what their neighbours do. Not here: what a fault is.
"""

from collections import OrderedDict

import msgspec

from regions.bucket import Bucket
from regions.config import (
    ADDRESS_FAULT_COST,
    ADDRESS_PLAYERS_MAX,
    ADDRESS_STRANGERS_MAX,
    ADDRESS_VISITS_BURST,
    ADDRESS_VISITS_PER_SECOND,
    ADDRESSES_FREE,
    LOGIN_TIMEOUT_MS,
    OPENING_TIMEOUT_MS,
    QUIET_MS,
    STRANGERS_MAX,
)


class Limits(msgspec.Struct, frozen=True):
    """What an operator may set otherwise. `free` are addresses not counted by address: this machine, or a proxy."""

    opening_ms: int = OPENING_TIMEOUT_MS
    login_ms: int = LOGIN_TIMEOUT_MS
    quiet_ms: int = QUIET_MS
    strangers: int = STRANGERS_MAX
    address_strangers: int = ADDRESS_STRANGERS_MAX
    address_players: int = ADDRESS_PLAYERS_MAX
    visits_per_second: int = ADDRESS_VISITS_PER_SECOND
    visits_burst: int = ADDRESS_VISITS_BURST
    free: tuple[str, ...] = ADDRESSES_FREE


class Address:
    """What one address has at this gateway."""

    __slots__ = ("players", "strangers", "visits")

    def __init__(self, visits: Bucket) -> None:
        self.strangers = self.players = 0
        self.visits = visits


class Strangers:
    """The counts. `turned_away` are sockets that an address had too many of, `faults` those cut for a fault."""

    def __init__(self, limits: Limits) -> None:
        self.count = self.turned_away = self.faults = 0
        self.addresses: OrderedDict[str, Address] = OrderedDict()
        self._limits = limits

    @property
    def crowded(self) -> bool:
        """Whether the stranger who has waited longest is to give way."""
        return self.count > self._limits.strangers

    def come(self, now_ms: int, where: str) -> bool:
        """A socket from an address: whether it may stay. If so it counts until `gone`."""
        address = self._known(now_ms, where)
        if address is not None:
            limits = self._limits
            full = address.strangers >= limits.address_strangers or address.players >= limits.address_players
            if full or not address.visits.take(now_ms):
                self.turned_away += 1
                return False
            address.strangers += 1
        self.count += 1
        return True

    def entered(self, where: str) -> None:
        """One of an address's strangers is a player now."""
        self.count -= 1
        address = self.addresses.get(where)
        if address is not None:
            address.strangers -= 1
            address.players += 1

    def gone(self, where: str, player: bool) -> None:
        """A socket of an address is closed."""
        address = self.addresses.get(where)
        if not player:
            self.count -= 1
        if address is not None and player:
            address.players -= 1
        elif address is not None:
            address.strangers -= 1

    def fault(self, now_ms: int, where: str) -> None:
        """A socket of an address is cut for what it sent, or for saying nothing."""
        self.faults += 1
        address = self.addresses.get(where)
        if address is not None:
            address.visits.owe(now_ms, ADDRESS_FAULT_COST)

    def _known(self, now_ms: int, where: str) -> Address | None:
        """The address's entry, newest now; None: it is free. Each look drops up to two that have nothing to remember,
        so there are never more of them than came within the time in which a bucket fills, or are here.
        """
        if where in self._limits.free:
            return None
        address = self.addresses.get(where)
        if address is None:
            visits = Bucket(self._limits.visits_per_second, self._limits.visits_burst, now_ms)
            address = self.addresses[where] = Address(visits)
        self.addresses.move_to_end(where)
        for _ in range(2):
            oldest, other = next(iter(self.addresses.items()))
            if other is address:
                break
            if other.strangers or other.players or not other.visits.is_full(now_ms):
                self.addresses.move_to_end(oldest)
            else:
                del self.addresses[oldest]
        return address


def network(host: str) -> str:
    """What counts as one address: an IPv4 address, the first 64 bits of an IPv6 one (what one household is given)."""
    if ":" not in host:
        return host
    bare = host.partition("%")[0]
    if "." in bare:
        return bare.rpartition(":")[2]
    left, _, right = bare.partition("::")
    groups = left.split(":") if left else []
    if "::" in bare:
        behind = right.split(":") if right else []
        groups += ["0"] * (8 - len(groups) - len(behind)) + behind
    return ":".join(group.lstrip("0") or "0" for group in groups[:4]) + "::/64"
