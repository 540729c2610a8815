"""Which failures of a bucket are tried again, as gcsfs and google-auth raise them."""

from __future__ import annotations

import itertools
import json
import types

import google.auth.credentials
import pytest
from gcsfs.credentials import GoogleCredentials
from gcsfs.retry import HttpError
from google.auth.exceptions import RefreshError, TransportError

from trainer.cloud import bucket, connection, failures
from trainer.cloud.bucket import Bucket
from trainer.cloud.url import GsUrl
from trainer.system.exits import RefusedError


class Credentials(google.auth.credentials.Credentials):
    """Google's, with a token that is renewed without a server."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token

    def refresh(self, request: object) -> None:
        """Gets another token."""
        self.token, self.expiry = "renewed", None


def raised(*errors: Exception) -> Exception:
    """The last of them, each caused by the one before."""
    for cause, error in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[-1]


def test_a_server_of_credentials_that_does_not_answer_is_asked_again():
    away = TransportError("the metadata server is away")
    refresh = RefreshError("no token", retryable=False)
    refused = HttpError({"code": 401, "message": "Unauthorized"})
    assert "is away" in failures.transient("x", raised(away, refresh, refused))


def test_a_server_of_credentials_that_has_none_is_told_from_one_that_is_away():
    answer = types.SimpleNamespace(status=403)
    for known, error in {
        True: TransportError("Failed to retrieve from the metadata service. Status: 403", answer),
        False: TransportError("the metadata server is away"),
    }.items():
        refused = HttpError({"code": 401, "message": "Unauthorized"})
        chain = raised(error, RefreshError("no token", retryable=False), refused)
        assert failures.transient("x", chain)  # it may take a while until a binding holds
        assert failures.is_without_access(chain) == known


def test_a_pod_that_may_never_use_its_bucket_is_refused(monkeypatch):
    answer = types.SimpleNamespace(status=404)

    def unauthorised(*_, **__):
        refused = HttpError({"code": 401, "message": "Unauthorized"})
        raise raised(TransportError("Status: 404", answer), RefreshError("no token"), refused)

    credentials = types.SimpleNamespace(credentials=types.SimpleNamespace(token=None))
    filesystem = types.SimpleNamespace(call=unauthorised, credentials=credentials)
    monkeypatch.setattr(connection, "connected", lambda name, patience: filesystem)
    monkeypatch.setattr(bucket, "ACCESS_SECONDS", 0.1)
    with pytest.raises(RefusedError, match=r"roles/iam\.workloadIdentityUser"):
        Bucket(GsUrl("a-bucket", "runs"), "job_dir")


def test_a_token_that_is_no_longer_accepted_is_renewed_once_it_was(monkeypatch):
    """Google ends tokens at times before they expire, in the middle of a run."""
    held = Credentials("first")
    gcs = GoogleCredentials("a-project", "full_control", "anon")
    gcs.credentials = held
    asked_with = []

    def call(*_, **__):
        gcs.maybe_refresh()
        asked_with.append(held.token)
        if len(asked_with) == refused_at:
            raise HttpError({"code": 401, "message": "Invalid Credentials"})
        return {}, b"{}"

    filesystem = types.SimpleNamespace(call=call, credentials=gcs)
    monkeypatch.setattr(connection, "connected", lambda name, patience: filesystem)
    refused_at = 2
    Bucket(GsUrl("a-bucket", "runs"), "job_dir").list()
    assert asked_with == ["first", "first", "renewed"]

    asked_with.clear()
    refused_at = 1
    with pytest.raises(RefusedError, match="not accepted"):
        Bucket(GsUrl("a-bucket", "runs"), "job_dir")


def test_credentials_that_are_refused_are_not():
    revoked = RefreshError("invalid_grant", retryable=False)
    with pytest.raises(RefusedError, match="the credentials do not work"):
        failures.transient("x", raised(revoked, HttpError({"code": 401, "message": "no"})))


def test_an_answer_that_is_no_json_is_asked_for_again():
    assert failures.transient("x", json.JSONDecodeError("a page of a proxy", "<html>", 0))
