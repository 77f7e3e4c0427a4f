-- The public names. FINAL is inside, so that a query cannot forget it. Whoever may read a view needs no grant on the
-- raw tables behind it (SQL SECURITY DEFINER).

-- One row per order. An open order's figures run on from its last event to the second of the query.
CREATE OR REPLACE VIEW fixtrail.orders DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH if(isNull(j.activity), 0., greatest(0, dateDiff('millisecond', j.last_event_at, now64(3, 'UTC'))) / 1000) AS running
SELECT
    j.order_id AS order_id,
    j.vehicle_key AS vehicle_key,
    j.customer_key AS customer_key,
    j.center_id AS center_id,
    j.lane AS lane,
    j.status AS status,
    j.activity AS activity,
    j.checked_in_at AS checked_in_at,
    j.ready_at AS ready_at,
    j.closed_at AS closed_at,
    j.promised_at AS promised_at,
    j.lead_s + running AS lead_s,
    j.wait_s + if(j.activity IN ('reception', 'approval', 'parts', 'bay'), running, 0) AS wait_s,
    j.wait_reception_s + if(j.activity = 'reception', running, 0) AS wait_reception_s,
    j.wait_approval_s + if(j.activity = 'approval', running, 0) AS wait_approval_s,
    j.wait_parts_s + if(j.activity = 'parts', running, 0) AS wait_parts_s,
    j.wait_bay_s + if(j.activity = 'bay', running, 0) AS wait_bay_s,
    j.pickup_s + if(j.activity = 'pickup', running, 0) AS pickup_s,
    j.touch_s + if(j.activity IN ('repair', 'diagnosis', 'quality'), running, 0) AS touch_s,
    j.repair_s + if(j.activity = 'repair', running, 0) AS repair_s,
    j.diagnosis_s + if(j.activity = 'diagnosis', running, 0) AS diagnosis_s,
    j.quality_s + if(j.activity = 'quality', running, 0) AS quality_s,
    j.ftf AS ftf,
    j.ftf_cause AS ftf_cause,
    j.comeback_order_id AS comeback_order_id,
    j.part_requests AS part_requests,
    j.stockouts AS stockouts,
    j.emergencies AS emergencies,
    j.quoted_amount AS quoted_amount,
    j.final_amount AS final_amount,
    j.fault_groups AS fault_groups,
    j.fault_origin AS fault_origin,
    j.odometer_km AS odometer_km,
    j.score AS score,
    j.survey_reasons AS survey_reasons,
    j.complaints AS complaints,
    j.event_count AS event_count,
    j.anomalies AS anomalies,
    j.version AS version,
    j.last_event_at AS last_event_at,
    j.approved_amount AS approved_amount,
    j.activity_since AS activity_since,
    multiIf(
        isNull(j.ftf), NULL,
        j.ftf AND now64(3, 'UTC') <= j.closed_at + INTERVAL 30 DAY, 'provisional',
        'confirmed') AS ftf_status
FROM fixtrail_raw.journeys AS j FINAL;

-- One row per unbroken stretch of one activity; the seconds of an order's stages add up to its lead_s.
CREATE OR REPLACE VIEW fixtrail.stages DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.vehicle_key AS vehicle_key,
    j.center_id AS center_id,
    stage_seq AS seq,
    stage_activity AS activity,
    CAST(stage_activity IN ('reception', 'approval', 'parts', 'bay'), 'Bool') AS is_wait,
    stage_started_at AS started_at,
    stage_ended_at AS ended_at,
    dateDiff(
        'millisecond',
        stage_started_at,
        ifNull(stage_ended_at, greatest(j.last_event_at, now64(3, 'UTC')))) / 1000 AS seconds
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    arrayEnumerate(`stages.activity`) AS stage_seq,
    `stages.activity` AS stage_activity,
    `stages.started_at` AS stage_started_at,
    `stages.ended_at` AS stage_ended_at;

-- One row per part request.
CREATE OR REPLACE VIEW fixtrail.parts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.center_id AS center_id,
    part_request_id AS request_id,
    part_part_no AS part_no,
    part_quantity AS quantity,
    part_emergency AS emergency,
    part_requested_at AS requested_at,
    part_backordered_at AS backordered_at,
    part_fulfilled_at AS fulfilled_at,
    part_cancelled_at AS cancelled_at,
    part_expected_at AS expected_at,
    part_unit_price AS unit_price,
    CAST(isNotNull(part_backordered_at), 'Bool') AS stockout
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `parts.request_id` AS part_request_id,
    `parts.part_no` AS part_part_no,
    `parts.quantity` AS part_quantity,
    `parts.emergency` AS part_emergency,
    `parts.requested_at` AS part_requested_at,
    `parts.backordered_at` AS part_backordered_at,
    `parts.fulfilled_at` AS part_fulfilled_at,
    `parts.cancelled_at` AS part_cancelled_at,
    `parts.expected_at` AS part_expected_at,
    `parts.unit_price` AS part_unit_price;

