-- Who sent what and when, so that a report can say how good a source's events are. Rows written before have no source
-- of their own ('kafka') and no time of sending.

ALTER TABLE fixtrail_raw.events
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) DEFAULT 'kafka',
    ADD COLUMN IF NOT EXISTS sent_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1));

ALTER TABLE fixtrail_raw.dead_letters
    ADD COLUMN IF NOT EXISTS center_id LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS source LowCardinality(Nullable(String));

-- Every record that is an event, duplicates included: what view `events` is chosen from.
CREATE OR REPLACE VIEW fixtrail.arrivals DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    source,
    center_id,
    type,
    phase,
    order_id,
    vehicle_key,
    event_id,
    occurred_at,
    sent_at,
    received_at,
    kafka_partition,
    kafka_offset,
    technician_id,
    job_id,
    request_id,
    part_no,
    payload,
    cityHash64(type, center_id, order_id, occurred_at, ifNull(customer_key, ''), payload) AS content
FROM fixtrail_raw.events FINAL;

-- example:
--   SELECT source, center_id, count() AS arrivals, count() - uniqExact(vehicle_key, order_id, event_id) AS duplicates,
--       quantile(0.95)(dateDiff('second', occurred_at, received_at)) AS late_p95_s
--   FROM fixtrail.arrivals
--   WHERE received_at >= now() - INTERVAL 7 DAY
--   GROUP BY source, center_id
--   ORDER BY arrivals DESC
ALTER TABLE fixtrail.arrivals MODIFY COMMENT 'One row per record of service-events that is an event, those that arrived twice included; `events` has each once.';
ALTER TABLE fixtrail.arrivals
    COMMENT COLUMN IF EXISTS source 'Who sent it: the name of the API key, the CloudEvents source, or kafka where the record tells neither',
    COMMENT COLUMN IF EXISTS center_id 'The service center that the event names',
    COMMENT COLUMN IF EXISTS type 'The event type',
    COMMENT COLUMN IF EXISTS phase 'Its phase; NULL for types without',
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS vehicle_key 'Keyed hash of the vehicle id: the same vehicle always has the same',
    COMMENT COLUMN IF EXISTS event_id 'The id of the event; the same one in the same order is the same event',
    COMMENT COLUMN IF EXISTS occurred_at 'When it happened, by the clock of the source [UTC]',
    COMMENT COLUMN IF EXISTS sent_at 'When the source says it sent it (CloudEvents time); NULL where it does not say [UTC]',
    COMMENT COLUMN IF EXISTS received_at 'When Kafka received it [UTC]',
    COMMENT COLUMN IF EXISTS kafka_partition 'Where the record stands in the topic',
    COMMENT COLUMN IF EXISTS kafka_offset 'Where the record stands in the partition',
    COMMENT COLUMN IF EXISTS technician_id 'Who worked; NULL where it does not say',
    COMMENT COLUMN IF EXISTS job_id 'The job of a repair',
    COMMENT COLUMN IF EXISTS request_id 'The request of a part',
    COMMENT COLUMN IF EXISTS part_no 'The part asked for',
    COMMENT COLUMN IF EXISTS payload 'The fields of the type as JSON, without personal ones',
    COMMENT COLUMN IF EXISTS content 'Hash of what the event says: two arrivals of one event id with different ones contradict each other';

-- One row per record that was refused; its content stays in the dead letter topic.
CREATE OR REPLACE VIEW fixtrail.dead_letters DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT code, reason, topic, kafka_partition, kafka_offset, record_at, refused_at, diverted, center_id, source
FROM fixtrail_raw.dead_letters FINAL;

-- example:
--   SELECT code, count() AS letters, max(refused_at) AS newest
--   FROM fixtrail.dead_letters
--   GROUP BY code
--   ORDER BY letters DESC
ALTER TABLE fixtrail.dead_letters MODIFY COMMENT 'One row per record that was refused; its content stays in the dead letter topic.';
ALTER TABLE fixtrail.dead_letters
    COMMENT COLUMN IF EXISTS code 'Why, in a word: docs/integrators.md lists them',
    COMMENT COLUMN IF EXISTS reason 'Why, without any value of the record',
    COMMENT COLUMN IF EXISTS topic 'Where the record stood',
    COMMENT COLUMN IF EXISTS kafka_partition 'Where it stood in the topic',
    COMMENT COLUMN IF EXISTS kafka_offset 'Where it stood in the partition',
    COMMENT COLUMN IF EXISTS record_at 'When the record was produced [UTC]',
    COMMENT COLUMN IF EXISTS refused_at 'When it was refused [UTC]',
    COMMENT COLUMN IF EXISTS diverted 'It was an event, but came too late or met a bug',
    COMMENT COLUMN IF EXISTS center_id 'The service center that its bytes name; NULL where they name none',
    COMMENT COLUMN IF EXISTS source 'Who sent it, as in arrivals; NULL for letters written before';
