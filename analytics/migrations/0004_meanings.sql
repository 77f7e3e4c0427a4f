-- What every view and column means: shown by every ClickHouse client, and the source of docs/schema.md. A unit stands in
-- brackets at the end. A view that is replaced later loses its comments, so its migration states them again.

-- example:
--   SELECT center_id, count() AS orders, avg(wait_s) / 60 AS wait_min, avg(ftf) AS ftfr
--   FROM fixtrail.orders
--   WHERE status = 'handed_off' AND closed_at >= now() - INTERVAL 7 DAY
--   GROUP BY center_id
--   ORDER BY wait_min DESC
ALTER TABLE fixtrail.orders MODIFY COMMENT 'One row per service order, always its newest state. The durations of an open order run on to the second of the query.';
ALTER TABLE fixtrail.orders
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS vehicle_key 'Keyed hash of the vehicle id: the same vehicle always has the same',
    COMMENT COLUMN IF EXISTS customer_key 'Keyed hash of the customer id of the first check-in; NULL without one',
    COMMENT COLUMN IF EXISTS center_id 'The service center of the first check-in',
    COMMENT COLUMN IF EXISTS lane 'quick or standard, of the first check-in',
    COMMENT COLUMN IF EXISTS status 'open, handed_off or cancelled',
    COMMENT COLUMN IF EXISTS activity 'What is going on now: reception, diagnosis, approval, parts, bay, repair, quality or pickup; NULL once closed',
    COMMENT COLUMN IF EXISTS checked_in_at 'The first check-in [UTC]',
    COMMENT COLUMN IF EXISTS ready_at 'When it last became ready for pickup [UTC]',
    COMMENT COLUMN IF EXISTS closed_at 'Handoff or cancellation [UTC]',
    COMMENT COLUMN IF EXISTS promised_at 'The last promise told before it was ready [UTC]',
    COMMENT COLUMN IF EXISTS lead_s 'Check-in to close: wait_s + touch_s + pickup_s [s]',
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
    COMMENT COLUMN IF EXISTS ftf_cause 'Why not: rework, open_part or comeback, the first that applies',
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
    COMMENT COLUMN IF EXISTS complaints 'Complaint events [complaints]',
    COMMENT COLUMN IF EXISTS event_count 'Distinct events of the order [events]',
    COMMENT COLUMN IF EXISTS anomalies 'What is odd about its events: such times deserve a second look',
    COMMENT COLUMN IF EXISTS version 'Which state of the order this is; a newer one is higher',
    COMMENT COLUMN IF EXISTS last_event_at 'The latest occurred_at of its events [UTC]',
    COMMENT COLUMN IF EXISTS approved_amount 'What the customer agreed to in the last decision [currency of the quote]',
    COMMENT COLUMN IF EXISTS activity_since 'Since when the present activity is going on [UTC]',
    COMMENT COLUMN IF EXISTS ftf_status 'provisional for 30 days after a handoff that was a first-time fix so far, else confirmed; NULL where not judged';

-- example:
--   SELECT activity, quantile(0.5)(seconds) / 60 AS median_min, quantile(0.9)(seconds) / 60 AS p90_min
--   FROM fixtrail.stages
--   WHERE ended_at IS NOT NULL
--   GROUP BY activity
--   ORDER BY p90_min DESC
ALTER TABLE fixtrail.stages MODIFY COMMENT 'One row per unbroken stretch of one activity; the seconds of an order add up to its lead_s.';
ALTER TABLE fixtrail.stages
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS vehicle_key 'Keyed hash of the vehicle id',
    COMMENT COLUMN IF EXISTS center_id 'Of the first check-in',
    COMMENT COLUMN IF EXISTS seq 'Its place in the visit, from 1',
    COMMENT COLUMN IF EXISTS activity 'As in orders',
    COMMENT COLUMN IF EXISTS is_wait 'Whether it is one of the four waits',
    COMMENT COLUMN IF EXISTS started_at 'When it began [UTC]',
    COMMENT COLUMN IF EXISTS ended_at 'When it ended; NULL while it runs [UTC]',
    COMMENT COLUMN IF EXISTS seconds 'How long, up to the query while it runs [s]';

