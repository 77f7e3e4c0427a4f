"""The API's reference is a page of ours: every operation and model of the OpenAPI document, nothing from elsewhere."""

import re

from fixtrail.web.api.document import openapi
from fixtrail.web.api.reference import kind_of, operations
from tests.staff import staff


async def test_the_reference_has_every_operation_and_model_and_loads_nothing_from_elsewhere(tmp_path):
    with staff(tmp_path).browser() as browser:
        answer = await browser.get("/v1/docs")
        assert answer.status_code == 200
        for operation in operations(openapi()):
            assert f'id="{operation.anchor}"' in answer.text
        for name in openapi()["components"]["schemas"]:
            assert f'<section class="card" id="{name}">' in answer.text
        assert "<script" not in answer.text
        assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', answer.text) == []
        loaded = re.findall(r'<link[^>]* href="([^"]*)"', answer.text)
        assert [(await browser.get(path)).status_code for path in loaded] == [200]
        anchors = set(re.findall(r'href="#([^"]*)"', answer.text))
        assert anchors <= set(re.findall(r' id="([^"]*)"', answer.text))


def test_a_schema_is_told_in_a_few_words():
    assert kind_of({"type": "array", "items": {"$ref": "#/components/schemas/Part"}}) == "list of Part"
    assert (
        kind_of({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}) == "string, date-time or null"
    )
    assert kind_of({"enum": ["quick", "standard"]}) == '"quick" or "standard"'
    assert kind_of({}) == "any value"
