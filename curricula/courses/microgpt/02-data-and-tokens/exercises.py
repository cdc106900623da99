"""Lesson 2: from a file of names to lists of numbers, and from those to bets."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from curricula import subject
from curricula.exercise import Case, Exercise, Mutant, Params, Plain


class InOrder(Random):
    """Randomness that leaves a list as it is, so that the subject's answer can be foreseen."""

    def shuffle(self, x: list[str]) -> None:
        return None


def real_documents(text: str, rng: Random) -> tuple[list[str], list[list[int]]]:
    """What gpt.py itself makes of a file with that text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "names.txt"
        path.write_text(text, encoding="utf-8")
        letters, documents = subject.load().read_documents(path, rng)
    return letters, documents


# ---- tokens-by-hand: what read_documents makes of a small file ------------------------------

NAMES = (
    *("oleg", "nora", "inga", "goran", "ronja", "milo", "simon"),
    *("lara", "moira", "tamar", "katrin", "damir", "kemal", "lena"),
)


def draw_file(rng: Random) -> Params:
    """A file with a blank line, a repeated name and spaces, and one name to turn into tokens."""
    names = rng.sample([name for name in NAMES if list(name) != sorted(name)], 4)
    lines = [*names, rng.choice(names[1:])]
    rng.shuffle(lines)
    lines.insert(rng.randint(1, 4), "")
    lines[0] = "  " + lines[0]
    return {"lines": lines, "name": names[0]}


def answer_file(p: Params) -> list[int]:
    letters, documents = real_documents("\n".join(p["lines"]), InOrder())
    names = [line.strip() for line in p["lines"] if line]
    return [len(letters) + 1, len(documents), *documents[names.index(p["name"])]]


def by_hand(
    p: Params, *, end: bool = True, blank: bool = False, seen: bool = False, base: int = 0
) -> list[int]:
    """The same, written anew for the mimics; each option is a belief."""
    text = "".join(line.strip() for line in p["lines"])
    letters = list(dict.fromkeys(text)) if seen else sorted(dict.fromkeys(text))
    ids = {letter: number for number, letter in enumerate(letters, start=base)}
    body = [ids[letter] for letter in p["name"]]
    bos = len(letters) + base
    count = sum(bool(line) or blank for line in p["lines"])
    return [len(letters) + 1, count, bos, *body, *([bos] if end else [])]


PREDICT = Exercise(
    id="tokens-by-hand",
    skill="text-to-tokens",
    entry="answer",
    draw=draw_file,
    cases=lambda rng, p: [[]],
    reference=answer_file,
    misconceptions={
        "bos-only-starts": lambda p: by_hand(p, end=False),
        "blank-line-is-a-document": lambda p: by_hand(p, blank=True),
        "ids-by-appearance": lambda p: by_hand(p, seen=True),
        "count-from-one": lambda p: by_hand(p, base=1),
    },
    solutions=(
        """lines = [line.strip() for line in {{ p.lines }} if line.strip()]
letters = sorted(set("".join(lines)))
bos = len(letters)
answer = [bos + 1, len(lines), bos] + [letters.index(c) for c in "{{ p.name }}"] + [bos]
""",
        """names = " ".join({{ p.lines }}).split()
ids = {}
for code in range(ord("a"), ord("z") + 1):
    if any(chr(code) in name for name in names):
        ids[chr(code)] = len(ids)
ids["end"] = len(ids)
tokens = [ids[part] for part in ["end", *"{{ p.name }}", "end"]]
answer = [len(ids), len(names), *tokens]
""",
        """text = "\\n".join({{ p.lines }})
found = {c for c in text if c.isalpha()}
answer = [len(found) + 1, sum(1 for line in text.split("\\n") if line != "")]
for letter in "{" + "{{ p.name }}" + "{":
    answer.append(sum(other < letter for other in found))
""",
    ),
    mutants=(
        Mutant(name="no end", find=' + [bos]\n', replace="\n", stands_for="bos-only-starts"),
        Mutant(name="a list with no end", of=1, find=', "end"]]', replace="]]",
               stands_for="bos-only-starts"),
        Mutant(name="no beginning", find="len(lines), bos]", replace="len(lines)]"),
        Mutant(name="blank lines count", of=2, find=' if line != ""', replace="",
               stands_for="blank-line-is-a-document"),
        Mutant(name="in order of appearance", find='sorted(set("".join(lines)))',
               replace='list(dict.fromkeys("".join(lines)))', stands_for="ids-by-appearance"),
        Mutant(name="ids from one", of=1, find="= len(ids)\ni", replace="= len(ids) + 1\ni",
               stands_for=""),
        Mutant(name="every id one higher", stands_for="count-from-one", source="""
