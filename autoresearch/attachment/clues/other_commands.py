"""Commands that are no Python, by README, Makefile, package.json and Cargo.toml, and their files.

Reads names and texts; nothing is run. A number is looked for in the texts that the files print.
"""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from posixpath import normpath

from autoresearch.attachment.metric_names import Number, unit_after
from autoresearch.attachment.print_statements import named
from autoresearch.git.snapshot import Snapshot

SOURCES = (
    ".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".cu", ".rs", ".go", ".js", ".mjs", ".cjs", ".ts",
    ".jl", ".r", ".rb", ".pl", ".lua", ".php", ".java", ".kt", ".f90", ".zig", ".nim", ".ml", ".py",
)  # fmt: skip
_MEASURES = re.compile(r"bench|perf|train|run|eval|score|fit|measure|experiment", re.I)
_STARTERS = ("node", "deno", "bun", "ruby", "julia", "Rscript", "perl", "lua", "php", "bash", "sh")
_RUNNERS = ("npm", "yarn", "pnpm", "bun")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.S | re.M)
_INDENTED = re.compile(r"^(?: {4}|\t|\s*\$ )(.+)$", re.M)
_INLINE = re.compile(r"`([^`\n]+)`")
_SHELL = re.compile(r"[|><;&$\\]")
_PRINTS = re.compile(r"print|console\.|\blog\b|cout|echo|puts|fmt\.|write|\bcat\(|\bsay\b", re.I)
_LITERAL = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`([^`]*)`")
_HOLE = re.compile(r"%[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:l|ll|z|h)?[diufeEgG]|\$?\{[^{}\"]*\}")
_RULE = re.compile(r"^([^\s#:=][^:=\n]*):(?![:=])[ \t]*([^\n]*)\n((?:\t[^\n]*\n?)*)", re.M)
_SET = re.compile(r"^(\w+)[ \t]*[:?+]?=[ \t]*(.*)$", re.M)
_MOST_FILES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCommand:
    """A command that a repository names, which starts no Python of its own."""

    words: str  # as people type it: "make run"
    why: str
    told: bool  # by the README
    files: tuple[str, ...]  # sources that it runs, the one it starts first
    numbers: tuple[Number, ...]


def other_commands(snapshot: Snapshot) -> tuple[OtherCommand, ...]:
    """The commands that the README names, then those of Makefile, package.json and Cargo.toml."""
    found: dict[str, OtherCommand] = {}
    for words, where, told in (*_of_readme(snapshot), *_of_build_files(snapshot)):
        files = files_of(tuple(shlex.split(words)), snapshot)
        numbers = tuple(n for path in files for n in texts_with_numbers(path, snapshot.read(path)))
        python = bool(files) and files[0].endswith(".py")
        if (told or numbers) and not (python and not told):
            why = f"{where} says `{words}`" if told else f"{where} has it"
            command = OtherCommand(words=words, why=why, told=told, files=files, numbers=numbers)
            found.setdefault(words, command)
    return tuple(found.values())


def files_of(argv: Sequence[str], snapshot: Snapshot) -> tuple[str, ...]:
    """Return the sources of the repository that a command runs, as far as its files tell."""
    there = frozenset(snapshot.files)
    program, *rest = argv or ("",)
    named_here = [normpath(part) for part in argv if normpath(part) in there]
    if program == "make":
        named_here = _made(rest, snapshot)
    elif program in _RUNNERS and rest[:1] == ["run"]:
        script = _scripts(snapshot).get(rest[1] if len(rest) > 1 else "", "")
        named_here = [normpath(part) for part in _split(script) if normpath(part) in there]
    elif program == "cargo":
        named_here = [path for path in snapshot.files if re.match(r"(?:src|benches)/.*\.rs$", path)]
    elif program == "go":
        named_here = [path for path in snapshot.files if path.endswith(".go")]
    elif program in ("sh", "bash") or program.removeprefix("./") in there:
        texts = [snapshot.read(path) for path in named_here if not path.endswith(SOURCES)]
        words = [normpath(word) for text in texts for word in _split(text.replace("\n", " "))]
        named_here += [word for word in words if word in there]
    return _with_included([path for path in named_here if path.lower().endswith(SOURCES)], snapshot)


def texts_with_numbers(path: str, code: str) -> Iterator[Number]:
    """Yield the numbers with a name in the texts that a source of any language prints."""
    if path.endswith(".py"):
        return
    for n, line in enumerate(code.splitlines(), start=1):
        if not _PRINTS.search(line):
            continue
        for literal in _LITERAL.finditer(line):
            text = next(group for group in literal.groups() if group is not None)
            text = text.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
            more = re.match(r"\s*(?:,|<<|\+|\.)\s*[\w(*]", line[literal.end() :])
            yield from _numbers(text + "\0" * bool(more and not _HOLE.search(text)), f"{path}:{n}")


def _numbers(text: str, where: str) -> Iterator[Number]:
    pieces = _HOLE.sub("\0", text).split("\0")
    for n, before in enumerate(pieces[:-1]):
        line = before.rpartition("\n")[2]
        found = named(line, n == 0 or line is not before)
        if found is not None:
            label, pattern = found
            unit = unit_after(pieces[n + 1])
            yield Number(label=label, pattern=pattern, where=where, unit=unit)


def _of_readme(snapshot: Snapshot) -> Iterator[tuple[str, str, bool]]:
    """(command, file, True) of each command of the README that runs something that is here."""
    readme = next((p for p in snapshot.files if p.lower() in ("readme.md", "readme.rst")), "")
    text = snapshot.read(readme) if readme else ""
    blocks = [line for block in _FENCED.findall(text) for line in block.splitlines()]
    for raw in (*blocks, *_INDENTED.findall(text), *_INLINE.findall(text)):
        words = raw.split(" #")[0].strip().removeprefix("$ ").strip()
        if words and not _SHELL.search(words) and _runs(_split(words), snapshot):
            yield words, readme, True


def _runs(argv: list[str], snapshot: Snapshot) -> bool:
    """Return whether a command runs something of the repository, rather than builds or installs."""
    program, *rest = argv or [""]
    there = snapshot.files
    if program == "make":
        rules = {
            name for names, _, _ in _RULE.findall(_makefile(snapshot)) for name in names.split()
        }
        return any(word in rules and _MEASURES.search(word) for word in rest)
    if program in _RUNNERS and rest[:1] == ["run"] and len(rest) > 1:
        return rest[1] in _scripts(snapshot) and bool(_MEASURES.search(rest[1]))
    if program in _STARTERS:
        return any(normpath(part) in there and not part.endswith(".py") for part in rest)
    if program == "cargo":
        return "Cargo.toml" in there and rest[:1] in (["bench"], ["run"])
    if program == "go":
        return "go.mod" in there and (rest[:1] == ["run"] or any("-bench" in part for part in rest))
    return program.startswith("./") and program.removeprefix("./") in there


def _of_build_files(snapshot: Snapshot) -> Iterator[tuple[str, str, bool]]:
    for names, _, _ in _RULE.findall(_makefile(snapshot)):
        for name in names.split():
            if _MEASURES.search(name) and re.fullmatch(r"[\w-]+", name):
                yield f"make {name}", "the Makefile", False
    for name, script in _scripts(snapshot).items():
        if _MEASURES.search(name):
            argv = _split(script)
            direct = argv[:1] == ["node"] and not _SHELL.search(script)
            yield script if direct else f"npm run {name}", f"package.json's script {name}", False
    if "Cargo.toml" in snapshot.files and any(p.startswith("benches/") for p in snapshot.files):
        yield "cargo bench", "Cargo.toml", False


def _makefile(snapshot: Snapshot) -> str:
    name = next((name for name in _MAKEFILES if name in snapshot.files), "")
    text = snapshot.read(name).replace("\\\n", " ") if name else ""
    known = dict(_SET.findall(text))
    for _ in range(3):
        text = re.sub(r"\$[({](\w+)[)}]", lambda found: known.get(found[1], ""), text)
    return text


def _made(targets: Sequence[str], snapshot: Snapshot) -> list[str]:
    """The sources that the rules for these targets name, through what they need."""
    rules: dict[str, list[str]] = {}
    for names, needs, recipe in _RULE.findall(_makefile(snapshot)):
        for name in names.split():
            rules.setdefault(name, []).extend([*needs.split(), *_split(recipe.replace("\n", " "))])
    there = frozenset(snapshot.files)
    waiting, seen, found = [t for t in targets if t in rules], set[str](), list[str]()
    while waiting:
        target = waiting.pop(0)
        seen.add(target)
        for word in rules.get(target, []):
            place = normpath(word)
            stem = re.sub(r"\.o$", "", place)
            places = [place, *(stem + end for end in SOURCES if place.endswith(".o"))]
            found += [one for one in places if one in there and one not in found]
            if "*" in word:
                found += [p for p in snapshot.files if fnmatchcase(p, word.rstrip(")"))]
            if word in rules and word not in seen:
                waiting.append(word)
    return found


def _with_included(paths: Sequence[str], snapshot: Snapshot) -> tuple[str, ...]:
    """The files and what they include from the repository, with the code beside a header."""
    there = frozenset(snapshot.files)
    seen: dict[str, None] = {}
    waiting = list(paths)
    while waiting and len(seen) < _MOST_FILES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen[path] = None
        if path.endswith(".py"):
            continue
        folder, text = PurePosixPath(path).parent, snapshot.read(path)
        wanted = re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M)
        wanted += re.findall(r"(?:require\(|from|import)\s*\(?['\"](\.[^'\"]+)['\"]", text)
        for name in wanted:
            place = normpath((folder / name).as_posix())
            stem = place.rpartition(".")[0] or place
            ends = [place, *(place + end for end in SOURCES), *(stem + end for end in SOURCES)]
            waiting += [one for one in dict.fromkeys(ends) if one in there]
    return tuple(seen)


def _scripts(snapshot: Snapshot) -> dict[str, str]:
    try:
        package = json.loads(snapshot.read("package.json"))
    except ValueError:
        return {}
    scripts = package.get("scripts") if isinstance(package, dict) else None
    return (
        {k: v for k, v in scripts.items() if isinstance(v, str)}
        if isinstance(scripts, dict)
        else {}
    )


def _split(words: str) -> list[str]:
    try:
        return shlex.split(words)
    except ValueError:
        return []
