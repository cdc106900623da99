"""A run from start to last write, with trainings that behave and trainings that don't."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from autoresearch.executors.local import LocalExecutor
from autoresearch.records import EndCause, RunReport, RunState
from autoresearch.run_directory import RunDir, weigh_folder
from autoresearch.run_output.out_of_memory import size
from autoresearch.sandboxes.cgroup import UNCOUNTED
from autoresearch.sandboxes.selection import current_sandbox
from autoresearch.training.end_reason import failure_end
from autoresearch.training.limits import EndKind
from autoresearch.training.training_process import Progress, TrainingEnd
from autoresearch.training.tree_integrity import clean_tree, record_tree
from tests.support.fakes import (
    BIGRAM,
    OnAFullMachine,
    final_report,
    make_run,
    make_spec,
    model_target,
    processes_with,
    run_to_end,
    wait_for,
)

LEAVES_CHECKPOINT = """
import os, sys, time
out = os.environ["AUTORESEARCH_OUT"]
def load(path):
    raise ValueError("never good")
def save(size=8):
    with open(out + "/saving", "wb") as file:
        file.write(b"x" * size)
    os.replace(out + "/saving", out + "/model.npy")
"""


def crash(tmp_path: Path, cause: EndCause, train: str = BIGRAM, **changes: object) -> str:
    """Run the code, which must crash for that cause; return the sentence beside it."""
    _, report = run_to_end(tmp_path, train, **changes)
    ended = (report.state, report.cause, report.measurement)
    assert ended == (RunState.CRASHED, cause, None), report.reason
    return report.reason


def start(tmp_path: Path, train: str = BIGRAM, **changes: object) -> RunDir:
    rundir = make_run(tmp_path, train, **changes)
    LocalExecutor(sys.executable).submit(rundir)
    return rundir


def training(rundir: RunDir) -> RunReport | None:
    report = rundir.read_status()
    return report if report is not None and report.state is RunState.TRAINING else None


@pytest.mark.slow
def test_a_good_training_is_scored_and_reported(tmp_path: Path) -> None:
    rundir, report = run_to_end(tmp_path)
    assert report.cut == ""
    assert report.state is RunState.FINISHED, report.reason
    assert report.measurement is not None
    assert 0 < report.measurement.value < 4.8  # uniform over ids would be log2(27) or more
    assert report.measurement.documents == 4
    assert (report.sandbox, report.device) == (current_sandbox().name, "cpu-0")
    assert 490 <= report.tokens <= 500
    assert report.cpu_s > 0
    assert rundir.log_file.read_text().strip() == f"trained on {report.tokens} tokens"
    assert not rundir.tree.exists()
    assert not rundir.scratch.exists()
    assert (rundir.out / "model.npy").is_file()
    assert rundir.error_file.read_text() == ""


@pytest.mark.slow
def test_a_crash_is_reported_with_its_true_exception(tmp_path: Path) -> None:
    train = LEAVES_CHECKPOINT + "save()\ntry:\n 1 / 0\nexcept Exception:\n raise ValueError('bad')"
    assert crash(tmp_path, EndCause.EXCEPTION, train) == "ValueError: bad"


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_syntax_error_is_reported(tmp_path: Path) -> None:
    assert crash(tmp_path, EndCause.EXCEPTION, "x = = 2").startswith("SyntaxError: ")


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_death_by_signal_is_named(tmp_path: Path) -> None:
    reason = crash(tmp_path, EndCause.SIGNAL, "import os\nos.kill(os.getpid(), 11)")
    assert "SIGSEGV" in reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_an_exit_status_is_reported_with_the_last_words(tmp_path: Path) -> None:
    reason = crash(tmp_path, EndCause.EXIT_STATUS, "import sys\nprint('no data')\nsys.exit(3)")
    assert " 3;" in reason
    assert reason.endswith("no data")


@pytest.mark.slow
def test_a_hang_is_killed_at_its_ceiling_and_said_to_hang(tmp_path: Path) -> None:
    reason = crash(tmp_path, EndCause.HUNG, "import time\ntime.sleep(1000)", wall_ceiling_s=3.0)
    assert "3 wall seconds" in reason


@pytest.mark.slow
def test_a_busy_training_is_killed_at_its_cpu_ceiling(tmp_path: Path) -> None:
    reason = crash(tmp_path, EndCause.NO_CHECKPOINT, "while True: pass", cpu_ceiling_s=0.4)
    assert "0.4 CPU seconds" in reason


@pytest.mark.slow
def test_a_checkpoint_left_before_a_ceiling_is_scored_and_the_run_is_called_cut(
    tmp_path: Path,
) -> None:
    train = BIGRAM.replace('    print("trained', '    while True: pass\n    print("trained')
    _, report = run_to_end(tmp_path, train, cpu_ceiling_s=1.5)
    assert report.state is RunState.FINISHED
    assert report.cut == "its ceiling of 1.5 CPU seconds"


@pytest.mark.slow
def test_cpu_seconds_of_children_count(tmp_path: Path) -> None:
    train = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
while True:
    if not os.fork():
        end = time.process_time() + .2
        while time.process_time() < end: pass
        os._exit(0)
    time.sleep(.2)
"""
    reason = crash(tmp_path, EndCause.NO_CHECKPOINT, train, cpu_ceiling_s=0.6)
    assert "0.6 CPU seconds" in reason


