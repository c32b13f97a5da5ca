from __future__ import annotations

import pytest

from indexer.retrieve.boilerplate import without_boilerplate

APACHE = """Copyright 2020 The Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.

Unless required by applicable law, software is distributed WITHOUT WARRANTIES."""


def commented(text, lead, before="", after=""):
    return before + "".join(f"{lead}{line}".rstrip() + "\n" for line in text.split("\n")) + after


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (commented(APACHE, "# ") + "\n\nimport os\nfrom a import (\n  b,\n)\n\ndef f(): 0\n", "def f(): 0"),
        (commented(APACHE, " * ", "/*\n", " */\n") + "#include <a.h>\nint f(void);\n", "int f(void);"),
        (commented(APACHE, "// ") + "package main\n\nimport (\n\t\"fmt\"\n)\n\nfunc f() {}\n", "func f() {}"),
        ("import {\n  a,\n  b\n} from 'x';\nconst y = require('y');\nlet z = 1;\n", "let z = 1;"),
        ("use std::{\n  io,\n};\nfn f() {}\n", "fn f() {}"),
        ("/* Sweeps.\n\n Copyright\n */\npackage a.b;\nimport c.D;\nclass E {}", "/* Sweeps.\nclass E {}"),
    ],
)  # fmt: skip
def test_licences_and_imports_are_left_out(text, kept):
    found = [line for line in without_boilerplate(text, is_code=True).split("\n") if line.strip(" */#")]
    assert "\n".join(found) == kept


def test_what_else_stands_at_the_head_stays():
    text = "#!/bin/sh\n# Sweeps the graveyard.\n\nset -e\n"
    assert without_boilerplate(text, is_code=True) == text
    assert without_boilerplate("import this\n", is_code=True) == "import this\n"
    assert without_boilerplate("use the lamp\n", is_code=True) == "use the lamp\n"
