"""Region processes come from one that has loaded everything: real processes, forked, killed and told of."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from regions.shell.zygote import Forked, Zygote


async def warm(child: Forked) -> int:
    """Until it says that it is warm; the pid it knows."""
    said = json.loads(await asyncio.wait_for(child.stdout.readline(), 60))
    return int(said["warm"])


def title(pid: int) -> str:
    """What `ps` calls it; empty when it is gone, or only waits for its parent to take note of that."""
    about = Path(f"/proc/{pid}/cmdline")
    return about.read_bytes().replace(b"\0", b" ").decode().strip() if about.exists() else ""


def run(story: object) -> None:
    asyncio.run(story)  # type: ignore[arg-type]


def test_each_fork_is_a_warm_process_of_its_own_that_ends_with_its_pipe() -> None:
    async def story() -> None:
        zygote = Zygote()
        try:
            children = [await zygote.fork() for _ in range(3)]
            assert [await warm(child) for child in children] == [child.pid for child in children]
            assert {title(child.pid) for child in children} == {"everloom: spare"}
            assert len({os.getsid(child.pid) for child in children}) == 3, "Ctrl-C is for the agent"
            assert title(zygote.pid) == "everloom: zygote"
            children[0].stdin.close()
            assert await asyncio.wait_for(children[0].wait(), 10) == 0
            children[1].kill()
            assert await asyncio.wait_for(children[1].wait(), 10) == children[1].returncode == -signal.SIGKILL
            with pytest.raises(ProcessLookupError):
                children[1].kill()
            assert children[2].returncode is None
            children[2].terminate()
            assert await asyncio.wait_for(children[2].wait(), 10) == -signal.SIGTERM
        finally:
            await zygote.close()
        assert not zygote.pid

    run(story())


def test_who_was_forked_outlives_a_zygote_and_the_next_fork_comes_from_another() -> None:
    async def story() -> None:
        zygote = Zygote()
        try:
            first = await zygote.fork()
            await warm(first)
            before = zygote.pid
            os.kill(before, signal.SIGKILL)
            second = await zygote.fork()
            await warm(second)
            assert zygote.pid not in (0, before)
            assert first.returncode is None and title(first.pid) == "everloom: spare"
            first.kill()
            assert await asyncio.wait_for(first.wait(), 10) is None, "it has ended, and nobody is left who knows how"
            second.stdin.close()
            assert await asyncio.wait_for(second.wait(), 10) == 0
        finally:
            await zygote.close()

    run(story())


def test_a_zygote_that_was_stopped_is_given_up_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.shell.zygote.FORK_S_MAX", 0.5)

    async def story() -> None:
        zygote = Zygote()
        try:
            first = await zygote.fork()
            before = zygote.pid
            os.kill(before, signal.SIGSTOP)
            second = await zygote.fork()
            await warm(second)
            assert zygote.pid != before and not title(before)
            for child in first, second:
                child.kill()
                await asyncio.wait_for(child.wait(), 10)
        finally:
            await zygote.close()

    run(story())


def test_those_whose_agent_is_gone_end_by_themselves() -> None:
    async def story() -> None:
        zygote = Zygote()
        child = await zygote.fork()
        await warm(child)
        pid, born = zygote.pid, child.pid
        child.stdin.close()
        await zygote.close()
        assert await asyncio.wait_for(child.wait(), 10) is None
        assert not title(pid) and not title(born)

    run(story())
