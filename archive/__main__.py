"""`python -m archive inspect FILE...`: what a file of permanent data holds, and whether it is what it claims to be.

Reads data items and bundles (ANS-104), bundles in bundles included. It opens the named files and nothing else.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from stat import S_ISREG
from typing import Any

from archive.bundle import BUNDLE_ITEMS_MAX, NESTING_MAX, Entry, is_bundle, read_header
from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError, Damaged
from archive.keys import b64

FILE_BYTES_MAX = 64 << 20
DESCRIPTION = "Looks into files of signed permanent data (ANS-104 data items and bundles) and checks every signature."
EPILOG = (
    "Exit status: 0 when everything is valid, 1 when anything is not or cannot be read, 2 for a wrong command line."
)

Report = dict[str, Any]  # JSON of one file or item, as `--json` prints it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser("python -m archive", description=DESCRIPTION, epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    inspect = commands.add_parser("inspect", help="say what files hold", description=DESCRIPTION, epilog=EPILOG)
    inspect.add_argument("files", nargs="+", metavar="FILE", type=Path)
    inspect.add_argument("--json", action="store_true", help="print one line of JSON instead of text")
    options = parser.parse_args(arguments)
    try:
        return _inspect(options.files, as_json=options.json)
    except BrokenPipeError:  # whoever was reading has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _inspect(paths: Sequence[Path], *, as_json: bool) -> int:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # a terminal that cannot show a character is no reason to stop
    reports = []
    for path in paths:
        reports.append(inspect_file(path))
        if not as_json:
            print("\n".join(_text(reports[-1])), flush=True)
    valid = all(report["valid"] for report in reports)
    if as_json:
        print(json.dumps({"valid": valid, "files": reports}), flush=True)
    return 0 if valid else 1


def inspect_file(path: Path) -> Report:
    """What one file holds; whatever is wrong with it is in the report."""
    report: Report = {"file": str(path), "kind": None, "size": None, "valid": False, "reason": None}
    try:
        raw = _read(path)
    except ArchiveError as error:
        return report | {"reason": error.reason}
    report["size"] = len(raw)
    if _looks_like_a_bundle(raw):
        return report | {"kind": "bundle"} | _bundle(raw, 0, Budget(BUNDLE_ITEMS_MAX))
    return report | {"kind": "item"} | _item(raw, None, 0, Budget(BUNDLE_ITEMS_MAX))


class Budget:
    """How many more items may be looked at, in a file and all bundles nested in it."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, items: int) -> None:
        if items > self.left:
            raise Damaged("bundle", f"{items} more items, where {self.left} are left of the {BUNDLE_ITEMS_MAX} allowed")
        self.left -= items


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not make us wait
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not S_ISREG(status.st_mode):
                raise ArchiveError(str(path), "not a regular file")
            if status.st_size > FILE_BYTES_MAX:
                raise ArchiveError(str(path), f"{status.st_size} bytes, limit {FILE_BYTES_MAX}")
            return file.read(FILE_BYTES_MAX)
    except (OSError, ValueError) as error:
        raise ArchiveError(str(path), getattr(error, "strerror", None) or str(error)) from None


def _looks_like_a_bundle(raw: bytes) -> bool:
    """A bundle starts with a 32-byte count, nearly all zeros; an item with 2 bytes of type and a signature.

    Where the first item's 32 bytes of size are zeros too, it rather is an item whose signature was wiped out.
    """
    empty_signature = any(raw[:2]) and len(raw) >= 64 and not any(raw[2:64])
    return len(raw) >= 32 and raw[2:32].count(0) >= 24 and not empty_signature


def _bundle(raw: bytes, depth: int, budget: Budget) -> Report:
    try:
        entries = read_header(raw)
        budget.spend(len(entries))
    except ArchiveError as error:
        return {"valid": False, "reason": error.reason, "items": []}
    items = [_item(raw[entry.offset : entry.offset + entry.size], entry, depth, budget) for entry in entries]
    wrong = sum(not item["valid"] for item in items)
    reason = f"{wrong} of {len(items)} items are not valid" if wrong else None
    return {"valid": not wrong, "reason": reason, "items": items}


def _item(raw: bytes, entry: Entry | None, depth: int, budget: Budget) -> Report:
    report: Report = {"id": b64(entry.id) if entry else None, "size": len(raw)}
    try:
        item = parse_item(raw)
    except ArchiveError as error:
        return report | {"valid": False, "reason": error.reason}
    report |= _fields(item)
    try:
        if entry and entry.id != item.id:
            raise Damaged(b64(item.id), f"the bundle's header calls it {b64(entry.id)}")
        item.verify()
    except ArchiveError as error:
        return report | {"valid": False, "reason": error.reason}
    if not is_bundle(item):
        return report | {"valid": True, "reason": None}
    if depth == NESTING_MAX:
        return report | {"valid": False, "reason": f"bundles nested deeper than {NESTING_MAX}"}
    return report | _bundle(item.data, depth + 1, budget)


def _fields(item: DataItem) -> Report:
    return {
        "id": b64(item.id),
        "signature_type": item.signature_type,
        "owner": item.address,
        "target": b64(item.target) if item.target is not None else None,
        "anchor": b64(item.anchor) if item.anchor is not None else None,
        "tags": [{"name": name, "value": value} for name, value in item.tags],
        "data_size": len(item.data),
    }


def _text(report: Report, indent: str = "") -> Iterator[str]:
    verdict = "valid" if report["valid"] else f"NOT VALID: {report['reason']}"
    if "file" in report:
        what = f"{report['kind']}, {report['size']} bytes, " if report["kind"] else ""
        yield f"{_plain(report['file'])}: {what}{verdict}"
    if "id" in report:
        if "file" not in report:
            yield f"{indent}item {report['id'] or '(no id)'}: {report['size']} bytes, {verdict}"
        elif report["id"]:
            yield f"  id: {report['id']}"
    if "owner" in report:
        yield f"{indent}  owner: {report['owner']} (signature type {report['signature_type']})"
        for name in ("target", "anchor"):
            if report[name] is not None:
                yield f"{indent}  {name}: {report[name]}"
        for tag in report["tags"]:
            yield f"{indent}  tag: {_plain(tag['name'])} = {_plain(tag['value'])}"
        yield f"{indent}  data: {report['data_size']} bytes"
    for item in report.get("items", ()):
        yield from _text(item, indent + "  ")


def _plain(text: str) -> str:
    """A stranger's text made fit for a terminal: what cannot be printed is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


if __name__ == "__main__":
    sys.exit(main())
