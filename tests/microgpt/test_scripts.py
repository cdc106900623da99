import re
import subprocess
import sys

import pytest

from tests.support.paths import ROOT


def run(name, *arguments, flags=()):
    command = [sys.executable, *flags, str(ROOT / "scripts" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_make_names_without_its_package_says_what_to_run():
    done = run("make_names.py", flags=["-I", "-S"])  # no site-packages, so no `names`
    assert done.returncode == 1
    assert done.stderr.startswith("make_names: the package `names` is missing")


@pytest.mark.long
def test_the_benchmark_ends_with_one_line_of_figures():
    done = run("benchmarks/microgpt.py", "--rounds", "1", "--steps", "1", "--batch", "2")
    assert done.returncode == 0, done.stderr
    figures = r"\d+x a step at batch 1, \d+x a token at batch 2; gpt.py's peak memory: .+"
    assert re.fullmatch(figures, done.stdout.splitlines()[-1])
