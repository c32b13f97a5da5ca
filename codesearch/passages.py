"""Hits become passages: verbatim whole lines of a file, snapped to what the grammar knows.

The part of a file that matched best is widened to the innermost symbol that holds it. A small symbol is
shown whole, with the comments directly above it; a long one keeps its signature, and its body is cut
around the match. Where there is no symbol, a window of lines around the match is shown. Passages of one
file that overlap or touch are merged, near-duplicates are dropped, and no line is ever shown twice.

Each run of lines left out inside a passage is one line there, `… 69 lines omitted (14-82) …`, and one pair
in `omitted_lines`. A line of more than `max_line_chars` characters is left out in the same way, with an
excerpt of it in the mark. Lines outside omitted ranges are the file's, to the byte.

Ranking happened before; the token budget is `budget.py`'s. Called by `api.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from codesearch.counting import TokenCounter
from codesearch.fileview import FileView, LineRange, SpanLines
from codesearch.findings import Omitted
from indexer.records import Chunk, Evidence, Hit, Passage, Span


@dataclass(frozen=True, slots=True)
class PassageLimits:
    """How large a passage is, and when two are the same."""

    max_lines: int = 60
    """Longer symbols are cut around the match."""
    window_lines: int = 30
    """Lines shown where no symbol holds the match."""
    tiny_lines: int = 5
    """A symbol shorter than this is shown within its parent, if that has at most `window_lines`."""
    max_line_chars: int = 1000
    excerpt_chars: int = 160
    """How much of an over-long line its mark quotes."""
    max_gap_lines: int = 2
    """A gap this short is shown: a mark would cost as much."""
    duplicate_share: float = 0.9
    """Two passages are one when this share of their distinct lines is common."""


DEFAULT_LIMITS = PassageLimits()


class OutlineEntry(Protocol):
    """A symbol and the file it is in."""

    @property
    def path(self) -> str:
        """Repo-relative."""
        ...

    @property
    def span(self) -> Span:
        """The symbol."""
        ...


class PassageSource(Protocol):
    """What passages are cut from; the engine's `Searcher` is one."""

    def chunk(self, chunk_id: int) -> Chunk:
        """The chunk of a hit."""
        ...

    def file_text(self, path: str) -> str | None:
        """The whole indexed text of a file."""
        ...

    def outline(self, path_prefix: str) -> Sequence[OutlineEntry]:
        """Symbols of all files whose path begins with the prefix."""
        ...


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
        lined = (replace(match, line=self.file.line_of(match.start_char)) for match in self.hit.matches)
        matches = tuple(match for match in lined if self._shows(match.line))
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
        )

    def omitted(self, reason: str) -> Omitted:
        """This passage as an entry of what was left out."""
        name = self.symbol.span.name if self.symbol else ""
        return Omitted(self.file.path, self.first, self.last, name, self.hit.score, reason)

    def by_importance(self) -> list[int]:
        """Shown lines: the best match outwards, the signature right after the match's first lines."""
        lines = [number for first, last in self.shown for number in range(first, last + 1)]
        centre = self.focus[0] if self.focus else lines[0]
        near = sorted(lines, key=lambda number: (abs(number - centre), -number))
        head = lines[:1]
        return list(dict.fromkeys([*near[:3], *head, *near]))

    def keeping(self, lines: Iterable[int]) -> Draft:
        """This draft reduced to some of its lines. It starts with a kept one; a symbol keeps its end."""
        shown = ranges_of(lines, max_gap=0)
        return replace(self, shown=shown, first=shown[0][0], last=self.last if self.symbol else shown[-1][1])

    def _shows(self, line: int) -> bool:
        return any(first <= line <= last for first, last in self.shown)


@dataclass(frozen=True, slots=True)
class Drafts:
    """Best first, disjoint; and what was dropped as a duplicate."""

    kept: tuple[Draft, ...]
    dropped: tuple[Omitted, ...]