letters = [""] + sorted(set("".join({{ p.lines }}).replace(" ", "")))
bos = len(letters)
answer = [bos, len([1 for line in {{ p.lines }} if line]), bos]
answer += [letters.index(c) for c in "{{ p.name }}"] + [bos]
"""),
        Mutant(name="BOS is not counted", find="[bos + 1,", replace="[bos,"),
        Mutant(name="repeats dropped", find="len(lines), bos]", replace="len(set(lines)), bos]"),
        Mutant(name="the whole alphabet", find='set("".join(lines))',
               replace='"abcdefghijklmnopqrstuvwxyz"'),
        Mutant(name="a space is a letter", find='set("".join(lines))',
               replace='set("".join({{ p.lines }}))'),
        Mutant(name="of this name alone", find='set("".join(lines))',
               replace='set("{{ p.name }}")'),
    ),
)  # fmt: skip

# ---- bets-of-a-document: a list of tokens, seen as things to bet on --------------------------

FORMS = (
    *(("position", "token", "target"), ("position", "target", "token")),
    *(("token", "target", "position"), ("token", "position", "target")),
    *(("target", "token", "position"), ("target", "position", "token")),
)


def draw_bets(rng: Random) -> Params:
    return {
        "context": rng.randint(5, 12), "ahead": rng.randint(2, 4),
        "form": list(rng.choice(FORMS)),
    }  # fmt: skip


def token_lists(rng: Random, p: Params) -> Sequence[Case]:
    """Around every border: too short for a bet, exactly full, too long."""
    ahead, context = p["ahead"], p["context"]
    lengths = [ahead, ahead + 1, ahead + 2, context, context + 1, context + ahead, context + 9]
    lengths.append(context + ahead - 1)
    return [[[30, *rng.sample(range(30), n - 2), 30]] for n in sorted({max(n, 2) for n in lengths})]


def bets_of(p: Params, tokens: Sequence[int]) -> list[list[int]]:
    targets = tokens[p["ahead"] : p["ahead"] + p["context"]]
    triples = [
        {"position": position, "token": token, "target": target}
        for position, (token, target) in enumerate(zip(tokens, targets))  # noqa: B905
    ]
    return [[triple[name] for name in p["form"]] for triple in triples]


def bets_with(
    p: Params, tokens: Sequence[int], count: int, target: Callable[[int], int]
) -> list[list[int]]:
    """For the mimics: that many positions, and the target of each."""
    found = []
    for n in range(count):
        values = {"position": n, "token": tokens[n], "target": target(n)}
        found.append([values[p["form"][0]], values[p["form"][1]], values[p["form"][2]]])
    return found


FADED = Exercise(
    id="bets-of-a-document",
    skill="tokens-to-examples",
    entry="bets",
    draw=draw_bets,
    cases=token_lists,
    reference=bets_of,
    misconceptions={
        "every-token-has-a-target": lambda p, tokens: bets_with(
            p, tokens, min(len(tokens), p["context"]), lambda n: tokens[n + p["ahead"]]
        ),
        "the-target-is-what-it-reads": lambda p, tokens: bets_with(
            p, tokens, max(0, min(len(tokens) - p["ahead"], p["context"])), lambda n: tokens[n]
        ),
        "context-counts-targets": lambda p, tokens: bets_with(
            p, tokens, max(0, min(len(tokens), p["context"]) - p["ahead"]),
            lambda n: tokens[n + p["ahead"]],
        ),
        "always-the-next": lambda p, tokens: bets_with(
            p, tokens, min(len(tokens) - 1, p["context"]), lambda n: tokens[n + 1]
        ),
    },
    solutions=(
        """def bets(tokens):
    found = []
    for position in range(min({{ p.context }}, len(tokens) - {{ p.ahead }})):
        token = tokens[position]
        target = tokens[position + {{ p.ahead }}]
        found.append([{{ p.form | join(", ") }}])
    return found
""",
        """def bets(tokens):
    pairs = zip(tokens[:{{ p.context }}], tokens[{{ p.ahead }}:])
    return [[{{ p.form | join(", ") }}] for position, (token, target) in enumerate(pairs)]
""",
        """def bets(tokens, position=0):
    if position == {{ p.context }} or len(tokens) <= {{ p.ahead }}:
        return []
    token, target = tokens[0], tokens[{{ p.ahead }}]
    return [[{{ p.form | join(", ") }}]] + bets(tokens[1:], position + 1)
