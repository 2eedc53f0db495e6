"""Downloads public data sets to where `load` looks for them; files are compared with published digests."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArgumentError, Error, FormatError
from ..files.atomic import make_folder, replace
from ..progress import Progress

_CHUNK = 1 << 16
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Remote:
    """A file of a data set. digest: "sha256:..." or "md5:..." of what is downloaded; size: its bytes.

    members: of an archive, name in it -> name here; empty: the file itself is kept.
    """

    url: str
    size: int
    digest: str
    members: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.url.rpartition("/")[2]

    @property
    def kept(self) -> list[str]:
        """Names of the files that it leaves."""
        return [self.name] if self.members is None else list(self.members.values())


def _idx(base: str, files: Mapping[str, tuple[int, str]]) -> list[Remote]:
    return [Remote(f"{base}/{name}", size, f"sha256:{digest}") for name, (size, digest) in files.items()]


_BATCHES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]

# name for `load` -> its folder, and what is in it
REMOTES: dict[str, tuple[str, list[Remote]]] = {
    "mnist": ("mnist", _idx("https://ossci-datasets.s3.amazonaws.com/mnist", {
        "train-images-idx3-ubyte.gz":
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        "train-labels-idx1-ubyte.gz":
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        "t10k-images-idx3-ubyte.gz":
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        "t10k-labels-idx1-ubyte.gz":
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    })),
    "fashion-mnist": ("fashion-mnist", _idx("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", {
        "train-images-idx3-ubyte.gz":
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        "train-labels-idx1-ubyte.gz":
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        "t10k-images-idx3-ubyte.gz":
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        "t10k-labels-idx1-ubyte.gz":
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    })),
    "text": ("tinyshakespeare", [Remote(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        1_115_394, "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    )]),
    "cifar10": ("cifar-10", [Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", 170_052_171,
        "md5:c32a1d4ab5d03f1284b67883e8d87530",
        {f"cifar-10-batches-bin/{name}": name for name in _BATCHES},
    )]),
}  # fmt: skip


def fetch(name: str, root: str | os.PathLike[str] | None = None, progress: bool = True) -> Path:
    """Downloads a data set, where its files are not there yet.

    A file is written whole, after its digest was found to be the published one, or not at all.

    Args:
        name: "mnist", "fashion-mnist", "cifar10" or "text".
        root: the folder of data sets, made where it is not there. None: `$LRSWIFT_DATA`, else `./data`.
            Default None.
        progress: whether to show a bar. Default True.

    Returns:
        The data set's folder, in which `load` finds it.

    Raises:
        ArgumentError: the name is unknown.
        ArgumentTypeError: `root` is no path.
        Error: a file cannot be had; says where it can be got by hand, and where it belongs.
        FormatError: what was sent is another file than was published.
        OSError: the folder cannot be written.
    """
    if name not in REMOTES:
        raise ArgumentError(f"fetch: name: got {name!r}; allowed: {', '.join(REMOTES)}")
    folder, remotes = REMOTES[name]
    place = make_folder(Path(root or os.environ.get("LRSWIFT_DATA") or "data") / folder, "fetch: root")
    missing = [remote for remote in remotes if not all(_is_there(place / kept) for kept in remote.kept)]
    with Progress(sum(remote.size for remote in missing), name, progress, "B") as bar:
        for remote in missing:
            content = _content(remote, place, bar)
            if remote.members is None:
                replace(place / remote.name, content)
            else:
                _unpack(remote, remote.members, content, place)
    return place


def _is_there(path: Path) -> bool:
    return path.exists() or path.with_name(path.name + ".gz").exists()


def _content(remote: Remote, place: Path, bar: Progress) -> bytes:
    """What the address sends, compared with its digest; no more than its size is read."""
    # half of what `import lrswift` would take beside NumPy's import
    import urllib.error
    import urllib.request

    found = io.BytesIO()
    try:
        with urllib.request.urlopen(remote.url, timeout=_TIMEOUT) as answer:
            while part := answer.read(_CHUNK):
                found.write(part)
                bar.advance(len(part))
                if found.tell() > remote.size:
                    break
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        kept = "" if remote.members is None else f", unpacked ({', '.join(remote.kept)})"
        raise Error(
            f"fetch: {remote.url} cannot be had ({reason}); allowed: to get it where there is a network, and "
            f"put it into {place}{kept}"
        ) from None
    kind, _, digest = remote.digest.partition(":")
    content = found.getvalue()
    if hashlib.new(kind, content, usedforsecurity=False).hexdigest() != digest:
        raise FormatError(
            f"fetch: {remote.url} sent another file than the one published: {len(content)} bytes of "
            f"{remote.size}, or another {kind}; nothing was written"
        )
    return content


def _unpack(remote: Remote, members: Mapping[str, str], content: bytes, place: Path) -> None:
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as archive:
            for inside, name in members.items():
                part = archive.extractfile(inside)
                if part is None:
                    raise KeyError(inside)
                replace(place / name, part.read())
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise FormatError(f"fetch: {remote.url}: {error} is not in the archive") from None
