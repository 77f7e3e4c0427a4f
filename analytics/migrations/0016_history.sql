-- Vehicles whose orders went straight into ClickHouse (`fixtrail send --history`), so that a second run knows them again:
-- their orders, how many events, a digest of these, and from which number on the rows in `events` are counted.

CREATE TABLE IF NOT EXISTS fixtrail_raw.history_vehicles
(
    vehicle_key String CODEC(ZSTD(1)),
    first_offset UInt64 CODEC(ZSTD(1)),
    events UInt32,
    digest String CODEC(ZSTD(1)),
    centers Array(LowCardinality(String)),
    orders Array(String) CODEC(ZSTD(1)),
    written_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY vehicle_key;

ALTER TABLE fixtrail.events
    COMMENT COLUMN IF EXISTS received_at 'When Kafka got it, or ClickHouse where it came as history [UTC]',
    COMMENT COLUMN IF EXISTS kafka_partition 'Where it stands in service-events; 4000000000: it came as history, past Kafka';
ALTER TABLE fixtrail.arrivals
    COMMENT COLUMN IF EXISTS received_at 'When Kafka received it, or ClickHouse where it came as history [UTC]',
    COMMENT COLUMN IF EXISTS kafka_partition 'Where the record stands in the topic; 4000000000: it came as history, past Kafka';
