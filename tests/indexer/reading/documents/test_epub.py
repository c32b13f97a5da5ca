import io
import zipfile

import pytest

from indexer.reading.documents import DocumentError, read_document

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" version="3.0">
<metadata><dc:title>The Lighthouse</dc:title><dc:creator>A. Keeper</dc:creator></metadata>
<manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="p" href="picture.png" media-type="image/png"/>
</manifest>
<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="p"/></spine></package>"""
NAV = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><ol><li><a href="one.xhtml">Arrival</a></li>'
    '<li><a href="two%20b.xhtml#start">The <i>storm</i></a></li></ol></nav></body></html>'
)
ONE = (
    "<html><head><title/></head><body><h1>Arrival</h1><p>The boat came at noon.</p>"
    "<h2>Stairs</h2><p>199 of them.</p></body></html>"
)
TWO = "<html><body><p>It blew for three days.</p></body></html>"


def epub(**changes):
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": PACKAGE,
        "OEBPS/nav.xhtml": NAV,
        "OEBPS/one.xhtml": ONE,
        "OEBPS/two b.xhtml": TWO,
        **changes,
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return stream.getvalue()


def test_a_book_is_its_chapters_in_reading_order():
    document = read_document(epub(), "lighthouse.epub")
    assert document.text == (
        "# The Lighthouse\n\n## Arrival\n\nThe boat came at noon.\n\n### Stairs\n\n199 of them.\n\n"
        "## The storm\n\nIt blew for three days.\n"
    )
    assert [(span.name, span.start_line, span.end_line) for span in document.spans] == [
        ("The Lighthouse", 1, 13),
        ("The Lighthouse > Arrival", 3, 9),
        ("The Lighthouse > Arrival > Stairs", 7, 9),
        ("The Lighthouse > The storm", 11, 13),
    ]


def test_a_missing_chapter_is_named_and_the_rest_read():
    document = read_document(epub(**{"OEBPS/one.xhtml": None}), "lighthouse.epub")
    assert "three days" in document.text
    assert document.problem == "1 of 2 chapters not read: OEBPS/one.xhtml (OEBPS/one.xhtml is missing)"


def locked(method):
    return (
        '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        f'<enc:EncryptionMethod Algorithm="{method}"/>'
        '<enc:CipherData><enc:CipherReference URI="OEBPS/one.xhtml"/>'
        "</enc:CipherData></enc:EncryptedData></encryption>"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (epub()[:-200], "broken"),
        (epub(**{"META-INF/container.xml": None}), "broken"),
        (epub(**{"OEBPS/book.opf": None}), "broken"),
        (epub(**{"OEBPS/book.opf": PACKAGE.replace("<itemref", "<nothing")}), "broken"),
        (epub(**{"OEBPS/one.xhtml": None, "OEBPS/two b.xhtml": None}), "broken"),
        (epub(**{"OEBPS/one.xhtml": "<p/>", "OEBPS/two b.xhtml": "<p/>"}), "empty"),
        (
            epub(**{"META-INF/encryption.xml": locked("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}),
            "encrypted",
        ),
        (
            epub(
                **{"OEBPS/book.opf": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + PACKAGE[21:]}
            ),
            "unsafe",
        ),
        (epub(**{"OEBPS/one.xhtml": " " * 3_000_000}), "unsafe"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_a_broken_locked_or_hostile_book_gives_one_reason(data, reason):
    with pytest.raises(DocumentError) as error:
        read_document(data, "lighthouse.epub")
    assert error.value.reason == reason


def test_scrambled_fonts_lock_nothing():
    data = epub(**{"META-INF/encryption.xml": locked("http://www.idpf.org/2008/embedding")})
    assert "The boat came" in read_document(data, "lighthouse.epub").text
