"""Writes the binary documents of `fixtures/`; run by hand, with reportlab, python-docx and pillow at hand.

The tests read what other programs' libraries wrote, so that a reader and a writer of ours cannot agree
on the same mistake. What the files say is known to the tests word for word.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "fixtures"

PAGES = (
    (
        "1 Installing the pump",
        "Set the pump on level ground at least two metres from the basin.",
        "Tighten the four anchor bolts to 25 newton metres, crosswise.",
    ),
    (
        "1.1 Connecting the hose",
        "Use the ribbed hose of 32 millimetres and no other.",
        "A clamp that is too tight will cut the hose within a season.",
    ),
    (
        "2 When the pump does not start",
        "Check the fuse first: the blue one, behind the lid.",
        "A humming motor means that the impeller is blocked by sand.",
    ),
    (
        "3 Winter storage",
        "Drain all water before the first frost, or the housing cracks.",
        "Store the impeller dry and lightly oiled.",
    ),
)


GROFF = r"""
.TH LAMPCHECK 1 2024-01-01 lighthouse "Keeper's Manual"
.SH DESCRIPTION
This manual page
documents the harbour version of
.BR lampcheck .
The
.B lampcheck
command compares each given
.I lamp
with the list of lamps that the
.B keeper
has written, from left to right, according to the rules of the
.B harbour
office until the outcome is known, at which point
.B lampcheck
moves on to the next lamp.  If
.I parameter
is not given in advance, each
.I variable
keeps the value that it was given, and the
.I limit
argument is overridden by the available oil.  Use
.B \-\-level
with the
.I weather
that is expected; then the
.B report
follows, and every
.I lamp
is given a value.  When
.B lampcheck
examines a lamp, the information that is used is that of the keeper.
This is similar to using
.BR grep ,
but it is optimized for several different lamps.  It will still be in
.B effect
when the
.I keeper
returns from the
.B harbour
in the evening, whatever the
.I weather
may be.
.SH OPTIONS
.IP \-L
Causes the
.B \-name
and
.B \-value
arguments to follow the
.I lamp
itself, unless the
.B keeper
has given another
.I value
in advance.  Actions that can cause lamps to become broken while
.B lampcheck
is running (for example
.BR \-\-delete )
can give rise to confusing results.  Using
.B \-L
always follows the
.I lamp
itself, never the
.BR keeper .
"""


def write_groff() -> None:
    """groff.pdf, by the program of that name: word spaces before another font are written its own way."""
    import subprocess

    command = ["groff", "-man", "-Tpdf"]
    made = subprocess.run(command, input=GROFF.lstrip().encode(), stdout=subprocess.PIPE, check=True)
    (FOLDER / "groff.pdf").write_bytes(made.stdout)


def write_pdfs() -> None:
    """manual.pdf (bookmarks, running header and page numbers), locked.pdf, scanned.pdf."""
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    for name, encrypt in (
        ("manual.pdf", None),
        ("locked.pdf", StandardEncryption("secret", strength=128)),
    ):
        canvas = Canvas(str(FOLDER / name), pagesize=(420, 300), encrypt=encrypt, invariant=1)
        canvas.setTitle("Garden pump GP-200")
        for number, (heading, *lines) in enumerate(PAGES, start=1):
            canvas.setFont("Helvetica", 9)
            canvas.drawString(40, 275, "Garden pump GP-200, owner's manual")
            canvas.drawCentredString(210, 15, f"- {number + 6} -")
            canvas.setFont("Helvetica-Bold", 14)
            canvas.drawString(40, 240, heading)
            canvas.bookmarkPage(heading)
            canvas.addOutlineEntry(heading, heading, level=1 if "." in heading.split()[0] else 0)
            canvas.setFont("Helvetica", 10)
            for at, line in enumerate(lines):
                canvas.drawString(40, 210 - 14 * at, line)
            canvas.showPage()
        canvas.save()

    from PIL import Image
    from reportlab.lib.utils import ImageReader

    canvas = Canvas(str(FOLDER / "scanned.pdf"), pagesize=(420, 300), invariant=1)
    for shade in (200, 220):
        canvas.drawImage(ImageReader(Image.new("L", (60, 40), shade)), 40, 40, 300, 200)
        canvas.showPage()
    canvas.save()


def write_docx() -> None:
    """handbook.docx: title, headings, list, table, code style, accents."""
    import docx
    from docx.enum.style import WD_STYLE_TYPE

    document = docx.Document()
    code_style = document.styles.add_style("Source Code", WD_STYLE_TYPE.PARAGRAPH)
    document.add_heading("Kitchen handbook", 0)
    document.add_paragraph("For everybody who works the late shift at the café.")
    document.add_heading("Opening", 1)
    document.add_paragraph("Unlock the cold room", style="List Bullet")
    document.add_paragraph("Read the thermometer", style="List Bullet")
    document.add_heading("Allergens", 2)
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Dish", "Contains"
    for dish, contains in (("Walnut bread", "nuts | gluten"), ("Lemon ice", "none")):
        cells = table.add_row().cells
        cells[0].text, cells[1].text = dish, contains
    document.add_heading("Closing", 1)
    paragraph = document.add_paragraph("Run the ")
    paragraph.add_run("nightly").bold = True
    paragraph.add_run(" backup of the till:")
    document.add_paragraph("till --backup \\", style=code_style)
    document.add_paragraph("    --to /mnt/safe", style=code_style)
    document.add_paragraph("Then turn off the lights.")
    document.save(str(FOLDER / "handbook.docx"))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_pdfs()
    write_docx()
    write_groff()
