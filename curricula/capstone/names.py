"""A learner's own list of names: read, and refused where no model could learn from it."""

from dataclasses import dataclass
from pathlib import Path

from curricula.errors import SubmissionError

HELD_OUT = 100  # names that the lab scores with; the fewest that it takes
LEAST_NAMES = 10 * HELD_OUT  # different ones: a tenth is held out
MOST_LETTERS = 64
LONGEST = 40  # characters of a name; scoring asks for every prefix


@dataclass(frozen=True, slots=True)
class Names:
    """A learner's list, cleaned."""

    lines: tuple[str, ...]

    @property
    def different(self) -> int:
        """Number of different names."""
        return len(set(self.lines))

    @property
    def text(self) -> str:
        """One name a line."""
        return "\n".join(self.lines) + "\n"

    @property
    def tokens(self) -> float:
        """Predictions in a name, its end included, on average."""
        return sum(map(len, self.lines)) / len(self.lines) + 1


def read_names(path: Path) -> Names:
    """The names in a file; raise SubmissionError where no model could learn from it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SubmissionError(
            f"{path} can't be read: {error.strerror}.",
            "Give a text file, one name per line.",
            reason="unreadable_file",
        ) from error
    except UnicodeDecodeError as error:
        raise SubmissionError(
            f"{path} is not UTF-8 text: byte {error.start} can't be read.",
            "Save it as UTF-8, one name per line.",
            reason="encoding",
        ) from error
    names = Names(tuple(line for line in map(str.strip, text.split("\n")) if line))
    if names.different < LEAST_NAMES:
        raise SubmissionError(
            f"{path} has {names.different} different names; at least {LEAST_NAMES:,} are needed.",
            f"The lab keeps a tenth of them away from every run, and scores with {HELD_OUT}.",
            reason="too_few_names",
        )
    letters = sorted(set("".join(names.lines)))
    if len(letters) > MOST_LETTERS:
        raise SubmissionError(
            f"{path} is written in {len(letters)} different characters; {MOST_LETTERS} are the "
            "most that so small a model can learn.",
            f"Write all in lower case, say, or leave out what is rare: {_rare(names)}.",
            reason="too_many_characters",
        )
    longest = max(names.lines, key=len)
    if len(longest) > LONGEST:
        raise SubmissionError(
            f"{path} has a name of {len(longest)} characters; the limit is {LONGEST}.",
            f"It begins {longest[:20]!r}. Shorten it, or leave it out.",
            reason="name_too_long",
        )
    return names


def _rare(names: Names) -> str:
    joined = "".join(names.lines)
    return " ".join(sorted(set(joined), key=joined.count)[:8])
