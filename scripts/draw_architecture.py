"""Draw the rooms and their imports, and write the tables that list them.

uv run python scripts/draw_architecture.py            write the picture and the tables
uv run python scripts/draw_architecture.py --check    exit 1 where they are out of date

The arrows are the imports that grimp finds in the code, and the rows are the layers of the
import-linter contracts in pyproject.toml. Each room's purpose stands in room_purposes.toml. Written
are docs/img/architecture.svg and the parts of AGENTS.md and docs/architecture.md between markers.
"""

import argparse
import sys
import textwrap
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import grimp

ROOT = Path(__file__).resolve().parent.parent
PURPOSES = Path(__file__).with_name("room_purposes.toml")
PICTURE = ROOT / "docs" / "img" / "architecture.svg"
HOUSES = ("server", "autoresearch", "curricula")

WIDTH = 1000  # px, like all lengths below
BOX_HEIGHT, ROW = 42, 66  # of a box, and from one row to the next at the least
LAB, SIDE = (20, 620), (660, 320)  # left edge and width of a panel
TOP, HEAD = 76, 46  # first panel's top edge; a panel's head above its first row
GAP, MODEL = 24, 56  # between panels; the height of the model's

Edge = tuple[str, str]
Purposes = dict[str, dict[str, dict[str, str]]]  # by folder, room, and "short" or "long"

STYLE = """
text { font-family: Helvetica, Arial, sans-serif; fill: #1f2933; }
.title { font-size: 19px; font-weight: bold; } .note { font-size: 12.5px; fill: #52606d; }
.house { font-size: 16px; font-weight: bold; } .room { font-size: 13px; font-weight: bold; }
.short { font-size: 10px; fill: #3e4c59; }
.panel { stroke-width: 1.2; } .box { fill: #ffffff; stroke-width: 1.3; }
.server { fill: #eef4fb; stroke: #3a6ea5; } .autoresearch { fill: #f1f8f1; stroke: #3c8050; }
.curricula { fill: #fbf4ea; stroke: #b07a2a; } .microgpt { fill: #f5f3f9; stroke: #6b5b95; }
.box.face { stroke-width: 3; }
.direct { fill: none; stroke: #52606d; stroke-width: 1.3; marker-end: url(#head); }
.implied { fill: none; stroke: #9aa5b1; stroke-width: 0.7; opacity: 0.28; }
.between { fill: none; stroke: #c0392b; stroke-width: 2.6; marker-end: url(#redhead); }
"""


@dataclass(frozen=True)
class Box:
    """A room's place in the picture: left and top edge, width and height in pixels."""

    left: float
    top: float
    width: float
    height: float = BOX_HEIGHT

    @property
    def middle(self) -> float:
        """Return the horizontal centre."""
        return self.left + self.width / 2


