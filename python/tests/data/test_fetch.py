"""Downloads: from a server of this machine, as there is no other; and the digests of the real files."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

import lrswift as lr
from lrswift.data.fetch import REMOTES, Remote, fetch


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *given):
            pass

    served = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def put(monkeypatch, *remotes):
    monkeypatch.setitem(REMOTES, "text", ("tinyshakespeare", list(remotes)))


TEXT = b"To be, or not to be, that is the question. " * 40


def test_what_is_fetched_is_what_load_finds(server, tmp_path, monkeypatch):
    folder, address = server
    (folder / "input.txt").write_bytes(TEXT)
    put(monkeypatch, Remote(f"{address}/input.txt", len(TEXT), digest(TEXT)))
    place = fetch("text", tmp_path / "data", progress=False)
    assert place == tmp_path / "data" / "tinyshakespeare"
    assert (place / "input.txt").read_bytes() == TEXT
    assert len(lr.data.load("text", tmp_path / "data").train) > 0
    # what is there is not asked for again
    (folder / "input.txt").unlink()
    assert fetch("text", tmp_path / "data", progress=False) == place


@pytest.mark.parametrize("sent", [TEXT[:-1], TEXT + b"x", TEXT[:-1] + b"x", b""])
def test_another_file_is_not_kept(server, tmp_path, monkeypatch, sent):
    folder, address = server
    (folder / "input.txt").write_bytes(sent)
    put(monkeypatch, Remote(f"{address}/input.txt", len(TEXT), digest(TEXT)))
    with pytest.raises(lr.FormatError, match="another file than the one published"):
        fetch("text", tmp_path / "data", progress=False)
    assert list((tmp_path / "data" / "tinyshakespeare").iterdir()) == []


def test_members_of_an_archive(server, tmp_path, monkeypatch):
    folder, address = server
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("d/input.txt", TEXT), ("d/other", b"no"), ("../up", b"no")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    content = packed.getvalue()
    (folder / "a.tar.gz").write_bytes(content)
    members = {"d/input.txt": "input.txt"}
    put(monkeypatch, Remote(f"{address}/a.tar.gz", len(content), digest(content), members))
    place = fetch("text", tmp_path / "data", progress=False)
    assert [path.name for path in place.iterdir()] == ["input.txt"]
    assert not (tmp_path / "data" / "up").exists()
    put(monkeypatch, Remote(f"{address}/a.tar.gz", len(content), digest(content), {"d/none": "none.txt"}))
    with pytest.raises(lr.FormatError, match="not in the archive"):
        fetch("text", tmp_path / "data", progress=False)


def test_without_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    put(monkeypatch, Remote("http://127.0.0.1:9/input.txt", 10, "sha256:0"))
    with pytest.raises(lr.Error, match=r"9/input.txt cannot be had .* put it into .*tinyshakespeare"):
        fetch("text", tmp_path, progress=False)
    with pytest.raises(lr.ArgumentError, match="allowed: mnist, fashion-mnist, text, cifar10"):
        fetch("imagenet", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "text"])
def test_digests_are_those_of_the_real_files(name):
    root = os.environ.get("LRSWIFT_DATA")
    assert root, "LRSWIFT_DATA: the real files are needed"
    folder, remotes = REMOTES[name]
    for remote in remotes:
        content = (Path(root) / folder / remote.name).read_bytes()
        assert (len(content), digest(content)) == (remote.size, remote.digest)


def test_every_name_is_one_that_load_knows():
    assert set(REMOTES) <= set(lr.data.DATASETS)
    assert REMOTES["cifar10"][1][0].kept[-1] == "test_batch.bin"