""",
    ),
    mutants=(
        Mutant(name="a position for each token", find="len(tokens) - {{ p.ahead }})",
               replace="len(tokens))", stands_for="every-token-has-a-target"),
        Mutant(name="bets on what it reads", find="position + {{ p.ahead }}]",
               replace="position]", stands_for="the-target-is-what-it-reads"),
        Mutant(name="target is the token", of=1, find="(token, target) in",
               replace="(target, token) in"),
        Mutant(name="cut first", find="    found = []\n",
               replace="    found = []\n    tokens = tokens[:{{ p.context }}]\n",
               stands_for="context-counts-targets"),
        Mutant(name="the next token", find="{{ p.ahead }}", replace="1",
               stands_for="always-the-next"),
        Mutant(name="the next token, zipped", of=1, find="{{ p.ahead }}", replace="1",
               stands_for="always-the-next"),
        Mutant(name="one further", of=1, find="{{ p.ahead }}", replace="{{ p.ahead }} + 1"),
        Mutant(name="never cut", of=1, find=":{{ p.context }}]", replace=":]"),
        Mutant(name="one position more", of=2, find="position == {{ p.context }}",
               replace="position > {{ p.context }}"),
        Mutant(name="one position less", of=2, find="position == {{ p.context }}",
               replace="position + 1 == {{ p.context }}"),
        Mutant(name="positions from one", of=1, find="enumerate(pairs)",
               replace="enumerate(pairs, 1)"),
        Mutant(name="the last context, not the first", of=1, find="tokens[:{{ p.context }}]",
               replace="tokens[-{{ p.context }}:]"),
        Mutant(name="another order", of=1, find='p.form | join(", ")',
               replace='p.form | reverse | join(", ")'),
    ),
)  # fmt: skip

# ---- read-a-file: a read_documents of the learner's own ---------------------------------------

ORDERS = {
    "frequency": "how often they occur in the documents, the most frequent first; those that occur "
    "equally often by the alphabet",
    "appearance": "where they first occur in the shuffled documents, read one after another",
    "backwards": "the alphabet backwards, the one with the highest `ord` first",
}
KEYS = {
    "frequency": "lambda c: (-everything.count(c), c)",
    "appearance": "everything.index",
    "backwards": "lambda c: -ord(c)",
}


def draw_reader(rng: Random) -> Params:
    order = rng.choice(sorted(ORDERS))
    return {
        "order": order, "words": ORDERS[order], "key": KEYS[order],
        "first": rng.choice([True, False]), "own_end": rng.choice([True, False]),
        "mark": rng.choice("!;%~*&@$"),
    }  # fmt: skip


def files(rng: Random, p: Params) -> Sequence[Case]:
    """[text, seed], the smallest first; with blanks, remarks, repeats, and nothing at all."""
    mark = p["mark"]

    def names(count: int) -> list[str]:
        pool = rng.sample("abcdefghijklmnopq", 6)
        return ["".join(rng.choices(pool, k=rng.randint(2, 6))) for _ in range(count)]

    texts = [
        "ba", "\n", f"{mark} nobody\n", "cab\n\nabba", " ab \n  cd", f"bab\n  {mark}xyz\ncd",
        "ada\nbob\nada\nbob\nada\neve", "\n".join(names(5)), "\n" + "\n".join(names(9)) + "\n",
        "\n".join([*names(4), f"{mark}wux", "", "  " + names(1)[0], "wim", "kay"]),
    ]  # fmt: skip
    return [[text, rng.randint(1, 999)] for text in texts]


def read_by_subject(p: Params, text: str, seed: int) -> Plain:
    """gpt.py's own reading of the lines that are no remarks, its ids exchanged for those asked."""
    kept = [line for line in text.split("\n") if not line.strip().startswith(p["mark"])]
    try:
        sorted_letters, documents = real_documents("\n".join(kept), Random(seed))
    except ValueError:
        return "ValueError"
    names = [[sorted_letters[token] for token in tokens[1:-1]] for tokens in documents]
    counts = Counter(letter for name in names for letter in name)  # in order of appearance
    orders = {
        "appearance": list(counts),
        "frequency": sorted(sorted_letters, key=lambda c: -counts[c]),
        "backwards": sorted_letters[::-1],
    }
    return numbered(p, orders[p["order"]], names)