def read_layers() -> dict[str, list[list[str]]]:
    """Return each top folder's layers, top first, each a list of room names."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = {}
    for contract in settings["tool"]["importlinter"]["contracts"]:
        for house in contract.get("containers", ()):
            layers[house] = [
                [name.strip("() ") for name in row.replace(":", "|").split("|")]
                for row in contract["layers"]
            ]
    return layers


def read_imports() -> set[Edge]:
    """Return the imports from room to room, such as ("server.app", "server.tools")."""
    sys.path.insert(0, str(ROOT))
    graph = grimp.build_graph(*HOUSES, cache_dir=None)
    found = set()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            edge = (room_of(module), room_of(other))
            if edge[0] != edge[1] and all("." in end for end in edge):
                found.add(edge)
    return found


def room_of(module: str) -> str:
    """Return the room that a module lies in: its top folder and the name below that."""
    return ".".join(module.split(".")[:2])


def house_of(room: str) -> str:
    """Return the top folder of a room."""
    return room.partition(".")[0]


def drop_implied(edges: Iterable[Edge]) -> set[Edge]:
    """Return the edges that no longer path of edges implies (the transitive reduction)."""
    below: dict[str, set[str]] = {}
    for start, end in edges:
        below.setdefault(start, set()).add(end)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(below.get(start, ()))
        while waiting:
            room = waiting.pop()
            if room not in seen:
                seen.add(room)
                waiting += below.get(room, ())
        return seen

    beyond = {room: reached(room) for room in below}
    return {
        (start, end)
        for start, ends in below.items()
        for end in ends
        if not any(end in beyond.get(other, ()) for other in ends - {end})
    }


def place_rooms(layers: dict[str, list[list[str]]]) -> tuple[dict[str, Box], dict[str, Box]]:
    """Return each panel's and each room's place, one row a layer.

    The lab stands on the left, server and teacher one above the other on the right; below the lab
    is the model, so that both columns end together.
    """
    side = [HEAD + ROW * len(layers[house]) for house in ("server", "curricula")]
    total = sum(side) + GAP
    pitch = (total - HEAD - MODEL - GAP) / len(layers["autoresearch"])
    panels = {
        "server": Box(SIDE[0], TOP, SIDE[1], side[0]),
        "curricula": Box(SIDE[0], TOP + side[0] + GAP, SIDE[1], side[1]),
        "autoresearch": Box(LAB[0], TOP, LAB[1], total - MODEL - GAP),
        "microgpt": Box(LAB[0], TOP + total - MODEL, LAB[1], MODEL),
    }
    rooms: dict[str, Box] = {}
    for house, rows in layers.items():
        panel, each_row = panels[house], pitch if house == "autoresearch" else ROW
        for number, row in enumerate(rows):
            gap = 12
            each = min(210.0, (panel.width - 24 - gap * (len(row) - 1)) / len(row))
            start = panel.left + (panel.width - each * len(row) - gap * (len(row) - 1)) / 2
            for place, name in enumerate(row):
                top = round(panel.top + HEAD + each_row * number)
                rooms[f"{house}.{name}"] = Box(start + place * (each + gap), top, each)
    return panels, rooms


def draw(edges: set[Edge], layers: dict[str, list[list[str]]], purposes: Purposes) -> str:
    """Return the whole picture as SVG."""
    panels, rooms = place_rooms(layers)
    height = max(panel.top + panel.height for panel in panels.values()) + 20
    inside = {edge for edge in edges if house_of(edge[0]) == house_of(edge[1])}
    direct = drop_implied(inside)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" '
        'aria-label="The rooms of the code and which of them import which">',
        f"<style>{STYLE}</style><defs>",
        *(_arrow_head(name, colour) for name, colour in HEADS.items()),
        f'</defs><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *_captions(),
        *(_panel(house, panel) for house, panel in panels.items()),
        *(_arrow(edge, rooms, "implied") for edge in sorted(inside - direct)),
        *(_arrow(edge, rooms, "direct") for edge in sorted(direct)),
        *(_box(room, box, purposes) for room, box in rooms.items()),
        *_between(edges, panels, rooms["autoresearch.common"]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


HEADS = {"head": "#52606d", "redhead": "#c0392b"}


def _arrow_head(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{colour}"/></marker>'
    )


def _captions() -> list[str]:
    lines = (
        "A box is a room: a folder or a module, on its layer. An arrow A → B: code in A imports B. "
        "Imports only go down.",
        "A faint line is an import that follows from others; red arrows sum up imports between "
        "the three folders.",
    )
    return [
        '<text class="title" x="20" y="28">The rooms and their imports</text>',
        *(
            f'<text class="note" x="20" y="{48 + 16 * number}">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ),
    ]


def _panel(house: str, panel: Box) -> str:
    about = {
        "server": "MCP server and command line",
        "autoresearch": "the lab",
        "curricula": "the teacher",
        "microgpt": "what is taught and researched: it runs alone and imports none of these",
    }[house]
    return (
        f'<rect class="panel {house}" x="{panel.left}" y="{panel.top}" width="{panel.width}" '
        f'height="{panel.height}" rx="10"/>'
        f'<text class="house" x="{panel.left + 14}" y="{panel.top + 26}">{house}/</text>'
        f'<text class="note" x="{panel.left + 14 + 10 * len(house) + 8}" '
        f'y="{panel.top + 26}">{about}</text>'
    )


def _box(room: str, box: Box, purposes: Purposes) -> str:
    house, _, name = room.partition(".")
    face = " face" if name in ("lab", "teacher", "tools") else ""
    purpose = purposes[house][name]
    lines = textwrap.wrap(purpose["short"], int(box.width / 5.8))
    first = box.top + (14 if len(lines) > 1 else 18)
    words = "".join(
        f'<text class="short" text-anchor="middle" x="{box.middle:.0f}" '
        f'y="{first + (12 if len(lines) > 1 else 15) + 11 * number}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f"<g><title>{escape(purpose['long'])}</title>"
        f'<rect class="box {house}{face}" x="{box.left:.0f}" y="{box.top}" '
        f'width="{box.width:.0f}" height="{box.height}" rx="6" style="fill:#ffffff"/>'
        f'<text class="room" text-anchor="middle" x="{box.middle:.0f}" y="{first}">{name}</text>'
        f"{words}</g>"
    )


def _arrow(edge: Edge, rooms: dict[str, Box], kind: str) -> str:
    start, end = rooms[edge[0]], rooms[edge[1]]
    lean = (end.middle - start.middle) * 0.12
    x1 = min(max(start.middle + lean, start.left + 8), start.left + start.width - 8)
    x2 = min(max(end.middle - lean, end.left + 8), end.left + end.width - 8)
    y1, y2 = start.top + start.height, end.top - 2
    bend = min(40.0, (y2 - y1) * 0.45)
    return (
        f'<path class="{kind}" data-from={quoteattr(edge[0])} data-to={quoteattr(edge[1])} '
        f'd="M{x1:.0f},{y1} C{x1:.0f},{y1 + bend:.0f} '
        f'{x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2}"/>'
    )


def _between(edges: set[Edge], panels: dict[str, Box], common: Box) -> list[str]:
    drawn = []
    pairs = {(house_of(start), house_of(end)) for start, end in edges}
    for start, end in sorted(pair for pair in pairs if pair[0] != pair[1]):
        first, second = panels[start], panels[end]
        if {start, end} == {"server", "curricula"}:
            x = first.left + first.width - 40
            path = f"M{x},{first.top + first.height} L{x},{second.top - 2}"
        else:
            y = first.top + 60 if start == "server" else common.top + common.height / 2
            path = f"M{first.left},{y:.0f} L{second.left + second.width + 2},{y:.0f}"
        drawn.append(f'<path class="between" data-from="{start}" data-to="{end}" d="{path}"/>')
    return drawn


def table_of(house: str, layers: list[list[str]], purposes: Purposes) -> str:
    """Return a markdown table of a folder's rooms, from its face down."""
    rows = [
        f"| `{house}/{name}{'.py' if (ROOT / house / f'{name}.py').exists() else '/'}` "
        f"| {purposes[house][name]['long']} |"
        for row in layers
        for name in row
    ]
    return "\n".join(["| room | what lives there |", "| --- | --- |", *rows]) + "\n"


