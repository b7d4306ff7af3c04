"""Numbers of many countries: read as they were written, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.session.imports.values import ImportProblem, Numerals, number_of

VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 4))
PARTING = {".": (",", " ", "'", "\u00a0"), ",": (".", " ", "'", "\u202f")}


def written(value: float, decimal: str, parting: str = "") -> str:
    return f"{value:,.4f}".replace(",", "x").replace(".", decimal).replace("x", parting)


def settled(texts: list[str], *, dots_are_decimal: bool = True) -> str:
    numerals = Numerals(dots_are_decimal)
    for line, text in enumerate(texts, 1):
        numerals.look(line, text)
    return numerals.settled()


@given(st.lists(VALUES, min_size=1), st.sampled_from(".,"), st.data())
def test_numbers_of_a_file_come_back(values: list[float], decimal: str, data: st.DataObject) -> None:
    parting = data.draw(st.sampled_from(("", *PARTING[decimal])))
    texts = [written(value, decimal, parting) for value in values]
    found = settled(texts, dots_are_decimal=False)
    assert found == decimal
    assert [number_of(text, found) for text in texts] == values


@given(VALUES, st.sampled_from(".,"))
def test_a_number_is_never_read_with_the_wrong_sign(value: float, decimal: str) -> None:
    other = "," if decimal == "." else "."
    with pytest.raises(ImportProblem, match="pass --decimal"):
        number_of(written(value, decimal), other)


@pytest.mark.parametrize("text", ["1,234", "-12,345", "999,000", "1,234,567"])
def test_a_comma_that_may_be_either_is_refused_with_its_line(text: str) -> None:
    numerals = Numerals()
    numerals.look(6, "42")
    numerals.look(7, text)
    if text.count(",") > 1:
        assert numerals.settled() == "."
        return
    with pytest.raises(ImportProblem, match=r"^line 7: decimals or thousands\? pass --decimal"):
        numerals.settled()
    assert number_of(text, ",") == float(text.replace(",", "."))
    assert number_of(text, ".") == float(text.replace(",", ""))


def test_a_dot_is_doubted_only_where_columns_are_not_parted_by_commas() -> None:
    assert settled(["18.000", "42.500"]) == "."
    with pytest.raises(ImportProblem, match=r"^line 1: decimals or thousands"):
        settled(["18.000", "42.500"], dots_are_decimal=False)
    assert settled(["18.000", "42.5"], dots_are_decimal=False) == "."
    assert settled(["0.125"], dots_are_decimal=False) == "."


@pytest.mark.parametrize(
    ("texts", "decimal"),
    [(["1,234", "12,5"], ","), (["0,125"], ","), (["1,234.5"], "."), (["7"], "."), ([], ".")],
)
def test_one_number_of_the_file_decides(texts: list[str], decimal: str) -> None:
    assert settled(texts) == decimal


@given(st.text(max_size=12))
def test_what_is_no_number_is_refused(text: str) -> None:
    try:
        value = number_of(text, ".")
    except ImportProblem:
        return
    for sign in ", '\u00a0\u202f":
        text = text.replace(sign, "")
    assert value == float(text)


@pytest.mark.parametrize("text", ["", "x", "1e999", "0x10", "1.2.3", "12 W", "--5", "1,23,456", "١٢", "inf"])
def test_these_are_no_numbers(text: str) -> None:
    with pytest.raises(ImportProblem):
        number_of(text, ".")
    with pytest.raises(ImportProblem):
        number_of(text, ",")


@pytest.mark.parametrize(
    ("text", "value"), [("1e3", 1000.0), ("5.9E-05", 5.9e-05), (".5", 0.5), ("+2.", 2.0)]
)
def test_ways_of_writing(text: str, value: float) -> None:
    assert number_of(f" {text} ", ".") == value
