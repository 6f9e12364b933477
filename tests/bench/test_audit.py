"""The measurement of the audit chain gives no figure unless a change is found."""

from __future__ import annotations

import pytest

from ioc.adapters import audit_store
from ioc.adapters.audit_store import Report
from ioc.bench import audit

pytestmark = pytest.mark.stack


def test_figures_of_a_chain_that_holds(database_url: str) -> None:
    found = audit.measure(database_url, 1_200, 2)
    assert found.rows == 1_200
    assert len(found.verify_s) == len(found.verify_cpu_s) == 2
    assert found.write_s > 0


def test_no_figure_from_a_verifier_that_sees_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug."""

    def blind(url: str) -> Report:
        return Report(chain="c", rows=40, first=1, last=40, head=40, anchored=0, finding=None)

    monkeypatch.setattr(audit_store, "verify", blind)
    with pytest.raises(audit.NotFound, match="row 21 was changed"):
        audit.measure(database_url, 40, 1)