def numbered(
    p: Params, letters: Sequence[str], names: Sequence[Sequence[str]], *, end: bool = True,
    shared: bool = False,
) -> Plain:  # fmt: skip
    """The two results, with the ids that the task asks for, or with BOS on a letter's id."""
    special = 2 if p["own_end"] else 1
    before = special if p["first"] else 0
    opens = 0 if p["first"] else len(letters)
    if shared:
        opens = before if p["first"] else len(letters) - 1
    ids = {letter: before + n for n, letter in enumerate(letters)}
    closing = [opens + special - 1] if end else []
    return [list(letters), [[opens, *(ids[c] for c in name), *closing] for name in names]]


def read_with(
    p: Params, text: str, seed: int, *, blank: bool = False, order: str = "", once: bool = False,
    **beliefs: bool,
) -> Plain:  # fmt: skip
    """Written anew for the mimics; each option is a belief."""
    names = [line.strip() for line in text.splitlines() or [""]]
    names = [name for name in names if name[:1] != p["mark"] and (name or blank)]
    if once:
        names = list(dict.fromkeys(names))
    if not names:
        return "ValueError"
    Random(seed).shuffle(names)
    text = "".join(names)
    letters = sorted(set(text), reverse=(order or p["order"]) == "backwards")
    if (order or p["order"]) == "appearance":
        letters.sort(key=text.find)
    if (order or p["order"]) == "frequency":
        letters.sort(key=text.count, reverse=True)
    return numbered(p, letters, names, **beliefs)


DRIVE_READER = """
def drive(entry, text, seed):
    try:
        return entry(text, seed)
    except ValueError:
        return "ValueError"
"""

WRITE = Exercise(
    id="read-a-file",
    skill="text-to-tokens",
    entry="read_text",
    draw=draw_reader,
    cases=files,
    reference=read_by_subject,
    driver=DRIVE_READER,
    misconceptions={
        "bos-only-starts": lambda p, text, seed: read_with(p, text, seed, end=False),
        "bos-shares-an-id": lambda p, text, seed: read_with(p, text, seed, shared=True),
        "repeats-teach-nothing": lambda p, text, seed: read_with(p, text, seed, once=True),
        "ids-must-be-alphabetical": lambda p, text, seed: read_with(
            p, text, seed, order="alphabet"
        ),
    },
    solutions=(
        """import random

def read_text(text, seed):
    lines = [line.strip() for line in text.split("\\n")]
    lines = [line for line in lines if line and not line.startswith("{{ p.mark }}")]
    if not lines:
        raise ValueError("there are no documents")
    random.Random(seed).shuffle(lines)
    everything = "".join(lines)
    letters = sorted(set(everything), key={{ p.key }})
    shift = {{ (2 if p.own_end else 1) if p.first else 0 }}
    opens = {{ 0 if p.first else "len(letters)" }}
    ends = opens + {{ 1 if p.own_end else 0 }}
    body = [[letters.index(c) + shift for c in line] for line in lines]
    return [letters, [[opens, *tokens, ends] for tokens in body]]
""",
        """from collections import Counter
from random import Random

def read_text(text, seed):
    names = []
    for line in text.splitlines():
        name = line.strip()
        if name == "" or name[0] == "{{ p.mark }}":
            continue
        names.append(name)
    order = list(range(len(names)))
    Random(seed).shuffle(order)
    names = [names[place] for place in order]
    counts = Counter()
    for name in names:
        counts.update(name)
    if not counts:
        raise ValueError
    alphabet = sorted(counts)
    if "{{ p.order }}" == "appearance":
        alphabet = list(counts)
    elif "{{ p.order }}" == "backwards":
        alphabet.reverse()
    else:
        alphabet.sort(key=counts.get, reverse=True)
    special = ["<open>"{{ ', "<end>"' if p.own_end else "" }}]
    table = {{ "special + alphabet" if p.first else "alphabet + special" }}
    ids = {entry: number for number, entry in enumerate(table)}
    documents = []
    for name in names:
        documents.append([ids["<open>"]])
        documents[-1].extend(map(ids.get, name))
        documents[-1].append(ids[special[-1]])
    return (alphabet, documents)
""",
        """import random

class Table:
    def __init__(self, letters):
        self.letters = letters
        count = {{ 2 if p.own_end else 1 }}
        self.low = count if {{ p.first }} else 0
        self.open = 0 if {{ p.first }} else len(letters)
        self.close = self.open + count - 1

    def tokens(self, name):
        yield self.open
        for letter in name:
            yield self.low + self.letters.index(letter)
        yield self.close

def read_text(text, seed):
    kept = list(filter(None, (line.strip() for line in text.split("\\n"))))
    kept = [line for line in kept if line[0] != "{{ p.mark }}"]
    assert_some(kept)
    random.Random(seed).shuffle(kept)
    letters = []
    for letter in "".join(kept):
        if letter not in letters:
            letters.append(letter)
    if {{ p.order == "backwards" }}:
        letters = sorted(letters)[::-1]
    if {{ p.order == "frequency" }}:
        letters.sort()
        letters.sort(key=lambda c: -sum(name.count(c) for name in kept))
    table = Table(letters)
    return [letters, [list(table.tokens(name)) for name in kept]]

def assert_some(kept):
    if len(kept) == 0:
        raise ValueError("nothing to read")
""",
    ),
    mutants=(
        Mutant(name="no end", find="*tokens, ends]", replace="*tokens]",
               stands_for="bos-only-starts"),
        Mutant(name="never closes", of=2, find="        yield self.close\n", replace="",
               stands_for="bos-only-starts"),
        Mutant(name="opens with a letter's id",
               find='opens = {{ 0 if p.first else "len(letters)" }}',
               replace='opens = {{ "shift" if p.first else "len(letters) - 1" }}',
               stands_for="bos-shares-an-id"),
        Mutant(name="each name once", find='    random.Random(seed)',
               replace="    lines = sorted(set(lines), key=lines.index)\n    random.Random(seed)",
               stands_for="repeats-teach-nothing"),
        Mutant(name="alphabetical", find="set(everything), key={{ p.key }})",
               replace="set(everything))", stands_for="ids-must-be-alphabetical"),
        Mutant(name="not shuffled", find="    random.Random(seed).shuffle(lines)\n", replace=""),
        Mutant(name="a seed of its own", find="random.Random(seed)", replace="random.Random(42)"),
        Mutant(name="empty lines stay", find="if line and not", replace="if not"),
        Mutant(name="remarks stay", find=' and not line.startswith("{{ p.mark }}")', replace=""),
        Mutant(name="spaces stay", find="[line.strip() for line in", replace="[line for line in"),
        Mutant(name="remarks give letters", find="sorted(set(everything), key={{ p.key }})",
               replace="sorted(set(everything), key={{ p.key }})"
               " + sorted(set(text) - set(everything))"),
        Mutant(name="end: the other way", find="{{ 1 if p.own_end else 0 }}",
               replace="{{ 0 if p.own_end else 1 }}"),
        Mutant(name="special tokens at the other end", of=2, find="{{ p.first }}",
               replace="{{ not p.first }}"),
        Mutant(name="no refusal", find='        raise ValueError("there are no documents")\n',
               replace="        return [[], []]\n"),
        Mutant(name="another refusal", of=2, find="raise ValueError(", replace="raise KeyError("),
        Mutant(name="consonants first", of=1, find="    special = [",
               replace="    alphabet.sort(key=lambda c: (c in 'aeiou', c))\n"
               "    special = ["),
    ),
)  # fmt: skip