@pytest.mark.slow
def test_cpu_seconds_count_of_children_too_short_lived_to_be_seen(tmp_path: Path) -> None:
    if UNCOUNTED in current_sandbox().gaps:
        pytest.skip("no control group counts CPU seconds here, and the sandbox says so")
    train = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that nobody is told of their seconds
for _ in range(100):
    if not os.fork():
        while time.process_time() < .008: pass
        os._exit(0)
    try:
        os.wait()
    except ChildProcessError:
        pass
"""
    _, report = run_to_end(tmp_path, train)
    assert report.cpu_s > 0.8


@pytest.mark.slow
@pytest.mark.real_runs
def test_memory_over_the_whole_tree_is_limited(tmp_path: Path) -> None:
    train = """
import os, time
for _ in range(4):
    if not os.fork():
        held = bytearray(b"x") * (40 << 20)
        time.sleep(100)
time.sleep(100)
"""
    reason = crash(tmp_path, EndCause.OVER_MEMORY, train, memory_mb=120)
    assert "120 MB" in reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_memory_of_one_process_is_refused_and_explained(tmp_path: Path) -> None:
    _, report = run_to_end(tmp_path, "x = bytearray(400 << 20)", memory_mb=120)
    assert (report.state, report.cause) == (RunState.CRASHED, EndCause.OUT_OF_MEMORY)
    assert report.measurement is None
    assert "120 MB" in report.reason
    if report.peak_mb:  # it can die before anybody looks
        assert size(report.peak_mb) in report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_no_checkpoint_is_a_crash(tmp_path: Path) -> None:
    assert "model.npy" in crash(tmp_path, EndCause.NO_CHECKPOINT, "pass")


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_symlink_is_no_checkpoint(tmp_path: Path) -> None:
    train = "import os\nos.symlink('/etc/passwd', os.environ['AUTORESEARCH_OUT'] + '/model.npy')"
    assert "symlink" in crash(tmp_path, EndCause.BAD_CHECKPOINT, train)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_checkpoint_too_large_is_refused(tmp_path: Path) -> None:
    reason = crash(tmp_path, EndCause.BAD_CHECKPOINT, LEAVES_CHECKPOINT + "save(1500 * 1024)")
    assert "1.5 MB" in reason
    assert " 1 MB" in reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_no_file_can_grow_without_bound(tmp_path: Path) -> None:
    reason = crash(tmp_path, EndCause.EXCEPTION, LEAVES_CHECKPOINT + "save(5 << 20)")
    assert reason == "OSError: [Errno 27] File too large"


@pytest.mark.slow
def test_a_checkpoint_that_does_not_load_is_a_crash(tmp_path: Path) -> None:
    train = LEAVES_CHECKPOINT + "if __name__ == '__main__': save()"
    reason = crash(tmp_path, EndCause.MODEL_FAILED, train)
    assert "train.py:load" in reason
    assert reason.endswith("ValueError: never good (line 5)")


@pytest.mark.slow
def test_nan_from_the_model_is_a_crash(tmp_path: Path) -> None:
    train = model_target("return np.full((len(tokens), vocab), np.nan)")
    assert "NaN" in crash(tmp_path, EndCause.MODEL_FAILED, train)


@pytest.mark.slow
def test_at_a_budget_of_wall_seconds_the_last_checkpoint_is_scored(tmp_path: Path) -> None:
    train = LEAVES_CHECKPOINT.replace('raise ValueError("never good")', "return uniform")
    train += """
