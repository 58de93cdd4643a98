"""How far the items of a store have come on their way to Arweave, by the journals beside it and the gateways' word."""

from dataclasses import dataclass, field
from typing import Final

from archive.errors import ArchiveError
from archive.stores import State
from archive.stores.disk import DiskStore
from archive.stores.gateway import Gateway, Patience
from archive.stores.journal import Journal, Sent
from archive.stores.submission import confirmations
from regions.shell.remote import Remote, journals

PATIENCE: Final = Patience(connect_s=2, read_s=5, answer_s=5, tries=1)
ASKED_MAX: Final = 200  # bundles whose depth is asked for


@dataclass
class Standing:
    """By bundle and by item: `SUBMITTED` or `PERMANENT`; what is in neither is on this machine alone."""

    gateways: list[str] = field(default_factory=list)
    bundles: dict[str, State] = field(default_factory=dict)
    items: dict[str, State] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # why depths are not known as of now

    @classmethod
    def of(cls, disk: DiskStore) -> "Standing":
        """What the journals beside a store say of what is in it. Raises ConfigError for a journal's settings."""
        standing = cls()
        for remote, folder in journals(disk.folder.parent):
            standing.gateways.append(remote.gateway)
            standing._read(remote, Journal(folder))
        for name, listed in disk.bundles().items():
            state = standing.bundles.get(name)
            for item in listed if state is not None else ():
                if standing.items.get(item.id) is not State.PERMANENT:
                    standing.items[item.id] = state or State.STORED
        return standing

    def state(self, item_id: str) -> State:
        """An item's."""
        return self.items.get(item_id, State.STORED)

    def _read(self, remote: Remote, journal: Journal) -> None:
        waiting: list[Sent] = []
        for entry in journal:
            if entry.permanent:
                self.bundles[entry.bundle] = State.PERMANENT
            elif entry.read_back:
                self.bundles.setdefault(entry.bundle, State.SUBMITTED)
                waiting.append(entry)
        gateway = Gateway(remote.gateway, PATIENCE)
        try:
            for entry in sorted(waiting, key=lambda one: one.sent_ms)[:ASKED_MAX]:
                depth = confirmations(gateway, entry)
                if depth is None:
                    self.problems.append(f"{remote.gateway} knew transaction {entry.id}, and does no longer")
                    self.bundles.pop(entry.bundle)
                elif depth >= remote.depth:
                    self.bundles[entry.bundle] = State.PERMANENT
        except ArchiveError as error:
            self.problems.append(f"how deep the newest lie is not known now: {error}")
        finally:
            gateway.close()
