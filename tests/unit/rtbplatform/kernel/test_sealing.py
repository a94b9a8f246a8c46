"""Keys, mail, notices, subject parts and snapshots: what we made opens, what others made or touched does not."""

import pytest

from rtbplatform.kernel import keys, notice, snapshot, subject, wire
from rtbplatform.kernel.protocol import Lease, ProtocolTimes

SECRET = "s" * 40
KEY = keys.derive(SECRET, "test")
LEASE = Lease(b"l" * 16, 3, 1, b"i" * 16, 1, 2, 20_000, 5_000, 1, 25_000, 0, 1_000)
TOKEN = notice.NoticeToken(b"d" * 16, "req", 1, 0, 1, 2, 20_000, b"l" * 16, 1_250, 99)


def test_keys_of_two_purposes_differ() -> None:
    assert keys.derive(SECRET, "mail") != keys.derive(SECRET, "lease")


def test_mail_opens_with_its_key_only() -> None:
    mail = wire.pack_mail(KEY, wire.Recall([b"l" * 16]))
    assert wire.open_banker_mail(KEY, mail) == wire.Recall([b"l" * 16])
    with pytest.raises(keys.SealError):
        wire.open_banker_mail(keys.derive(SECRET, "other"), mail)


def test_altered_mail_is_refused() -> None:
    mail = bytearray(wire.pack_mail(KEY, wire.Recall([b"l" * 16])))
    mail[-1] ^= 1
    with pytest.raises(keys.SealError):
        wire.open_banker_mail(KEY, bytes(mail))


def test_a_signed_lease_verifies() -> None:
    assert LEASE.signed(KEY).verify(KEY)


def test_a_lease_with_a_raised_amount_does_not_verify() -> None:
    import msgspec

    assert not msgspec.structs.replace(LEASE.signed(KEY), amount_micros=9_999_999).verify(KEY)


def test_a_notice_token_reads_back() -> None:
    assert notice.read_token(KEY, notice.make_token(KEY, TOKEN)) == TOKEN


@pytest.mark.parametrize("text", ["", "x", "a" * 90, "%%%", "é"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(notice.NoticeError):
        notice.read_token(KEY, text)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(notice.NoticeError):
        notice.read_token(KEY, notice.make_token(keys.derive(SECRET, "other"), TOKEN))


def test_a_subject_part_opens_with_its_wrapped_key() -> None:
    sealer = subject.SubjectSealer(SECRET)
    part, key = sealer.seal(b"p" * 16, b"personal", 1)
    assert key is not None
    assert subject.open_subject(SECRET, key.wrapped, part) == b"personal"


def test_a_persons_key_is_sent_once() -> None:
    sealer = subject.SubjectSealer(SECRET)
    sealer.seal(b"p" * 16, b"one", 1)
    assert sealer.seal(b"p" * 16, b"two", 2)[1] is None


def test_after_forgetting_a_new_key_is_made_and_sent() -> None:
    sealer = subject.SubjectSealer(SECRET)
    first, _ = sealer.seal(b"p" * 16, b"one", 1)
    sealer.forget()
    second, key = sealer.seal(b"p" * 16, b"two", 2)
    assert key is not None
    assert second.key_id != first.key_id


def test_people_kept_are_bounded() -> None:
    sealer = subject.SubjectSealer(SECRET, people_max=1)
    sealer.seal(b"a" * 16, b"x", 1)
    sealer.seal(b"b" * 16, b"x", 1)
    assert sealer.seal(b"a" * 16, b"x", 1)[1] is not None


def test_a_snapshot_opens_with_its_key_only() -> None:
    made = snapshot.Snapshot(1, 2, [], [], [], [])
    blob = snapshot.seal(KEY, made)
    assert snapshot.unseal(KEY, blob) == made
    with pytest.raises(keys.SealError):
        snapshot.unseal(keys.derive(SECRET, "other"), blob)


def test_the_answer_signature_covers_request_id_and_body() -> None:
    signed = keys.sign_answer(KEY, "r1", b"{}")
    assert signed != keys.sign_answer(KEY, "r2", b"{}")
    assert signed != keys.sign_answer(KEY, "r1", b"{ }")


def test_the_protocol_can_run_ten_times_faster() -> None:
    assert ProtocolTimes().divided(10).lease_working_ms == 2_500