-- example:
--   SELECT part_no, count() AS requests, avg(stockout) AS stockout_rate
--   FROM fixtrail.parts
--   GROUP BY part_no
--   ORDER BY requests DESC
--   LIMIT 50
ALTER TABLE fixtrail.parts MODIFY COMMENT 'One row per part request: when each phase was first reached.';
ALTER TABLE fixtrail.parts
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS center_id 'Of the first check-in',
    COMMENT COLUMN IF EXISTS request_id 'The part request, within its order',
    COMMENT COLUMN IF EXISTS part_no 'The part',
    COMMENT COLUMN IF EXISTS quantity 'How many [pieces]',
    COMMENT COLUMN IF EXISTS emergency 'Whether any event of the request said so',
    COMMENT COLUMN IF EXISTS requested_at 'First requested [UTC]',
    COMMENT COLUMN IF EXISTS backordered_at 'First backordered [UTC]',
    COMMENT COLUMN IF EXISTS fulfilled_at 'First fulfilled; final [UTC]',
    COMMENT COLUMN IF EXISTS cancelled_at 'First cancelled; final [UTC]',
    COMMENT COLUMN IF EXISTS expected_at 'When it was last said to come [UTC]',
    COMMENT COLUMN IF EXISTS unit_price 'As last told [currency of the quote]',
    COMMENT COLUMN IF EXISTS stockout 'Whether it was ever backordered';

-- example:
--   SELECT 100 * (countIf(score >= 9) - countIf(score <= 6)) / count() AS nps, count() AS n
--   FROM fixtrail.surveys
--   WHERE is_last
ALTER TABLE fixtrail.surveys MODIFY COMMENT 'One row per answered survey.';
ALTER TABLE fixtrail.surveys
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS center_id 'Of the first check-in',
    COMMENT COLUMN IF EXISTS event_id 'The survey event',
    COMMENT COLUMN IF EXISTS answered_at 'When it was answered [UTC]',
    COMMENT COLUMN IF EXISTS score 'How likely to recommend [0 to 10]',
    COMMENT COLUMN IF EXISTS reasons 'Empty unless the operator keeps free text',
    COMMENT COLUMN IF EXISTS is_last 'Whether it is the one that NPS counts: the last of its order';

-- example:
--   SELECT toStartOfMonth(complained_at) AS month, category, count() AS complaints
--   FROM fixtrail.complaints
--   GROUP BY month, category
--   ORDER BY month, complaints DESC
ALTER TABLE fixtrail.complaints MODIFY COMMENT 'One row per complaint.';
ALTER TABLE fixtrail.complaints
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS center_id 'Of the first check-in',
    COMMENT COLUMN IF EXISTS event_id 'The complaint event',
    COMMENT COLUMN IF EXISTS complained_at 'When [UTC]',
    COMMENT COLUMN IF EXISTS category 'As the source calls it',
    COMMENT COLUMN IF EXISTS severity 'low or high; NULL where nobody said';

-- example:
--   SELECT type, count() AS events, max(received_at) AS newest
--   FROM fixtrail.events
--   WHERE received_at >= now() - INTERVAL 1 DAY
--   GROUP BY type
ALTER TABLE fixtrail.events MODIFY COMMENT 'One row per distinct accepted event; of those with one id the first in the order of Kafka. Sorted by vehicle_key: name it where you can.';
ALTER TABLE fixtrail.events
    COMMENT COLUMN IF EXISTS event_id 'Unique; the same id is the same event',
    COMMENT COLUMN IF EXISTS type 'One of the ten event types',
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS vehicle_key 'Keyed hash of the vehicle id',
    COMMENT COLUMN IF EXISTS center_id 'Where it happened',
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
    COMMENT COLUMN IF EXISTS diverted 'It was an event, but came too late or met a bug';

-- example:
--   SELECT toDate(hour) AS day, sum(handed_off) AS orders, sum(wait_s) / orders / 60 AS wait_min
--   FROM fixtrail.center_hours
--   WHERE hour >= now() - INTERVAL 14 DAY
--   GROUP BY day
--   HAVING orders > 0
--   ORDER BY day
ALTER TABLE fixtrail.center_hours MODIFY COMMENT 'One row per center and hour, of the hour of check-in for check_ins, of the hour of close for all else. Sums from judged on are of orders handed off.';
ALTER TABLE fixtrail.center_hours
    COMMENT COLUMN IF EXISTS center_id 'The service center',
    COMMENT COLUMN IF EXISTS hour 'Start of the hour [UTC]',
    COMMENT COLUMN IF EXISTS check_ins 'Orders checked in [orders]',
    COMMENT COLUMN IF EXISTS handed_off 'Orders handed off [orders]',
    COMMENT COLUMN IF EXISTS cancelled 'Orders cancelled [orders]',
    COMMENT COLUMN IF EXISTS judged 'Of those handed off, judged for first-time fix [orders]',
    COMMENT COLUMN IF EXISTS fixed_first_time 'Of those judged, fixed [orders]',
    COMMENT COLUMN IF EXISTS lead_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS wait_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS wait_reception_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS wait_approval_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS wait_parts_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS wait_bay_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS touch_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS pickup_s 'Sum over orders handed off [s]',
    COMMENT COLUMN IF EXISTS part_requests 'Distinct part requests [requests]',
    COMMENT COLUMN IF EXISTS stockouts 'Of those, backordered [requests]',
    COMMENT COLUMN IF EXISTS emergencies 'Of those, marked as emergency [requests]',
    COMMENT COLUMN IF EXISTS surveys 'Orders with a survey [orders]',
    COMMENT COLUMN IF EXISTS promoters 'Of those, last score 9 or 10 [orders]',
    COMMENT COLUMN IF EXISTS detractors 'Of those, last score 0 to 6 [orders]',
    COMMENT COLUMN IF EXISTS complaints 'Complaints [complaints]',
    COMMENT COLUMN IF EXISTS quick_ready 'Quick-lane orders that became ready [orders]',
    COMMENT COLUMN IF EXISTS quick_in_time 'Of those, within 15 minutes of check-in [orders]',
    COMMENT COLUMN IF EXISTS promise_both 'Orders with a promise that became ready [orders]',
    COMMENT COLUMN IF EXISTS promise_kept 'Of those, ready by then [orders]',
    COMMENT COLUMN IF EXISTS wait_buckets 'Orders by wait: bucket b > 0 holds 1.08^(b-1) to 1.08^b seconds, bucket 0 less than one; add up with sumMap [orders by bucket]',
    COMMENT COLUMN IF EXISTS wait_p50_s 'Median wait, within 4 % [s]',
    COMMENT COLUMN IF EXISTS wait_p90_s '90th percentile of the wait, within 4 % [s]';

