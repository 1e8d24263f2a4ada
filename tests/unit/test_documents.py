"""Records as documents."""

from __future__ import annotations

import pytest

from selfinspect.documents import (
    as_document,
    identity_document,
    standing,
)
from selfinspect.errors import (
    AmbiguousIdentityError,
    IdentityError,
)
from selfinspect.model import Attempt, Candidate, Identity, Network, Snapshot

CANDIDATE = Candidate("a1" * 32, "hostname-file", "network", "…", "disproved", "another layer")


def test_a_record_becomes_a_document() -> None:
    """Its tuples are arrays that a path leads into, at every depth."""
    record = Network("172.18.0.2", None, None, None, ("web",))
    assert as_document({"front": record}) == {
        "front": {
            "ip": "172.18.0.2",
            "ipv6": None,
            "gateway": None,
            "mac": None,
            "aliases": ["web"],
        }
    }


def test_what_has_no_form_in_json_is_refused() -> None:
    """Rather than to fail when the answer is written, far from the record."""
    with pytest.raises(TypeError, match="set has no form in JSON"):
        as_document({"names": {"a"}})


def test_a_refused_identity_has_every_member() -> None:
    """Members without a value are null; evidence and places tried are shown all the same."""
    snapshot = Snapshot(
        Identity(None, None, None, reason="in doubt", candidates=(CANDIDATE,)),
        tried=(Attempt("unix:///e.sock", "missing"),),
    )
    assert identity_document(snapshot) == {
        "id": None,
        "name": None,
        "level": None,
        "method": None,
        "reason": "in doubt",
        "engine": None,
        "candidates": [
            {
                "id": "a1" * 32,
                "source": "hostname-file",
                "scope": "network",
                "evidence": "…",
                "verdict": "disproved",
                "reason": "another layer",
            }
        ],
        "tried": [{"endpoint": "unix:///e.sock", "outcome": "missing"}],
    }


@pytest.mark.parametrize(
    ("candidates", "kind"), [((), IdentityError), ((CANDIDATE,), AmbiguousIdentityError)]
)
def test_a_refusal_says_whether_there_was_evidence(
    candidates: tuple[Candidate, ...], kind: type[IdentityError]
) -> None:
    """Evidence that settles nothing is ambiguous; without any there is no identity."""
    with pytest.raises(IdentityError) as raised:
        standing(Snapshot(Identity(None, None, None, reason="so", candidates=candidates)))
    assert (type(raised.value), raised.value.detail) == (kind, "so")
