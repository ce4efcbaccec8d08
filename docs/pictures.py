"""Takes the pictures of the README: `python -m docs.pictures [--seconds 600]`.

A demo is put under load over a Redis of its own, which hangs for a while, and a Prometheus scrapes
it. The console is photographed in Chromium. Grafana is not to be had everywhere, so the dashboard's
first rows are drawn here: its own panels and queries, in a layout like Grafana's.
"""

import asyncio
import html
import math
import re
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from msgspec.structs import replace

from deploy.grafana.answers import ANSWERING, GOOD, NOW
from deploy.grafana.panels import Bars, Figure, Lines
from service.cli.demo import GROUP, settings_for
from service.emulator import running
from service.emulator.command import demo_emulator
from service.emulator.sample import SKILL_GROUPS
from service.settings import CallerLimits, HealthSettings, Redis, Secret, Selection
from tests.conftest import RedisServer
from tests.console.browsing import Browser, chromium
from tests.deploy.prometheus import Prometheus, scraping
from tests.whole.services import Running, started

HERE = Path(__file__).parent
SHOWN = (*NOW, *ANSWERING[:3], *GOOD[:3])
PICKS_A_SECOND = 120
MOBILES = ("1388000", "1381000", "1380280", "1371000", "1390755", "1362170", "1597135", "1880571")
RESULTS = ("answered",) * 4 + ("no_answer",) * 4 + ("busy", "rejected")
COLOURS = ("#73bf69", "#5794f2", "#f2cc0c", "#ff780a", "#b877d9", "#e02f44", "#8ab8ff", "#96d98d")
WIDTH, HEIGHT = 408, 150  # of a graph, in px
STYLE = """
html { overflow: hidden }
body { margin: 0; padding: 10px; background: #111217; color: #ccccdc; font: 13px sans-serif }
main { display: grid; grid-template-columns: repeat(24, 1fr); gap: 8px; width: 1280px }
section { background: #181b1f; border: 1px solid #2a2d33; border-radius: 2px; padding: 8px }
h2 { font-size: 14px; font-weight: 500; margin: 0 0 6px } .figure { grid-column: span 4 }
.figure p { font-size: 34px; margin: 6px 0; color: #73bf69; text-align: center }
.lines { grid-column: span 8 }
.lines p { margin: 4px 0 0; font-size: 11px }
i { font-style: normal }
text { fill: #9fa7b3; font-size: 10px }
"""


class Series(NamedTuple):
    """What one query of a panel tells: a legend, and values by their Unix time."""

    legend: str
    points: Sequence[tuple[float, float]]


