"""A passage in the making: which lines of which file, how two become one, how lines become text.

Each run of lines left out inside a passage is one line there, `… 69 lines omitted (14-82) …`, and one pair
in `omitted_lines`. A line of more than `max_line_chars` characters is left out in the same way, with an
excerpt of it in the mark. Lines outside omitted ranges are the file's, to the byte.

Which lines a hit is shown as is decided in `passages.py`; `budget.py` shortens drafts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from codesearch.answers.counting import TokenCounter
from codesearch.answers.fileview import FileView, LineRange, SpanLines
from codesearch.answers.findings import Omitted
from codesearch.answers.passage_limits import PassageLimits
from indexer.records import Evidence, Hit, Passage


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
        inner = self.symbol.span if self.symbol else None
        matches = tuple(
            replace(match, line=line)
            for match in self.hit.matches
            if self._shows(line := self.file.line_of(match.start_char))
        )
        chain = self.file.enclosing(self.symbol.first, self.symbol.last) if self.symbol else []
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
            evidence=Evidence(self.hit.scores, matches, tuple(item.span.name for item in reversed(chain))),
            omitted_lines=omitted,
            stale=stale,
            start_char=self.file.start_of(self.first),
            repository=self.file.repository,
        )

    def omitted(self, reason: str) -> Omitted:
        """This passage as an entry of what was left out."""
        name = self.symbol.span.name if self.symbol else ""
        file = self.file
        return Omitted(
            file.path, self.first, self.last, name, self.hit.score, reason, repository=file.repository
        )

    def by_importance(self) -> list[int]:
        """Shown lines: the best match outwards, the signature right after the match's first lines."""
        lines = [number for first, last in self.shown for number in range(first, last + 1)]
        centre = self._best_line(lines)
        near = sorted(lines, key=lambda number: (abs(number - centre), -number))
        head = lines[:1]
        return list(dict.fromkeys([*near[:3], *head, *near]))

    def _best_line(self, shown: Sequence[int]) -> int:
        """The shown line on which most of the query was found; else the first that matched."""
        weights = dict.fromkeys(shown, 0.0)
        for match in self.hit.matches:
            line = self.file.line_of(match.start_char)
            if line in weights:
                weights[line] += max(0.0, match.similarity)
        best = max(shown, key=lambda line: weights[line])
        if weights[best] > 0:
            return best
        return next((line for line in self.focus if line in weights), shown[0])

    def keeping(self, lines: Iterable[int], *, keep_end: bool) -> Draft:
        """This draft reduced to some of its lines; it starts with a kept one.

        `keep_end`: a symbol goes on to its last line, so that a mark tells what is missing after the cut.
        """
        shown = ranges_of(lines, max_gap=0)
        last = self.last if keep_end and self.symbol else shown[-1][1]
        return replace(self, shown=shown, first=shown[0][0], last=last)

    def _shows(self, line: int) -> bool:
        return any(first <= line <= last for first, last in self.shown)


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
    if a.symbol and b.symbol and not (_holds(a.symbol, b.symbol) or _holds(b.symbol, a.symbol)):
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


def _holds(outer: SpanLines, inner: SpanLines) -> bool:
    return outer.holds(inner.first, inner.last)


def merge(better: Draft, other: Draft) -> Draft:
    """Both drafts' lines under the better one's name, score and place in the ranking."""
    lines = {n for draft in (better, other) for first, last in draft.shown for n in range(first, last + 1)}
    first, last = min(better.first, other.first), max(better.last, other.last)
    matches = tuple(dict.fromkeys([*better.hit.matches, *other.hit.matches]))
    lines.update(n for n in range(first, last + 1) if better.file.is_blank(n) and {n - 1, n + 1} <= lines)
    return replace(
        better,
        shown=ranges_of(lines, max_gap=better.limits.max_gap_lines),
        first=first,
        last=last,
        focus=tuple(dict.fromkeys([*better.focus, *other.focus])),
        symbol=better.symbol or other.symbol,
        hit=replace(better.hit, matches=matches),
    )


def settle(kept: list[Draft], grown: int) -> None:
    """Merge whatever a draft that grew now touches, in place."""
    while True:
        other = next((i for i, d in enumerate(kept) if i != grown and touches(kept[grown], d)), None)
        if other is None:
            return
        first, second = min(grown, other), max(grown, other)
        kept[first] = merge(kept[first], kept[second])
        del kept[second]
        grown = first


def same_content(left: frozenset[str], right: frozenset[str], share: float) -> bool:
    """Whether two drafts' contents are one code: at least `share` of their distinct lines is common."""
    if min(len(left), len(right)) < share * max(len(left), len(right)) or not left:
        return left == right
    return len(left & right) >= share * len(left | right)


def content(draft: Draft) -> frozenset[str]:
    """The distinct lines that a draft shows, white space aside."""
    numbers = (n for first, last in draft.shown for n in range(first, last + 1))
    return frozenset(" ".join(line.split()) for n in numbers if (line := draft.file.line(n)).strip())


# --- text ------------------------------------------------------------------------------------


def _lines_and_marks(draft: Draft) -> tuple[str, tuple[LineRange, ...]]:
    """The passage's text and the ranges that marks stand for."""
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