def uniform(tokens):
    import numpy
    return numpy.zeros((len(tokens), int(os.environ["AUTORESEARCH_VOCAB"])))
if __name__ == "__main__":
    save()
    time.sleep(1000)
"""
    rundir = make_run(tmp_path, train, budget_unit="wall_s", budget=1.5, cpu_ceiling_s=None)
    own = "from tests.support.fakes import supervise_on_an_idle_machine as own; own(sys.argv[1])"
    subprocess.run([sys.executable, "-c", f"import sys; {own}", str(rundir.path)], check=True)
    report = final_report(rundir)
    assert report.state is RunState.FINISHED, report.reason
    assert report.wall_s >= 1.5
    assert report.tokens == 0  # not what the budget counts


@pytest.mark.slow
def test_a_training_that_daemonises_leaves_nothing_behind(tmp_path: Path) -> None:
    mark = f"left-over-{os.getpid()}-{tmp_path.name}"
    daemon = f"""
import os, subprocess, sys, time
if not os.fork():
    os.setsid()
    if not os.fork():
        os.environ.clear()
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", {mark!r}])
        time.sleep(1000)
    os._exit(0)
"""
    _, report = run_to_end(tmp_path, daemon + "time.sleep(.3)\n" + LEAVES_CHECKPOINT + "save()")
    assert report.state is RunState.CRASHED
    assert not processes_with(mark)


@pytest.mark.slow
def test_a_tree_of_sessions_is_dead_when_its_report_is_there(tmp_path: Path) -> None:
    mark = f"tree-{os.getpid()}-{tmp_path.name}"
    train = f"""
import os, subprocess, sys, time
for _ in range(3):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", {mark!r}],
                     start_new_session=True)
time.sleep(1000)
"""
    rundir = start(tmp_path, train)
    wait_for(lambda: len(processes_with(mark)) == 3)
    rundir.stop_file.touch()
    assert final_report(rundir).state is RunState.STOPPED
    assert not processes_with(mark)


@pytest.mark.parametrize("session", ["", "os.setsid()"])
@pytest.mark.slow
def test_a_training_that_hops_from_process_to_process_is_caught(
    tmp_path: Path, session: str
) -> None:
    train = f"""
import os, time
end = time.monotonic() + 60
if not os.fork():
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        {session}
time.sleep(1000)
"""
    rundir = start(tmp_path, train, cpu_ceiling_s=0.5)
    report = final_report(rundir)
    assert report.state is RunState.CRASHED, report.reason
    assert "0.5 CPU seconds" in report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_flood_of_carriage_returns_neither_hides_the_exception_nor_fills_the_disk(
    tmp_path: Path,
) -> None:
    train = """
import sys
for n in range(20000):
    sys.stdout.write("\\rstep %05d of 20000" % n)
