"""The explanation of a code section: its lines with spans, knobs and the experiments on them."""

from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.recall import remember
from autoresearch.loop.touched_lines import touching
from autoresearch.patches.code_sections import (
    covering_spans,
    find_knobs,
    find_section,
    number_lines,
)
from autoresearch.views import CodeSection

LONGEST_SECTION = 160  # lines in one answer
MOST_REMEMBERED = 8


def explain(lab: OpenLab, section: str) -> CodeSection:
    """Return lines of a file at the incumbent, with what is known about them."""
    history = lab.history()
    commit = history.experiments[history.kept[-1]].commit
    reader = lab.reader(commit)
    files = [f for f in lab.repository.list_files(commit) if f not in lab.contract.sealed_paths]
    place = find_section(section, files, reader)
    text = reader(place.path)
    last = min(place.last, place.first + LONGEST_SECTION - 1)
    ranges = {name: knob.range for name, knob in lab.contract.knobs.items()}
    touched = touching(lab, history, place.path, place.first, last)
    editable = place.path in lab.repository.matching(commit, lab.contract.edit.allow)
    return CodeSection(
        path=place.path,
        first=place.first,
        last=last,
        total_lines=len(text.splitlines()),
        code=number_lines(text, place.first, last),
        editable=editable,
        spans=covering_spans(text, place.first, last),
        knobs=find_knobs(text, place.first, last, ranges) if editable else (),
        experiments=remember(history, touched[::-1][:MOST_REMEMBERED]),
        commit=commit,
        rest=f"{place.path}:{last + 1}-{place.last}" if last < place.last else None,
    )
