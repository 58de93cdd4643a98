"""Bots over websockets: what they do, a crowd of them, and the ledger of what was acknowledged."""
