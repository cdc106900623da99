"""The target's own tools, with numpy alone: token files, and downloads that break off."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autoresearch.data.token_file import read_token_file
from tests.support.paths import ROOT

TARGET = ROOT / "autoresearch" / "targets" / "nanolm"
STORIES = "<|endoftext|>".join(f"Once there was story {n}.\n\nIt ended.\n" for n in range(30_000))
FETCHING = """
import sys
from pathlib import Path
from fetching import Fetching, fetch
try:
    print(fetch(sys.argv[1], Path(sys.argv[2]), pause=0.0))
except Fetching as problem:
    sys.exit(str(problem))
"""


class Hub(ThreadingHTTPServer):
    """Serves one body; `cut` says at which bytes of it a connection breaks, one after the other."""

    body = STORIES.encode()
    tag = f'"{hashlib.sha256(STORIES.encode()).hexdigest()}"'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.cut: list[int] = []
        self.ranges: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/stories.txt"


class _Answering(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        hub = self.server
        wanted = self.headers.get("Range", "")
        hub.ranges.append(wanted)
        begin = int(wanted[len("bytes=") : -1]) if wanted else 0
        if self.headers.get("If-Range") not in (None, hub.tag):
            begin = 0
        self.send_response(206 if begin else 200)
        self.send_header("ETag", hub.tag)
        self.send_header("Content-Length", str(len(hub.body) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(hub.body) - 1}/{len(hub.body)}")
        self.end_headers()
        end = hub.cut.pop(0) if hub.cut else len(hub.body)
        self.wfile.write(hub.body[begin:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(hub: Hub, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", FETCHING, hub.url, str(path)]
    return subprocess.run(command, cwd=TARGET, capture_output=True, text=True, check=False)


def prepare(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "prepare.py", *map(str, arguments)]
    return subprocess.run(command, cwd=TARGET, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_download_that_is_cut_twice_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    hub.cut = [300_000, 700_000]
    done = fetch(hub, tmp_path / "stories.txt")
    assert done.returncode == 0, done.stderr
    assert hub.ranges == ["", "bytes=300000-", "bytes=700000-"]
    assert (tmp_path / "stories.txt").read_bytes() == hub.body
    assert (tmp_path / "stories.txt.sha256").read_text().startswith(hub.tag.strip('"'))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stories.txt", "stories.txt.sha256"]
    assert fetch(hub, tmp_path / "stories.txt").returncode == 0
    assert len(hub.ranges) == 3  # what is here is not asked for again


def test_a_file_that_changed_meanwhile_is_fetched_from_its_begin(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "stories.txt.part").write_bytes(b"x" * 1000)
    (tmp_path / "stories.txt.part.tag").write_text('"another"')
    assert fetch(hub, tmp_path / "stories.txt").returncode == 0
    assert hub.ranges == ["bytes=1000-"]
    assert (tmp_path / "stories.txt").read_bytes() == hub.body


@pytest.mark.slow
def test_what_does_not_have_the_promised_hash_is_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.tag = f'"{"0" * 64}"'
    done = fetch(hub, tmp_path / "stories.txt")
    assert "came with the hash" in done.stderr
    assert not (tmp_path / "stories.txt").exists()
    hub.tag = '"no hash"'
    assert fetch(hub, tmp_path / "stories.txt").returncode == 0
    (tmp_path / "stories.txt").write_text("something else")
    assert "is not what was fetched" in fetch(hub, tmp_path / "stories.txt").stderr


def test_a_server_that_brings_nothing_new_is_given_up(hub: Hub, tmp_path: Path) -> None:
    hub.cut = [300_000] + [0] * 20
    done = fetch(hub, tmp_path / "stories.txt")
    assert "what was fetched is kept; start again" in done.stderr
    assert (tmp_path / "stories.txt.part").stat().st_size == 300_000


@pytest.mark.slow
def test_a_text_becomes_a_token_file_that_the_lab_reads(tmp_path: Path) -> None:
    text = tmp_path / "stories.txt"
    text.write_text(STORIES + "<|endoftext|>Once there was story 7.\n\nIt ended.")
    done = prepare("--data", text, "--encoding", "bytes", "--cache", tmp_path, "--limit-mb", 0.05)
    assert done.returncode == 0, done.stderr
    made = read_token_file(tmp_path / "stories-bytes.tokens")
    assert made.vocab == 257
    assert set(made.sizes) == {1}
    assert bytes(made.document(0)[::2]).decode() == "Once there was story 0.\n\nIt ended."
    assert made.problem == ""
    assert f'data = "{tmp_path}/stories-bytes.tokens"' in done.stdout
    again = prepare(
        *("--data", tmp_path / "stories-bytes.tokens", "--encoding", "bytes"),
        *("--out", tmp_path / "again.tokens"),
    )
    assert again.returncode == 0, again.stderr
    assert bytes(read_token_file(tmp_path / "again.tokens").ids) == bytes(made.ids)


@pytest.mark.slow
def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert "none of tinystories, fineweb, climbmix" in prepare("--data", "no.txt").stderr
    assert (
        "fineweb has 1823"
        in prepare(
            "--data", "fineweb", "--shards", 0, "--encoding", "bytes", "--cache", tmp_path
        ).stderr
    )


def test_the_shipped_plays_are_whole_and_say_where_they_are_from() -> None:
    path = TARGET / "data" / "plays.tokens"
    corpus = read_token_file(path)
    header = json.loads(path.read_bytes()[:4096])
    assert corpus.problem == ""
    assert corpus.different > 3000
    assert header["licence"] == "public domain"
    assert "Gutenberg" in header["source"]
