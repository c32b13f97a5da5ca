"""Hits become passages: verbatim whole lines of a file, snapped to what the grammar knows.

The part of a file that matched best is widened to the innermost symbol that holds it. A small symbol is
shown whole, with the comments directly above it; a long one keeps its signature, and its body is cut
around the match. Where there is no symbol, a window of lines around the match is shown. Passages of one
file that overlap or touch are merged, short ones that lie near each other are joined, near-duplicates are
dropped, and no line is ever shown twice.

Ranking happened before; a passage's text is `drafts.py`'s, its budget `budget.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from codesearch.answers.drafts import (
    Draft,
    above_all,
    content,
    joins,
    line_weights,
    lines_of,
    merge,
    overlaps,
    ranges_of,
    same_content,
    settle,
    touches,
)
from codesearch.answers.fileview import FileView, LineRange, SpanLines
from codesearch.answers.findings import Omitted
from codesearch.answers.literals import Literal, literal_matches
from codesearch.answers.passage_limits import DEFAULT_LIMITS, PassageLimits
from indexer.light_dataclasses import dataclass
from indexer.records import Chunk, Hit, Span, WordMatch, full_path


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
class Drafts:
    """Best first, disjoint; and what was dropped as a duplicate or as seen."""

    kept: tuple[Draft, ...]
    dropped: tuple[Omitted, ...]


def draft_passages(
    hits: Iterable[Hit],
    source: PassageSource | Mapping[str, PassageSource],
    *,
    k: int,
    limits: PassageLimits = DEFAULT_LIMITS,
    skip: Callable[[Draft], bool] | None = None,
    explain: Callable[[Hit], Hit] | None = None,
    literals: Sequence[Literal] = (),
) -> Drafts:
    """Cut, merge and deduplicate to at most `k` passages; hits come best first.

    A hit that falls into, beside or near a passage already there widens that one, while that is short and
    the hit nearly as good, and costs nothing of `k`.
    `source` is a mapping by the hits' repositories where several were asked.
    `skip` says which were shown before; they are dropped. `explain` gives a hit its matches, asked for
    only those that are cut. Of `literals` a passage shows what its chunk holds.
    """
    kept: list[Draft] = []
    dropped: list[Omitted] = []
    views: dict[str, FileView | None] = {}
    contents: dict[tuple[str, tuple[LineRange, ...]], frozenset[str]] = {}

    def content_of(draft: Draft) -> frozenset[str]:
        key = draft.file.full_path, draft.shown
        if key not in contents:
            contents[key] = content(draft)
        return contents[key]

    chunks: dict[tuple[str, int], Chunk] = {}
    asked_for: dict[tuple[str, int], tuple[WordMatch, ...]] = {}
    for hit in hits:
        own = source[hit.repository] if isinstance(source, Mapping) else source
        key = hit.repository, hit.chunk_id
        if key not in chunks:
            chunks[key] = own.chunk(hit.chunk_id)
        chunk = chunks[key]
        path = full_path(hit.repository, chunk.path)
        full = len(kept) == k
        if full and limits.reach_lines and all(other.file.full_path != path for other in kept):
            continue
        view = _view(chunk, hit.repository, own, views)
        if view is None or not view.n_lines:
            continue
        is_brief = 0 < limits.n_full <= len(kept)
        hit = hit if explain is None else explain(hit)
        if literals and chunk.has_text:
            if key not in asked_for:
                asked_for[key] = literal_matches(literals, chunk.text, chunk.start_char)
            if asked_for[key]:
                hit = replace(hit, matches=(*asked_for[key], *hit.matches))
        draft = cut(hit, view, limits.brief() if is_brief else limits)
        if skip is not None and skip(draft):
            dropped.append(draft.omitted("seen"))
            continue
        free = above_all(draft, kept)
        if free is None:
            continue
        draft = free
        heads = [(i, other) for i, other in enumerate(kept) if other.heads(draft)]
        touching = next((i for i, other in heads if touches(other, draft)), None)
        if touching is None:
            touching = next(
                (i for i, other in heads if joins(other, draft) and not _reaches_better(kept, i, draft)), None
            )
        elif hit.score < limits.widening_share * kept[touching].hit.score:
            if any(overlaps(other, draft) for other in kept):
                continue
            touching = None
        if touching is not None:
            kept[touching] = merge(kept[touching], draft)
            settle(kept, touching)
        elif full and not limits.reach_lines:
            break
        elif full:
            continue
        elif any(
            same_content(content_of(other), content_of(draft), limits.duplicate_share) for other in kept
        ):
            dropped.append(draft.omitted("duplicate"))
        else:
            kept.append(draft)
    return Drafts(tuple(draft.with_literals() for draft in kept), tuple(dropped))


def cut(hit: Hit, view: FileView, limits: PassageLimits = DEFAULT_LIMITS) -> Draft:
    """The lines that one hit is shown as."""
    weights = line_weights(hit, view)
    match = _match_lines(hit, view, weights, limits.max_lines)
    draft = _cut_around(hit, view, match, weights, limits)
    literal = draft.literal_lines()
    if not literal or any(draft.shows(line) for line in literal):
        return draft
    nearest = min(literal, key=lambda line: abs(line - draft.focus[0]))
    draft = _cut_around(hit, view, (nearest, nearest), weights, limits)
    if draft.shows(nearest):
        return draft
    shown = ranges_of([*lines_of(draft.shown), nearest], max_gap=limits.max_gap_lines)
    return replace(
        draft, shown=shown, first=min(draft.first, nearest), last=max(draft.last, nearest), focus=(nearest,)
    )


def _cut_around(
    hit: Hit, view: FileView, match: LineRange, weights: dict[int, float], limits: PassageLimits
) -> Draft:
    """The lines that a match of so many lines is shown as."""
    first, last = match
    below = view.symbol_below(first, last)
    if below is not None:
        first = last = below.first
    while True:
        container = next(iter(view.enclosing(first, last)), None)
        if container is not None and container.n_lines <= limits.max_lines:
            return _whole(hit, view, container, (first, last), limits)
        children = view.inside(first, last, container)
        best = max(children, key=lambda child: _share(child, (first, last), weights), default=None)
        between = _lines_between(children, (first, last))
        if best is not None and _weight(weights, between) > _share(best, (first, last), weights)[0]:
            best = None  # what lies between the symbols answers better than any of them
        if best is None or all(first <= child.first and child.last <= last for child in children):
            break
        # The symbol begins or ends outside the match, or a neighbour does: go on inside it.
        first, last = max(first, best.first), min(last, best.last)
    focus = tuple(range(first, last + 1))
    if container is not None and (container.is_callable or not _has_parts(view, container)):
        return _around(hit, view, container, (first, last), focus, limits)
    if children:
        if best is not None:
            first = max(first, view.lead(best))
        focus = tuple(range(first, last + 1))
        return Draft(view, ((first, last),), first, last, focus, best or container, hit, limits)
    window = _window(view, (first, last), view.gap(first, container), limits.window_lines)
    if container is not None and window[0] == container.first:
        window = _with_first_part(view, container, window, limits)
    return Draft(view, (window,), *window, focus, container, hit, limits)


def _reaches_better(kept: Sequence[Draft], at: int, draft: Draft) -> bool:
    """Whether a passage that took in a draft would run into a better one that begins by itself."""
    grown = merge(kept[at], draft)
    return any(overlaps(other, grown) and not other.heads(grown) for other in kept[:at])


# --- cutting ---------------------------------------------------------------------------------


def _view(
    chunk: Chunk, repository: str, source: PassageSource, views: dict[str, FileView | None]
) -> FileView | None:
    path = full_path(repository, chunk.path)
    if path not in views:
        views[path] = _read_view(chunk, repository, source)
    return views[path]


def _read_view(chunk: Chunk, repository: str, source: PassageSource) -> FileView | None:
    text = source.file_text(chunk.path)
    if text is None:
        return None
    if chunk.start_char == 0 and chunk.end_char == len(text):
        spans: Sequence[Span] = chunk.spans
    else:
        spans = [entry.span for entry in source.outline(chunk.path) if entry.path == chunk.path]
    return FileView(chunk.path, chunk.language, text, spans, repository, has_text=chunk.has_text)


def _weight(weights: dict[int, float], lines: Iterable[int]) -> float:
    return sum(weights.get(line, 0.0) for line in lines)


def _share(child: SpanLines, match: LineRange, weights: dict[int, float]) -> tuple[float, int]:
    """How much of a match a symbol holds: what was found on its lines, then how many they are."""
    lines = range(max(match[0], child.first), min(match[1], child.last) + 1)
    return _weight(weights, lines), len(lines)


def _lines_between(children: Sequence[SpanLines], match: LineRange) -> list[int]:
    """Lines of a match that belong to none of the symbols."""
    return [
        line
        for line in range(match[0], match[1] + 1)
        if not any(child.first <= line <= child.last for child in children)
    ]


def _match_lines(hit: Hit, view: FileView, weights: dict[int, float], max_lines: int) -> LineRange:
    """Lines of the match, narrowed to where its words lie thickest if they are too many."""
    part = view.text[hit.start_char : hit.end_char]
    blank_before = len(part) - len(part.lstrip()) if part.strip() else 0
    n_chars = len(part.rstrip()) or 1
    first = view.line_of(min(hit.start_char + blank_before, len(view.text) - 1))
    last = max(first, view.line_of(min(hit.start_char + n_chars, len(view.text)) - 1))
    if last - first < max_lines:
        return first, last
    inside = sorted(line for line in weights if first <= line <= last)
    if not inside:
        return first, first + max_lines // 2 - 1
    reach = max_lines // 4
    best = max(inside, key=lambda line: _weight(weights, range(line - reach, line + reach + 1)))
    return max(first, best - reach), min(last, best + reach)


def _whole(hit: Hit, view: FileView, symbol: SpanLines, focus: LineRange, limits: PassageLimits) -> Draft:
    """A symbol that fits, or its parent where the symbol is tiny and the parent small.

    A tiny function heads its passage, and what follows it in the parent goes along.
    """
    shown = symbol
    if symbol.n_lines < limits.tiny_lines:
        around = view.enclosing(symbol.first, symbol.last)
        shown = next((p for p in around if symbol.n_lines < p.n_lines <= limits.window_lines), symbol)
    named = symbol if symbol.is_callable else shown
    lines = (view.lead(shown if limits.keeps_parent else named), shown.last)
    return Draft(view, (lines,), *lines, tuple(range(focus[0], focus[1] + 1)), named, hit, limits)


def _around(
    hit: Hit,
    view: FileView,
    symbol: SpanLines,
    window: LineRange,
    focus: tuple[int, ...],
    limits: PassageLimits,
) -> Draft:
    """A long symbol: its signature and the lines around the match."""
    signature = view.signature(symbol)
    n_window = limits.max_lines - (signature[1] - signature[0] + 1)
    body = _window(view, window, (symbol.first, symbol.last), n_window)
    lines = [*range(signature[0], signature[1] + 1), *range(body[0], body[1] + 1)]
    if symbol.last - body[1] <= limits.max_gap_lines:
        lines.extend(range(body[1] + 1, symbol.last + 1))
    shown = ranges_of(lines, max_gap=limits.max_gap_lines)
    return Draft(view, shown, symbol.first, symbol.last, focus, symbol, hit, limits)


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


def _with_first_part(
    view: FileView, container: SpanLines, window: LineRange, limits: PassageLimits
) -> LineRange:
    """The head of a long symbol says little alone: its first part goes along where both are short."""
    parts = (item for item in view.spans if item.first > window[1] and container.holds(item.first, item.last))
    part = next(parts, None)
    if part is None or part.last - window[0] >= limits.window_lines:
        return window
    return window[0], part.last


def _has_parts(view: FileView, item: SpanLines) -> bool:
    return any(other is not item and item.holds(other.first, other.last) for other in view.spans)