async def main(seconds: int) -> None:
    """Take both pictures."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        redis = RedisServer(folder)
        try:
            async with running(demo_emulator()) as address:
                settings = replace(
                    settings_for(0, f"http://{address}"),
                    redis=Redis(url=Secret(redis.url)),
                    health=HealthSettings(enabled=True),
                    selection=Selection(
                        caller=CallerLimits(max_per_day=max(20, seconds // 2), rest_seconds=1)
                    ),
                )
                async with started(settings) as service:
                    await _photograph(service, redis, folder, seconds)
        finally:
            redis.continue_signal()
            redis.kill()


async def _photograph(service: Running, redis: RedisServer, folder: Path, seconds: int) -> None:
    target = service.url.removeprefix("http://")
    async with scraping(folder / "prometheus", target, "none", "127.0.0.1:9") as prometheus:
        start = time.time()
        load = asyncio.create_task(_call(service, seconds))
        await asyncio.sleep(0.6 * seconds)
        redis.stop_signal()
        await asyncio.sleep(0.1 * seconds)
        redis.continue_signal()
        await load
        page = await _dashboard(prometheus, start, time.time())
    (folder / "dashboard.html").write_text(page, "utf-8")
    await asyncio.to_thread(_take, folder, service.url)


async def _call(service: Running, seconds: int) -> None:
    """Call people for a time, now more of them, now fewer, and tell how each call went on."""
    randomness, start = Random(7), time.monotonic()  # noqa: S311 - made-up calls
    async with asyncio.TaskGroup() as calls:
        while (passed := time.monotonic() - start) < seconds:
            wave = 1 + 0.4 * math.sin(6 * passed / seconds) + 0.1 * randomness.random()
            await asyncio.sleep(1 / PICKS_A_SECOND / wave)
            called = f"{randomness.choice(MOBILES)}{randomness.randrange(10_000):04d}"
            calls.create_task(_one(service, randomness, called))


async def _one(service: Running, randomness: Random, called: str) -> None:
    group = randomness.choice((GROUP, *SKILL_GROUPS))
    call_id = f"{called}-{time.monotonic_ns()}"
    status, answer = await service.pick(
        called_number=called, skill_group_ids=[group], call_id=call_id
    )
    if status != 200:  # noqa: PLR2004
        return
    report = {
        "call_id": call_id,
        "result": randomness.choice(RESULTS),
        "caller_number": answer["data"][0]["caller"]["number"],
        "called_number": called,
    }
    async with service.client.post(f"{service.url}/v1/outcomes", json=report):
        pass


async def _dashboard(prometheus: Prometheus, start: float, end: float) -> str:
    parts = [await _panel(prometheus, shown, start, end) for shown in SHOWN]
    return f"<!doctype html><style>{STYLE}</style><main>{''.join(parts)}</main>"


async def _panel(
    prometheus: Prometheus, shown: Lines | Figure | Bars, start: float, end: float
) -> str:
    series = [one async for one in _asked(prometheus, shown, start, end)]
    title = f"<h2>{html.escape(shown.title)}</h2>"
    if isinstance(shown, Lines):
        drawn = "".join(_drawn(shown, series, start, end))
        return f'<section class="lines">{title}{drawn}</section>'
    newest = series[0].points[-1][1] if series else math.nan
    unit = shown.unit if isinstance(shown, Figure) else "short"
    return f'<section class="figure">{title}<p>{_worded(newest, unit)}</p></section>'


async def _asked(
    prometheus: Prometheus, shown: Lines | Figure | Bars, start: float, end: float
) -> AsyncIterator[Series]:
    """Yield each series of a panel, the variables of its queries filled in as All."""
    filled = {"$__rate_interval": "15s", "$instance": ".*", "$replica": ".*"}
    for legend, asked in shown.queries.items():
        query = asked
        for variable, value in filled.items():
            query = query.replace(variable, value)
        step = str(max(1.0, (end - start) / WIDTH))
        told = await prometheus.get(
            "query_range", query=query, start=str(start + 15), end=str(end), step=step
        )
        for one in told["result"]:
            name = legend
            for label, value in one["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            name = re.sub(r"{{.*?}}", "–", name)  # a label that is empty
            points = [(float(at), float(value)) for at, value in one["values"]]
            yield Series(name, [point for point in points if math.isfinite(point[1])])


def _drawn(shown: Lines, series: Sequence[Series], start: float, end: float) -> Iterator[str]:
    """Draw the lines, stacked where the panel has them so, and the legend below."""
    stack: dict[float, float] = {}
    tops: list[list[tuple[float, float]]] = []
    for one in series:
        is_stacked = shown.stacking != "none"
        top = [
            (at, value + (stack.get(at, 0.0) if is_stacked else 0.0)) for at, value in one.points
        ]
        stack |= dict(top)
        tops.append(top)
    most = max((value for top in tops for _, value in top), default=0.0) or 1.0
    yield f'<svg width="{WIDTH - 20}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - 4 - share * (HEIGHT - 16)
        yield f'<path d="M50 {y:.0f}H{WIDTH}" stroke="#2a2d33"/>'
        yield f'<text x="0" y="{y + 3:.0f}">{_worded(share * most, shown.unit)}</text>'
    for colour, top in reversed(list(zip(COLOURS, tops, strict=False))):
        path = "L".join(
            f"{50 + (at - start) / (end - start) * (WIDTH - 50):.1f} "
            f"{HEIGHT - 4 - value / most * (HEIGHT - 16):.1f}"
            for at, value in top
        )
        fill = "none"
        if path and shown.stacking != "none":
            fill, first = colour, path.split(" ", 1)[0]
            path = (
                f"{first} {HEIGHT - 4}L{path}L{path.rsplit('L', 1)[1].split(' ')[0]} {HEIGHT - 4}"
            )
        yield (
            f'<path d="M{path}" fill="{fill}" fill-opacity=".5" stroke="{colour}"/>' if path else ""
        )
    yield "</svg><p>"
    for colour, one in zip(COLOURS, series, strict=False):
        yield f'<i style="color:{colour}">━</i> {html.escape(one.legend or shown.title)}&ensp;'
    yield "</p>"


def _worded(value: float, unit: str) -> str:
    """Word a value by its unit, as Grafana names it."""
    if not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "s":
        return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:.4g}" + ("/s" if unit in {"reqps", "cps"} else "")


def _take(folder: Path, url: str) -> None:
    with chromium(folder / "chromium") as browser:
        browser.open(url)
        browser.size(1300, 1000)
        browser.wait(lambda: browser.text('#map [data-key="四川"]'))
        browser.find('#try [name="called_number"]').send_keys("13880001234\n")
        browser.wait(lambda: "02855" in browser.text("body"))
        _save(browser, "console")
        browser.size(1300, 550)
        browser.driver.get((folder / "dashboard.html").as_uri())
        _save(browser, "dashboard")


def _save(browser: Browser, name: str) -> None:
    browser.driver.save_screenshot(str(HERE / f"{name}.png"))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    asyncio.run(main(parser.parse_args().seconds))
