"""Characters that `str.splitlines` takes for line ends and nobody else does."""

FORM_FEED = ""
NEXT_LINE = ""
LINE_SEPARATOR = " "
PARAGRAPH_SEPARATOR = " "
FILE_SEPARATOR = ""


def strip_exotic_breaks(text: str) -> str:
    """This function begins on line 10 for every editor, compiler and version control system."""
    for character in (FORM_FEED, NEXT_LINE, LINE_SEPARATOR, PARAGRAPH_SEPARATOR, FILE_SEPARATOR):
        text = text.replace(character, " ")
    return text
