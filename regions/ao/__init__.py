"""The AO view of a world: what unmodified AO software finds. It shows what the logs hold, and decides nothing.

`view` reads records, `index` keeps what it found, `results` puts it into AO's words; `messenger`, `scheduler`,
`compute` and `mainnet` are the doors, `door` all of them together.
"""
