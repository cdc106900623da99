"""Serves a fake lab over stdio: `python -m tests.server.fake_server`."""

from server.serving import serve
from tests.server.fake_lab import FakeLab, FakeLabs

if __name__ == "__main__":
    raise SystemExit(serve(FakeLabs(FakeLab()), look_s=0.0))
