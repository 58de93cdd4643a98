"""`everloom top` and the metrics: what is heard is put together rightly, fits a screen, and Prometheus reads it."""

import io
import re
import urllib.request
from pathlib import Path

import pytest
from rich.console import Console

from clients import metrics
from clients.pulse import Pulse
from clients.top_view import view
from regions import messages, spent
from regions.messages import Beat
from regions.spent import PHASES, Process, Running, Spent
from tests.regions.live_world import LiveWorld, everloom
from world.phases import Phase

LINE = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+')


def beat(region: int, players: int = 20) -> bytes:
    return messages.encode(Beat(region, 1, 100, 90, "serving", 1000, 800, players, 7, 90, 1, 1))


def said(region: int, ticks: int = 10, over: int = 500_000, waits: int = 0) -> bytes:
    work = tuple(1000 * (phase + 1) for phase in range(PHASES))
    return spent.encode(Spent(region, 1, 320, 120, over, 40_000, ticks, work, work, ticks, 20_000, 9_000, waits, 3))


def told(at_s: float, cpu_s: float, sent: int) -> bytes:
    process = Process("region 1", int(cpu_s * 1e6), 102_400)
    door = {"players": 40, "strangers": 2, "frames_sent": sent, "frames_left_out": 0}
    return spent.encode(Running(int(at_s * 1e6), (process,), 3, 12_000, door, 1, ("ALARM: a disk is full",)))


def pulse(regions: int = 2) -> Pulse:
    heard = Pulse(lambda: 100.0)
    for index in range(regions + 1):
        heard.hear_beat("w.beat", beat(index, 20 if index else 0))
        heard.hear("w.spent", said(index))
    for message in (told(10.0, 5.0, 1000), told(11.0, 5.25, 1800)):
        heard.hear("w.running", message)
    return heard


def screen(heard: Pulse, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(view(heard.sample(), "everloom top  worlds/default", width, height))
    return console.export_text().splitlines()


def test_a_tick_s_work_is_told_in_milliseconds_by_phase() -> None:
    sample = pulse().sample()
    region = sample["regions"][1]
    assert region["work_ms"] == {phase.name.lower(): pytest.approx((phase + 1) / 10) for phase in Phase}
    assert region["work_ms_sum"] == pytest.approx(sum(range(1, PHASES + 1)) / 10)
    assert (region["append_ms"], region["append_ms_max"]) == (2.0, 9.0)
    assert (region["speed"], region["ticks_per_s"], region["archive_lag_records"]) == (1.0, 20.0, 200)
    assert (sample["players"], sample["entities"]) == (40, 2000)
    assert sample["processes"][0]["cpu_percent"] == 25.0
    assert sample["gateway"]["frames_sent_per_s"] == 800.0


def test_a_region_that_cannot_keep_its_beat_shows_that_time_is_slow_and_who_waits_for_the_log_for_how_long() -> None:
    heard = Pulse(lambda: 100.0)
    heard.hear_beat("w.beat", beat(1))
    heard.hear("w.spent", said(1, ticks=5, waits=300_000))
    region = heard.sample()["regions"][0]
    assert (region["speed"], region["log_lag_ms"]) == (0.5, 300.0)


def test_who_says_nothing_any_more_is_silent() -> None:
    now = 100.0
    heard = Pulse(lambda: now)
    heard.hear_beat("w.beat", beat(1))
    heard.hear("w.spent", said(1))
    now = 110.0
    assert heard.sample()["regions"][0]["state"] == "silent"


def test_bytes_that_mean_nothing_are_passed_over() -> None:
    heard = Pulse()
    for raw in (b"", b"\x91\x05", bytes(100_000), beat(1)[:-1]):
        heard.hear_beat("w.beat", raw)
        heard.hear("w.spent", raw)
    assert heard.sample()["regions"] == [] and not heard.complete


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
@pytest.mark.parametrize("regions", [0, 1, 2, 16])
def test_it_fits_the_screen(width: int, height: int, regions: int) -> None:
    lines = screen(pulse(regions), width, height)
    assert len(lines) <= height
    assert max(len(line.rstrip()) for line in lines) <= width
    if regions:
        assert "speed 100 %" in lines[1]
        assert any("physics" in line for line in lines)
    if height == 40 and regions == 2:
        assert any("█" in line for line in lines)
        assert any("ALARM" in line for line in lines)


def test_an_empty_world_is_a_screen_too() -> None:
    assert screen(Pulse(), 80, 24)


def test_prometheus_can_read_every_line() -> None:
    lines = metrics.text(pulse()).splitlines()
    plain = [line for line in lines if not line.startswith("# ")]
    assert all(LINE.fullmatch(line) for line in plain), [line for line in plain if not LINE.fullmatch(line)]
    kinds = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE")}
    assert all(re.split(r"[{ ]", line)[0] in kinds for line in plain)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in kinds.items())
    assert 'everloom_tick_work_seconds_total{region="1",phase="physics"} 0.004' in plain


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"200"),
        (b"HEAD /metrics?x=1 HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /else HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\xff\xfe\r\n\r\n", b"405"),
    ],
)
def test_a_request_gets_the_answer_it_deserves(head: bytes, status: bytes) -> None:
    answer = metrics.response(head, Pulse())
    lead, _, body = answer.partition(b"\r\n\r\n")
    assert lead.split(b" ")[1] == status
    assert head.startswith(b"HEAD") or b"Content-Length: %d" % len(body) in lead


def test_a_world_that_does_not_run_is_one_clear_line(tmp_path: Path) -> None:
    status, _, text = everloom("top", "--world", str(tmp_path), "--json", timeout_s=60)
    assert status == 1 and "no world runs in" in text


def test_of_a_living_world_one_sample_and_the_endpoint_say_the_same(tmp_path: Path) -> None:
    world = LiveWorld(tmp_path / "w", "--regions", "1x1", "--npcs", "50", "--ao-port", "0", "--metrics-port", "0")
    try:
        world.wait_until_it_lives()
        status, sample, _ = everloom("top", "--world", str(tmp_path / "w"), "--json", timeout_s=60)
        assert status == 0
        world_process, region = sample["regions"]
        assert (world_process["region"], region["region"]) == (0, 1)
        assert region["work_ms"]["physics"] > 0 and region["append_ms"] > 0 and region["entities"] >= 40
        assert {"agent", "log", "gateway", "region 1"} <= {one["name"] for one in sample["processes"]}
        found = re.search(r"http://[0-9.]+:[0-9]+/metrics", re.sub(r"\x1b\[[0-9;]*m", "", "".join(world.said)))
        assert found is not None
        text = urllib.request.urlopen(found[0], timeout=10).read().decode()
        assert 'everloom_tick_work_seconds_total{region="1",phase="npcs"}' in text
    finally:
        world.kill_everything()
