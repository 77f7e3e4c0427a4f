-- An order is center and number together: two centers may use one number, also for the same vehicle. A fact of before
-- names no center where its order had no check-in; a replay into an empty database names it (docs/operators.md).

CREATE OR REPLACE TABLE fixtrail_raw.journeys
(
    order_id String,
    vehicle_key String CODEC(ZSTD(1)),
    -- The vehicle in the sorting key, in 8 bytes: FINAL reads every column of it for every row.
    vehicle_no UInt64 MATERIALIZED reinterpretAsUInt64(unhex(substring(vehicle_key, 1, 16))),
    version UInt64,
    customer_key Nullable(String) CODEC(ZSTD(1)),
    center_id LowCardinality(String),
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
    `complaint_list.severity` Array(LowCardinality(Nullable(String))),
    finishing_s Nullable(Float64) DEFAULT if(isNull(lead_s), NULL, 0),
    bay_expert_s Nullable(Float64) DEFAULT if(isNull(lead_s), NULL, 0),
    bay_shift_end_s Nullable(Float64) DEFAULT if(isNull(lead_s), NULL, 0),
    paused_for Array(LowCardinality(String)),
    comeback_center_id LowCardinality(Nullable(String)),
    `complaint_list.complaint_id` Array(String) DEFAULT `complaint_list.event_id` CODEC(ZSTD(1)),
    `complaint_list.phases` Array(Array(LowCardinality(String)))
        DEFAULT arrayMap(each -> ['opened'], `complaint_list.event_id`),
    `complaint_list.reached_at` Array(Array(DateTime64(3, 'UTC')))
        DEFAULT arrayMap(at -> [at], `complaint_list.complained_at`) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PRIMARY KEY (order_id, center_id)
ORDER BY (order_id, center_id, vehicle_no)
AS SELECT
    order_id, vehicle_key, version, customer_key, ifNull(center_id, '') AS center_id, lane, status, activity,
    activity_since, checked_in_at, ready_at, closed_at, promised_at, lead_s, wait_s, wait_reception_s,
    wait_approval_s, wait_parts_s, wait_bay_s, pickup_s, touch_s, repair_s, diagnosis_s, quality_s, ftf, ftf_cause,
    comeback_order_id, part_requests, stockouts, emergencies, quoted_amount, approved_amount, final_amount,
    fault_groups, fault_origin, odometer_km, score, survey_reasons, complaints, event_count, anomalies,
    last_event_at, `stages.activity`, `stages.started_at`, `stages.ended_at`, `parts.request_id`, `parts.part_no`,
    `parts.quantity`, `parts.emergency`, `parts.requested_at`, `parts.backordered_at`, `parts.fulfilled_at`,
    `parts.cancelled_at`, `parts.expected_at`, `parts.unit_price`, `surveys.event_id`, `surveys.answered_at`,
    `surveys.score`, `surveys.reasons`, `complaint_list.event_id`, `complaint_list.complained_at`,
    `complaint_list.category`, `complaint_list.severity`, finishing_s, bay_expert_s, bay_shift_end_s, paused_for,
    comeback_center_id, `complaint_list.complaint_id`, `complaint_list.phases`, `complaint_list.reached_at`
FROM fixtrail_raw.journeys FINAL;

-- The accepted distinct events: of those of one order with one id the first in Kafka's order, but none that the stream
-- processors diverted. (docs/decisions/clickhouse-first-accepted-event.md)
CREATE OR REPLACE VIEW fixtrail.events DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    event_id,
    type,
    order_id,
    vehicle_key,
    center_id,
    occurred_at,
    received_at,
    kafka_partition,
    kafka_offset,
    customer_key,
    phase,
    technician_id,
    bay_id,
    job_id,
    request_id,
    part_no,
    payload
FROM fixtrail_raw.events
WHERE (kafka_partition, kafka_offset) NOT IN (
    SELECT kafka_partition, kafka_offset
    FROM fixtrail_raw.dead_letters
    WHERE topic = 'service-events' AND diverted)
ORDER BY vehicle_key, event_id, kafka_offset
LIMIT 1 BY vehicle_key, event_id, center_id, order_id;

-- example:
--   SELECT type, count() AS events, max(received_at) AS newest
--   FROM fixtrail.events
--   WHERE received_at >= now() - INTERVAL 1 DAY
--   GROUP BY type
ALTER TABLE fixtrail.events MODIFY COMMENT 'One row per distinct accepted event; of those of one order with one id the first in the order of Kafka. Sorted by vehicle_key: name it where you can.';
ALTER TABLE fixtrail.events
    COMMENT COLUMN IF EXISTS event_id 'Unique within its order: the same id is the same event',
    COMMENT COLUMN IF EXISTS type 'One of the ten event types',
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS vehicle_key 'Keyed hash of the vehicle id',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS occurred_at 'When it happened [UTC]',
    COMMENT COLUMN IF EXISTS received_at 'When Kafka got it [UTC]',
    COMMENT COLUMN IF EXISTS kafka_partition 'Where it stands in service-events',
    COMMENT COLUMN IF EXISTS kafka_offset 'Where it stands in its partition',
    COMMENT COLUMN IF EXISTS customer_key 'Keyed hash of the customer id; check-ins only',
    COMMENT COLUMN IF EXISTS phase 'Of diagnosis, part_request, repair and quality_check',
    COMMENT COLUMN IF EXISTS technician_id 'Who, as the source calls them',
    COMMENT COLUMN IF EXISTS bay_id 'Where in the workshop',
    COMMENT COLUMN IF EXISTS job_id 'Of repair',
    COMMENT COLUMN IF EXISTS request_id 'Of part_request',
    COMMENT COLUMN IF EXISTS part_no 'Of part_request',
    COMMENT COLUMN IF EXISTS payload 'The fields of its type as JSON; no contacts, and free text only where the operator keeps it [JSON]';

ALTER TABLE fixtrail.orders
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center';
ALTER TABLE fixtrail.stages
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center';
ALTER TABLE fixtrail.parts
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center';
ALTER TABLE fixtrail.surveys
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center';
ALTER TABLE fixtrail.complaints
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center';
ALTER TABLE fixtrail.part_waits
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center';