def contract_of(layers: dict[str, list[list[str]]]) -> str:
    """Return the layers of all folders as a block of text."""
    blocks = [
        f"{house}\n" + "\n".join("    " + " | ".join(row) for row in layers[house])
        for house in HOUSES
    ]
    return "```text\n" + "\n\n".join(blocks) + "\n```\n"


def fill(text: str, part: str, content: str) -> str:
    """Return the text with the part between two markers replaced."""
    begin, end = f"<!-- {part}: written by scripts/draw_architecture.py -->\n", f"<!-- /{part} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"no markers of the part {part!r}")
    return before + begin + "\n" + content + "\n" + end + after


def written() -> dict[Path, str]:
    """Return each file that this script writes, with its text.

    Raises SystemExit if a room has no purpose in room_purposes.toml.
    """
    layers, edges = read_layers(), read_imports()
    purposes = tomllib.loads(PURPOSES.read_text())
    for house, rows in layers.items():
        for name in {name for row in rows for name in row} ^ set(purposes[house]):
            raise SystemExit(f"{house}.{name}: in {PURPOSES.name} or in pyproject.toml alone")
    files = {PICTURE: draw(edges, layers, purposes)}
    for page in (ROOT / "AGENTS.md", ROOT / "docs" / "architecture.md"):
        text = page.read_text()
        for house in HOUSES:
            text = fill(text, f"rooms of {house}", table_of(house, layers[house], purposes))
        if page.name == "AGENTS.md":
            text = fill(text, "layers", contract_of(layers))
        files[page] = text
    return files


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args()
    files = written()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{'out of date' if args.check else 'wrote'}: {path.relative_to(ROOT)}")
        if not args.check:
            path.write_text(files[path])
    print(f"architecture: {len(files)} files, {len(stale)} out of date")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
