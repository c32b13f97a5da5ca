"""tree-sitter as the worker runs it, here in this process: stretches, the clock, and what it keeps."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest

from indexer.reading.grammar_worker import TimeUpError, find_symbols, without_macros


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


MACROS = """\
LIB_NAMESPACE_BEGIN
class LIB_EXPORT Y : public Z {
 public:
  LIB_INLINE int size() const LIB_LOCKS_EXCLUDED(mu_) { return 1; }
  LIB_CONSTEXPR20 explicit Y(int a) : a_(a) {}
};
struct LIB_API(1) alignas(8) Packed { int a; };
struct D : B { void f() {} };
class GTEST_API_ Mock {
 LIB_PRIVATE_UNLESS_TESTED:
  void g() {}
};
template <typename T> struct is_one<std::vector<std::pair<T, T>>> : std::true_type {};
LIB_NAMESPACE_END
"""


def test_macros_hide_no_class_and_no_function_of_cpp() -> None:
    found = [(symbol.kind, symbol.name) for symbol in find_symbols(MACROS.encode(), "cpp", 20.0)]
    assert found == [
        ("class", "Y"),
        ("function", "size"),
        ("function", "Y"),
        ("struct", "Packed"),
        ("struct", "D"),
        ("function", "f"),
        ("class", "Mock"),
        ("function", "g"),
        ("struct", "is_one"),
    ]


def test_what_is_put_for_macros_is_as_long_and_breaks_its_lines_alike() -> None:
    blanked = without_macros(MACROS.encode())
    assert len(blanked) == len(MACROS)
    assert [len(line) for line in blanked.splitlines()] == [
        len(line) for line in MACROS.encode().splitlines()
    ]
    assert b"LIB_" not in blanked
    assert without_macros(b"DWORD f(HANDLE a);\nint g(void)\n{\n    return A_B;\n}\n").count(b"A_B") == 1
    for hostile in (b"class A_B X<" * 20_000, b"X_API(" * 40_000, b") A_B" * 40_000, b"\n" * 200_000):
        started = time.process_time()
        without_macros(hostile)
        assert time.process_time() - started < 2


def test_names_lose_their_type_arguments_however_deep() -> None:
    assert names("impl Trait for Wrapper<Vec<Option<u8>>> {}\n", "rust") == ["Wrapper"]