def draft_passages(
    hits: Iterable[Hit], source: PassageSource, *, k: int, limits: PassageLimits = DEFAULT_LIMITS
) -> Drafts:
    """Cut, merge and deduplicate until `k` passages stand; hits come best first.

    A hit that falls into or beside a passage already there widens that one and costs nothing of `k`.
    """
    kept: list[Draft] = []
    dropped: list[Omitted] = []
    views: dict[str, FileView | None] = {}
    for hit in hits:
        view = _view(hit, source, views)
        if view is None or not view.n_lines:
            continue
        draft = cut(hit, view, limits)
        touching = next((i for i, other in enumerate(kept) if _touches(other, draft)), None)
        if touching is not None:
            kept[touching] = _merge(kept[touching], draft)
            _settle(kept, touching)
        elif any(_same_lines(other, draft) for other in kept):
            dropped.append(draft.omitted("duplicate"))
        elif len(kept) == k:
            break
        else:
            kept.append(draft)
    return Drafts(tuple(kept), tuple(dropped))


def cut(hit: Hit, view: FileView, limits: PassageLimits = DEFAULT_LIMITS) -> Draft:
    """The lines that one hit is shown as."""
    first, last = _match_lines(hit, view, limits.max_lines)
    container = next(iter(view.enclosing(first, last)), None)
    while container is None or container.n_lines > limits.max_lines:
        children = view.inside(first, last, container)
        low, high = min([first, *(c.first for c in children)]), max([last, *(c.last for c in children)])
        if not children or high - low < limits.max_lines:
            break
        # The match runs over several long symbols: the one with most of it stands for it.
        best = max(children, key=lambda child: min(child.last, last) - max(child.first, first))
        first, last = max(first, best.first), min(last, best.last)
        container = next(iter(view.enclosing(first, last)), None)
    else:
        return _whole(hit, view, container, (first, last), limits)
    window = (low, high)
    symbol = max(children, key=lambda c: min(c.last, last) - max(c.first, first), default=container)
    if container is not None and (container.is_callable or not _has_parts(view, container)):
        return _around(hit, view, container, window, (first, last), limits)
    if not children:
        window = _window(view, (first, last), view.gap(first, container), limits.window_lines)
    return Draft(view, (window,), *window, tuple(range(first, last + 1)), symbol, hit, limits)


def numbered_lines(passage: Passage) -> Iterator[tuple[int | None, str]]:
    """Each line of a passage's text, line end included, with its number; None for a mark."""
    number, marks = passage.start_line, dict(passage.omitted_lines)
    for line in split_lines(passage.text):
        if number in marks:
            yield None, line
            number = marks[number] + 1
        else:
            yield number, line
            number += 1


def split_lines(text: str) -> list[str]:
    """Lines with their ends; LF alone ends a line."""
    parts = [line + "\n" for line in text.split("\n")]
    parts[-1] = parts[-1][:-1]
    return parts if parts[-1] else parts[:-1]


def ranges_of(lines: Iterable[int], *, max_gap: int) -> tuple[LineRange, ...]:
    """Line numbers as ascending ranges; gaps of at most `max_gap` lines are filled."""
    ranges: list[LineRange] = []
    for number in sorted(set(lines)):
        if ranges and number - ranges[-1][1] <= max_gap + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)


# --- cutting ---------------------------------------------------------------------------------


def _view(hit: Hit, source: PassageSource, views: dict[str, FileView | None]) -> FileView | None:
    chunk = source.chunk(hit.chunk_id)
    if chunk.path not in views:
        text = source.file_text(chunk.path)
        spans = [entry.span for entry in source.outline(chunk.path) if entry.path == chunk.path]
        views[chunk.path] = None if text is None else FileView(chunk.path, chunk.language, text, spans)
    return views[chunk.path]


def _match_lines(hit: Hit, view: FileView, max_lines: int) -> LineRange:
    """Lines of the match, narrowed to where its words lie thickest if they are too many."""
    part = view.text[hit.start_char : hit.end_char]
    start = hit.start_char + len(part) - len(part.lstrip())
    end = hit.start_char + max(1, len(part.rstrip()))
    first, last = view.line_of(min(start, len(view.text) - 1)), view.line_of(min(end, len(view.text)) - 1)
    last = max(first, last)
    if last - first < max_lines:
        return first, last
    weights: dict[int, float] = {}
    for match in hit.matches:
        line = view.line_of(match.start_char)
        if first <= line <= last:
            weights[line] = weights.get(line, 0.0) + max(0.0, match.similarity)
    if not weights:
        return first, first + max_lines // 2 - 1
    reach = max_lines // 4
    best = max(sorted(weights), key=lambda at: sum(w for n, w in weights.items() if abs(n - at) <= reach))
    return max(first, best - reach), min(last, best + reach)


