"""Lists that are narrowed by typing."""

from __future__ import annotations

from tui.widgets.dialogs import ChoiceDialog


def shown(driver):
    options = driver.app.screen.query_one("SelectionList")
    return [options.get_option_at_index(i).value for i in range(options.option_count)]


async def test_typing_narrows_a_list_of_choices_and_keeps_what_was_chosen(drive):
    async with drive() as driver:
        answers = []
        names = ["c", "c++", "go", "python", "ruby"]
        driver.app.push_screen(ChoiceDialog("languages", names, ["ruby"]), answers.append)
        await driver.settle()
        assert shown(driver) == names
        await driver.press(*"py", "space")
        assert shown(driver) == ["python"]
        await driver.press("backspace", "backspace", "down", "space")
        assert shown(driver) == names
        await driver.press("z", "space", "down", "enter")
        assert answers == [("c++", "python", "ruby")]


async def test_a_choice_can_be_taken_back_and_the_mouse_chooses_too(drive):
    async with drive() as driver:
        answers = []
        driver.app.push_screen(ChoiceDialog("kinds", ["class", "function"], ["class"]), answers.append)
        await driver.settle()
        await driver.press("space")
        await driver.pilot.click("SelectionList", offset=(6, 1))
        await driver.press("enter")
        assert answers == [("function",)]
