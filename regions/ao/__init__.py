"""The AO view of a region's log: assignments and items in AO's words. It reads the log and never signs it anew."""
