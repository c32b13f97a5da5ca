"""A passage in the making: which lines of which file, how two become one, how lines become text.

Each run of lines left out inside a passage is one line there, `… 69 lines omitted (14-82) …`, and one pair
in `omitted_lines`. A line of more than `max_line_chars` characters is left out in the same way, with an
excerpt of it in the mark. Of a file whose text is not at hand all lines are left out, and one mark says so.
Lines outside omitted ranges are the file's, to the byte.

Which lines a hit is shown as is decided in `passages.py`; `budget.py` shortens drafts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from codesearch.answers.counting import TokenCounter
from codesearch.answers.document_places import anchor_of, is_extracted, page_of
from codesearch.answers.fileview import FileView, LineRange, SpanLines
from codesearch.answers.findings import Omitted
from codesearch.answers.passage_limits import PassageLimits
from indexer.light_dataclasses import dataclass
from indexer.records import Evidence, Hit, Passage, WordMatch

LITERAL_WEIGHT = 100.0
"""Of a line that matches to the letter, where a word weighs at most 1."""


TEXT_NOT_HERE = "… the index has no texts, and this folder does not have the file as it was indexed …\n"
"""All that can be shown of a passage then."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage before its tokens are counted: which lines of which file, and why."""

    file: FileView
    shown: tuple[LineRange, ...]
    """Ascending, disjoint."""
    first: int
    last: int
    focus: tuple[int, ...]
    """Lines that matched, best hit first; a budget cuts the others away before these."""
    symbol: SpanLines | None
    hit: Hit
    limits: PassageLimits

    def passage(self, counter: TokenCounter, *, stale: bool = False) -> Passage:
        """The finished passage, its tokens counted."""
        text, omitted = _lines_and_marks(self)
        named = self.named()
        inner = named.span if named else None
        best_line = self.best_line(lines_of(self.shown))
        return Passage(
            path=self.file.path,
            start_line=self.first,
            end_line=self.last,
            text=text,
            language=self.file.language,
            symbol=inner.name if inner else "",
            kind=inner.kind if inner else "",
            score=self.hit.score,
            n_tokens=counter.count(text),
            evidence=Evidence(self.hit.scores, self._matches(), self._symbols(best_line)),
            omitted_lines=omitted,
            stale=stale,
            start_char=self.file.start_of(self.first),
            best_line=best_line,
            repository=self.file.repository,
            confidence=self.hit.confidence,
            page=page_of(self.file, best_line or self.first),
            anchor=anchor_of(self.file, best_line or self.first),
            is_extracted=is_extracted(self.file),
            has_text=self.file.has_text,
        )

    def _matches(self) -> tuple[WordMatch, ...]:
        """Those on shown lines, with their lines; a report has hundreds, on a few words of the code."""
        shown, line_of = set(lines_of(self.shown)), cache(self.file.line_of)
        return tuple(
            WordMatch(m.query_word, m.code_word, m.start_char, m.end_char, m.similarity, line, m.is_literal)
            for m in self.hit.matches
            if (line := line_of(m.start_char)) in shown
        )

    def named(self) -> SpanLines | None:
        """What the passage is called by: its symbol, or the section around that in which it begins."""
        if self.symbol is None or not self.symbol.is_section or self.symbol.first <= self.first:
            return self.symbol
        return next(iter(self.file.enclosing(self.first, self.symbol.last)), None)

    def omitted(self, reason: str) -> Omitted:
        """This passage as an entry of what was left out."""
        named, file = self.named(), self.file
        name = named.span.name if named else ""
        return Omitted(
            file.path, self.first, self.last, name, self.hit.score, reason, repository=file.repository
        )

    def by_importance(self) -> list[int]:
        """Shown lines: the best match outwards, the signature right after the match's first lines."""
        lines = lines_of(self.shown)
        centre = self.best_line(lines)
        near = sorted(lines, key=lambda number: (abs(number - centre), -number))
        head = lines[:1]
        literal = set(self.literal_lines())
        asked = [number for number in near if number in literal]
        return list(dict.fromkeys([*asked[:1], *near[:3], *head, *asked, *near]))

    def best_line(self, shown: Sequence[int]) -> int:
        """The shown line of the symbol on which most of the query was found; else the first that matched."""
        own = [line for line in shown if self.symbol is None or self.symbol.holds(line, line)] or shown
        weights = line_weights(self.hit, self.file)
        best = max(own, key=lambda line: weights.get(line, 0.0))
        if weights.get(best, 0.0) > 0:
            return best
        return next((line for line in self.focus if line in own), own[0])

    def heads(self, other: Draft) -> bool:
        """Whether this one may grow to a passage of both: what has a name begins with it, sections aside.

        Who reads a section reads on, and so three results of a document are three places of it.
        """
        is_free = self.symbol is None or self.symbol.is_section or self.limits.keeps_parent
        return is_free or self.first <= other.first

    def literal_lines(self) -> list[int]:
        """Lines on which a regular expression or phrase of the question stands, in file order."""
        return [self.file.line_of(match.start_char) for match in self.hit.matches if match.is_literal]

    def with_literals(self) -> Draft:
        """This draft with as many of the lines within it that match to the letter as its limits allow."""
        inside = [line for line in dict.fromkeys(self.literal_lines()) if self.first <= line <= self.last]
        hidden = [line for line in inside if not self.shows(line)]
        if not hidden:
            return self
        best = self.best_line(lines_of(self.shown))
        hidden.sort(key=lambda line: abs(line - best))
        lines = [*lines_of(self.shown), *hidden[: self.limits.max_lines]]
        return replace(self, shown=ranges_of(lines, max_gap=self.limits.max_gap_lines))

    def _symbols(self, best_line: int) -> tuple[str, ...]:
        """Names of the symbols that hold the best line, outermost first, then of the others shown."""
        chain = list(reversed(self.file.enclosing(best_line, best_line)))
        others = [item for item in self.file.spans if self.first <= item.first <= self.last]
        return tuple(dict.fromkeys(item.span.name for item in (*chain, *others) if self.shows_any(item)))

    def shows_any(self, item: SpanLines) -> bool:
        """Whether a line of a symbol is shown."""
        return any(first <= item.last and item.first <= last for first, last in self.shown)

    def keeping(self, lines: Iterable[int], *, keep_end: bool) -> Draft:
        """This draft reduced to some of its lines; it starts with a kept one.

        `keep_end`: a symbol goes on to its last line, so that a mark tells what is missing after the cut.
        """
        shown = ranges_of(lines, max_gap=0)
        last = self.last if keep_end and self.symbol else shown[-1][1]
        return replace(self, shown=shown, first=shown[0][0], last=last)

    def shows(self, line: int) -> bool:
        """Whether a line is shown."""
        return any(first <= line <= last for first, last in self.shown)


