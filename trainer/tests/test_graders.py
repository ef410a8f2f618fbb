"""Graders on the golden cases that TypeScript reads too, and what only this side does."""

import json

import pytest
from conftest import FIXTURES

from triad_trainer.contract import Grader
from triad_trainer.graders import Sample, columns_of, make_grader, render

CASES = json.loads((FIXTURES / "graders.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['grader']['type']}-{case['output'][:20]!r}")
def test_golden_cases(case):
    grader = Grader.model_validate(case["grader"])
    sample = Sample([{"role": "user", "content": "?"}], case["item"], case["output"])
    assert make_grader(grader)([sample]) == [pytest.approx(case["score"])]


def test_braces_in_an_answer_stay_text():
    sample = Sample([], {"expected": "secret"}, "{{item.expected}}")
    assert render("{{sample.output_text}}", sample) == "{{item.expected}}"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (None, "null"), (3, "3"), (3.0, "3"), (0.5, "0.5"), ("x", "x")]
)
def test_columns_that_are_no_text_are_written_as_javascript_does(value, text):
    assert render("{{ item.value }}", Sample([], {"value": value}, "")) == text


def test_the_columns_of_a_grader_are_found():
    grader = {"type": "string_check", "operation": "eq", "input": "{{sample.output_text}}", "reference": "{{item.a}}"}
    assert columns_of(Grader.model_validate(grader)) == {"a"}
    with pytest.raises(ValueError, match=r"sample\.tokens"):
        columns_of(Grader.model_validate({**grader, "input": "{{sample.tokens}}"}))


def test_a_reference_that_is_no_call_is_an_error():
    grader = {"type": "function_call", "input": "{{sample.output_text}}", "reference": "nothing"}
    with pytest.raises(ValueError, match="'nothing' is not a function call"):
        make_grader(Grader.model_validate(grader))([Sample([], {}, "a()")])
