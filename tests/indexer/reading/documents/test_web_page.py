import time

import pytest

from indexer.reading.documents import DocumentError, read_document
from tests.indexer.reading.documents.generated_pages import PAGES

PAGE = """<!DOCTYPE html>
<html><head><title>Bread - The baker's book</title><style>p { color: red }</style>
<script>document.write("<p>SCRIPT</p>")</script></head>
<body><nav><ul><li><a href="/">HOME</a></li></ul></nav>
<main>
<h1>Bread<a class="headerlink" href="#bread">¶</a></h1>
<p>Flour, water, salt &amp; <b>time</b>; nothing&nbsp;else is
needed.<img src="http://example.org/loaf.png" alt="A round loaf"></p>
<h2>Sourdough</h2>
<ul><li>feed it <ol><li>flour</li><li>water</li></ol></li><li>wait</li></ul>
<div class="highlight-bash"><pre><span>knead</span> --minutes 10
  --by hand &lt; dough</pre></div>
<h2>Ovens</h2>
<table><caption>Heat</caption><tr><th>Oven</th><th>Degrees</th></tr><tr><td>Stone</td><td><p>280</p></td></tr></table>
<p hidden>HIDDEN</p><p style="display: none">HIDDEN TOO</p>
<form><textarea>TYPED</textarea><button>PRESS</button></form>
<p>A stone oven keeps its heat for hours, so that one fire is enough for a day of baking, they say.</p>
</main>
<footer>FOOTER</footer></body></html>"""

TEXT = """\
# Bread

Flour, water, salt & time; nothing else is
needed.[image: A round loaf]

## Sourdough

- feed it
  1. flour
  2. water
- wait

```bash
knead --minutes 10
  --by hand < dough
```

## Ovens

| Oven | Degrees |
| --- | --- |
| Stone | 280 |

A stone oven keeps its heat for hours, so that one fire is enough for a day of baking, they say.
"""


def test_a_page_becomes_its_readable_text():
    document = read_document(PAGE.encode(), "site/bread.html")
    assert document.text == TEXT
    assert [(span.kind, span.name, span.start_line, span.end_line) for span in document.spans] == [
        ("section", "Bread", 1, 24),
        ("section", "Bread > Sourdough", 6, 16),
        ("code", "Bread > Sourdough", 13, 16),
        ("section", "Bread > Ovens", 18, 24),
        ("table", "Heat", 20, 22),
    ]


def test_the_title_stands_in_for_a_missing_first_heading():
    page = f"<title>Tides</title><h2>Spring</h2><p>{'High water. ' * 20}</p>"
    document = read_document(page.encode(), "a.htm")
    assert document.text.startswith("# Tides\n\n### Spring\n")
    assert document.spans[1].name == "Tides > Spring"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "shift_jis"])
def test_the_encoding_is_the_mark_or_what_the_page_declares(encoding):
    page = f'<meta charset="{encoding}"><p>{"港の時刻表。" * 30}</p>'
    assert "港の時刻表。港" in read_document(page.encode(encoding), "a.html").text


@pytest.mark.parametrize(
    "page",
    [
        "<html><body>{% for a in b %}<p>" + "text " * 50 + "</p>{% endfor %}</body></html>",
        "<p>{{ user.name }} " + "text " * 50,
        "<?php echo 1 ?><p>" + "text " * 50,
        '<!doctype html><html><body><div id="root"></div><script src="app.js"></script></body></html>',
    ],
)
def test_templates_and_shells_are_left_to_source_files(page):
    with pytest.raises(DocumentError) as error:
        read_document(page.encode(), "app/index.html")
    assert error.value.as_source


def test_a_page_that_shows_template_code_is_a_page():
    page = "<p>" + "How to write a loop in a template. " * 5 + "<pre>{% for a in b %}</pre>"
    assert "{% for a in b %}" in read_document(page.encode(), "a.html").text


def test_entities_that_a_page_declares_are_not_expanded():
    page = (
        '<!DOCTYPE html [<!ENTITY b "BOOM"><!ENTITY c SYSTEM "file:///etc/passwd">]><p>'
        + "text &b; &c; " * 20
    )
    text = read_document(page.encode(), "a.html").text
    assert "BOOM" not in text
    assert "root:" not in text


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        ("", "<!--"),
        ("", "<!--- "),
        ("", "<pre>"),
        ("", "<code "),
        ("", "<script"),
        ("<script>", " "),
        ("", "<style>"),
    ],
)
def test_a_page_of_openers_is_read_in_a_moment(head, unit):
    started = time.process_time()
    with pytest.raises(DocumentError):
        read_document((head + unit * (200_000 // len(unit))).encode(), "page.html")
    assert time.process_time() - started < 3  # a search for the end of each took a minute


def test_what_code_elements_hold_does_not_make_a_template():
    code = "<PRE>{% if a %}</pre ><!-- {% b %} --><code>{{ c }}</code><script>${d}</script>"
    text = "<p>" + "A page of prose about templates. " * 9
    assert "A page of prose" in read_document((text + code).encode(), "page.html").text
    for unclosed in ("<pre>{% if a %}", "<!-- {{ b }}", code + "<code>{% if c %}"):
        with pytest.raises(DocumentError, match="a template"):
            read_document((text + unclosed).encode(), "page.html")


def test_ten_thousand_open_elements_are_read_to_the_end():
    page = "<p>" + "text " * 30 + "<div>" * 10_000 + "the end"
    assert read_document(page.encode(), "a.html").text.endswith("the end\n")


def test_tables_that_lay_out_a_page_are_read_as_blocks():
    page = "<table><tr><td>left<h1>News</h1><p>" + "It rained. " * 20 + "</p></td><td>right</td></tr></table>"
    document = read_document(page.encode(), "a.html")
    assert document.text.startswith("left\n\n# News\n\nIt rained.")
    assert document.text.endswith("\n\nright\n")


@pytest.mark.parametrize("generator", PAGES)
def test_headings_of_what_generators_write(generator: str) -> None:
    body, expected = PAGES[generator]
    page = f"<!DOCTYPE html><html><head><title>T</title></head><body>{body}</body></html>"
    document = read_document(page.encode(), "page.html")
    names = [span.name.removeprefix("T > ") for span in document.spans if span.kind == "section"]
    assert [name for name in names if name != "T"] == expected