def lines_of(ranges: Iterable[LineRange]) -> list[int]:
    """The line numbers of ranges."""
    return [number for first, last in ranges for number in range(first, last + 1)]


def line_weights(hit: Hit, view: FileView) -> dict[int, float]:
    """How much of the query each line of a file answers: similarities of the words found on it.

    A line that matches to the letter outweighs any words.
    """
    weights: dict[int, float] = {}
    literal: set[int] = set()
    line_of = cache(view.line_of)
    for match in hit.matches:
        line = line_of(match.start_char)
        if match.is_literal:
            literal.add(line)
        else:
            weights[line] = weights.get(line, 0.0) + max(0.0, match.similarity)
    for line in literal:
        weights[line] = weights.get(line, 0.0) + LITERAL_WEIGHT
    return weights


def ranges_of(lines: Iterable[int], *, max_gap: int) -> tuple[LineRange, ...]:
    """Line numbers as ascending ranges; gaps of at most `max_gap` lines are filled."""
    ranges: list[LineRange] = []
    for number in sorted(set(lines)):
        if ranges and number - ranges[-1][1] <= max_gap + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)


# --- merging ---------------------------------------------------------------------------------


def overlaps(a: Draft, b: Draft) -> bool:
    """Whether two drafts have a line in common, shown or left out."""
    return a.file.full_path == b.file.full_path and a.first <= b.last and b.first <= a.last


def touches(a: Draft, b: Draft) -> bool:
    """Whether two drafts share a line, or continue each other with nothing but blank lines between.

    Neighbouring symbols that do not hold each other stay two passages: each is an answer by itself.
    """
    if a.file.full_path != b.file.full_path:
        return False
    if overlaps(a, b):
        return True
    left, right = (a, b) if a.first <= b.first else (b, a)
    one, two = a.named(), b.named()
    if one and two and not (_holds(one, two) or _holds(two, one)):
        return False
    if any(not a.file.is_blank(number) for number in range(left.last + 1, right.first)):
        return False
    return sum(last - first + 1 for d in (a, b) for first, last in d.shown) <= 2 * a.limits.max_lines


def joins(a: Draft, b: Draft) -> bool:
    """Whether two drafts of one file lie near each other and are together no longer than one may be."""
    if a.file.full_path != b.file.full_path:
        return False
    if max(a.last, b.last) - min(a.first, b.first) >= a.limits.reach_lines:
        return False
    lines = {n for draft in (a, b) for first, last in draft.shown for n in range(first, last + 1)}
    return len(lines) <= a.limits.max_lines


