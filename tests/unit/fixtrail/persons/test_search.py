"""A person's records are found among whatever else lies in the topics."""

import orjson
import pytest

from fixtrail.persons import search as searching
from fixtrail.persons.person import Matcher, OrderRef, person_of
from fixtrail.persons.search import search
from fixtrail.settings import PersonsSettings
from tests.kafka_record import KafkaRecord

JUNK = (b"", b"null", b"[]", b"{}", b"\xff", b'{"a":' * 3000, b'{"order_id":1,"vehicle_id":[],"contact":{"x":[1]}}')
JOURNEY = {"order_id": "R1", "vehicle_id": "V1", "center_id": "C1", "status": "open"}


class NoKeys:
    """A vault that opens nothing."""

    def unseal(self, texts, *, restricted=False):
        return {}


@pytest.mark.parametrize("junk", JUNK)
async def test_junk_in_a_topic_hides_nobody(monkeypatch, tmp_path, junk):
    async def partitions(*_):
        return 1

    async def records_of(_, topic, __):
        mine = [KafkaRecord(orjson.dumps(JOURNEY), key=b"k", topic=topic)] if topic == "journeys" else []
        yield [KafkaRecord(junk, key=b"j", topic=topic), *mine]

    monkeypatch.setattr(searching, "require_topic", partitions)
    monkeypatch.setattr(searching, "records_of", records_of)
    matcher = Matcher(person_of("V1", None, None), b"a-key-for-tests-that-is-long-enough")

    findings = await search(PersonsSettings(data=tmp_path, kafka="localhost:1"), matcher, NoKeys())

    assert findings.orders == {OrderRef("C1", "R1", "V1")} and [*findings.journeys.values()] == [JOURNEY]
