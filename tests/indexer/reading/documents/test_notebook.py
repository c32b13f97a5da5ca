import json

import pytest

from indexer.reading.documents import DocumentError, read_document

CELLS = [
    {"cell_type": "markdown", "source": ["# Tides\n", "\n", "When is high water?"]},
    {
        "cell_type": "code",
        "source": "heights = [1.2, 3.4]\nmax(heights)",
        "outputs": [{"data": {"text/html": "<script>SHOWN</script>", "image/png": "iVBORw0KGgo="}}],
    },
    {"cell_type": "code", "source": []},
    {
        "cell_type": "markdown",
        "source": "## By harbour\n```\n# no heading\n```\n![](data:image/png;base64," + "A" * 80 + ")",
    },
    {"cell_type": "raw", "source": "left as it is"},
]


def notebook(cells=CELLS, **more):
    metadata = {"language_info": {"name": "python"}}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells, **more}
    ).encode()


def test_cells_become_markdown_and_outputs_are_left_out():
    document = read_document(notebook(), "tides.ipynb")
    assert document.text == (
        "# Tides\n\nWhen is high water?\n\n"
        "```python\nheights = [1.2, 3.4]\nmax(heights)\n```\n\n"
        "## By harbour\n```\n# no heading\n```\n![]([image])\n\n"
        "left as it is\n"
    )
    assert [(span.kind, span.name, span.start_line, span.end_line) for span in document.spans] == [
        ("section", "Tides", 1, 16),
        ("cell", "cell 1 (markdown)", 1, 3),
        ("cell", "cell 2 (code)", 5, 8),
        ("section", "Tides > By harbour", 10, 16),
        ("cell", "cell 4 (markdown)", 10, 14),
        ("cell", "cell 5 (raw)", 16, 16),
    ]
    assert document.problem == ""


def test_format_3_has_worksheets_and_heading_cells():
    old = {
        "nbformat": 3,
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 2, "source": "Wind"},
                    {"cell_type": "code", "input": "1"},
                ]
            }
        ],
    }
    document = read_document(json.dumps(old).encode(), "old.ipynb")
    assert document.text == "## Wind\n\n```\n1\n```\n"
    assert document.spans[0].name == "Wind"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (notebook()[:-40], "broken"),
        (b'{"cells": {"a": 1}}', "broken"),
        (b"[1, 2]", "broken"),
        (notebook([]), "empty"),
        (b'{"cells":' + b"[" * 100_000, "broken"),
        (notebook([{"cell_type": "code", "source": "", "outputs": []}]), "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_a_broken_notebook_gives_one_reason(data, reason):
    with pytest.raises(DocumentError) as error:
        read_document(data, "tides.ipynb")
    assert error.value.reason == reason


def test_a_cell_without_a_readable_source_is_counted():
    document = read_document(notebook([*CELLS, {"cell_type": "code", "source": 5}, "x"]), "tides.ipynb")
    assert document.problem == "2 of 7 cells have no readable source"


def test_a_lone_surrogate_in_a_cell_does_not_reach_the_text():
    cell = {"cell_type": "markdown", "source": "before \ud83d after"}
    assert read_document(notebook([cell]), "a.ipynb").text.encode() == b"before  after\n"


def test_headings_of_cells_are_those_of_markdown():
    cell = {"cell_type": "markdown", "source": "Under\n=====\n\n<!--\n# hidden\n-->\n## Marks ##\n"}
    document = read_document(notebook([cell]), "a.ipynb")
    sections = [span.name.split(" > ")[-1] for span in document.spans if span.kind == "section"]
    assert sections == ["Under", "Marks"]
