"""Who is connected to a gateway: by number, by body, by wallet; and when each wants to be called.

Not here: what any of them says or is told (`regions.peers`, `regions.gateway`).
"""

import heapq
from collections.abc import Iterator
from typing import Final, TypeVar

import numpy as np

from regions.peers import Peer
from regions.unanswered import NEVER
from world.state import Int64s

_K = TypeVar("_K")
AHEAD_MS: Final = 10_000  # how far the calendar goes, so that what became stale in it does not stay
NOBODY: Final = np.empty(0, np.int64)


class Client:
    """A connection, the body and wallet under which it is listed, and for when it stands in the calendar."""

    __slots__ = ("called_ms", "entity", "number", "peer", "wallet")

    def __init__(self, number: int, peer: Peer) -> None:
        self.number, self.peer = number, peer
        self.entity = 0
        self.wallet = b""
        self.called_ms = NEVER


class Roll:
    """All of them. `due_ms` is when the first wants to be called; `players` counts those with a wallet."""

    def __init__(self) -> None:
        self.clients: dict[int, Client] = {}
        self.players = 0
        self._by_entity: dict[int, tuple[Client, ...]] = {}
        self._by_wallet: dict[bytes, tuple[Client, ...]] = {}
        self._entities: Int64s | None = NOBODY
        self._calendar: list[tuple[int, int]] = []  # each client's earliest time, and perhaps others, which are stale

    @property
    def due_ms(self) -> int:
        """When `due` has somebody."""
        return self._calendar[0][0] if self._calendar else NEVER

    @property
    def entities(self) -> Int64s:
        """The bodies that somebody here is or was let into, ascending."""
        if self._entities is None:
            self._entities = np.array(sorted(self._by_entity), np.int64)
        return self._entities

    def add(self, now_ms: int, client: Client) -> None:
        """A new connection."""
        self.clients[client.number] = client
        self.call(now_ms, client)

    def forget(self, number: int) -> Client | None:
        """A connection is gone: its client, if it was here."""
        client = self.clients.pop(number, None)
        if client is not None:
            self.players -= bool(client.wallet)
            _unlist(self._by_wallet, client.wallet, client)
            if _unlist(self._by_entity, client.entity, client):
                self._entities = None
        return client

    def list_wallet(self, client: Client) -> None:
        """A client's wallet has signed."""
        client.wallet = client.peer.wallet
        self.players += 1
        _list(self._by_wallet, client.wallet, client)

    def list_body(self, client: Client) -> None:
        """A client knows its body, or another one than before."""
        _unlist(self._by_entity, client.entity, client)
        client.entity = client.peer.entity
        _list(self._by_entity, client.entity, client)
        self._entities = None

    def of_entity(self, entity: int) -> tuple[Client, ...]:
        """Whoever is listed under a body, as they are now."""
        return self._by_entity.get(entity, ())

    def of_wallet(self, wallet: bytes) -> tuple[Client, ...]:
        """Whoever is listed under a wallet, as they are now."""
        return self._by_wallet.get(wallet, ())

    def call(self, now_ms: int, client: Client) -> None:
        """Put into the calendar when a client wants to be called next."""
        due_ms = client.peer.due_ms
        if now_ms + AHEAD_MS < due_ms < NEVER:
            due_ms = now_ms + AHEAD_MS
        if due_ms < client.called_ms:
            client.called_ms = due_ms
            heapq.heappush(self._calendar, (due_ms, client.number))

    def due(self, now_ms: int) -> Iterator[Client]:
        """Those who want to be called by now, each once, taken out of the calendar: give them to `call` again."""
        calendar, late = self._calendar, list[Client]()
        while calendar and calendar[0][0] <= now_ms:
            at_ms, number = heapq.heappop(calendar)
            client = self.clients.get(number)
            if client is None or client.called_ms != at_ms:
                continue
            client.called_ms = NEVER
            if client.peer.due_ms <= now_ms:
                late.append(client)
            else:
                self.call(now_ms, client)
        for client in late:
            if client.number in self.clients:
                yield client


def _list(lists: dict[_K, tuple[Client, ...]], key: _K, client: Client) -> None:
    lists[key] = (*lists.get(key, ()), client)


def _unlist(lists: dict[_K, tuple[Client, ...]], key: _K, client: Client) -> bool:
    """Take a client off a list; whether the list is empty now and gone."""
    listed = lists.get(key, ())
    if client not in listed:
        return False
    left = tuple(one for one in listed if one is not client)
    if left:
        lists[key] = left
    else:
        del lists[key]
    return not left
