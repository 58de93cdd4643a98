"""The files of the cores that the simulation drives, whose lines it must reach."""

from typing import Final

CORES: Final = (
    *(
        f"regions/{name}.py"
        for name in (
            "agent",
            "answers",
            "archivist",
            "beats",
            "beginning",
            "chain",
            "claims",
            "compute",
            "cutting",
            "drafts",
            "filing",
            "followed",
            "gateway",
            "letters",
            "overheard",
            "peers",
            "players",
            "poison",
            "post_box",
            "process",
            "resuming",
            "revive",
            "scheduler",
            "seats",
            "show",
            "sights",
            "storing",
            "unanswered",
            "views",
            "world_process",
        )
    ),
    "archive/cut.py",
    "archive/restore.py",
)