# ---- mend-the-encoder: too long, unknown, and where the specials belong -----------------------

ENCODER_FAULTS = ("open-only", "shared", "unknown", "late-cut", "room")


def draw_encoder(rng: Random) -> Params:
    return {
        "room": rng.randint(5, 9), "keep": rng.choice(["beginning", "end"]),
        "strange": rng.choice(["mark", "skip"]), "bos": rng.randint(0, 1),
        "faults": sorted(rng.sample(ENCODER_FAULTS, 2)),
    }  # fmt: skip


def encodings(rng: Random, p: Params) -> Sequence[Case]:
    """Names from empty to far too long, with letters that the alphabet lacks."""
    letters = rng.sample("abcdefghijkl", 7)
    room = p["room"]

    def name(length: int) -> str:
        return "".join(rng.choices(letters, k=length))

    lengths = [0, 1, room - 3, room - 2, room - 1, room, room + 5]
    cases = [[letters, name(length)] for length in lengths]
    full = "".join(letters)[: room - 2]
    strange = ["?", f"{letters[6]}x{letters[0]}", f"z{full}", f"{full}yz", f"{letters[1]}w" * room]
    return [*cases, *([letters, text] for text in strange)]


def encoded(p: Params, letters: Sequence[str], name: str) -> list[int]:
    special = len(letters)
    bos = special + (p["bos"] if p["strange"] == "mark" else 0)
    unknown = 2 * special + 1 - bos
    ids = dict(zip(letters, range(special)))  # noqa: B905
    body = [ids.get(c, unknown) for c in name if c in ids or p["strange"] == "mark"]
    size = p["room"] - 2
    body = body[:size] if p["keep"] == "beginning" else body[max(0, len(body) - size) :]
    return [bos, *body, bos]


