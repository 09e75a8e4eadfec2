"""The description holds for what the API really answers: schemathesis asks, by requests it makes up."""

from __future__ import annotations

import json
import urllib.request

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pixel_server.dashboard.api.openapi import description
from pixel_server.dashboard.app import API
from tests.dashboard.house import House

CHECKS = [
    not_a_server_error,
    positive_data_acceptance,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NEGATIVE_CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
# A stream does not end, so there is no answer to compare.
WITHOUT_STREAM = schemathesis.openapi.from_dict(description()).exclude(path="/api/v1/events")
OPERATIONS = [operation.ok() for operation in WITHOUT_STREAM.get_all_operations()]


@pytest.mark.parametrize("number", range(len(OPERATIONS)), ids=[operation.label for operation in OPERATIONS])
def test_every_operation_answers_as_described(filled_house: House, number: int):
    token = filled_house.add_token(1, "read", "write")

    @given(case=OPERATIONS[number].as_strategy())
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=filled_house.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        case.validate_response(answer, checks=CHECKS)

    ask()


@pytest.mark.parametrize("number", range(len(OPERATIONS)), ids=[operation.label for operation in OPERATIONS])
def test_what_the_description_forbids_is_refused_as_described(filled_house: House, number: int):
    token = filled_house.add_token(1, "read", "write")

    @given(case=OPERATIONS[number].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=filled_house.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        case.validate_response(answer, checks=[*NEGATIVE_CHECKS])

    ask()


def test_the_description_is_served_to_everybody(filled_house: House):
    with urllib.request.urlopen(filled_house.url + "/api/v1/openapi.json") as answer:
        assert json.load(answer) == description()
        assert description()["openapi"].startswith("3.1")


def test_every_route_of_the_api_is_described():
    described = {(path, method) for path, methods in description()["paths"].items() for method in methods}
    served = {(route.path, route.method.lower()) for module in API for route in module.ROUTES}
    assert served - {("/api/v1/openapi.json", "get")} == described
