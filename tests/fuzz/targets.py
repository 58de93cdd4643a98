"""All targets by name, those that meet network strangers first. `tests/fuzz/test_every_decoder.py` holds this table
against the modules that decode, so that none is forgotten."""

from tests.fuzz import archive_targets, door_targets, file_targets, gateway_targets, weave_targets, wire_targets

TARGETS = {
    one.name: one
    for one in (
        *wire_targets.TARGETS,
        *door_targets.TARGETS,
        *archive_targets.TARGETS,
        *weave_targets.TARGETS,
        *gateway_targets.TARGETS,
        *file_targets.TARGETS,
    )
}
