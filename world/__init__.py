"""The rules: a pure function over integer arrays.

Same state and same inputs give the same bytes, on every machine. Nothing here does I/O, reads a clock, or draws
global randomness; nothing here knows of logs, sockets or stores.
"""