def _whole(hit: Hit, view: FileView, symbol: SpanLines, focus: LineRange, limits: PassageLimits) -> Draft:
    """A symbol that fits, or its parent where the symbol is tiny and the parent small."""
    shown = symbol
    if symbol.n_lines < limits.tiny_lines:
        around = view.enclosing(symbol.first, symbol.last)
        shown = next((p for p in around if symbol.n_lines < p.n_lines <= limits.window_lines), symbol)
    lines = (view.lead(shown), shown.last)
    return Draft(view, (lines,), *lines, tuple(range(focus[0], focus[1] + 1)), symbol, hit, limits)


def _around(
    hit: Hit, view: FileView, symbol: SpanLines, window: LineRange, focus: LineRange, limits: PassageLimits
) -> Draft:
    """A long symbol: its signature and the lines around the match."""
    signature = view.signature(symbol)
    n_window = limits.max_lines - (signature[1] - signature[0] + 1)
    body = _window(view, window, (symbol.first, symbol.last), n_window)
    lines = [*range(signature[0], signature[1] + 1), *range(body[0], body[1] + 1)]
    if symbol.last - body[1] <= limits.max_gap_lines:
        lines.extend(range(body[1] + 1, symbol.last + 1))
    shown = ranges_of(lines, max_gap=limits.max_gap_lines)
    kept = tuple(range(focus[0], focus[1] + 1))
    return Draft(view, shown, symbol.first, symbol.last, kept, symbol, hit, limits)


def _window(view: FileView, match: LineRange, bounds: LineRange, n_lines: int) -> LineRange:
    """About `n_lines` lines around the match within bounds, begun and ended at blank lines if near."""
    low, high = max(bounds[0], 1), min(bounds[1], view.n_lines)
    if high - low + 1 <= n_lines:
        first, last = min(low, match[0]), max(high, match[1])
    else:
        spare = max(0, n_lines - (match[1] - match[0] + 1))
        first = max(low, match[0] - spare // 2)
        last = min(high, max(match[1], first + n_lines - 1))
        first = max(low, min(match[0], last - n_lines + 1))
        first = next((n + 1 for n in range(first, min(first + 5, match[0])) if view.is_blank(n)), first)
        last = next((n - 1 for n in range(last, max(last - 5, match[1]), -1) if view.is_blank(n)), last)
    while first < match[0] and view.is_blank(first):
        first += 1
    while last > match[1] and view.is_blank(last):
        last -= 1
    return first, last


def _has_parts(view: FileView, item: SpanLines) -> bool:
    return any(other is not item and item.holds(other.first, other.last) for other in view.spans)


# --- merging ---------------------------------------------------------------------------------


def _touches(a: Draft, b: Draft) -> bool:
    """Whether two drafts share a line, or continue each other with nothing but blank lines between.

    Neighbouring symbols that do not hold each other stay two passages: each is an answer by itself.
    """
    if a.file.path != b.file.path:
        return False
    left, right = (a, b) if a.first <= b.first else (b, a)
    if right.first <= left.last:
        return True
    if a.symbol and b.symbol and not (_holds(a.symbol, b.symbol) or _holds(b.symbol, a.symbol)):
        return False
    if any(not a.file.is_blank(number) for number in range(left.last + 1, right.first)):
        return False
    return sum(last - first + 1 for d in (a, b) for first, last in d.shown) <= 2 * a.limits.max_lines


def _holds(outer: SpanLines, inner: SpanLines) -> bool:
    return outer.holds(inner.first, inner.last)


def _merge(better: Draft, other: Draft) -> Draft:
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
        hit=replace(better.hit, matches=matches),
    )


def _settle(kept: list[Draft], grown: int) -> None:
    """Merge whatever a draft that grew now touches, in place."""
    while True:
        other = next((i for i, d in enumerate(kept) if i != grown and _touches(kept[grown], d)), None)
        if other is None:
            return
        first, second = min(grown, other), max(grown, other)
        kept[first] = _merge(kept[first], kept[second])
        del kept[second]
        grown = first


def _same_lines(a: Draft, b: Draft) -> bool:
    """Whether two drafts show the same code, white space aside."""
    left, right = _content(a), _content(b)
    if not left or not right:
        return left == right
    return len(left & right) >= a.limits.duplicate_share * len(left | right)


def _content(draft: Draft) -> frozenset[str]:
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
