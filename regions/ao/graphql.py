"""GraphQL over a library, with the schema that Arweave's gateways have: transactions and items by ids, owners, tags.

Bounded: a question of at most QUERY_BYTES_MAX bytes, TOKENS_MAX tokens and ROOTS_MAX lists, PAGE_MAX entries a list.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    build_schema,
    execute,
    parse,
    validate,
)
from graphql.execution import ExecutionResult

from archive.blocks import Header
from archive.errors import ArchiveError
from archive.keys import b64, unb64
from archive.library import Head, Library
from archive.lookup import Entry, TagWanted, Wanted

QUERY_BYTES_MAX: Final = 32 << 10
TOKENS_MAX: Final = 2_000
ROOTS_MAX: Final = 16
PAGE_MAX: Final = 1_000
VALUES_MAX: Final = 1_000
SCHEMA: Final = """
type Query {
  transaction(id: ID!): Transaction
  transactions(ids: [ID!], owners: [String!], recipients: [String!], tags: [TagFilter!], bundledIn: [ID!],
    block: BlockFilter, first: Int = 10, after: String, sort: SortOrder = HEIGHT_DESC): TransactionConnection!
  block(id: String!): Block
  blocks(ids: [ID!], height: BlockFilter, first: Int = 10, after: String, sort: SortOrder = HEIGHT_DESC):
    BlockConnection!
}
enum SortOrder { HEIGHT_ASC HEIGHT_DESC }
enum TagOperator { EQ NEQ }
input TagFilter { name: String!, values: [String!]!, op: TagOperator = EQ }
input BlockFilter { min: Int, max: Int }
type PageInfo { hasNextPage: Boolean! }
type TransactionConnection { pageInfo: PageInfo!, edges: [TransactionEdge!]! }
type TransactionEdge { cursor: String!, node: Transaction! }
type BlockConnection { pageInfo: PageInfo!, edges: [BlockEdge!]! }
type BlockEdge { cursor: String!, node: Block! }
type Block { id: ID!, timestamp: Int!, height: Int!, previous: ID! }
type Transaction {
  id: ID!, anchor: String!, signature: String!, recipient: String!, owner: Owner!, fee: Amount!, quantity: Amount!,
  data: MetaData!, tags: [Tag!]!, block: Block, parent: Parent @deprecated(reason: "Use `bundledIn`"),
  bundledIn: Bundle
}
type Owner { address: String!, key: String! }
type Amount { winston: String!, ar: String! }
type MetaData { size: String!, type: String }
type Tag { name: String!, value: String! }
type Parent { id: ID! }
type Bundle { id: ID! }
"""
_schema: Final = build_schema(SCHEMA)


def answer(library: Library, query: str, variables: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
    """HTTP status and the JSON of an answer. Never raises for what a stranger may ask."""
    try:
        document = _read(query)
        wrong = validate(_schema, document, max_errors=5)
        if wrong:
            return 400, {"errors": [error.formatted for error in wrong]}
        result = execute(_schema, document, Root(library), variable_values=dict(variables or {}))
    except (GraphQLError, RecursionError) as error:
        told = error.formatted if isinstance(error, GraphQLError) else {"message": "nested too deeply"}
        return 400, {"errors": [told]}
    assert isinstance(result, ExecutionResult)
    return (200 if result.data is not None else 400), dict(result.formatted)


def _read(query: str) -> DocumentNode:
    if len(query) > QUERY_BYTES_MAX:
        raise GraphQLError(f"a query of {len(query)} characters, limit {QUERY_BYTES_MAX}")
    document = parse(query, max_tokens=TOKENS_MAX)
    for part in document.definitions:
        if isinstance(part, OperationDefinitionNode):
            roots = [one for one in part.selection_set.selections if isinstance(one, FieldNode)]
            if len(roots) != len(part.selection_set.selections) or len(roots) > ROOTS_MAX:
                raise GraphQLError(f"up to {ROOTS_MAX} plain fields of Query are answered at once")
    return document


class Root:
    """The fields of Query."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def transaction(self, info: Any, id: str) -> "Node | None":
        """One entry."""
        entry = self.library.lookup.find(id)
        return Node(self.library, entry) if entry is not None else None

    def transactions(
        self,
        info: Any,
        first: int | None = 10,
        after: str | None = None,
        sort: str | None = "HEIGHT_DESC",
        tags: list[dict[str, Any]] | None = None,
        block: dict[str, Any] | None = None,
        bundledIn: list[str] | None = None,
        **lists: list[str] | None,
    ) -> dict[str, Any]:
        """A page of entries."""
        named = {name: tuple(values[:VALUES_MAX]) for name, values in lists.items() if values is not None}
        filters = [
            TagWanted(one["name"], tuple(one["values"][:VALUES_MAX]), one.get("op") == "NEQ") for one in tags or ()
        ]
        heights = block or {}
        wanted = Wanted(
            **named,
            tags=tuple(filters),
            bundled_in=tuple(bundledIn[:VALUES_MAX]) if bundledIn is not None else None,
            height_min=heights.get("min"),
            height_max=heights.get("max"),
        )
        newest_first = sort != "HEIGHT_ASC"
        with_cursor = _number(after)
        try:
            numbers, more = self.library.lookup.query(
                wanted, _page(first), with_cursor, newest_first, lambda entry: Node(self.library, entry).recipient
            )
        except ArchiveError as error:
            raise GraphQLError(error.reason) from None
        entries = self.library.lookup.entries
        edges = [{"cursor": _cursor(number), "node": Node(self.library, entries[number])} for number in numbers]
        return {"pageInfo": {"hasNextPage": more}, "edges": edges}

    def block(self, info: Any, id: str) -> dict[str, Any] | None:
        """One block."""
        try:
            return block_words(self.library.weave.block(id))
        except ArchiveError:
            return None

    def blocks(
        self,
        info: Any,
        first: int | None = 10,
        after: str | None = None,
        sort: str | None = "HEIGHT_DESC",
        ids: list[str] | None = None,
        height: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A page of blocks."""
        headers, bounds, from_height = self.library.weave.headers, height or {}, _number(after)
        low = max(bounds.get("min") or 0, 0)
        high = min(bounds["max"] if bounds.get("max") is not None else len(headers), len(headers) - 1)
        if sort == "HEIGHT_ASC":
            heights: Iterable[int] = range(low if from_height is None else max(low, from_height + 1), high + 1)
        else:
            heights = range(high if from_height is None else min(high, from_height - 1), low - 1, -1)
        found: list[Header] = []
        for one in heights:
            if ids is None or b64(headers[one].id) in ids:
                found.append(headers[one])
                if len(found) > _page(first):
                    break
        page = found[: _page(first)]
        edges = [{"cursor": _cursor(one.height), "node": block_words(one)} for one in page]
        return {"pageInfo": {"hasNextPage": len(found) > len(page)}, "edges": edges}


class Node:
    """The fields of Transaction; those that are not in the lookup are read when they are asked for."""

    def __init__(self, library: Library, entry: Entry) -> None:
        self.library, self.entry = library, entry
        self.id = entry.id
        self.tags = [{"name": name, "value": value} for name, value in entry.tags]
        self.block = block_words(library.weave.headers[entry.laid.height])
        self.bundledIn = {"id": entry.bundled_in} if entry.bundled_in is not None else None
        self.parent = self.bundledIn
        self.fee = self.quantity = {"winston": "0", "ar": "0.000000000000"}
        self._head: Head | None = None

    @property
    def recipient(self) -> str:
        """Whom it is sent to; empty: nobody."""
        return b64((self._item.item.target or b"") if self._item is not None else self.entry.laid.transaction.target)

    @property
    def anchor(self) -> str:
        """An item's anchor, a transaction's last_tx."""
        return b64((self._item.item.anchor or b"") if self._item is not None else self.entry.laid.transaction.last_tx)

    @property
    def signature(self) -> str:
        """As signed."""
        return b64((self._item.item if self._item is not None else self.entry.laid.transaction).signature)

    @property
    def owner(self) -> dict[str, Any]:
        """Address, and the public key when it is asked for."""
        signed = self._item.item if self._item is not None else self.entry.laid.transaction
        return {"address": self.entry.owner, "key": lambda info: b64(signed.owner)}

    @property
    def data(self) -> dict[str, Any]:
        """Size in bytes and content type."""
        size = self._item.end - self._item.start if self._item is not None else self.entry.size
        return {"size": str(size), "type": next((v for n, v in self.entry.tags if n == "Content-Type"), None)}

    @property
    def _item(self) -> Head | None:
        if self.entry.bundled_in is not None and self._head is None:
            try:
                self._head = self.library.head(self.entry)
            except ArchiveError as error:
                raise GraphQLError(str(error)) from None
        return self._head


def block_words(header: Header) -> dict[str, Any]:
    """A block's fields."""
    return {
        "id": b64(header.id),
        "timestamp": header.timestamp,
        "height": header.height,
        "previous": b64(header.previous),
    }


def _page(first: int | None) -> int:
    wanted = 10 if first is None else first
    if not 1 <= wanted <= PAGE_MAX:
        raise GraphQLError(f"first is {wanted}, allowed 1 to {PAGE_MAX}")
    return wanted


def _cursor(number: int) -> str:
    return b64(str(number).encode())


def _number(cursor: str | None) -> int | None:
    if not cursor:
        return None
    try:
        text = unb64(cursor[:32]).decode("ascii")
        if not text.isdigit() or len(text) > 12:
            raise ValueError(text)
        return int(text)
    except (ArchiveError, ValueError):
        raise GraphQLError("a cursor that was not given out here") from None
