-- When an order's last survey was answered stands beside its score: to ask how soon customers answer, four and a half
-- million answers were joined with their orders. Only the view is made anew.

-- One row per order. An open order's figures run on from its last event to the second of the query.
CREATE OR REPLACE VIEW fixtrail.orders DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    if(isNull(j.activity), 0., greatest(0, dateDiff('millisecond', j.last_event_at, now64(3, 'UTC'))) / 1000) AS running,
    j.status = 'open' AND j.last_event_at < now64(3, 'UTC') - INTERVAL 30 DAY AS is_silent,
    (j.order_id, j.center_id) IN (
        SELECT order_id, center_id
        FROM fixtrail_raw.journeys FINAL
        WHERE NOT has(anomalies, 'vehicle_corrected')
        ORDER BY order_id, center_id
        LIMIT 1 OFFSET 1 BY order_id, center_id) AS is_of_two
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
    if(
        is_silent OR is_of_two,
        arraySort(arrayConcat(
            j.anomalies, if(is_silent, ['never_closed'], []), if(is_of_two, ['vehicle_changed'], []))),
        j.anomalies) AS anomalies,
    j.version AS version,
    j.last_event_at AS last_event_at,
    j.approved_amount AS approved_amount,
    j.activity_since AS activity_since,
    multiIf(
        isNull(j.ftf), NULL,
        j.ftf AND now64(3, 'UTC') <= j.closed_at + INTERVAL 30 DAY, 'provisional',
        'confirmed') AS ftf_status,
    j.finishing_s + if(j.activity = 'finishing', running, 0) AS finishing_s,
    j.bay_expert_s + if(j.activity = 'bay' AND has(j.paused_for, 'expert'), running, 0) AS bay_expert_s,
    j.bay_shift_end_s + if(j.activity = 'bay' AND has(j.paused_for, 'shift_end'), running, 0) AS bay_shift_end_s,
    j.paused_for AS paused_for,
    j.comeback_center_id AS comeback_center_id,
    if(empty(j.`surveys.answered_at`), NULL, arrayMax(j.`surveys.answered_at`)) AS answered_at
FROM fixtrail_raw.journeys AS j FINAL
WHERE NOT has(j.anomalies, 'vehicle_corrected');

