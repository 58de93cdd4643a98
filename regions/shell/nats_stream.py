"""What the JetStream stream behind a log must be, how it is read, and what its answers to an append mean.

Values only: settings, requests, and the decoding of answers. `nats_log` sends them.
"""

import json
from typing import Any

from regions.shell.log import (
    RECORD_BYTES_MAX,
    Durable,
    Full,
    Impossible,
    LogBroken,
    LogInfo,
    Outcome,
    Unknown,
)

SETTINGS: dict[str, Any] = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",  # a full log refuses; it does not forget
    "max_age": 0,
    "max_msgs": -1,
    "max_msgs_per_subject": -1,
    "max_msg_size": RECORD_BYTES_MAX,
    "deny_delete": True,  # only a trim removes records, and only from the front
    "deny_purge": False,
    "allow_direct": True,  # reading a run by sequence, in one request
    "allow_rollup_hdrs": False,
    "sealed": False,
}
FORBIDDEN = ("mirror", "sources", "subject_transform", "republish", "allow_msg_ttl", "allow_msg_schedules")

FOLLOW_BATCH = 256
FOLLOW_BYTES = 1 << 20  # for each follower, and all of a process's together stay below the server's max_pending
HEARTBEAT_S = 0.5
PULL_S = 30
NANOSECONDS = 1_000_000_000

# A follower's consumer: kept in the server's memory, gone by itself when nobody asks.
CONSUMER: dict[str, Any] = {
    "deliver_policy": "by_start_sequence",
    "ack_policy": "none",
    "max_deliver": 1,
    "mem_storage": True,
    "num_replicas": 1,
    "inactive_threshold": 5 * NANOSECONDS,
}
NEXT = json.dumps(
    {
        "batch": FOLLOW_BATCH,
        "max_bytes": FOLLOW_BYTES,
        "expires": PULL_S * NANOSECONDS,
        "idle_heartbeat": int(HEARTBEAT_S * NANOSECONDS),
    }
).encode()

# The status of a message that is no record. A request ends while its consumer lives on; another status: it does not.
HEARTBEAT = "100"
REQUEST_TIMEOUT = "408"
REQUEST_ENDS = ("Batch Completed", "Message Size Exceeds MaxBytes")

# Error codes of nats-server (server/errors.json).
STREAM_NOT_FOUND = 10059
WRONG_LAST_SEQUENCE = 10071
STORE_FAILED = 10077
NO_ROOM = {10023, 10028, 10047}
NEVER = {10054, 10060, 10109}  # too large, the subject belongs to another stream, sealed


def subject_of(name: str) -> str:
    """Return the one subject of a log's stream."""
    return f"log.{name}"


def stream_config(name: str, replicas: int, first_sequence: int, max_bytes: int) -> dict[str, Any]:
    """Return what to ask of the server to make a log's stream."""
    return SETTINGS | {
        "name": name,
        "subjects": [subject_of(name)],
        "num_replicas": replicas,
        "max_bytes": max_bytes,
        "first_seq": first_sequence,
    }


def wrong_settings(config: dict[str, Any], name: str, replicas: int) -> list[str]:
    """Return in words why a stream of this configuration could lose a record, or acknowledge before it has synced."""
    wanted = SETTINGS | {"subjects": [subject_of(name)], "num_replicas": replicas}
    wrong = [
        f"{key} is {config.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if config.get(key, value) != value
    ]
    wrong += [f"{key} is set" for key in FORBIDDEN if config.get(key)]
    if config.get("persist_mode") not in (None, "", "default"):
        wrong.append(f"persist_mode is {config['persist_mode']!r}: it acknowledges before it syncs")
    return wrong


def guard(name: str, position: int, first_sequence: int) -> dict[str, str]:
    """Return the headers under which the server stores record `position` only right behind the record before it.

    The subject's last sequence too: a stream made anew that happens to start at `position` holds no such record.
    """
    held = position - 1 if position > first_sequence else 0
    return {
        "Nats-Expected-Stream": name,
        "Nats-Expected-Last-Sequence": str(position - 1),
        "Nats-Expected-Last-Subject-Sequence": str(held),
    }


def outcome_of(name: str, position: int, answer: dict[str, Any]) -> Outcome | None:
    """Return what the answer to an append means; None: the guard refused it, and where the log stands tells why.

    Raises `LogBroken` when the server stored it anywhere else than guarded.
    """
    error = answer.get("error")
    if error is None:
        if answer.get("seq") != position or answer.get("stream") != name or answer.get("duplicate"):
            raise LogBroken(f"log {name} was to store record {position}; it answered {answer}")
        return Durable(position)
    code, reason = int(error.get("err_code", 0)), str(error.get("description", error))
    if code == WRONG_LAST_SEQUENCE:
        return None
    if code in NEVER:
        return Impossible(reason)
    if code in NO_ROOM or (code == STORE_FAILED and ("exceeded" in reason or "no space" in reason)):
        return Full(reason)
    return Unknown(f"{reason} ({code})")


def info_of(answer: dict[str, Any]) -> LogInfo:
    """Return where the log of a STREAM.INFO answer begins and ends."""
    state = answer["state"]
    return LogInfo(int(state["first_seq"]), int(state["last_seq"]), int(state["bytes"]))


def sequence_of(reply: str) -> int:
    """Return the record number from the reply subject of a delivery (ADR-15: nine tokens, or more with a domain)."""
    tokens = reply.split(".")
    return int(tokens[5] if len(tokens) == 9 else tokens[7])
