"""Replacing files: kills, the umask, links, what is no file, and folders that cannot be written."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

import lrswift as lr
from lrswift.files import atomic

WRITING = """
import sys
from lrswift.files import atomic
print("begun", flush=True)
while True:
    atomic.replace(sys.argv[1], b"x" * 300_000)
"""


def abandoned(target, owner=None):
    """A temporary file as a killed write leaves it where files cannot be nameless."""
    path = target.with_name(f".{target.name}.0123abcd")
    path.write_bytes(b"half")
    return path


@pytest.fixture(params=["nameless", "named"])
def way(request, monkeypatch):
    """Both ways to write: where the disk has nameless files, and where it has none."""
    if request.param == "named":
        monkeypatch.setattr(atomic, "_unnamed", lambda *_: False)
    return request.param


def test_the_old_content_or_the_new(tmp_path, way):
    for content in (b"", b"one", b"two" * 100_000):
        atomic.replace(tmp_path / "f", content)
        assert (tmp_path / "f").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_kills_leave_the_whole_file_and_nothing_after_the_next_write(tmp_path):
    target = tmp_path / "f"
    for i in range(6):
        child = subprocess.Popen([sys.executable, "-c", WRITING, target], stdout=subprocess.PIPE)
        child.stdout.readline()
        time.sleep(0.05 + 0.007 * i)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert target.read_bytes() == b"x" * 300_000
    atomic.replace(target, b"last")
    assert [path.name for path in tmp_path.iterdir()] == ["f"] and target.read_bytes() == b"last"


def test_only_what_killed_writes_of_this_file_left_is_removed(tmp_path, way):
    target = tmp_path / "run.ck"
    old = abandoned(target)
    kept = [tmp_path / name for name in (".run.ck.notours1", ".run.ck", ".other.0123abcd", "run.ck.0123abcd")]
    for path in kept:
        path.write_bytes(b"mine")
    (tmp_path / ".run.ck.0123abce").mkdir()
    (tmp_path / ".run.ck.0123abcf").symlink_to(kept[0])
    atomic.replace(target, b"new")
    assert not old.exists() and all(path.read_bytes() == b"mine" for path in kept)
    assert (tmp_path / ".run.ck.0123abce").is_dir() and (tmp_path / ".run.ck.0123abcf").is_symlink()


def test_the_temporary_file_of_a_live_write_stays(tmp_path):
    target, path = tmp_path / "f", abandoned(tmp_path / "f")
    file = os.open(path, os.O_WRONLY)
    atomic._fill(file, b"whole")
    atomic.replace(target, b"other")
    assert path.exists()
    os.close(file)
    atomic.replace(target, b"other")
    assert not path.exists()


def test_a_disk_that_is_full_is_named_and_the_file_stays(tmp_path, way, monkeypatch):
    (tmp_path / "f").write_bytes(b"old")

    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="save: .*f: No space left on device; what was there before") as caught:
        atomic.replace(tmp_path / "f", b"new")
    assert caught.value.errno == 28
    assert [path.name for path in tmp_path.iterdir()] == ["f"] and (tmp_path / "f").read_bytes() == b"old"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_umask_decides_who_reads(tmp_path, way, mask):
    before = os.umask(mask)
    try:
        atomic.replace(tmp_path / "f", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o666 & ~mask


def test_links_are_followed_also_to_what_is_not_there_yet(tmp_path, way):
    (tmp_path / "folder").mkdir()
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(tmp_path / "folder" / "aim")
    for content in (b"first", b"second"):
        atomic.replace(tmp_path / "one", content)
        assert (tmp_path / "one").is_symlink() and (tmp_path / "two").is_symlink()
        assert (tmp_path / "folder" / "aim").read_bytes() == content


def test_pipes_devices_and_folders_are_refused_and_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to-pipe").symlink_to("pipe")
    for path, kind in (("pipe", "a pipe"), ("to-pipe", "a pipe"), ("/dev/null", "a device")):
        with pytest.raises(lr.ArgumentError, match=f"save: .* is {kind}, .*allowed: a regular file"):
            lr.save(tmp_path / path, {"x": np.zeros(1)})
    with pytest.raises(IsADirectoryError, match="is a folder; allowed"):
        lr.save(tmp_path / "folder", {"x": np.zeros(1)})
    with pytest.raises(FileNotFoundError, match="there is no folder .*none; make it first"):
        lr.save(tmp_path / "none" / "f", {"x": np.zeros(1)})
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    for path in ("", "a\0b"):
        with pytest.raises(lr.ArgumentError, match="allowed: the path of a file"):
            atomic.replace(path, b"")
    with pytest.raises(lr.ArgumentTypeError, match="got int; allowed: the path of a file"):
        atomic.replace(3, b"")


def test_a_trial_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"old")
    atomic.check_writable(tmp_path / "f", "checkpoint")
    atomic.check_writable(tmp_path / "g", "checkpoint")
    assert [path.name for path in tmp_path.iterdir()] == ["f"] and (tmp_path / "f").read_bytes() == b"old"
    # nobody may make files here, root neither
    with pytest.raises(OSError, match="checkpoint: /proc/f: nothing can be .* in /proc .*choose another"):
        atomic.check_writable("/proc/f", "checkpoint")

    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="nothing can be written in .*No space left.*make room"):
        atomic.check_writable(tmp_path / "g", "checkpoint")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_folders_are_made_and_tried(tmp_path):
    assert atomic.make_folder(tmp_path / "a" / "b", "--out").is_dir()
    atomic.make_folder(tmp_path / "a" / "b", "--out")
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "f").write_bytes(b"")
    for path in ("f", "f/deeper"):
        with pytest.raises(NotADirectoryError, match="--out: .*a file stands in the folder's place"):
            atomic.make_folder(tmp_path / path, "--out")
    with pytest.raises(OSError, match="--out: /proc/x cannot be made .*choose another folder"):
        atomic.make_folder("/proc/x", "--out")