-- example:
--   SELECT center_id, count() AS orders, avg(wait_s) / 60 AS wait_min, avg(ftf) AS ftfr
--   FROM fixtrail.orders
--   WHERE status = 'handed_off' AND closed_at >= now() - INTERVAL 7 DAY
--   GROUP BY center_id
--   ORDER BY wait_min DESC
ALTER TABLE fixtrail.orders MODIFY COMMENT 'One row per service order, always its newest state. The durations of an open order run on to the second of the query.';
ALTER TABLE fixtrail.orders
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS vehicle_key 'Keyed hash of the vehicle id: the same vehicle always has the same',
    COMMENT COLUMN IF EXISTS customer_key 'Keyed hash of the customer id of the first check-in; NULL without one',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS lane 'quick or standard, of the first check-in',
    COMMENT COLUMN IF EXISTS status 'open, handed_off or cancelled',
    COMMENT COLUMN IF EXISTS activity 'What is going on now: reception, diagnosis, approval, parts, bay, repair, quality, finishing or pickup; NULL once closed',
    COMMENT COLUMN IF EXISTS checked_in_at 'The first check-in [UTC]',
    COMMENT COLUMN IF EXISTS ready_at 'When it became ready for pickup; NULL while nobody has said so and it is not handed off [UTC]',
    COMMENT COLUMN IF EXISTS closed_at 'Handoff or cancellation [UTC]',
    COMMENT COLUMN IF EXISTS promised_at 'The last promise told before it was ready [UTC]',
    COMMENT COLUMN IF EXISTS lead_s 'Check-in to close: wait_s + touch_s + pickup_s + finishing_s [s]',
    COMMENT COLUMN IF EXISTS wait_s 'Time that nobody worked: the four waits together [s]',
    COMMENT COLUMN IF EXISTS wait_reception_s 'Wait until diagnosis or repair begins [s]',
    COMMENT COLUMN IF EXISTS wait_approval_s 'Wait for the answer to a quote [s]',
    COMMENT COLUMN IF EXISTS wait_parts_s 'Wait for a part [s]',
    COMMENT COLUMN IF EXISTS wait_bay_s 'Wait for a bay or a technician: every other wait [s]',
    COMMENT COLUMN IF EXISTS pickup_s 'Ready, waiting to be fetched [s]',
    COMMENT COLUMN IF EXISTS touch_s 'Time that somebody worked: repair_s + diagnosis_s + quality_s [s]',
    COMMENT COLUMN IF EXISTS repair_s 'A job was running [s]',
    COMMENT COLUMN IF EXISTS diagnosis_s 'Diagnosis was running and no job [s]',
    COMMENT COLUMN IF EXISTS quality_s 'A quality check was running, no diagnosis and no job [s]',
    COMMENT COLUMN IF EXISTS ftf 'First-time fix; NULL where it is not judged: not handed off, or no repair',
    COMMENT COLUMN IF EXISTS ftf_cause 'Why not: rework, open_part, reopened or comeback, the first that applies',
    COMMENT COLUMN IF EXISTS comeback_order_id 'The earliest order of the vehicle that came back with a shared fault group within 30 days',
    COMMENT COLUMN IF EXISTS part_requests 'Distinct part requests [requests]',
    COMMENT COLUMN IF EXISTS stockouts 'Part requests that were backordered [requests]',
    COMMENT COLUMN IF EXISTS emergencies 'Part requests marked as emergency [requests]',
    COMMENT COLUMN IF EXISTS quoted_amount 'Total of the last quote [currency of the quote]',
    COMMENT COLUMN IF EXISTS final_amount 'What was charged at handoff [currency of the quote]',
    COMMENT COLUMN IF EXISTS fault_groups 'Union over the completed diagnoses of the visit',
    COMMENT COLUMN IF EXISTS fault_origin 'maintenance, misuse or product, of the last completed diagnosis',
    COMMENT COLUMN IF EXISTS odometer_km 'At the first check-in [km]',
    COMMENT COLUMN IF EXISTS score 'Of the last survey [0 to 10]',
    COMMENT COLUMN IF EXISTS survey_reasons 'Of the last survey; empty unless the operator keeps free text',
    COMMENT COLUMN IF EXISTS complaints 'Distinct complaints [complaints]',
    COMMENT COLUMN IF EXISTS event_count 'Distinct events of the order [events]',
    COMMENT COLUMN IF EXISTS anomalies 'What is odd about its events: such times deserve a second look',
    COMMENT COLUMN IF EXISTS version 'Which state of the order this is; a newer one is higher',
    COMMENT COLUMN IF EXISTS last_event_at 'The latest occurred_at of its events [UTC]',
    COMMENT COLUMN IF EXISTS approved_amount 'What the customer agreed to in the last decision [currency of the quote]',
    COMMENT COLUMN IF EXISTS activity_since 'Since when the present activity is going on [UTC]',
    COMMENT COLUMN IF EXISTS ftf_status 'provisional for 30 days after a handoff that was a first-time fix so far, else confirmed; NULL where not judged',
    COMMENT COLUMN IF EXISTS finishing_s 'The work is done, and nobody has said yet that the car is ready; 0 once closed [s]',
    COMMENT COLUMN IF EXISTS bay_expert_s 'Of wait_bay_s what passed while a job was paused for an expert [s]',
    COMMENT COLUMN IF EXISTS bay_shift_end_s 'Of wait_bay_s what passed while a job was paused at the end of a shift [s]',
    COMMENT COLUMN IF EXISTS paused_for 'Why jobs of an open order are paused now, as far as somebody said so',
    COMMENT COLUMN IF EXISTS comeback_center_id 'The service center of comeback_order_id',
    COMMENT COLUMN IF EXISTS answered_at 'When the last survey, that of score, was answered; NULL without one [UTC]';
