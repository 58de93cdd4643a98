"""Durable bytes: signed data items (ANS-104), bundles, Arweave transactions, and the stores that keep them.

For: making, reading and checking permanent data, so that whoever holds the bytes can tell what they are, who signed
them and whether a single one was changed. Every parser here takes any bytes and either returns a value or raises
`ArchiveError`.

Not for: the game. Nothing in this package knows what a tick, an entity or a rule is; it handles bytes, hashes, tags and
record numbers. It imports neither `world` nor `regions`.
"""
