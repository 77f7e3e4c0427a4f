"""The address of a case in the upstream's own system."""

import pytest

from fixtrail.voices.case_url import case_url, checked_case_url
from schemas.order_key import OrderKey

ORDER = OrderKey("east-01", "R/1")


def test_ids_are_put_in_as_they_may_stand_in_an_address():
    assert case_url("https://crm.example/{center_id}?o={order_id}&c={case_id}", ORDER, "k&1") == (
        "https://crm.example/east-01?o=R%2F1&c=k%261"
    )
    assert case_url("", ORDER, "k1") is None


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("javascript:alert({case_id})", "begins with https://"),
        ("https://crm.example/{customer_id}/{case_id}", "there is no {customer_id}"),
        ("https://crm.example/", "names neither"),
    ],
)
def test_what_is_no_address_of_a_case_is_refused(template: str, text: str):
    with pytest.raises(ValueError, match=text):
        checked_case_url(template)