def encoded_late(p: Params, letters: Sequence[str], name: str) -> list[int]:
    """BOS on both sides first, then cut."""
    whole = encoded({**p, "room": len(name) + 2}, letters, name)
    return whole[: p["room"]] if p["keep"] == "beginning" else whole[-p["room"] :]


def encoded_shared(p: Params, letters: Sequence[str], name: str) -> list[int]:
    _, *body, _ = encoded(p, letters, name)
    return [len(letters) - 1, *body, len(letters) - 1]


def encoded_strangers(p: Params, letters: Sequence[str], name: str) -> list[int]:
    """A letter that is not known becomes BOS."""
    bos = encoded(p, letters, "")[0]
    body = [letters.index(c) if c in letters else bos for c in name]
    size = p["room"] - 2
    return [bos, *(body[-size:] if p["keep"] == "end" else body[:size]), bos]


ENCODER = """def encode(letters, name):
    bos = len(letters){{ " + 1" if p.bos and p.strange == "mark" else "" }}
    unknown = len(letters){{ "" if p.bos else " + 1" }}
    body = []
    for letter in name:
        if letter in letters:
            body.append(letters.index(letter))
        {{ "else" if p.strange == "mark" else "elif False" }}:
            body.append(unknown)
    size = {{ p.room }} - 2
    body = body{{ "[:size]" if p.keep == "beginning" else "[-size:]" }}
    return [bos, *body, bos]
"""

BUG = Exercise(
    id="mend-the-encoder",
    skill="text-to-tokens",
    entry="encode",
    draw=draw_encoder,
    cases=encodings,
    reference=encoded,
    misconceptions={
        "bos-only-starts": lambda p, letters, name: encoded(p, letters, name)[:-1],
        "bos-shares-an-id": encoded_shared,
        "the-cut-comes-last": encoded_late,
        "a-stranger-is-bos": encoded_strangers,
    },
    solutions=(
        ENCODER,
        """def encode(letters, name):
    table = {letter: number for number, letter in enumerate(letters)}
    extra = {{ '["<bos>"]' if p.strange == "skip" else
               '["?", "<bos>"]' if p.bos else '["<bos>", "?"]' }}
    for entry in extra:
        table[entry] = len(table)
    {% if p.strange == "mark" %}
    name = [letter if letter in letters else "?" for letter in name]
    {% else %}
    name = [letter for letter in name if letter in letters]
    {% endif %}
    while len(name) > {{ p.room }} - 2:
        name.pop({{ -1 if p.keep == "beginning" else 0 }})
    return [table[part] for part in ["<bos>"] + name + ["<bos>"]]
""",
        """from collections import deque

def encode(letters, name):
    bos = len(letters) + {{ p.bos if p.strange == "mark" else 0 }}
    size, {{ "kept" if p.keep == "beginning" else "rest" }} = {{ p.room }} - 2, []
    numbers = []
    for letter in name:
        place = "".join(letters).find(letter)
        if place >= 0:
            numbers.append(place)
        elif {{ p.strange == "mark" }}:
            numbers.append(len(letters) + {{ 1 - p.bos }})
    if {{ p.keep == "beginning" }}:
        return [bos] + numbers[0:size] + [bos]
    return [bos] + list(deque(numbers, maxlen=size)) + [bos]
""",
    ),
    mutants=(
        Mutant(name="no end", find="*body, bos]", replace="*body]", stands_for="bos-only-starts"),
        Mutant(name="no closing entry", of=1, find=' + ["<bos>"]]', replace="]",
               stands_for="bos-only-starts"),
        Mutant(name="the last letter's id",
               find='len(letters){{ " + 1" if p.bos and p.strange == "mark" else "" }}',
               replace="len(letters) - 1", stands_for="bos-shares-an-id"),
        Mutant(name="cut at the end", of=2, stands_for="the-cut-comes-last",
               find="    if {{ p.keep == \"beginning\" }}:\n",
               replace="    whole = [bos] + numbers + [bos]\n"
               "    return whole[{{ \"\" if p.keep == \"beginning\" else -p.room }}:"
               "{{ p.room if p.keep == \"beginning\" else \"\" }}]\n"
               "    if {{ p.keep == \"beginning\" }}:\n"),
        Mutant(name="cuts the whole", stands_for="the-cut-comes-last",
               find="    size = {{ p.room }} - 2\n",
               replace="    body = [bos, *body, bos]\n"
               "    return body[:{{ p.room }}] if '{{ p.keep }}' == 'beginning' "
               "else body[-{{ p.room }}:]\n"
               "    size = {{ p.room }} - 2\n"),
        Mutant(name="a stranger is BOS", stands_for="a-stranger-is-bos",
               find="        {{ \"else\" if p.strange == \"mark\" else \"elif False\" }}:\n"
               "            body.append(unknown)",
               replace="        else:\n            body.append(bos)"),
        Mutant(name="room for one more", find="{{ p.room }} - 2", replace="{{ p.room }} - 1"),
        Mutant(name="room for letters only", find="{{ p.room }} - 2", replace="{{ p.room }}"),
        Mutant(name="room for one less", find="{{ p.room }} - 2", replace="{{ p.room }} - 3"),
        Mutant(name="keeps the other part", of=1, find='-1 if p.keep == "beginning" else 0',
               replace='0 if p.keep == "beginning" else -1'),
        Mutant(name="strangers: the other way",
               find='"else" if p.strange == "mark" else "elif False"',
               replace='"elif False" if p.strange == "mark" else "else"'),
        Mutant(name="a stranger is the first letter", of=2,
               find="elif {{ p.strange == \"mark\" }}:\n            numbers.append(len(letters) + "
               "{{ 1 - p.bos }})", replace="else:\n            numbers.append(0)"),
        Mutant(name="alphabetical ids", find="    body = []\n",
               replace="    body, letters = [], sorted(letters)\n"),
        Mutant(name="no beginning", find="[bos, *body", replace="[*body"),
    ),
)  # fmt: skip

