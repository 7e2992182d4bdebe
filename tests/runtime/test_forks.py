"""Programs of ours are forks of a supervisor that has loaded the code; what is loaded opens and starts nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jobs.runtime import forks, layout, supervise
from tests.live import until

LOADS = """
import os, threading
before = set(os.listdir("/proc/self/fd"))
import app
app.load()
print(threading.active_count(), sorted(set(os.listdir("/proc/self/fd")) - before))
"""

PROGRAM = """
import os, sys, time
def load():
    {load}
def main():
    print("I am", sys.argv[1:], os.environ["SUPERVISOR_PROCESS_NAME"], flush=True)
    if sys.argv[1] == "ends":
        sys.exit(1)  # one of those after which it is not started again
    time.sleep(600)
"""


def test_loading_the_whole_program_starts_no_thread_and_leaves_no_file_open():
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)
    assert done.stdout == "1 []\n"


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Run a supervisor over a program that stands in for ours, until the test ends."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(load: str) -> Path:
        (tmp_path / "app.py").write_text(PROGRAM.format(load=load))
        folders = layout.Layout(tmp_path, None)
        for folder in (folders.log, folders.run):
            folder.mkdir(parents=True)
        (folders.log / supervise.STEWARD_LOG).touch()
        listed = [supervise.Program("stays", supervise.oms_command("stays", "a word")),
                  supervise.Program("steward", supervise.oms_command("ends"), once=True)]  # fmt: skip
        conf = folders.run / "supervisor.conf"
        conf.write_text(supervise.configuration(listed, folders.log, folders.run))
        command = [sys.executable, "-m", "jobs.runtime.supervise", str(conf), str(folders.log), str(folders.run)]
        running.append(subprocess.Popen(command, cwd=tmp_path))  # where the other ``app`` is found first
        until(lambda: supervised(folders.run, "steward", "EXITED"), 30, "it never started")
        supervise.start(folders.run, "stays")
        until(lambda: "I am" in (folders.log / "stays.log").read_text(), 30, "it never spoke")
        return tmp_path

    yield begin
    for process in running:
        process.terminate()
        process.wait(20)


def supervised(run: Path, name: str, state: str) -> bool:
    try:
        with supervise.remote(run) as supervisor:
            return any(p["name"] == name and p["statename"] == state for p in supervisor.getAllProcessInfo())
    except OSError:
        return False


def process_of(data: Path, name: str) -> psutil.Process:
    with supervise.remote(layout.Layout(data, None).run) as supervisor:
        return psutil.Process(supervisor.getProcessInfo(f"oms:{name}")["pid"])


def test_a_program_is_a_fork_with_its_own_words_name_signals_and_exit_code(play):
    data = play("pass")
    log = layout.Layout(data, None).log
    assert (log / "stays.log").read_text() == "I am ['stays', 'a word'] stays\n"
    with supervise.remote(layout.Layout(data, None).run) as supervisor:
        assert supervisor.getProcessInfo("oms:steward")["exitstatus"] == 1
    fork = process_of(data, "stays")
    assert "supervisor.conf" in " ".join(fork.cmdline())
    assert fork.name() == "stays"
    assert [c.laddr for c in fork.net_connections()] == []  # the supervisor's own door is not the fork's
    fork.terminate()  # what the supervisor does at TERM is not what a fork of it does
    until(
        lambda: supervised(layout.Layout(data, None).run, "stays", "RUNNING") and process_of(data, "stays") != fork, 20
    )


def test_a_program_that_cannot_be_loaded_ahead_is_started_by_its_command(play):
    data = play("raise RuntimeError('no')")
    assert "RuntimeError: no" in (layout.Layout(data, None).log / "supervisor.log").read_text()
    assert "supervisor.conf" not in " ".join(process_of(data, "stays").cmdline())


def test_a_module_that_starts_a_thread_is_not_forked(play):
    data = play("import threading; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()")
    assert "started a thread" in (layout.Layout(data, None).log / "supervisor.log").read_text()
    assert "supervisor.conf" not in " ".join(process_of(data, "stays").cmdline())


def test_a_command_of_somebody_else_is_never_taken_for_ours():
    assert forks.is_ours(supervise.oms_command("web"))
    assert not forks.is_ours([sys.executable, "-m", "jobs.runtime.become", "postgres"])
