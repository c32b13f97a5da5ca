import io
import zipfile
from pathlib import Path

import pytest

from indexer.reading.documents import DocumentError, read_document

HANDBOOK = (Path(__file__).parent / "fixtures" / "handbook.docx").read_bytes()
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

TEXT = """\
# Kitchen handbook

For everybody who works the late shift at the café.

## Opening

- Unlock the cold room
- Read the thermometer

### Allergens

| Dish | Contains |
| --- | --- |
| Walnut bread | nuts \\| gluten |
| Lemon ice | none |

## Closing

Run the nightly backup of the till:

```
till --backup \\
    --to /mnt/safe
```

Then turn off the lights.
"""


def docx(body, prologue="", **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "word/document.xml", f"{prologue}<w:document {W}><w:body>{body}</w:body></w:document>"
        )
        for name, content in members.items():
            archive.writestr(f"word/{name}.xml", content)
    return stream.getvalue()


def test_a_word_document_of_another_program():
    document = read_document(HANDBOOK, "handbook.docx")
    assert document.text == TEXT
    assert document.language == "docx"
    assert [(span.kind, span.name, span.start_line, span.end_line) for span in document.spans] == [
        ("section", "Kitchen handbook", 1, 26),
        ("section", "Kitchen handbook > Opening", 5, 15),
        ("section", "Kitchen handbook > Opening > Allergens", 10, 15),
        ("table", "Kitchen handbook > Opening > Allergens", 12, 15),
        ("section", "Kitchen handbook > Closing", 17, 26),
        ("code", "Kitchen handbook > Closing", 21, 24),
    ]


def test_tracked_changes_text_boxes_and_notes():
    body = (
        "<w:p><w:r><w:t>kept</w:t></w:r><w:ins><w:r><w:t xml:space='preserve'> new</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText> old</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t> moved</w:t></w:r></w:moveFrom>"
        "<w:r><w:instrText> DATE </w:instrText><w:tab/><w:t>x</w:t><w:footnoteReference w:id='2'/></w:r>"
        "</w:p>"
    )
    note = "<w:footnote w:id='2'><w:p><w:r><w:t>the note</w:t></w:r></w:p></w:footnote>"
    notes = f"<w:footnotes {W}>{note}</w:footnotes>"
    assert read_document(docx(body, footnotes=notes), "a.docx").text == "kept new x[^2]\n\n[^2]: the note\n"


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (HANDBOOK[: len(HANDBOOK) // 2], "broken"),
        (HANDBOOK.replace(b"word/document.xml", b"word/dacument.xml"), "broken"),
        (docx("<w:p><w:r><w:t>never closed"), "broken"),
        (docx("<w:p/>"), "empty"),
        (docx("<w:p><w:r><w:t>&b;</w:t></w:r></w:p>", BOMB), "unsafe"),
        (docx("<w:p>" * 300 + "</w:p>" * 300), "unsafe"),
        (docx(f"<w:p><w:r><w:t>{' ' * 4_000_000}</w:t></w:r></w:p>"), "unsafe"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "broken"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_a_broken_or_hostile_document_gives_one_reason(data, reason):
    with pytest.raises(DocumentError) as error:
        read_document(data, "handbook.docx")
    assert error.value.reason == reason