-- example:
--   SELECT region, count() AS orders, avg(wait_s) / 60 AS wait_min
--   FROM fixtrail.orders JOIN fixtrail.centers USING (center_id)
--   WHERE status = 'handed_off'
--   GROUP BY region
ALTER TABLE fixtrail.centers MODIFY COMMENT 'One row per service center, as last loaded from the reference file.';
ALTER TABLE fixtrail.centers
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS name 'In Chinese',
    COMMENT COLUMN IF EXISTS name_en 'In English',
    COMMENT COLUMN IF EXISTS region 'For cuts',
    COMMENT COLUMN IF EXISTS wave 'Of the rollout, 0 for none',
    COMMENT COLUMN IF EXISTS wave_start 'When the wave began [date in its time zone]',
    COMMENT COLUMN IF EXISTS time_zone 'IANA name',
    COMMENT COLUMN IF EXISTS opens 'On a weekday of weekdays [local time]',
    COMMENT COLUMN IF EXISTS closes 'On a weekday of weekdays [local time]',
    COMMENT COLUMN IF EXISTS weekdays 'When it is open; 1 is Monday';

-- example:
--   SELECT rule, count() AS alerts, avg(open_s) / 60 AS open_min
--   FROM fixtrail.alerts
--   WHERE opened_at >= now() - INTERVAL 7 DAY
--   GROUP BY rule
--   ORDER BY alerts DESC
ALTER TABLE fixtrail.alerts MODIFY COMMENT 'One row per alert of the watch to the staff.';
ALTER TABLE fixtrail.alerts
    COMMENT COLUMN IF EXISTS alert_id 'A hash of the rule and what it is about: the same condition has the same id',
    COMMENT COLUMN IF EXISTS rule 'Its name in the rules file',
    COMMENT COLUMN IF EXISTS kind 'What kind of rule',
    COMMENT COLUMN IF EXISTS severity 'As the rule says',
    COMMENT COLUMN IF EXISTS state 'open, acknowledged or closed',
    COMMENT COLUMN IF EXISTS subject 'What it is about',
    COMMENT COLUMN IF EXISTS order_id 'The order, if it is about one',
    COMMENT COLUMN IF EXISTS center_id 'The center, if it is about one',
    COMMENT COLUMN IF EXISTS lane 'The lane, if it is about one',
    COMMENT COLUMN IF EXISTS since 'When the condition began [UTC]',
    COMMENT COLUMN IF EXISTS opened_at 'When the alert was opened [UTC]',
    COMMENT COLUMN IF EXISTS value 'What was measured when it was opened [as unit says]',
    COMMENT COLUMN IF EXISTS limit_value 'What the rule allows [as unit says]',
    COMMENT COLUMN IF EXISTS unit 'minutes or share',
    COMMENT COLUMN IF EXISTS level 'How often it was escalated',
    COMMENT COLUMN IF EXISTS escalated_at 'When last [UTC]',
    COMMENT COLUMN IF EXISTS acknowledged_at 'When somebody took it on [UTC]',
    COMMENT COLUMN IF EXISTS closed_at 'When it was closed [UTC]',
    COMMENT COLUMN IF EXISTS closed_by 'condition, acknowledgement or configuration',
    COMMENT COLUMN IF EXISTS ended_at 'When the condition was over, also of an acknowledged one [UTC]',
    COMMENT COLUMN IF EXISTS open_s 'How long it was open, up to the query while it is [s]',
    COMMENT COLUMN IF EXISTS told 'Who was told: step, channel, outcome and time',
    COMMENT COLUMN IF EXISTS version 'Which state of the alert this is; a newer one is higher';

