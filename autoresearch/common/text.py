"""Texts that are cut where a reader has no room for all of them."""


def cut(text: str, longest: int, mark: str = "…") -> str:
    """Return at most `longest` characters, ending in `mark` where something is left out."""
    return text if len(text) <= longest else text[: max(longest - len(mark), 0)] + mark
