"""Which facts rules can see, which they can make wrong; and what of a person they find."""

from random import Random

import pytest

from finetune.data.facts import moved, wrong
from finetune.data.pii import kinds, mask


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("It has 3,000 pages.", "There are 3000 pages in it.", ""),
        ("It has 12 legs.", "It has legs.", "its numbers differ"),
        ("So said old Johnson.", "So they said.", "it does not name Johnson"),
        ("It is a door.", "It is not a window.", "it negates what was not negated"),
    ],
)
def test_a_rewriting_that_moves_a_fact_is_seen(before: str, after: str, reason: str) -> None:
    assert moved(before, after) == reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is not deep.", "It is deep."),
        ("It came before the flood.", "It came after the flood."),
        ("A cat is a small lion.", "A cat is not a small lion."),
        ("Behold, a cat!", None),
    ],
)
def test_one_fact_is_made_wrong_by_a_rule(text: str, expected: str | None) -> None:
    assert wrong(text, Random(0)) == expected


def test_a_wrong_number_has_as_many_digits_and_stands_where_the_right_one_stood() -> None:
    for seed in range(20):
        changed = wrong("It was 1,709 then.", Random(seed))
        assert changed is not None
        assert changed != "It was 1,709 then."
        assert changed.startswith("It was ")
        assert changed.endswith(" then.")
        assert len(changed) == len("It was 1,709 then.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail ann.b+c@mail.example.org.", {"email": 1}),
        ("call +49 170 1234567 or (212) 555-0187", {"phone": 2}),
        ("card 4111 1111 1111 1111", {"card": 1}),
        ("account DE89 3704 0044 0532 0130 00", {"iban": 1}),
        ("host 8.8.8.8", {"ip": 1}),
        ("ssn 123-45-6789", {"ssn": 1}),
        ("key sk-abcdefghijklmnopqrstuvwx", {"secret": 1}),
        ("github_pat_11ABCDEFG0abcdefghijklmnopq", {"secret": 1}),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", {"secret": 1}),
        ("glpat-abcdefghij1234567890 sk_live_abcdefghijklmnopqrstuvwx", {"secret": 2}),
        ("host 2001:4860:4860::8888, and [2606:4700::1111]:443.", {"ip": 2}),
        ("Grüße an jörg.müller@büro-köln.de und an 张伟@例子.公司", {"email": 2}),
        ("355909190063-746 = 355909189317", {}),
        ("card 4111 1111 1111 1112, host 127.0.0.1, version 1.2.3.4000", {}),
        ("in 1881, 1906 and on 2024-01-02 at 10:30, 3.14159 and 1,000,000", {}),
        ("at 20:01:02:03, in std::vector or 2001:db8::1, in fe80::1 and at @home", {}),
    ],
)
def test_personal_data_is_told_by_its_form_and_its_check_digits(
    text: str, found: dict[str, int]
) -> None:
    assert kinds(text) == found
    assert (mask(text) == text) is (not found)


@pytest.mark.parametrize(
    "number",
    [
        "+33 1 23 45 67 89",
        "+33 6 12 34 56 78",
        "+33\u00a06\u00a012\u00a034\u00a056\u00a078",
        "+33.6.12.34.56.78",
        "+33 (0)1 23 45 67 89",
        "+31 6 12345678",
        "+61 4 1234 5678",
        "+46 8 123 456 78",
        "+81 3-1234-5678",
        "+353 1 234 5678",
        "+49 30/1234567",
        "+420 123 456 789",
        "+48 601 000 000",
        "+12125550123",
    ],
)
def test_a_number_with_its_country_is_a_phones(number: str) -> None:
    assert mask(f"Call {number}, please.") == "Call [phone], please."


@pytest.mark.parametrize(
    "text",
    [
        "+500 000 000 euros",
        "+500 000 000",
        "+500.000.000 €",
        "+120 450 000 people",
        "at 10:30 +0200 2024-01-02 12",
        "1 +2 3 4 5 6 7 8 9",
    ],
)
def test_sums_and_times_are_no_phones(text: str) -> None:
    assert mask(text) == text


_BODY = "MIIEpAIBAAKCAQEAsecretbody\n\nsecondline0123456789abcdef=="


@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"My\n-----BEGIN KIND-----\n{_BODY}\n-----END KIND-----\nown.", "My\n[secret]\nown."),
        (f"Mine: -----BEGIN KIND-----\n{_BODY}", "Mine: [secret]"),
        (f"{_BODY}\n-----END KIND-----, it ends.", "[secret], it ends."),
        (f"a -----BEGIN KIND-----{_BODY}-----END KIND----- b " * 2, "a [secret] b a [secret] b "),
    ],
    ids=["whole", "without its end", "without its beginning", "two"],
)
def test_a_private_key_is_masked_with_its_body(kind: str, text: str, left: str) -> None:
    assert mask(text.replace("KIND", kind)) == left


_LINE = "MIIEpAIBAAKCAQEAsecretbody0123456789abcdefGHIJKLMNOPQRSTUVWXYZ+/"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "Why is no '-----END KIND-----' line in my file?",
            "Why is no '[secret]' line in my file?",
        ),
        ("It begins with -----BEGIN KIND----- on a line.", "It begins with [secret] on a line."),
        ("-----BEGIN KIND----- and -----END KIND-----, so.", "[secret] and [secret], so."),
        ("-----BEGIN KIND-----\n...\n-----END KIND-----", "[secret]\n...\n[secret]"),
        (
            "My -----BEGIN KIND-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n"
            f"{_LINE}\n{_LINE}\nabC1==\nThanks for it.",
            "My [secret]\nThanks for it.",
        ),
        (f"My -----BEGIN KIND-----\\n{_LINE}\\n{_LINE}\\nab1=\nThanks.", "My [secret]\nThanks."),
        (f"Here it is:\n> {_LINE}\n> abC1==\n> -----END KIND-----", "Here it is:\n> [secret]"),
        (f"{_LINE}\nabcD1\n=aB1c\n-----END KIND-----\nSo.", "[secret]\nSo."),
    ],
    ids=["an end", "a beginning", "both", "dots", "headers", "escaped", "quoted", "sum"],
)
def test_of_a_mark_without_its_key_no_more_is_masked_than_is_key_text(text: str, left: str) -> None:
    assert mask(text.replace("KIND", "RSA PRIVATE KEY")) == left


def test_a_public_key_is_no_secret() -> None:
    text = f"-----BEGIN PUBLIC KEY-----\n{_BODY}\n-----END PUBLIC KEY-----"
    assert mask(text) == text
