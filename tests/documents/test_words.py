"""English amounts on papers for foreign buyers; Thai ones have a module of their own."""

import pytest

from oms.documents.words import branch_words, english_baht


@pytest.mark.parametrize(
    ("satang", "words"),
    [
        (0, "Zero baht only"), (1, "One satang only"), (100, "One baht only"), (150, "One baht and fifty satang only"),
        (2_100, "Twenty-one baht only"), (10_100, "One hundred one baht only"),
        (123_456_78, "One hundred twenty-three thousand four hundred fifty-six baht and seventy-eight satang only"),
        (1_000_000_00, "One million baht only"), (1_000_000_000_00, "One billion baht only"),
        (-500, "Minus five baht only"), (1_900, "Nineteen baht only"),
    ],
)  # fmt: skip
def test_amounts_in_words(satang, words):
    assert english_baht(satang) == words


def test_branches_are_named_as_the_law_wants():
    assert branch_words("00000") == ("สำนักงานใหญ่", "Head office")
    assert branch_words("00012") == ("สาขาที่ 00012", "Branch 00012")
