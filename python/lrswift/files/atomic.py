"""Files that are replaced whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from pathlib import Path

from ..errors import ArgumentError, ArgumentTypeError

# of a file's name, so that a temporary one's is not too long
_KEPT = 200


def replace(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes atomically: readers see the old file or the whole new one, also after a kill or a power cut.

    A symbolic link stays one, to the new content. The umask decides who may read it. What killed writes
    to this path have left behind is removed.
    """
    target = check_target(path, "save")
    _sweep(target)
    temporary = target.with_name(_prefix(target) + os.urandom(4).hex())
    try:
        if not _unnamed(target, temporary, content):
            _named(target, temporary, content)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(
            error.errno, f"save: {os.fspath(path)}: {error.strerror}; what was there before is as it was"
        ) from error


def check_target(path: str | os.PathLike[str], name: str) -> Path:
    """The file that a write to `path` makes or replaces, links followed.

    name: the argument, as messages call it. Raises ArgumentError for what is no regular file,
    IsADirectoryError for a folder and FileNotFoundError where the file's folder is missing.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"{name}: got {type(path).__name__}; allowed: the path of a file")
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise ArgumentError(f"{name}: got {text!r}; allowed: the path of a file")
    target = Path(os.path.realpath(text))
    try:
        # of the path, as realpath does not see behind /dev/stdout
        mode = os.stat(text).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise OSError(
            errno.EISDIR, f"{name}: {text} is a folder; allowed: the path of a file, in it for instance"
        )
    if not stat.S_ISREG(mode):
        raise ArgumentError(
            f"{name}: {text} is {_kind(mode)}, in whose place a file would come; "
            "allowed: a regular file, or a name that is not taken"
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"{name}: {text}: there is no folder {target.parent}; make it first"
        )
    return target


def check_writable(path: str | os.PathLike[str], name: str) -> None:
    """Tries what a later `replace` needs, and leaves nothing. Raises what it would, saying what to do."""
    target = check_target(path, name)
    _check_folder(target.parent, _prefix(target), f"{name}: {os.fspath(path)}")


def make_folder(path: str | os.PathLike[str], name: str) -> Path:
    """Makes a folder where there is none, and tries whether files can be made in it.

    NotADirectoryError where a file stands in its place, PermissionError and others where nothing can be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OSError(
            errno.ENOTDIR, f"{name}: {folder}: a file stands in the folder's place; allowed: a folder"
        ) from None
    except OSError as error:
        raise OSError(
            error.errno, f"{name}: {folder} cannot be made ({error.strerror}); choose another folder"
        ) from None
    _check_folder(folder, ".lrswift.", f"{name}: {folder}")
    return folder


def _check_folder(folder: Path, prefix: str, where: str) -> None:
    trial = folder / (prefix + os.urandom(4).hex())
    try:
        file = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.unlink(trial)
            # a full disk lets files be made, but not filled
            os.write(file, b"\0" * 4096)
        finally:
            os.close(file)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{where}: nothing can be written in {folder} ({error.strerror}); make room or allow writing "
            "there, or choose another folder",
        ) from None


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _prefix(target: Path) -> str:
    return "." + os.fsdecode(os.fsencode(target.name)[:_KEPT]) + "."


def _unnamed(target: Path, temporary: Path, content: bytes) -> bool:
    """Writes a file that has a name for a moment only, so that a kill leaves none; False: not here."""
    try:
        file = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except (OSError, AttributeError):
        return False
    try:
        _fill(file, content)
        try:
            # only with a dir_fd is the link in /proc followed
            os.link(f"/proc/self/fd/{file}", temporary, src_dir_fd=file, follow_symlinks=True)
        except OSError:
            return False
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _take_place(temporary, target)
        return True
    finally:
        os.close(file)


def _named(target: Path, temporary: Path, content: bytes) -> None:
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            _fill(file, content)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _take_place(temporary, target)
    finally:
        os.close(file)


def _fill(file: int, content: bytes) -> None:
    """Locks a file and writes it through to the disk. The lock is what tells the living from the dead."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        # some network disks know no locks; then nothing is swept there, either
        pass
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
    os.fsync(file)


def _take_place(temporary: Path, target: Path) -> None:
    try:
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sweep(target: Path) -> None:
    """Removes temporary files of this target whose writers are dead."""
    ours = re.compile(re.escape(_prefix(target)) + "[0-9a-f]{8}")
    with os.scandir(target.parent) as entries:
        found = [entry.path for entry in entries if ours.fullmatch(entry.name)]
    for path in found:
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            facts = os.fstat(file)
            if stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid():
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
        except OSError:
            # being written, or gone by now
            pass
        finally:
            os.close(file)
