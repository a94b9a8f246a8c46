"""Variables of single processes."""

from pathlib import Path

import pytest

from rtbplatform.local.folders import LocalError
from rtbplatform.local.process import Spec
from rtbplatform.local.process_env import with_process_env


def spec(name: str) -> Spec:
    return Spec(name=name, argv=(name,), log=Path(name), env={"A": "1"}, stop_rank=1, grace_s=1.0)


def test_a_process_gets_what_is_set_for_it_and_no_other_does() -> None:
    specs = with_process_env([spec("banker"), spec("web")], '{"banker": {"B": "2"}}')
    assert [one.env for one in specs] == [{"A": "1", "B": "2"}, {"A": "1"}]


def test_nothing_set_changes_nothing() -> None:
    assert with_process_env([spec("web")], "")[0].env == {"A": "1"}


@pytest.mark.parametrize("setting", ["{", "[]", '{"web": 1}', '{"web": {"A": 1}}'])
def test_what_is_no_table_of_texts_is_refused(setting: str) -> None:
    with pytest.raises(LocalError, match="PROCESS_ENV is not a JSON object"):
        with_process_env([spec("web")], setting)


def test_a_process_that_there_is_not_is_refused_with_those_that_are() -> None:
    with pytest.raises(LocalError, match="use one of banker, web"):
        with_process_env([spec("banker"), spec("web")], '{"bankr": {}}')
