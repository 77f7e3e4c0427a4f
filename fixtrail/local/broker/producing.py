"""Produce: checking batches and appending them as they came."""

import time

from fixtrail.local.broker.batch import (
    HEADER_SIZE,
    BatchHeader,
    crc_matches,
    read_header,
    stamp_append_time,
)
from fixtrail.local.broker.broker import Broker
from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.log import PartitionLog
from fixtrail.local.broker.records_wire import (
    ProducedAnswer,
    ProducedBatch,
    ProduceRequest,
    produce_response,
    read_produce,
)
from fixtrail.local.broker.segment import StorageError
from fixtrail.local.broker.wire import RequestHeader
from runtime.kafka import reading
from runtime.kafka.unpacking import BrokenPackingError, TooLargeError


def produce(broker: Broker, header: RequestHeader, frame: memoryview) -> bytes | None:
    """The response frame, once all batches are on disk; None when the producer wants no answer (acks=0)."""
    request = read_produce(header, frame)
    answers = [_append(broker, request, batch) for batch in request.batches]
    return produce_response(header, answers) if request.acks else None


def _append(broker: Broker, request: ProduceRequest, produced: ProducedBatch) -> ProducedAnswer:
    topic, partition, records = produced
    log = broker.topics.log(topic, partition)
    if log is None:
        return ProducedAnswer(topic, partition, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1, -1, -1)
    if request.acks not in (-1, 0, 1):
        return ProducedAnswer(topic, partition, ErrorCode.INVALID_REQUIRED_ACKS, -1, -1, -1)
    if request.acks == -1 and log.config.min_insync_replicas > 1:
        # There is one broker.
        return ProducedAnswer(topic, partition, ErrorCode.NOT_ENOUGH_REPLICAS, -1, -1, log.start)
    error, header = _check(log, records)
    if error is ErrorCode.NONE and header is not None:
        return _append_checked(broker, log, produced, header)
    return ProducedAnswer(topic, partition, error, -1, -1, log.start)


def _check(log: PartitionLog, records: memoryview) -> tuple[ErrorCode, BatchHeader | None]:
    """Whether the bytes are one sound batch that this log may hold."""
    if len(records) < HEADER_SIZE:
        return ErrorCode.INVALID_RECORD, None
    header = read_header(records)
    if header.magic != 2 or header.is_control or header.size != len(records):
        return ErrorCode.INVALID_RECORD, None
    if not crc_matches(records, header):
        return ErrorCode.CORRUPT_MESSAGE, None
    if len(records) > log.config.max_message_bytes:
        return ErrorCode.MESSAGE_TOO_LARGE, None
    if header.record_count <= 0 or header.last_offset_delta != header.record_count - 1:
        return ErrorCode.INVALID_RECORD, None
    try:
        unpacked = list(reading.records_of(reading.plain_batch(records)))
    except TooLargeError:
        return ErrorCode.MESSAGE_TOO_LARGE, None
    except BrokenPackingError:
        return ErrorCode.CORRUPT_MESSAGE, None
    except reading.UNREADABLE:
        # As Apache Kafka does: such a batch would stand in the way of every reader.
        return ErrorCode.INVALID_RECORD, None
    if log.config.compact and any(record.key is None for record in unpacked):
        return ErrorCode.INVALID_RECORD, None
    return ErrorCode.NONE, header


def _append_checked(broker: Broker, log: PartitionLog, produced: ProducedBatch, header: BatchHeader) -> ProducedAnswer:
    topic, partition, records = produced
    if header.producer_id >= 0:
        where = (topic, partition)
        within = header.is_transactional
        error = broker.transactions.refuse_append(header.producer_id, header.producer_epoch, where, within=within)
        duplicate_of = None
        if error is ErrorCode.NONE:
            error, duplicate_of = log.producers.check(header)
        if error is not ErrorCode.NONE or duplicate_of is not None:
            offset = -1 if duplicate_of is None else duplicate_of
            return ProducedAnswer(topic, partition, error, offset, -1, log.start)
    append_time = -1
    if log.config.append_time:
        append_time = int(time.time() * 1000)
        stamp_append_time(records, header, append_time)
        header = read_header(records)
    try:
        offset = log.append(records, header)
    except StorageError:
        return ProducedAnswer(topic, partition, ErrorCode.KAFKA_STORAGE_ERROR, -1, -1, log.start)
    return ProducedAnswer(topic, partition, ErrorCode.NONE, offset, append_time, log.start)
