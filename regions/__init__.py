"""One AO process per region: synchronous cores, `step(now, event) -> effects`, and thin shells around them.

A core decides; a shell (`regions.shell`) carries the decision out. The archive's formats and the world's rules are
imported, never the other way round.
"""
