"""Thai text: one spelling, and a fragment that is found again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.thai.text import arabic_digits, clean, clean_lines, grams, normalize, query_grams

THAI = st.text(st.characters(min_codepoint=0x0E01, max_codepoint=0x0E4E, exclude_categories=["Cn"]), max_size=20)
WORDS = st.lists(THAI | st.text(max_size=12), max_size=4).map(" ".join)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("เเม่น้ำ", "แม่น้ำ"),
        ("น\u0e49\u0e4d\u0e32", "น\u0e49ำ"),
        ("น\u0e4d\u0e49\u0e32", "น\u0e49ำ"),
        ("น\u0e33\u0e49", "น\u0e49ำ"),
        ("สม\u200bชาย\ufeff", "สมชาย"),
        ("  สมชาย\t ใจดี \n", "สมชาย ใจดี"),
        ("a\x00b\x1bc", "a b c"),
        ("ปลอกคอ 🐶 100%", "ปลอกคอ 🐶 100%"),
    ],
)
def test_text_is_stored_in_one_spelling(written, stored):
    assert clean(written) == stored


def test_sara_am_stays_one_character():
    assert "ำ" in clean("จำนวน")
    assert len(clean("จำนวน")) == 5


def test_lines_of_an_address_are_kept():
    assert clean_lines("\n 99/1  ม.2\r\nต.หนองหาร \n\n") == "99/1 ม.2\nต.หนองหาร"


def test_thai_digits_become_arabic_only_where_asked():
    assert arabic_digits("๐๘๑") == "081"
    assert clean("ร้าน ๙๙") == "ร้าน ๙๙"
    assert normalize("ร้าน ๙๙ ABC") == "ร้าน 99 abc"


@given(WORDS)
@settings(max_examples=60, deadline=None)
def test_cleaning_twice_changes_nothing(text):
    assert clean(clean(text)) == clean(text)
    assert normalize(normalize(text)) == normalize(text)


@given(WORDS, st.data())
@settings(max_examples=80, deadline=None)
def test_any_fragment_of_three_characters_of_a_word_is_found(text, data):
    words = [w for w in normalize(text).split() if len(w) >= 3]
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    start = data.draw(st.integers(0, len(word) - 3))
    end = data.draw(st.integers(start + 3, len(word)))
    assert set(query_grams(word[start:end])) <= set(grams(text))


def test_short_words_are_indexed_whole_and_ignored_beside_longer_ones():
    assert "ดี" in grams("สมชาย ดี")
    assert query_grams("ดี") == ["ดี"]
    assert query_grams("สม ชายชาญ") == query_grams("ชายชาญ")
    assert query_grams("   ") == []
