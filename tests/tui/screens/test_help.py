"""The help screen has every key, because it is made from the table."""

from __future__ import annotations

from tui.keys import KEYS, OWNERS, written


async def test_every_key_is_on_the_page(drive):
    async with drive(size=(160, 90)) as driver:
        await driver.press("f1")
        for owner, title in OWNERS.items():
            text = driver.text_of(driver.app.screen.query_one(f"#help-{owner}"))
            assert title in text
            for key in KEYS:
                if key.owner == owner:
                    assert written(key) in text
                    assert " ".join(key.help.split()[:3]) in text


async def test_it_scrolls_and_goes_away(drive):
    async with drive(size=(80, 24)) as driver:
        await driver.press("f1", "j", "j", "k")
        assert driver.app.screen.query_one("#help").scroll_offset.y == 1
        await driver.press("escape")
        assert driver.app.screen is driver.app.search_screen


async def test_it_takes_the_colours_of_the_theme(drive):
    async with drive() as driver:
        await driver.ask(focus="results")
        await driver.press("T", "question_mark")
        assert driver.app.theme == "codesearch-light"
        assert type(driver.app.screen).__name__ == "HelpScreen"
