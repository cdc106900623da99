"""Serves a fake lab over stdio: `python -m tests.support.fake_server`."""

from server.serving import serve
from tests.support.fake_lab import FakeLab, FakeLabs

if __name__ == "__main__":
    raise SystemExit(serve(FakeLabs(FakeLab()), look_s=0.0))
