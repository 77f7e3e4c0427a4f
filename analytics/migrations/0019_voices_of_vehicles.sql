-- Answers, complaints, follow-ups and waits for parts with the vehicle of their order: an order that is known under two
-- vehicles has those of each, as view `orders` has a row of each.

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
        'Bool') AS is_last,
    j.vehicle_key AS vehicle_key
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `surveys.event_id` AS survey_event_id,
    `surveys.answered_at` AS survey_answered_at,
    `surveys.score` AS survey_score,
    `surveys.reasons` AS survey_reasons_list;

-- example:
--   SELECT 100 * (countIf(score >= 9) - countIf(score <= 6)) / count() AS nps, count() AS n
--   FROM fixtrail.surveys
--   WHERE is_last
ALTER TABLE fixtrail.surveys MODIFY COMMENT 'One row per answered survey.';
ALTER TABLE fixtrail.surveys
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS event_id 'The survey event',
    COMMENT COLUMN IF EXISTS answered_at 'When it was answered [UTC]',
    COMMENT COLUMN IF EXISTS score 'How likely to recommend [0 to 10]',
    COMMENT COLUMN IF EXISTS reasons 'Empty unless the operator keeps free text',
    COMMENT COLUMN IF EXISTS is_last 'Whether it is the one that NPS counts: the last of its order',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders';

-- One row per complaint, however many events told of it.
CREATE OR REPLACE VIEW fixtrail.complaints DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.center_id AS center_id,
    complaint_event_id AS event_id,
    complaint_complained_at AS complained_at,
    complaint_category AS category,
    complaint_severity AS severity,
    if(empty(complaint_complaint_id), complaint_event_id, complaint_complaint_id) AS complaint_id,
    if(empty(complaint_phases), 'opened', complaint_phases[-1]) AS phase,
    complaint_phases AS phases,
    complaint_reached_at AS reached_at,
    j.vehicle_key AS vehicle_key
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `complaint_list.event_id` AS complaint_event_id,
    `complaint_list.complained_at` AS complaint_complained_at,
    `complaint_list.category` AS complaint_category,
    `complaint_list.severity` AS complaint_severity,
    `complaint_list.complaint_id` AS complaint_complaint_id,
    `complaint_list.phases` AS complaint_phases,
    `complaint_list.reached_at` AS complaint_reached_at;

-- example:
--   SELECT toStartOfMonth(complained_at) AS month, category, count() AS complaints
--   FROM fixtrail.complaints
--   GROUP BY month, category
--   ORDER BY month, complaints DESC
ALTER TABLE fixtrail.complaints MODIFY COMMENT 'One row per complaint.';
ALTER TABLE fixtrail.complaints
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS event_id 'The event by which it was first heard of',
    COMMENT COLUMN IF EXISTS complained_at 'When it was first heard of [UTC]',
    COMMENT COLUMN IF EXISTS category 'As the source calls it',
    COMMENT COLUMN IF EXISTS severity 'low or high, as last said; NULL where nobody said',
    COMMENT COLUMN IF EXISTS complaint_id 'The complaint, within its order; the event id where the source gave none',
    COMMENT COLUMN IF EXISTS phase 'opened, assigned, contacted, resolved, reopened or closed, the last one',
    COMMENT COLUMN IF EXISTS phases 'All its phases, in order',
    COMMENT COLUMN IF EXISTS reached_at 'When each of phases was told [UTC]',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders';

-- One row per attempt to reach a customer.
CREATE OR REPLACE VIEW fixtrail.follow_ups DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    j.order_id AS order_id,
    j.center_id AS center_id,
    follow_up_event_id AS event_id,
    follow_up_at AS followed_up_at,
    follow_up_of AS of,
    follow_up_phase AS phase,
    j.vehicle_key AS vehicle_key
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `follow_ups.event_id` AS follow_up_event_id,
    `follow_ups.followed_up_at` AS follow_up_at,
    `follow_ups.of` AS follow_up_of,
    `follow_ups.phase` AS follow_up_phase;

-- example:
--   SELECT center_id, phase, count() AS calls
--   FROM fixtrail.follow_ups
--   GROUP BY center_id, phase
--   ORDER BY center_id, calls DESC
ALTER TABLE fixtrail.follow_ups MODIFY COMMENT 'One row per attempt to reach a customer about a survey or a complaint.';
ALTER TABLE fixtrail.follow_ups
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS event_id 'The event',
    COMMENT COLUMN IF EXISTS followed_up_at 'When it was [UTC]',
    COMMENT COLUMN IF EXISTS of 'event_id of a survey or complaint_id of a complaint of the order',
    COMMENT COLUMN IF EXISTS phase 'contacted, no_answer or resolved',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders';

-- One row per part request. Its order's wait for parts is shared equally by the backordered requests, or by all of them
-- where none was: `waited_s` of an order adds up to its wait_parts_s, that of an open one up to the query.
CREATE OR REPLACE VIEW fixtrail.part_waits DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    j.wait_parts_s + if(
        j.activity = 'parts',
        greatest(0, dateDiff('millisecond', j.last_event_at, now64(3, 'UTC'))) / 1000,
        0) AS wait_s
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
    part_unit_price AS unit_price,
    CAST(isNotNull(part_backordered_at), 'Bool') AS stockout,
    assumeNotNull(multiIf(
        isNull(wait_s), 0,
        j.stockouts = 0, wait_s / j.part_requests,
        isNotNull(part_backordered_at), wait_s / j.stockouts,
        0)) AS waited_s,
    j.vehicle_key AS vehicle_key
FROM fixtrail_raw.journeys AS j FINAL
ARRAY JOIN
    `parts.request_id` AS part_request_id,
    `parts.part_no` AS part_part_no,
    `parts.quantity` AS part_quantity,
    `parts.emergency` AS part_emergency,
    `parts.requested_at` AS part_requested_at,
    `parts.backordered_at` AS part_backordered_at,
    `parts.fulfilled_at` AS part_fulfilled_at,
    `parts.unit_price` AS part_unit_price;

-- example:
--   SELECT part_no, count() AS requests, avg(stockout) AS stockout_rate, sum(waited_s) / 60 AS waited_min
--   FROM fixtrail.part_waits
--   GROUP BY part_no
--   ORDER BY waited_min DESC
--   LIMIT 50
ALTER TABLE fixtrail.part_waits MODIFY COMMENT 'One row per part request: how long the customer waited for it.';
ALTER TABLE fixtrail.part_waits
    COMMENT COLUMN IF EXISTS order_id 'The service order: its number in its center',
    COMMENT COLUMN IF EXISTS center_id 'The service center; an order is center and number together',
    COMMENT COLUMN IF EXISTS request_id 'The part request, within its order',
    COMMENT COLUMN IF EXISTS part_no 'The part',
    COMMENT COLUMN IF EXISTS quantity 'How many [pieces]',
    COMMENT COLUMN IF EXISTS emergency 'Whether any event of the request said so',
    COMMENT COLUMN IF EXISTS requested_at 'First requested [UTC]',
    COMMENT COLUMN IF EXISTS backordered_at 'First backordered [UTC]',
    COMMENT COLUMN IF EXISTS fulfilled_at 'First fulfilled; final [UTC]',
    COMMENT COLUMN IF EXISTS unit_price 'As last told [currency of the quote]',
    COMMENT COLUMN IF EXISTS stockout 'Whether it was ever backordered',
    COMMENT COLUMN IF EXISTS waited_s 'Its part of the wait for parts of the order: shared equally by those backordered, or by all where none was [s]',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders';
