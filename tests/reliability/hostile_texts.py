"""Texts that are made to break a parser: deep nesting, unclosed strings, repeated openers, random bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

OPENERS = (
    "%w(", '"${', "${", "$(", "`${", "#{", '"#{', '#{"', "f'{", "<%", "<", "<<", "<<<", "<a", "<A ", "/*",
    "/**", "//", "(", "[", "{", "([{", "a(", "a[", "a{", "if(", "if (a) {", "for(", "do ", "begin\n",
    "case a of\n", "class A {", "class A:\n ", "def f(", "def f():\n", "fn(", "fun f() {", "function f(){",
    "=>{", "->", "a.b(", "a?.b(", "a ? ", "a = ", "a, ", "!", "-", "*", "&", "@", "@a(", "#", "#[",
    "#if A\n", "#define A \\\n", "~", "^", "::", "a::", "a<", "A<B<", "template<", "'", '"', "'''", '"""',
    "`", "```", "\\", '"\\', "/", 'r#"', 'R"(', '@"', '$"{', "%{", "%(", "%q{", "~s(", "<<EOF\n",
    "<<~A\n#{", "--[[", "{-", "(*", "|", "||", "let a = ", "lambda: ", "yield ", "await ", "SELECT (",
    "CASE WHEN ", "where ", "do\n  ", "match a {", "switch(a){case 1:", "try{", "\n ", "\n\t", "    ",
    "\x00", "\ufeff", "é", "日", "😀",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HostileText:
    """One input, and how it was made."""

    kind: str
    text: str


def hostile_texts(n: int, max_chars: int, seed: int) -> Iterator[HostileText]:
    """`n` texts of 1,000 to `max_chars` characters, the lengths drawn evenly by their logarithm."""
    draw = random.Random(seed)
    kinds = (_repeated, _nested, _mixed, _unclosed, _noise, _long_line)
    for number in range(n):
        n_chars = int(1000 * (max_chars / 1000) ** draw.random())
        make = kinds[number % len(kinds)]
        text = make(draw, n_chars)[:n_chars]
        yield HostileText(f"{make.__name__.strip('_')} {text[:12]!r} {len(text)}", text)


def _repeated(draw: random.Random, n_chars: int) -> str:
    opener = draw.choice(OPENERS)
    return opener * (n_chars // len(opener) + 1)


def _nested(draw: random.Random, n_chars: int) -> str:
    opener = draw.choice(OPENERS)
    closer = opener[::-1].translate(str.maketrans("([{<", ")]}>"))
    depth = n_chars // (2 * len(opener))
    return opener * depth + closer * depth


def _mixed(draw: random.Random, n_chars: int) -> str:
    few = draw.sample(OPENERS, 4)
    return "".join(draw.choice(few) for _ in range(n_chars // 2))


def _unclosed(draw: random.Random, n_chars: int) -> str:
    line = draw.choice(("a = b\n", "f(a, b);\n", "x", "word ", "{a: 1},\n"))
    return draw.choice(OPENERS) + line * (n_chars // len(line) + 1)


def _noise(draw: random.Random, n_chars: int) -> str:
    return draw.randbytes(n_chars).decode("latin-1").replace("\0", " ")


def _long_line(draw: random.Random, n_chars: int) -> str:
    opener = draw.choice(OPENERS).replace("\n", " ")
    return f"{opener}1," * (n_chars // 2)
