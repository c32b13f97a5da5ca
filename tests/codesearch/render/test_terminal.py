"""What is shown in colour: syntax, the words that tell, links; and nothing of a file's that acts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from codesearch.render.passages import text_of
from codesearch.render.terminal import MAX_SYNTAX_CHARS, file_link, terminal_text
from indexer.records import ComponentScores, Evidence, Passage, WordMatch

CODE = '''class Cursor:
    """The cursor."""

    def blink(self):  # the cursor blinks
        self.blink_cycle = not self.blink_cycle
'''
PLAIN = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;;.*?\x1b\\")


def passage(*matches, text=CODE, **changes):
    evidence = Evidence(ComponentScores(), tuple(matches), ())
    made = Passage("c.py", 1, text.count("\n"), text, "python", "Cursor", "class", 1.0, 9, evidence)
    return replace(made, best_line=5, confidence=0.5, **changes)


def marked(text):
    return re.findall(r"\x1b\[1;33m(.*?)\x1b\[0m", text)


def test_colours_change_no_character():
    made = passage(WordMatch("cycle", "blink_cycle", 0, 0, 0.9, 5))
    shown = terminal_text("cursor blink cycle", [made, made], link=lambda _: "file://host/c.py")
    assert PLAIN.sub("", shown) == text_of([made, made])
    assert "\x1b]8;;file://host/c.py\x1b\\" in shown
    assert "\x1b[35mclass\x1b[0m" in shown
    assert '\x1b[32m"""The ' in shown


def test_words_that_tell_are_marked_and_no_others():
    noise = [WordMatch("the", "the", 0, 0, 1.0, 4), WordMatch("blink", "self", 0, 0, 0.9, 5)]
    found = marked(terminal_text("how does the cursor blink cycle", [passage(*noise)]))
    words = [word for word in found if "│" not in word]
    assert {word.lower() for word in words} == {"cursor", "blink", "blinks", "cycle"}
    assert words.count("blink") == 3  # by itself, and of each identifier
    assert not {"self", "the"} & set(words)


def test_only_the_lines_around():
    made = passage()
    assert (
        text_of([made], 0)
        == "c.py:1-5  Cursor  [python]  0.50\n 5│        " + CODE.split("\n")[4].strip() + "\n"
    )
    literal = replace(
        made, evidence=replace(made.evidence, matches=(WordMatch("x", "class", 0, 0, 1, 1, True),))
    )
    gutters = [line.split("│")[0] for line in text_of([literal], 0).splitlines()[1:]]
    assert gutters == [">1", "  ", " 5"]
    assert PLAIN.sub("", terminal_text("q", [literal], around=1)) == text_of([literal], 1)


def test_what_a_file_holds_does_not_act():
    hostile = "x = '\x1b]8;;http://evil\x1b\\\x1b[2J'\n"
    shown = terminal_text("x", [passage(text=hostile)], link=lambda _: "file://host/c.py")
    assert "evil" in PLAIN.sub("", shown)
    assert "\x1b[2J" not in shown


def test_a_long_passage_waits_for_no_lexer():
    long = passage(text="x = 'word'\n" * (MAX_SYNTAX_CHARS // 5))
    assert "\x1b[32m" not in terminal_text("nothing", [long])


def test_links_are_addresses():
    assert file_link(Path("/a b/ü#.py"), "host") == "file://host/a%20b/%C3%BC%23.py"
    assert file_link(Path("/caf\udce9"), "host") == "file://host/caf%E9"