sys.stdout.flush()
raise FloatingPointError("loss is nan")
"""
    (tmp_path / "a").mkdir()
    rundir, report = run_to_end(tmp_path / "a", train, env={"PYTHONUNBUFFERED": ""})
    assert report.reason == "FloatingPointError: loss is nan"
    assert 200_000 < rundir.log_file.stat().st_size < 300_000


@pytest.mark.slow
def test_an_endless_flood_is_still_stopped_in_time_and_in_size(tmp_path: Path) -> None:
    train = "import os\nwhile True: os.write(1, b'y' * 65536)"
    rundir = start(tmp_path, train, wall_ceiling_s=1.0)
    largest = 0

    def seen_at_the_end() -> RunReport | None:
        nonlocal largest
        largest = max(largest, rundir.log_file.stat().st_size if rundir.log_file.exists() else 0)
        report = rundir.read_status()
        return report if report is not None and report.state.final else None

    report = wait_for(seen_at_the_end)
    assert report.state is RunState.CRASHED
    assert largest < 600_000
    assert b"bytes left out" in rundir.log_file.read_bytes()


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_log_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    rundir = start(tmp_path, "import time\nprint('alive')\ntime.sleep(1000)")
    wait_for(lambda: rundir.log_file.exists() and rundir.log_file.read_text() == "alive\n")
    rundir.stop_file.touch()
    final_report(rundir)


@pytest.mark.slow
def test_a_stop_file_stops(tmp_path: Path) -> None:
    rundir = start(tmp_path, "import time\ntime.sleep(1000)")
    wait_for(lambda: training(rundir))
    rundir.stop_file.touch()
    report = final_report(rundir)
    assert report.state is RunState.STOPPED
    assert report.cause is EndCause.ASKED_TO_STOP


@pytest.mark.slow
def test_a_run_that_waits_for_a_device_can_be_stopped(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    only = {"devices": ("cpu-0",), "devices_dir": str(tmp_path / "devices")}
    first = start(tmp_path / "first", "import time\ntime.sleep(1000)", **only)
    wait_for(lambda: training(first))
    second = start(tmp_path / "second", "pass", **only)
    second.stop_file.touch()
    stopped = final_report(second)
    assert (stopped.cause, stopped.wall_s, stopped.device) == (EndCause.ASKED_TO_STOP, 0.0, "")
    first.stop_file.touch()
    assert final_report(first).device == "cpu-0"


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_terminated_supervisor_kills_its_run_and_calls_it_lost(tmp_path: Path) -> None:
    mark = f"terminated-{os.getpid()}-{tmp_path.name}"
    train = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", {mark!r}],
                 start_new_session=True)
time.sleep(1000)
"""
    rundir = start(tmp_path, train)
    wait_for(lambda: processes_with(mark))
    [supervisor] = processes_with(str(rundir.path.resolve()))
    supervisor.send_signal(signal.SIGTERM)
    report = final_report(rundir)
    assert report.state is RunState.LOST
    assert report.cause is EndCause.SUPERVISOR_TOLD_TO_END
    assert report.wall_s > 0
    assert not processes_with(mark)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_supervisor_terminated_before_it_has_a_device_is_lost(tmp_path: Path) -> None:
    rundir = start(tmp_path, devices=())
    wait_for(rundir.read_status)
    [supervisor] = processes_with(str(rundir.path.resolve()))
    supervisor.send_signal(signal.SIGTERM)
    report = final_report(rundir)
    assert report.state is RunState.LOST
    assert (report.cause, report.wall_s) == (EndCause.SUPERVISOR_TOLD_TO_END, 0.0)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_run_without_the_memory_that_it_is_known_to_need_is_lost_and_says_so(
    tmp_path: Path,
) -> None:
    _, report = run_to_end(tmp_path, executor=OnAFullMachine(), needed_mb=4000.0)
    assert (report.state, report.measurement) == (RunState.LOST, None)
    assert report.cause is EndCause.NO_DEVICE
    assert "1,000 MB" in report.reason
    assert "4,000" in report.reason


@pytest.mark.slow
def test_memory_over_the_whole_tree_is_limited_while_it_is_scored(tmp_path: Path) -> None:
    train = """
import os, time
if __name__ == "__main__":
    open(os.environ["AUTORESEARCH_OUT"] + "/model.npy", "w").close()
def load(path):
    for _ in range(4):
        if not os.fork():
            held = bytearray(b"x") * (40 << 20)
            time.sleep(100)
    time.sleep(100)
"""
    reason = crash(tmp_path, EndCause.OUT_OF_MEMORY, train, memory_mb=120)
    assert "scored" in reason
    assert "240 MB" in reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_supervisor_has_no_open_pipe_and_no_parent_of_ours(tmp_path: Path) -> None:
    rundir = start(tmp_path, "import time\ntime.sleep(1000)")
    wait_for(lambda: training(rundir))
    [supervisor] = processes_with(str(rundir.path.resolve()))
    assert os.getpid() not in [parent.pid for parent in supervisor.parents()]
    assert os.getsid(supervisor.pid) != os.getsid(0)
    if Path("/proc/self/fd").exists():
        standard = [str(Path(f"/proc/{supervisor.pid}/fd/{n}").readlink()) for n in (0, 1, 2)]
        assert standard == ["/dev/null", "/dev/null", str(rundir.error_file.resolve())]
    rundir.stop_file.touch()
    final_report(rundir)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_training_sees_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    train = "import os\nprint(sorted(os.environ))\nprint(os.getcwd())"
    rundir, report = run_to_end(tmp_path, train, env={"EXTRA": "1"}, budget=1_000_000)
    names, cwd = rundir.log_file.read_text().splitlines()
    assert "SECRET_TOKEN" not in names
    assert "EXTRA" in names
    assert cwd == str(rundir.tree.resolve())
    assert report.state is RunState.CRASHED


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_training_that_changes_its_own_code_is_not_scored(tmp_path: Path) -> None:
    train = BIGRAM + "    open('train.py', 'a').write('# changed')\n"
    reason = crash(tmp_path, EndCause.TREE_CHANGED, train, sandbox="unsandboxed")
    assert "train.py" in reason


