"""Wording: whether two sentences are about the same idea."""

import re
from functools import lru_cache

EMPTY_WORDS = set(  # as `alike` sees them: without a final s
    re.findall(
        r"\w+",
        "and are but can could for from help how into it ha have may more much not should so than "
        "that the their them then there these thi those too very wa what when where which while "
        "will with would better change fewer higher improve le longer lower make smaller larger",
    )
)


def alike(one: str, other: str) -> bool:
    """Return whether two hypotheses share half of the shorter one's words, and at least two words.

    Words without a subject, such as "better", numbers, and the ends of words do not count.
    """
    both = words_of(one), words_of(other)
    return len(both[0] & both[1]) >= max(2, min(map(len, both)) / 2)


@lru_cache(maxsize=65536)  # a proposal is compared with all that came before it
def words_of(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about, without their final s."""
    found = {word.rstrip("s") for word in re.findall(r"[a-z]{3,}", text.lower())}
    return frozenset(found - EMPTY_WORDS)