-- One row per answered survey; the last one of an order (by time, then event id) is the one that NPS counts.
CREATE OR REPLACE VIEW fixtrail.surveys DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.center_id AS center_id,
    survey_event_id AS event_id,
    survey_answered_at AS answered_at,
    survey_score AS score,
    survey_reasons_list AS reasons,
    CAST(
        (survey_answered_at, survey_event_id) = arraySort(arrayZip(j.`surveys.answered_at`, j.`surveys.event_id`))[-1],
        'Bool') AS is_last
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `surveys.event_id` AS survey_event_id,
    `surveys.answered_at` AS survey_answered_at,
    `surveys.score` AS survey_score,
    `surveys.reasons` AS survey_reasons_list;

-- One row per complaint.
CREATE OR REPLACE VIEW fixtrail.complaints DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.center_id AS center_id,
    complaint_event_id AS event_id,
    complaint_complained_at AS complained_at,
    complaint_category AS category,
    complaint_severity AS severity
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `complaint_list.event_id` AS complaint_event_id,
    `complaint_list.complained_at` AS complaint_complained_at,
    `complaint_list.category` AS complaint_category,
    `complaint_list.severity` AS complaint_severity;

-- The accepted distinct events: of those with one id the first in Kafka's order, but none that the stream processors
-- diverted. (docs/decisions/clickhouse-first-accepted-event.md)
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
LIMIT 1 BY vehicle_key, event_id;

-- One row per record that was refused; its content stays in the dead letter topic.
CREATE OR REPLACE VIEW fixtrail.dead_letters DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT code, reason, topic, kafka_partition, kafka_offset, record_at, refused_at, diverted
FROM fixtrail_raw.dead_letters FINAL;

-- One row per center and hour (UTC) of check-in or close. Percentiles from buckets that grow by 8 %: within 4 %.
-- Seconds are whole milliseconds; rounded, the order in which partitions are added up leaves no trace.
CREATE OR REPLACE VIEW fixtrail.center_hours DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    arrayCumSum(mapValues(added.wait_buckets)) AS reached,
    (share, n) -> mapKeys(added.wait_buckets)[arrayFirstIndex(count -> count >= share * n, reached)] AS bucket,
    b -> if(b = 0, 0., pow(1.08, b - 0.5)) AS seconds_of
SELECT
    added.*,
    if(added.handed_off = 0, NULL, seconds_of(bucket(0.5, reached[-1]))) AS wait_p50_s,
    if(added.handed_off = 0, NULL, seconds_of(bucket(0.9, reached[-1]))) AS wait_p90_s
FROM
(
    SELECT
        h.center_id AS center_id,
        h.hour AS hour,
        sum(h.check_ins) AS check_ins,
        sum(h.handed_off) AS handed_off,
        sum(h.cancelled) AS cancelled,
        sum(h.judged) AS judged,
        sum(h.fixed_first_time) AS fixed_first_time,
        round(sum(h.lead_s), 3) AS lead_s,
        round(sum(h.wait_s), 3) AS wait_s,
        round(sum(h.wait_reception_s), 3) AS wait_reception_s,
        round(sum(h.wait_approval_s), 3) AS wait_approval_s,
        round(sum(h.wait_parts_s), 3) AS wait_parts_s,
        round(sum(h.wait_bay_s), 3) AS wait_bay_s,
        round(sum(h.touch_s), 3) AS touch_s,
        round(sum(h.pickup_s), 3) AS pickup_s,
        sum(h.part_requests) AS part_requests,
        sum(h.stockouts) AS stockouts,
        sum(h.emergencies) AS emergencies,
        sum(h.surveys) AS surveys,
        sum(h.promoters) AS promoters,
        sum(h.detractors) AS detractors,
        sum(h.complaints) AS complaints,
        sum(h.quick_ready) AS quick_ready,
        sum(h.quick_in_time) AS quick_in_time,
        sum(h.promise_both) AS promise_both,
        sum(h.promise_kept) AS promise_kept,
        sumMap(h.wait_buckets) AS wait_buckets
    FROM fixtrail_raw.center_hours AS h FINAL
    GROUP BY h.center_id, h.hour
) AS added;

-- The service centers, as last loaded from their TOML file.
CREATE OR REPLACE VIEW fixtrail.centers DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT center_id, name, name_en, region, wave, wave_start, time_zone, opens, closes, weekdays
FROM fixtrail_raw.centers FINAL
WHERE load_id = (SELECT max(load_id) FROM fixtrail_raw.centers);
