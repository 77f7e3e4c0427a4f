"""Requests of idempotent and transactional producers."""

from fixtrail.local.broker.api_groups import check_position
from fixtrail.local.broker.broker import Broker
from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.groups import Commit
from fixtrail.local.broker.transactions import Transaction
from fixtrail.local.broker.wire import Fields, RequestHeader


def init_producer_id(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    error, producer_id, epoch = broker.transactions.new_producer(
        request["transactional_id"], request["transaction_timeout_ms"]
    )
    return {"error_code": error, "producer_id": producer_id, "producer_epoch": epoch}


def add_partitions_to_txn(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    """All partitions or, when one of them does not exist, none."""
    error, transaction = _find(broker, request)
    partitions = [(topic["topic"], number) for topic in request["topics"] for number in topic["partitions"]]
    missing = {partition for partition in partitions if broker.topics.log(*partition) is None}
    if transaction is not None and not missing:
        broker.transactions.add_partitions(transaction, set(partitions))

    def error_of(topic: str, number: int) -> ErrorCode:
        if error is not ErrorCode.NONE or not missing:
            return error
        unknown, untouched = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.OPERATION_NOT_ATTEMPTED
        return unknown if (topic, number) in missing else untouched

    return {
        "errors": [
            {
                "topic": topic["topic"],
                "partition_errors": [
                    {"partition": number, "error_code": error_of(topic["topic"], number)}
                    for number in topic["partitions"]
                ],
            }
            for topic in request["topics"]
        ]
    }


def add_offsets_to_txn(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    error, transaction = _find(broker, request)
    if transaction is not None:
        broker.transactions.add_group(transaction, request["group_id"])
    return {"error_code": error}


def txn_offset_commit(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    error, transaction = _find(broker, request)
    commits: list[Commit] = []
    answers = []
    for topic in request["topics"]:
        partitions = []
        for position in topic["partitions"]:
            one_error = error or check_position(broker, topic["topic"], position)
            if not one_error:
                commits.append(
                    Commit(topic["topic"], position["partition"], position["offset"], position["metadata"] or "")
                )
            partitions.append({"partition": position["partition"], "error_code": one_error})
        answers.append({"topic": topic["topic"], "partition_errors": partitions})
    if transaction is not None:
        refusal = broker.transactions.add_offsets(transaction, request["group_id"], commits)
        if refusal:
            for answer in answers:
                for position in answer["partition_errors"]:
                    position["error_code"] = refusal
    return {"errors": answers}


def end_txn(broker: Broker, header: RequestHeader, request: Fields) -> Fields:
    error, transaction = _find(broker, request)
    if transaction is not None:
        error = broker.transactions.end(transaction, commit=request["transaction_result"])
    return {"error_code": error}


def _find(broker: Broker, request: Fields) -> tuple[ErrorCode, Transaction | None]:
    return broker.transactions.find(request["transactional_id"], request["producer_id"], request["producer_epoch"])
