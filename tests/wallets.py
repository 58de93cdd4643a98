"""Outside wallets for tests: keys that sign AO items in browsers and on servers, and whoever has one, with a door."""

import json
from functools import lru_cache
from typing import Any

import coincurve
from Crypto.Hash import keccak

from archive.data_item import DataItem, sign_item
from archive.keys import ARWEAVE, ED25519, ETHEREUM, Ed25519Key, RsaKey
from regions import messages
from regions.letters import WORLD
from regions.messages import Answer, Answers, Message
from regions.record import Outside, Record
from tests.cluster import Cluster
from world.events import Refusal


class EthereumKey:
    """Signs as an Ethereum wallet's `personal_sign` does; has what `archive.keys.Key` has."""

    signature_type = ETHEREUM

    def __init__(self, secret: bytes) -> None:
        self._private = coincurve.PrivateKey(secret)
        self.public = self._private.public_key.format(compressed=False)

    def sign(self, message: bytes) -> bytes:
        prefixed = b"\x19Ethereum Signed Message:\n%d" % len(message) + message
        digest = keccak.new(digest_bits=256, data=prefixed).digest()
        raw = self._private.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([27 + raw[64]])


@lru_cache(maxsize=1)
def rsa() -> RsaKey:
    """One RSA-4096 key for all tests of a process: making one takes seconds."""
    return RsaKey.generate()


def wallet_key(signature_type: int, name: str = "wallet") -> Any:
    """A key of this signature type."""
    secret = name.encode().ljust(32, b".")
    if signature_type == ARWEAVE:
        return rsa()
    return Ed25519Key(secret) if signature_type == ED25519 else EthereumKey(secret)


AO = (("Data-Protocol", "ao"), ("Type", "Message"), ("Variant", "ao.TN.1"))


class Wallet:
    """A wallet outside, and a door through which its items go."""

    def __init__(self, cluster: Cluster, key: Any = None, name: str = "ao") -> None:
        self.cluster, self.name = cluster, name
        self.key = key or Ed25519Key(name.encode().ljust(32, b"."))
        self.answers: list[Answer] = []
        self.number = self.made = 0
        cluster.gateways[name] = self._hear

    def _hear(self, message: Message) -> None:
        if isinstance(message, Answers):
            self.answers += message.answers

    def item(self, action: str, region: int, number: str = "", data: bytes = b"", **tags: Any) -> DataItem:
        pairs = [("Action", action), *AO, *((name, str(value)) for name, value in tags.items())]
        pairs += [("Number", number)] if number else []
        self.made += 1
        return sign_item(self.key, data, pairs, self.cluster.processes[region], self.made.to_bytes(32, "big"))

    def next(self) -> str:
        self.number += 1
        return f"1.{self.number}"

    def send(self, item: DataItem, region: int) -> list[tuple[int, int]]:
        """(status, verdict) of what was answered."""
        self.answers.clear()
        self.cluster.send(region, Outside(item.raw, 0, 0), gateway=self.name)
        self.cluster.ticks(3)
        return [(answer.status, answer.verdict) for answer in self.answers if answer.chain == item.id]

    def ask(self, action: str, region: int = 1, **tags: Any) -> Any:
        """The reply to a read, as the record holds it."""
        item = self.item(action, region, **tags)
        assert self.send(item, region) == [(messages.STATUS_DONE, Refusal.DONE)]
        _, reply = recorded(self.cluster, region, item)
        return json.loads(reply)

    def join(self) -> int:
        """Be born, and awake, in region 1. Returns the body's entity."""
        born = self.cluster.region(WORLD).bodies.born
        if born % 2 == 0:  # bodies are given to the two regions in turn, the second first
            Wallet(self.cluster, name=f"other-{born}").send(
                Wallet(self.cluster, name=f"other-{born}").item("Join", WORLD), WORLD
            )
        assert self.send(self.item("Join", WORLD), WORLD) == [(messages.STATUS_DONE, Refusal.DONE)]
        self.cluster.ticks(25)
        assert self.send(self.item("Join", 1, self.next()), 1) == [(messages.STATUS_DONE, Refusal.DONE)]
        return int(json.loads(self.ask("Inventory")["Data"])["Entity"])


def recorded(cluster: Cluster, region: int, item: DataItem) -> tuple[Record, bytes]:
    """The one record that holds an item, and its reply."""
    held = [
        (record, record.replies[[said for said in record.inputs if isinstance(said, Outside)].index(one)])
        for record in cluster.records(region)
        for one in record.inputs
        if isinstance(one, Outside) and one.item == item.raw
    ]
    assert len(held) == 1, f"{len(held)} records hold the item"
    return held[0]