@pytest.mark.slow
def test_files_that_a_training_adds_are_not_there_when_it_is_scored(tmp_path: Path) -> None:
    train = BIGRAM + "    open('numpy.py', 'w').write('raise RuntimeError')\n"
    _, report = run_to_end(tmp_path, train, sandbox="unsandboxed")
    assert report.state is RunState.FINISHED, report.reason


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1200, 3000])
def test_a_tree_made_too_deep_to_walk_is_removed_and_the_run_scored(
    tmp_path: Path, depth: int
) -> None:
    train = BIGRAM + f"    for _ in range({depth}):\n        os.mkdir('d'); os.chdir('d')\n"
    rundir, report = run_to_end(tmp_path, train, sandbox="unsandboxed")
    assert report.state is RunState.FINISHED, report.reason
    assert not rundir.tree.exists()


@pytest.mark.slow
def test_a_scratch_folder_too_deep_or_not_writable_is_removed(tmp_path: Path) -> None:
    train = """
import os
os.chdir(os.environ["HOME"])
for _ in range(1200):
    os.mkdir("d"); os.chdir("d")
os.chmod(".", 0)
os.chdir(os.environ["HOME"])
os.makedirs("a/b")
open("a/b/file", "w").close()
os.chmod("a/b", 0o444)
os.chmod("a", 0o555)
raise ValueError("done")
"""
    rundir, report = run_to_end(tmp_path, train)
    assert report.reason == "ValueError: done"
    assert not rundir.scratch.exists()


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(36, "too long")])
def test_a_tree_that_cannot_be_looked_at_counts_as_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    (tmp_path / "train.py").touch()
    recorded = record_tree(tmp_path)

    def refuse(_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        assert clean_tree(tmp_path, recorded) == "the top folder"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", refuse)
        assert clean_tree(tmp_path, recorded) == "the top folder"
    assert clean_tree(tmp_path, recorded) is None


@pytest.mark.slow
def test_a_folder_in_the_place_of_the_measurement_is_no_way_to_be_lost(tmp_path: Path) -> None:
    train = BIGRAM + "    os.makedirs(os.environ['AUTORESEARCH_OUT'] + '/../measurement.json/x')\n"
    _, report = run_to_end(tmp_path, train, sandbox="unsandboxed")
    assert report.state is RunState.FINISHED, report.reason


def test_a_tree_replaced_by_a_symlink_to_its_twin_counts_as_changed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "package").mkdir(parents=True)
    recorded = record_tree(tree)
    tree.rename(tmp_path / "twin")
    tree.symlink_to(tmp_path / "twin")
    assert clean_tree(tree, recorded) == "the top folder"


def test_new_folders_are_removed_wherever_they_are_and_sealed_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "code.py").touch()
    recorded = record_tree(tmp_path)
    (tmp_path / "package" / "new" / "below").mkdir(parents=True)
    (tmp_path / "package" / "link").symlink_to("/")
    assert clean_tree(tmp_path, recorded) is None
    assert [path.name for path in (tmp_path / "package").iterdir()] == ["code.py"]
    (tmp_path / "package" / "code.py").write_text("changed")
    assert clean_tree(tmp_path, recorded) == "package/code.py"


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_command_that_cannot_be_started_is_the_candidates_fault(tmp_path: Path) -> None:
    reason = crash(tmp_path, EndCause.COMMAND_NOT_STARTED, command=("./missing",))
    assert reason.endswith("./missing: No such file or directory")


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_bad_interpreter_line_is_the_candidates_fault(tmp_path: Path) -> None:
    rundir = make_run(tmp_path, "#!/no/such/interpreter\n", command=("./train.py",))
    (rundir.tree / "train.py").chmod(0o755)
    LocalExecutor(sys.executable).submit(rundir)
    report = final_report(rundir)
    assert report.state is RunState.CRASHED
    assert report.cause is EndCause.COMMAND_NOT_STARTED
    assert "./train.py: " in report.reason