# ---- examples-of-lines: whole words, a short memory, and something to say at each step --------

THEMES = {
    "melodies": ["C", "D", "E", "F", "G", "A", "B"],
    "dances": ["left", "right", "turn", "hop", "bow", "clap", "stop"],
    "recipes": ["stir", "bake", "chop", "boil", "salt", "rest", "serve"],
    "train lines": ["Bern", "Thun", "Spiez", "Visp", "Brig", "Olten", "Chur"],
}


def draw_lines(rng: Random) -> Params:
    theme = rng.choice(sorted(THEMES))
    return {
        "theme": theme, "window": rng.randint(3, 6), "gap": rng.choice([" ", "-", "/", ">"]),
        "pad": rng.choice([True, False]), "first": rng.choice([True, False]),
        "sample": rng.sample(THEMES[theme], 3),
    }  # fmt: skip


def songs(rng: Random, p: Params) -> Sequence[Case]:
    words, window = THEMES[p["theme"]], p["window"]

    def song(length: int) -> str:
        return p["gap"].join(rng.choices(words, k=length))

    sizes = [
        [1],
        [2],
        [1, 1],
        [3, 2],
        [window],
        [window + 1, 1],
        [window + 3, window, 2],
        [2, 0, 3],
    ]
    return [[[song(length) for length in lengths]] for lengths in sizes]


def examples_of(p: Params, lines: Sequence[str]) -> list[Plain]:
    """Each word written as one letter, so that gpt.py itself can read the lines."""
    played = [line.split(p["gap"]) for line in lines if line]
    words = sorted({word for line in played for word in line})
    text = "\n".join("".join(chr(97 + words.index(word)) for word in line) for line in played)
    letters, documents = real_documents(text, InOrder())
    bos, found = len(letters), []
    for tokens in documents:
        if p["first"]:
            tokens = [(token + 1) % (bos + 1) for token in tokens]
        before = [tokens[0]] * (p["window"] - 1) if p["pad"] else []
        history = [*before, *tokens]
        for end in range(len(before) + 1, len(history)):
            found.append([history[max(0, end - p["window"]) : end], history[end]])
    return found


def example_steps(
    p: Params, lines: Sequence[str], *, letters: bool = False, end: bool = True,
    cross: bool = False, inside: bool = False,
) -> list[Plain]:  # fmt: skip
    """Written anew for the mimics; each option is a belief."""
    split = [list(line) if letters else line.split(p["gap"]) for line in lines if line != ""]
    vocabulary = sorted(set().union(*split))
    bos = 0 if p["first"] else len(vocabulary)
    size = p["window"]
    start = [bos] * (size if p["pad"] else 1)
    past, found = list(start), []
    for line in split:
        past = past if cross else list(start)
        for target in [vocabulary.index(word) + p["first"] for word in line] + [bos] * end:
            shown = [*past, target] if inside else past
            found.append([shown[-size:], target])
            past.append(target)
    return found


