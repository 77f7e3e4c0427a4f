-- The raw tables. Nobody queries them: the views of database `fixtrail` are the public names.
-- Every statement can be repeated: ClickHouse has no transaction around a migration.

CREATE DATABASE IF NOT EXISTS fixtrail_raw;

CREATE DATABASE IF NOT EXISTS fixtrail;

-- One row per order: the newest version of everything known of it, its lists included, so that the views of one order
-- are always of one version (docs/decisions/clickhouse-one-row-per-order.md). Figures are as of last_event_at.
CREATE TABLE IF NOT EXISTS fixtrail_raw.journeys
(
    order_id String,
    vehicle_key String CODEC(ZSTD(1)),
    -- The vehicle in the sorting key, in 8 bytes: FINAL reads every column of it for every row.
    vehicle_no UInt64 MATERIALIZED reinterpretAsUInt64(unhex(substring(vehicle_key, 1, 16))),
    version UInt64,
    customer_key Nullable(String) CODEC(ZSTD(1)),
    center_id LowCardinality(Nullable(String)),
    lane LowCardinality(Nullable(String)),
    status LowCardinality(String),
    activity LowCardinality(Nullable(String)),
    activity_since Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    checked_in_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), LZ4),
    ready_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), LZ4),
    closed_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), LZ4),
    promised_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), LZ4),
    lead_s Nullable(Float64),
    wait_s Nullable(Float64),
    wait_reception_s Nullable(Float64),
    wait_approval_s Nullable(Float64),
    wait_parts_s Nullable(Float64),
    wait_bay_s Nullable(Float64),
    pickup_s Nullable(Float64),
    touch_s Nullable(Float64),
    repair_s Nullable(Float64),
    diagnosis_s Nullable(Float64),
    quality_s Nullable(Float64),
    ftf Nullable(Bool),
    ftf_cause LowCardinality(Nullable(String)),
    comeback_order_id Nullable(String) CODEC(ZSTD(1)),
    part_requests UInt32,
    stockouts UInt32,
    emergencies UInt32,
    -- Totals of a quote: hours times rate plus up to 500 parts times price do not fit into 18 digits.
    quoted_amount Nullable(Decimal(38, 4)) CODEC(ZSTD(1)),
    approved_amount Nullable(Decimal(38, 4)) CODEC(ZSTD(1)),
    final_amount Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    fault_groups Array(LowCardinality(String)),
    fault_origin LowCardinality(Nullable(String)),
    odometer_km Nullable(Float64),
    score Nullable(UInt8),
    survey_reasons Array(LowCardinality(String)),
    complaints UInt32,
    event_count UInt32,
    anomalies Array(LowCardinality(String)),
    last_event_at DateTime64(3, 'UTC') CODEC(Delta(8), LZ4),
    `stages.activity` Array(LowCardinality(String)),
    `stages.started_at` Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    `stages.ended_at` Array(Nullable(DateTime64(3, 'UTC'))) CODEC(ZSTD(1)),
    `parts.request_id` Array(String) CODEC(ZSTD(1)),
    `parts.part_no` Array(String) CODEC(ZSTD(1)),
    `parts.quantity` Array(Decimal(18, 4)) CODEC(ZSTD(1)),
    `parts.emergency` Array(Bool),
    `parts.requested_at` Array(Nullable(DateTime64(3, 'UTC'))) CODEC(ZSTD(1)),
    `parts.backordered_at` Array(Nullable(DateTime64(3, 'UTC'))) CODEC(ZSTD(1)),
    `parts.fulfilled_at` Array(Nullable(DateTime64(3, 'UTC'))) CODEC(ZSTD(1)),
    `parts.cancelled_at` Array(Nullable(DateTime64(3, 'UTC'))) CODEC(ZSTD(1)),
    `parts.expected_at` Array(Nullable(DateTime64(3, 'UTC'))) CODEC(ZSTD(1)),
    `parts.unit_price` Array(Nullable(Decimal(18, 4))) CODEC(ZSTD(1)),
    `surveys.event_id` Array(String) CODEC(ZSTD(1)),
    `surveys.answered_at` Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    `surveys.score` Array(UInt8),
    `surveys.reasons` Array(Array(LowCardinality(String))),
    `complaint_list.event_id` Array(String) CODEC(ZSTD(1)),
    `complaint_list.complained_at` Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    `complaint_list.category` Array(LowCardinality(String)),
    `complaint_list.severity` Array(LowCardinality(Nullable(String)))
)
ENGINE = ReplacingMergeTree(version)
PRIMARY KEY order_id
ORDER BY (order_id, vehicle_no);

-- Every record of service-events that is an event, duplicates included: the view keeps the first that was not diverted.
CREATE TABLE IF NOT EXISTS fixtrail_raw.events
(
    vehicle_key String CODEC(ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    kafka_offset UInt64 CODEC(ZSTD(1)),
    kafka_partition UInt32 CODEC(ZSTD(1)),
    type LowCardinality(String),
    order_id String CODEC(ZSTD(1)),
    center_id LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    received_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    customer_key Nullable(String) CODEC(ZSTD(1)),
    phase LowCardinality(Nullable(String)),
    technician_id LowCardinality(Nullable(String)),
    bay_id LowCardinality(Nullable(String)),
    job_id Nullable(String) CODEC(ZSTD(1)),
    request_id Nullable(String) CODEC(ZSTD(1)),
    part_no LowCardinality(Nullable(String)),
    payload String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (vehicle_key, event_id, kafka_offset);

-- What was refused and why, without its content. `diverted`: it was an event, but the stream processors let it go.
CREATE TABLE IF NOT EXISTS fixtrail_raw.dead_letters
(
    topic LowCardinality(String),
    kafka_partition UInt32,
    kafka_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    letter_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    code LowCardinality(String),
    reason String CODEC(ZSTD(1)),
    record_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    refused_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    diverted Bool
)
ENGINE = ReplacingMergeTree(letter_offset)
ORDER BY (topic, kafka_partition, kafka_offset);

-- One center's hour as one Kafka partition knows it; partitions are added up by the view.
CREATE TABLE IF NOT EXISTS fixtrail_raw.center_hours
(
    center_id String CODEC(ZSTD(1)),
    hour DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    kafka_partition UInt32,
    revision UInt64,
    check_ins UInt32,
    handed_off UInt32,
    cancelled UInt32,
    judged UInt32,
    fixed_first_time UInt32,
    lead_s Float64,
    wait_s Float64,
    wait_reception_s Float64,
    wait_approval_s Float64,
    wait_parts_s Float64,
    wait_bay_s Float64,
    touch_s Float64,
    pickup_s Float64,
    part_requests UInt32,
    stockouts UInt32,
    emergencies UInt32,
    surveys UInt32,
    promoters UInt32,
    detractors UInt32,
    complaints UInt32,
    quick_ready UInt32,
    quick_in_time UInt32,
    promise_both UInt32,
    promise_kept UInt32,
    wait_buckets Map(UInt16, UInt64)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (center_id, hour, kafka_partition);

-- Reference data; the rows of the newest load are the centers.
CREATE TABLE IF NOT EXISTS fixtrail_raw.centers
(
    center_id String,
    load_id UInt64,
    name String,
    name_en String,
    region LowCardinality(String),
    wave UInt8,
    wave_start Nullable(Date),
    time_zone LowCardinality(String),
    opens String,
    closes String,
    weekdays Array(UInt8)
)
ENGINE = ReplacingMergeTree(load_id)
ORDER BY center_id;
