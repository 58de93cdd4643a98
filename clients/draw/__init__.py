"""Pictures for the window: tiles, bodies, the panel."""
