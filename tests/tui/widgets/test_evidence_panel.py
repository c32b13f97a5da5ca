"""The list of word matches: a table where it is wide, a paragraph where it is not."""

from __future__ import annotations


async def test_wide_it_is_a_table_with_lines_and_scores(drive):
    async with drive(size=(180, 50)) as driver:
        await driver.ask()
        text = driver.text_of(driver.app.search_screen.query_one("#evidence"))
        first, *_, last = text.splitlines()
        assert [part for part in first.split() if "█" not in part] == [
            "try",
            "→",
            "Try",
            "0.93",
            "line",
            "27",
        ]
        assert last.split() == ["lexical", "4.20", "single", "0.61", "colbert", "9.20"]


async def test_narrow_it_is_two_lines_at_most(drive):
    async with drive(size=(50, 24)) as driver:
        await driver.ask()
        panel = driver.app.search_screen.query_one("#evidence")
        lines = driver.text_of(panel).splitlines()
        assert len(lines) == 2
        assert lines[0].strip().startswith("try→Try .93")
        assert lines[1].rstrip().endswith("limit→MAX_ATTEMPTS .50")


async def test_without_word_matches_the_scores_are_said(drive):
    async with drive(size=(180, 50)) as driver:
        await driver.ask(focus="results")
        await driver.press("end")
        text = driver.text_of(driver.app.search_screen.query_one("#evidence"))
        assert text.split()[:4] == ["No", "single", "word", "matches"]
        assert "colbert" in text
