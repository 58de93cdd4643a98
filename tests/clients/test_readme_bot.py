"""The bot in the README: twenty lines that know nothing of Everloom, run as they stand against a real gateway."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from regions.record import Acted, Head
from tests.clients.little_door import door
from tests.regions.little_world import LittleWorld

README = Path(__file__).resolve().parents[2] / "README.md"


def block() -> str:
    """The README's Python block."""
    found, _ = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def test_it_is_twenty_lines_of_the_standard_library_msgpack_and_websockets() -> None:
    lines = block().splitlines()
    assert len(lines) <= 20 and max(map(len, lines)) <= 120
    imports = " ".join(line for line in lines if re.match(r"\s*(import|from) ", line))
    strangers = set(re.findall(r"[a-z_]+(?:\.[a-z_]+)*", imports)) - {"import", "from", "as"}
    allowed = {"hashlib", "msgpack", "os", "random", "sys", "websockets", "websockets.sync.client"}
    assert strangers <= allowed


def test_it_walks_about_and_signs_its_heads(tmp_path: Path) -> None:
    script = tmp_path / "bot.py"
    script.write_text(block())
    world = LittleWorld()

    def inputs() -> list[object]:
        return [said for index in world.logs for record in world.records(index) for said in record.inputs]

    async def scene() -> None:
        async with door(world) as (url, _), asyncio.timeout(30):
            bot = await asyncio.create_subprocess_exec(
                sys.executable, "-W", "error", str(script), url, stdout=PIPE, stderr=PIPE
            )
            try:
                while sum(isinstance(one, Acted) for one in inputs()) < 10 and bot.returncode is None:
                    await asyncio.sleep(0.2)
            finally:
                if bot.returncode is None:
                    bot.kill()
                _, errors = await bot.communicate()
            assert not errors, errors.decode()

    asyncio.run(scene())
    acts = [one for one in inputs() if isinstance(one, Acted)]
    heads = [one for one in inputs() if isinstance(one, Head)]
    assert [act.number for act in acts] == list(range(2, 2 + len(acts))) and len(acts) >= 10
    assert len(heads) >= len(acts) - 1
