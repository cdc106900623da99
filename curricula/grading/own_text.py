"""Text that a person saved with an editor of theirs: UTF-8, with or without a byte order mark."""

import codecs
from pathlib import Path

from curricula.errors import SubmissionError

MARK = "\ufeff"  # what some editors put before the first character of a UTF-8 file
_OTHERS = {  # the longest first: the mark of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_own_text(path: Path) -> str:
    """Return the file's text without its byte order mark, each line end a line feed.

    Raises SubmissionError for text in another encoding, OSError where the file can't be read.
    """
    content = path.read_bytes()
    try:
        if other := _other_encoding(content):
            raise SubmissionError(
                f"{path} is saved as {other}; an answer must be UTF-8 text.",
                'Save it again as UTF-8 (in the editor: "Save with encoding"), then check it.',
                reason="unreadable_file",
            )
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmissionError(
            f"{path} is not UTF-8 text: byte {error.start + 1} can't be read.",
            "Save it again as UTF-8, then check it.",
            reason="unreadable_file",
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _other_encoding(content: bytes) -> str:
    """Name the encoding that the text is in instead of UTF-8; "" if it is not one of these."""
    for mark, name in _OTHERS.items():
        if content.startswith(mark):
            return name
    # Without a mark, every second byte of English text is zero; no text in UTF-8 begins like that.
    return "UTF-16" if b"\0" in content[:2] and len(content) > 1 else ""
