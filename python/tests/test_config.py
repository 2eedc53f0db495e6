"""Threads, memory, and what this build says of itself."""

import pytest

import lrswift as lr


def test_config_and_threads():
    before = lr.get_threads()
    lr.set_threads(1)
    assert lr.get_threads() == 1
    lr.set_threads(before)
    with pytest.raises(ValueError, match="allowed"):
        lr.set_threads(0)
    assert lr.show_config()["version"] == lr.__version__


def test_memory_now_and_at_most(capsys):
    before = lr.config()
    big = lr.zeros(1000, 1000)
    held = lr.config()
    assert held["memory"] - before["memory"] >= big.size * 4
    assert held["peak_memory"] >= held["memory"]
    del big
    after = lr.config()
    assert after["memory"] <= held["memory"] - 4_000_000
    assert after["peak_memory"] == held["peak_memory"]
    lr.show_config()
    assert f"{after['peak_memory'] / 1e6:.1f} MB" in capsys.readouterr().out