def test_processes_that_cannot_be_killed_are_the_candidates_fault(tmp_path: Path) -> None:
    end = TrainingEnd(
        kind=EndKind.CEILING,
        limit="its ceiling",
        exit_code=-9,
        taken=Progress(2.0, 1.0, 0),
        peak_mb=50.0,
        all_dead=False,
    )
    ended = failure_end(RunDir(tmp_path), make_spec(tmp_path), end, None)
    assert ended is not None
    assert ended.cause is EndCause.UNKILLABLE
    assert ended.state is RunState.CRASHED
    assert ended.measurement is None


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_fault_of_the_lab_is_not_the_candidates(tmp_path: Path) -> None:
    _, report = run_to_end(tmp_path, documents=str(tmp_path / "missing.txt"))
    assert report.state is RunState.LOST
    assert report.cause is EndCause.SUPERVISOR_FAILED
    assert "FileNotFoundError" in report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_control_that_is_asked_for_its_device_is_lost_and_not_stopped(tmp_path: Path) -> None:
    rundir = start(tmp_path, "import time\ntime.sleep(1000)")
    wait_for(lambda: training(rundir))
    rundir.yield_file.touch()
    report = final_report(rundir)
    assert report.state is RunState.LOST
    assert report.cause is EndCause.PREEMPTED


@pytest.mark.slow
def test_an_out_folder_that_grows_too_large_ends_the_run(tmp_path: Path) -> None:
    train = (
        "import os, time\n"
        "for n in range(40):\n"
        "    with open(os.environ['AUTORESEARCH_OUT'] + f'/{n}', 'wb') as file:\n"
        "        file.write(b'x' * (2 << 20))\n"
        "time.sleep(1000)\n"
    )
    assert re.search(r"\d+ MB.* 64 MB", crash(tmp_path, EndCause.OVER_DISK, train))


@pytest.mark.slow
def test_files_that_were_unlinked_and_stay_open_are_weighed_too(tmp_path: Path) -> None:
    train = """import os, time
held = []
for number in range(100):
    held.append(open(os.environ["AUTORESEARCH_OUT"] + "/x", "wb"))
    held[-1].write(bytes(2**20))
    held[-1].flush()
    os.unlink(held[-1].name)
time.sleep(60)
"""
    assert re.search(r"\d+ MB.* 64 MB", crash(tmp_path, EndCause.OVER_DISK, train))


def test_a_folder_of_too_many_files_is_not_walked_to_its_end(tmp_path: Path) -> None:
    for n in range(30):
        (tmp_path / str(n)).write_bytes(b"x" * 5000)
    size_mb, files = weigh_folder(tmp_path, 20)
    assert files == 20
    assert size_mb > 0


@pytest.mark.slow
def test_nothing_but_the_checkpoint_goes_from_training_to_scoring(tmp_path: Path) -> None:
    plant = (
        "    for folder in (os.environ['HOME'], '/dev/shm', os.environ['AUTORESEARCH_OUT']):\n"
        "        open(folder + '/smuggled', 'w').close()\n"
    )
    look = "    assert not [d for d in (__import__('os').environ['HOME'], '/dev/shm') " + (
        "if __import__('os').path.exists(d + '/smuggled')]\n"
        "    assert not __import__('os').path.exists(path + '/../smuggled')\n"
    )
    train = BIGRAM.replace("def load(path):\n", "def load(path):\n" + look) + plant
    assert train.count("smuggled") == 3
    if current_sandbox().name != "bubblewrap":
        pytest.skip("only namespaces keep /dev/shm apart: install bubblewrap")
    rundir, report = run_to_end(tmp_path, train)
    assert report.state is RunState.FINISHED, report.reason
    assert {path.name for path in rundir.out.iterdir()} == {"model.npy", "curve.jsonl"}


def test_no_process_is_left_after_these_tests() -> None:
    assert not [p for p in psutil.Process().children(recursive=True) if "train.py" in p.cmdline()]
