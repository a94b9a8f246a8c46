"""URLs by way of a region's proxy."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from rtbplatform.local.folders import LocalError
from rtbplatform.local.proxy import target_of, url_through


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("postgresql://rtb:p@127.0.0.1:5555/rtb", "127.0.0.1:5555"),
        ("postgresql://db.example/rtb", "db.example:5432"),
        ("postgresql:///rtb?host=/run/postgresql", "/run/postgresql/.s.PGSQL.5432"),
    ],
)
def test_the_proxy_leads_where_the_url_does(url: str, target: str) -> None:
    assert target_of(url) == target


def test_several_hosts_are_refused() -> None:
    with pytest.raises(LocalError):
        target_of("postgresql://one:1,two:2/rtb")


def test_all_but_the_address_of_a_url_is_kept() -> None:
    url = "postgresql://r%40b:p%2Fw@db.example:5433/rt?sslmode=require&application_name=a%20b"
    assert conninfo_to_dict(url_through(url, 7)) == {
        **conninfo_to_dict(url),
        "host": "127.0.0.1",
        "port": "7",
    }
