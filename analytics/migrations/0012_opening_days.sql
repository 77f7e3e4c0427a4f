-- When each center is open, so that a wait can be counted in its opening time (contract, section 2: wait_open_s).

ALTER TABLE fixtrail_raw.centers
    ADD COLUMN IF NOT EXISTS closed_on Array(Date),
    ADD COLUMN IF NOT EXISTS open_on Array(Date),
    ADD COLUMN IF NOT EXISTS schedule String;

-- One row per opening of a schedule; centers with the same hours share one. A schedule says all about its days.
CREATE TABLE IF NOT EXISTS fixtrail_raw.opening_days
(
    schedule LowCardinality(String),
    opens_at DateTime64(3, 'UTC'),
    closes_at DateTime64(3, 'UTC'),
    opened_before_ms UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (schedule, opens_at);

CREATE OR REPLACE VIEW fixtrail.centers DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id, name, name_en, region, wave, wave_start, time_zone, opens, closes, weekdays, closed_on, open_on
FROM fixtrail_raw.centers FINAL
WHERE load_id = (SELECT max(load_id) FROM fixtrail_raw.centers);

-- The openings of each center, from 2000 on until five years after its list was loaded.
CREATE OR REPLACE VIEW fixtrail.opening_days DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center.center_id AS center_id,
    center.time_zone AS time_zone,
    day.opens_at AS opens_at,
    day.closes_at AS closes_at,
    dateDiff('millisecond', day.opens_at, day.closes_at) / 1000 AS open_s
FROM fixtrail_raw.centers AS center FINAL
INNER JOIN fixtrail_raw.opening_days AS day FINAL ON day.schedule = center.schedule
WHERE center.load_id = (SELECT max(load_id) FROM fixtrail_raw.centers);

-- One row per stretch of a wait: how long, how much of it while the center was open, and whose clock that was.
CREATE OR REPLACE VIEW fixtrail.waits DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id,
    order_id,
    vehicle_key,
    seq,
    activity,
    multiIf(activity = 'approval', 'customer', activity = 'parts', 'supplier', 'workshop') AS charged_to,
    started_at,
    ended_at,
    has_hours,
    wait_ms / 1000 AS seconds,
    open_ms / 1000 AS open_s,
    (wait_ms - open_ms) / 1000 AS closed_s
FROM
(
    SELECT
        began.center_id AS center_id,
        began.order_id AS order_id,
        began.vehicle_key AS vehicle_key,
        began.seq AS seq,
        began.activity AS activity,
        began.started_at AS started_at,
        began.ended_at AS ended_at,
        began.schedule != '' AS has_hours,
        dateDiff('millisecond', began.started_at, began.until) AS wait_ms,
        if(
            began.schedule = '',
            wait_ms,
            if(after.schedule = '', 0, toInt64(after.opened_before_ms)
                + dateDiff('millisecond', after.opens_at, least(began.until, after.closes_at)))
            - began.position_ms) AS open_ms
    FROM
    (
        SELECT
            stretch.*,
            if(before.schedule = '', 0, toInt64(before.opened_before_ms)
                + dateDiff('millisecond', before.opens_at, least(stretch.started_at, before.closes_at))) AS position_ms
        FROM
        (
            SELECT
                j.center_id AS center_id,
                j.order_id AS order_id,
                j.vehicle_key AS vehicle_key,
                stage_seq AS seq,
                stage_activity AS activity,
                stage_started_at AS started_at,
                stage_ended_at AS ended_at,
                ifNull(stage_ended_at, greatest(j.last_event_at, now64(3, 'UTC'))) AS until,
                center.schedule AS schedule
            FROM fixtrail_raw.journeys AS j FINAL
            ARRAY JOIN
                arrayEnumerate(`stages.activity`) AS stage_seq,
                `stages.activity` AS stage_activity,
                `stages.started_at` AS stage_started_at,
                `stages.ended_at` AS stage_ended_at
            LEFT JOIN
            (
                SELECT center_id, schedule
                FROM fixtrail_raw.centers FINAL
                WHERE load_id = (SELECT max(load_id) FROM fixtrail_raw.centers)
            ) AS center ON center.center_id = j.center_id
            WHERE stage_activity IN ('reception', 'approval', 'parts', 'bay') AND NOT has(j.anomalies, 'vehicle_corrected')
        ) AS stretch
        ASOF LEFT JOIN (SELECT * FROM fixtrail_raw.opening_days FINAL) AS before
            ON before.schedule = stretch.schedule AND before.opens_at <= stretch.started_at
    ) AS began
    ASOF LEFT JOIN (SELECT * FROM fixtrail_raw.opening_days FINAL) AS after
        ON after.schedule = began.schedule AND after.opens_at <= began.until
);

-- One row per order that waited: whose clock ran, and for how long. The four shares add up to the wait.
CREATE OR REPLACE VIEW fixtrail.order_waits DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    center_id,
    order_id,
    any(vehicle_key) AS vehicle_key,
    any(has_hours) AS has_hours,
    sum(seconds) AS wait_s,
    sum(open_s) AS wait_open_s,
    sumIf(open_s, charged_to = 'workshop') AS workshop_s,
    sumIf(open_s, charged_to = 'customer') AS customer_s,
    sumIf(open_s, charged_to = 'supplier') AS supplier_s,
    sum(closed_s) AS closed_s
FROM fixtrail.waits
GROUP BY center_id, order_id;

-- example:
--   SELECT center_id, sum(open_s) / 3600 AS hours
--   FROM fixtrail.opening_days
--   WHERE opens_at BETWEEN now() - INTERVAL 7 DAY AND now()
--   GROUP BY center_id
ALTER TABLE fixtrail.opening_days MODIFY COMMENT 'One row per day on which a center opens, as its hours, weekdays, holidays and days made up for say.';
ALTER TABLE fixtrail.opening_days
    COMMENT COLUMN IF EXISTS center_id 'As in centers',
    COMMENT COLUMN IF EXISTS time_zone 'As in centers',
    COMMENT COLUMN IF EXISTS opens_at 'When it opens [UTC]',
    COMMENT COLUMN IF EXISTS closes_at 'When it closes, after midnight for a night shift [UTC]',
    COMMENT COLUMN IF EXISTS open_s 'How long it is open [s]';
-- example:
--   SELECT charged_to, sum(open_s) / 3600 AS hours, sum(closed_s) / 3600 AS closed_hours
--   FROM fixtrail.waits
--   GROUP BY charged_to
ALTER TABLE fixtrail.waits MODIFY COMMENT 'One row per unbroken stretch of a wait, counted on the wall and in opening time; what is still running, up to now.';
ALTER TABLE fixtrail.waits
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders',
    COMMENT COLUMN IF EXISTS seq 'As in stages',
    COMMENT COLUMN IF EXISTS activity 'reception, approval, parts or bay',
    COMMENT COLUMN IF EXISTS charged_to 'workshop (reception, bay), customer (approval) or supplier (parts)',
    COMMENT COLUMN IF EXISTS started_at 'When it began [UTC]',
    COMMENT COLUMN IF EXISTS ended_at 'When it ended; NULL while it runs [UTC]',
    COMMENT COLUMN IF EXISTS has_hours 'Whether the hours of the center are known; if not, all of the wait counts as open',
    COMMENT COLUMN IF EXISTS seconds 'On the wall [s]',
    COMMENT COLUMN IF EXISTS open_s 'While the center was open [s]',
    COMMENT COLUMN IF EXISTS closed_s 'While it was closed; open_s + closed_s = seconds [s]';
-- example:
--   SELECT center_id, avg(wait_s) / 60 AS wall_min, avg(wait_open_s) / 60 AS open_min
--   FROM fixtrail.order_waits
--   GROUP BY center_id
ALTER TABLE fixtrail.order_waits MODIFY COMMENT 'One row per order that waited: whose clock ran. workshop_s + customer_s + supplier_s + closed_s = wait_s.';
ALTER TABLE fixtrail.order_waits
    COMMENT COLUMN IF EXISTS center_id 'As in orders',
    COMMENT COLUMN IF EXISTS order_id 'The service order',
    COMMENT COLUMN IF EXISTS vehicle_key 'As in orders',
    COMMENT COLUMN IF EXISTS has_hours 'Whether the hours of the center are known; if not, all of the wait counts as open',
    COMMENT COLUMN IF EXISTS wait_s 'As in orders, of an open order up to now [s]',
    COMMENT COLUMN IF EXISTS wait_open_s 'The wait while the center was open [s]',
    COMMENT COLUMN IF EXISTS workshop_s 'Of it, for reception and bay [s]',
    COMMENT COLUMN IF EXISTS customer_s 'Of it, for approval [s]',
    COMMENT COLUMN IF EXISTS supplier_s 'Of it, for parts [s]',
    COMMENT COLUMN IF EXISTS closed_s 'The wait while the center was closed [s]';
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
    COMMENT COLUMN IF EXISTS closes 'On a weekday of weekdays, or the night after [local time]',
    COMMENT COLUMN IF EXISTS weekdays 'When it is open; 1 is Monday',
    COMMENT COLUMN IF EXISTS closed_on 'Days on which it stays closed whatever the weekday',
    COMMENT COLUMN IF EXISTS open_on 'Days on which it is open whatever the weekday';
