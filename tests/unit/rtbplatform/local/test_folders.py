"""Files written whole, short socket folders, and one run at a time."""

import stat
from pathlib import Path

import pytest

from rtbplatform.local.folders import Folders, LocalError, kept_random, lock, tail, write_json


def test_json_is_written_for_its_owner_only(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600


def test_writing_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    write_json(tmp_path / "a.json", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_kept_secret_stays_the_same(tmp_path: Path) -> None:
    assert kept_random(tmp_path / "secret") == kept_random(tmp_path / "secret")


def test_a_kept_secret_is_long_enough_for_the_platform(tmp_path: Path) -> None:
    assert len(kept_random(tmp_path / "secret")) == 64


def test_a_second_lock_is_refused_and_names_the_owner(tmp_path: Path) -> None:
    with lock(tmp_path / "lock"), pytest.raises(LocalError, match="already running"):
        lock(tmp_path / "lock")


def test_a_lock_is_free_again_after_its_run(tmp_path: Path) -> None:
    lock(tmp_path / "lock").close()
    lock(tmp_path / "lock").close()


def test_sockets_lie_in_var_where_its_path_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    var = Path("/tmp/rtb-short-test")
    try:
        assert Folders(var=var).sockets() == var / "run"
    finally:
        (var / "run").rmdir()
        var.rmdir()


def test_sockets_of_a_deep_checkout_lie_in_a_short_private_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    folder = Folders(var=deep).sockets()
    try:
        assert len(str(folder)) < 60
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        folder.rmdir()


def test_a_socket_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    folders = Folders(var=tmp_path / ("e" * 90))
    folders.var.mkdir()
    folder = folders.sockets()
    folder.chmod(0o777)
    try:
        with pytest.raises(LocalError, match="open to others"):
            folders.sockets()
    finally:
        folder.rmdir()


def test_the_tail_has_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(map(str, range(100))))
    assert tail(tmp_path / "log", 2) == "98\n99"
