"""What the index screen says of a repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from indexer.records import SkippedFile
from tui.screens.building import MAX_LISTED


async def details(driver) -> str:
    return driver.text_of(driver.app.screen.query_one("#details-text"))


async def test_stale_and_skipped_files_with_their_reasons(drive):
    async with drive() as driver:
        await driver.press("f9")
        text = await details(driver)
        for expected in (
            "keeper.py  changed",
            "tides.py  new",
            "logo.png",
            "binary",
            "too-large",
            "4,100,000",
        ):
            assert expected in text
        assert driver.app.screen.query_one("#title").state == "2 stale"


async def test_a_healthy_index(drive, engine):
    engine.status = replace(engine.status, stale=(), skipped=())
    async with drive() as driver:
        await driver.press("f9")
        text = await details(driver)
        assert "Nothing is stale." in text
        assert "Nothing was skipped." in text
        assert driver.app.screen.query_one("#title").state == "ready"


async def test_refreshing_makes_it_fresh(drive, engine):
    async with drive() as driver:
        await driver.press("f9")
        original = engine.build

        def build(root: Path, progress):
            report = original(root, progress)
            engine.status = replace(engine.status, stale=())
            return report

        engine.build = build
        await driver.press("b")
        assert "Nothing is stale." in await details(driver)


async def test_very_long_lists_are_cut_and_say_so(drive, engine):
    skipped = tuple(SkippedFile(f"f{n}", "binary") for n in range(MAX_LISTED + 5))
    engine.status = replace(engine.status, skipped=skipped)
    async with drive(size=(100, MAX_LISTED + 60)) as driver:
        await driver.press("f9")
        text = await details(driver)
        assert "Skipped: 505" in text
        assert f"f{MAX_LISTED}" not in text
        assert "codesearch status --skipped lists all" in text


async def test_names_from_disk_cannot_act_on_the_terminal(drive, engine):
    engine.status = replace(engine.status, stale=("\x1b[2Jevil  changed",), skipped=())
    async with drive() as driver:
        await driver.press("f9")
        assert "␛[2Jevil" in await details(driver)
