"""Who may import whom: the walls that keep the bid path free of Django and money in one place."""

from pathlib import Path

import pytest

from tests.meta.house import PACKAGES, ROOT, imports_below, sources, where

FREE_OF_DJANGO = [
    *sources("bidder"),
    *sources("rtbplatform", "kernel"),
    *sources("fraud", "screen"),
]


@pytest.mark.parametrize("path", FREE_OF_DJANGO, ids=where)
def test_the_bid_path_imports_no_django_celery_or_psycopg(path: Path) -> None:
    assert not imports_below(path, "django", "rest_framework", "celery", "psycopg")


@pytest.mark.parametrize("path", sources("bidder"), ids=where)
def test_bidder_imports_only_itself_the_kernel_and_the_screen(path: Path) -> None:
    foreign = imports_below(path, "campaigns", "billing", "fraud", "rtbplatform")
    allowed = imports_below(path, "rtbplatform.kernel", "fraud.screen")
    assert not foreign - allowed - {"rtbplatform", "fraud"}


@pytest.mark.parametrize("path", sources("rtbplatform", "kernel"), ids=where)
def test_the_kernel_imports_nothing_of_ours(path: Path) -> None:
    ours = imports_below(path, *PACKAGES)
    assert not ours - imports_below(path, "rtbplatform.kernel")


@pytest.mark.parametrize("path", sources("campaigns"), ids=where)
def test_campaigns_knows_nothing_of_billing(path: Path) -> None:
    assert not imports_below(path, "billing")


@pytest.mark.parametrize(
    "path",
    [path for package in PACKAGES for path in sources(package) if "local" not in path.parts],
    ids=where,
)
def test_nothing_imports_local(path: Path) -> None:
    assert not imports_below(path, "rtbplatform.local")


def test_importing_the_package_has_no_effect() -> None:
    assert (ROOT / "rtbplatform" / "__init__.py").read_text() == ""
