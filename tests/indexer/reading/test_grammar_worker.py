"""tree-sitter as the worker runs it, here in this process: stretches, the clock, and what it keeps."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest

from indexer.reading.grammar_worker import TimeUpError, find_symbols


def names(text: str, grammar: str = "python") -> list[str]:
    return [symbol.name for symbol in find_symbols(text.encode(), grammar, 20.0)]


def test_a_text_read_in_stretches_gives_the_symbols_of_one_read_whole(monkeypatch) -> None:
    text = "".join(f"def name_{n}(café):\n    return '{n} überall'\n\n" for n in range(40))
    whole = names(text)
    assert len(whole) == 40
    for n_bytes in (1, 7, 100):
        monkeypatch.setattr("indexer.reading.grammar_worker._STRETCH_BYTES", n_bytes)
        # A query over stretches this short sees a symbol several times; the parse is what is tried here.
        assert set(names(text)) == set(whole)


def test_the_time_limit_holds_within_one_parse() -> None:
    text = "def f(a):\n    return {'a': [a, (1, 2)]}\n" * 100_000
    started = time.thread_time()
    with pytest.raises(TimeUpError):
        find_symbols(text.encode(), "python", 0.1)
    assert time.thread_time() - started < 0.5


def test_a_parsed_text_is_let_go_of() -> None:
    def of_number(number: int) -> str:
        return f"def f_{number}():\n    return {'1' * 50_000}\n"

    names(of_number(0))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, 11):
            names(of_number(number))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 50_000  # of ten texts, less than one