TRANSFER = Exercise(
    id="examples-of-lines",
    skill="tokens-to-examples",
    entry="examples",
    draw=draw_lines,
    cases=songs,
    reference=examples_of,
    misconceptions={
        "tokens-are-letters": lambda p, lines: example_steps(p, lines, letters=True),
        "bos-only-starts": lambda p, lines: example_steps(p, lines, end=False),
        "one-endless-document": lambda p, lines: example_steps(p, lines, cross=True),
        "the-target-is-what-it-reads": lambda p, lines: example_steps(p, lines, inside=True),
    },
    solutions=(
        """WINDOW = {{ p.window }}

def examples(lines):
    documents = [line.split("{{ p.gap }}") for line in lines if line]
    words = sorted({word for document in documents for word in document})
    bos = {{ 0 if p.first else "len(words)" }}
    found, history = [], []
    for document in documents:
        history = [bos] * {{ "WINDOW" if p.pad else 1 }}
        for target in [*(words.index(word) + {{ 1 if p.first else 0 }} for word in document), bos]:
            found.append([history[-WINDOW:], target])
            history.append(target)
    return found
""",
        """def examples(lines):
    ids = {"": None}
    for word in sorted(set("{{ p.gap }}".join(filter(None, lines)).split("{{ p.gap }}"))):
        ids[word] = len(ids) - {{ 0 if p.first else 1 }}
    ids[""] = {{ 0 if p.first else "len(ids) - 1" }}
    result = []
    for line in lines:
        if not line:
            continue
        tokens = [ids[word] for word in ("{{ p.gap }}" + line + "{{ p.gap }}").split("{{ p.gap }}")]
        for place in range(1, len(tokens)):
            context = tokens[max(0, place - {{ p.window }}):place]
            missing = {{ p.window }} - len(context) if {{ p.pad }} else 0
            result.append([[ids[""]] * missing + context, tokens[place]])
    return result
""",
        """from collections import deque

def encode(lines):
    seen = set()
    for line in lines:
        seen.update(line.split("{{ p.gap }}"))
    seen.discard("")
    order = sorted(seen)
    order.insert({{ 0 if p.first else "len(order)" }}, None)
    for line in lines:
        if line:
            yield order.index(None), [order.index(word) for word in line.split("{{ p.gap }}")]

def examples(lines):
    found = []
    for bos, tokens in encode(lines):
        memory = deque([bos] * {{ p.window if p.pad else 1 }}, maxlen={{ p.window }})
        for target in tokens:
            found.append([list(memory), target])
            memory.append(target)
        found.append([list(memory), bos])
    return found
""",
    ),
    mutants=(
        Mutant(name="letters", find='line.split("{{ p.gap }}")', replace="list(line)",
               stands_for="tokens-are-letters"),
        Mutant(name="no end", find=" in document), bos]:", replace=" in document)]:",
               stands_for="bos-only-starts"),
        Mutant(name="the end is no target", of=2,
               find="        found.append([list(memory), bos])\n", replace="",
               stands_for="bos-only-starts"),
        Mutant(name="remembers the line before", find="history = [bos]",
               replace="history = history or [bos]", stands_for="one-endless-document"),
        Mutant(name="sees the target", of=2,
               find="            found.append([list(memory), target])\n"
               "            memory.append(target)\n        found.append([list(memory), bos])",
               replace="            memory.append(target)\n"
               "            found.append([list(memory), target])\n"
               "        memory.append(bos)\n        found.append([list(memory), bos])",
               stands_for="the-target-is-what-it-reads"),
        Mutant(name="window one longer", find="WINDOW = {{ p.window }}",
               replace="WINDOW = {{ p.window + 1 }}"),
        Mutant(name="window one shorter", find="WINDOW = {{ p.window }}",
               replace="WINDOW = {{ p.window - 1 }}"),
        Mutant(name="padding the other way", of=1,
               find="if {{ p.pad }}", replace="if {{ not p.pad }}"),
        Mutant(name="pads on the right", of=1,
               find='[[ids[""]] * missing + context, tokens[place]]',
               replace='[context + [ids[""]] * ({{ p.window }} - len(context)), tokens[place]]'),
        Mutant(name="BOS at the other end", of=2, find='{{ 0 if p.first else "len(order)" }}',
               replace='{{ "len(order)" if p.first else 0 }}'),
        Mutant(name="does not predict the first word", of=1, find="range(1, len(tokens))",
               replace="range(2, len(tokens))"),
        Mutant(name="blank lines are played", of=1,
               find="        if not line:\n            continue\n",
               replace=""),
        Mutant(name="each word once a line", of=2,
               find='[order.index(word) for word in line.split("{{ p.gap }}")]',
               replace='[order.index(w) for w in dict.fromkeys(line.split("{{ p.gap }}"))] * 2'),
    ),
)  # fmt: skip

EXERCISES = [PREDICT, FADED, WRITE, BUG, TRANSFER]