def above_all(draft: Draft, kept: Iterable[Draft]) -> Draft | None:
    """The part of a draft above the passages that begin further down in it; None where nothing matched there.

    What begins with its symbol goes on doing so, whatever is found above it.
    """
    begun = [other.first for other in kept if overlaps(other, draft) and not other.heads(draft)]
    if not begun:
        return draft
    lines = [line for line in lines_of(draft.shown) if line < min(begun)]
    while lines and draft.file.is_blank(lines[-1]):
        lines.pop()
    focus = tuple(line for line in draft.focus if lines and line <= lines[-1])
    if not set(focus) & set(lines):
        return None
    shown = ranges_of(lines, max_gap=0)
    return replace(draft, shown=shown, first=lines[0], last=lines[-1], focus=focus)


def _holds(outer: SpanLines, inner: SpanLines) -> bool:
    return outer.holds(inner.first, inner.last)


def merge(better: Draft, other: Draft) -> Draft:
    """Both drafts' lines under the better one's name, score and place in the ranking."""
    lines = {n for draft in (better, other) for first, last in draft.shown for n in range(first, last + 1)}
    first, last = min(better.first, other.first), max(better.last, other.last)
    matches = tuple(dict.fromkeys([*better.hit.matches, *other.hit.matches]))
    lines.update(n for n in range(first, last + 1) if better.file.is_blank(n) and {n - 1, n + 1} <= lines)
    names = better.limits.keeps_parent or other.first == first
    symbol = better.symbol or (other.symbol if names else None)
    return replace(
        better,
        shown=ranges_of(lines, max_gap=better.limits.max_gap_lines),
        first=first,
        last=last,
        focus=tuple(dict.fromkeys([*better.focus, *other.focus])),
        symbol=symbol,
        hit=replace(better.hit, matches=matches),
    )


def settle(kept: list[Draft], grown: int) -> None:
    """Merge whatever a draft that grew now touches, in place."""
    while True:
        other = next((i for i in range(len(kept)) if _are_one(kept, grown, i)), None)
        if other is None:
            return
        first, second = min(grown, other), max(grown, other)
        kept[first] = merge(kept[first], kept[second])
        del kept[second]
        grown = first


def _are_one(kept: Sequence[Draft], a: int, b: int) -> bool:
    return a != b and touches(kept[a], kept[b]) and kept[min(a, b)].heads(kept[max(a, b)])


def same_content(left: frozenset[str], right: frozenset[str], share: float) -> bool:
    """Whether two drafts' contents are one code: at least `share` of their distinct lines is common."""
    if min(len(left), len(right)) < share * max(len(left), len(right)) or not left:
        return left == right
    return len(left & right) >= share * len(left | right)


def content(draft: Draft) -> frozenset[str]:
    """The distinct lines that a draft shows, white space aside."""
    if not draft.file.has_text:
        return frozenset({f"{draft.file.full_path}:{draft.first}-{draft.last}"})
    numbers = (n for first, last in draft.shown for n in range(first, last + 1))
    return frozenset(" ".join(line.split()) for n in numbers if (line := draft.file.line(n)).strip())


# --- text ------------------------------------------------------------------------------------


def _lines_and_marks(draft: Draft) -> tuple[str, tuple[LineRange, ...]]:
    """The passage's text and the ranges that marks stand for."""
    if not draft.file.has_text:
        return TEXT_NOT_HERE, ((draft.first, draft.last),)
    parts: list[str] = []
    omitted: list[LineRange] = []
    expected = draft.first
    for first, last in [*draft.shown, (draft.last + 1, draft.last)]:
        if expected < first:
            count = first - expected
            parts.append(f"… {count} line{'s' * (count > 1)} omitted ({expected}-{first - 1}) …\n")
            omitted.append((expected, first - 1))
        for number in range(first, last + 1):
            line = draft.file.line(number)
            if len(line) > draft.limits.max_line_chars:
                parts.append(_long_line_mark(draft, number, line))
                omitted.append((number, number))
            else:
                parts.append(line)
        expected = last + 1
    return "".join(parts), tuple(omitted)


def _long_line_mark(draft: Draft, number: int, line: str) -> str:
    start = draft.file.start_of(number)
    inside = [m.start_char - start for m in draft.hit.matches if 0 <= m.start_char - start < len(line)]
    if not inside and 0 <= draft.hit.start_char - start < len(line):
        inside = [draft.hit.start_char - start]
    at = max(0, (inside[0] if inside else 0) - draft.limits.excerpt_chars // 4)
    excerpt = " ".join(line[at : at + draft.limits.excerpt_chars].split())
    return f"… line {number} has {len(line):,} characters: {excerpt} …\n"
