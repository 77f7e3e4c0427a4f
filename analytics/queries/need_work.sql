-- Which work was done in each visit, since when had the car waited for it, and when did it wait for people or a bay?
-- since: the day from which on, in UTC; centers: only these, [] for all. Times are milliseconds since 1970; an end of 0 is none yet.
-- What an order does of which nothing was heard for 30 days (never_closed) is not known: it is not waiting. Asked for
-- by that name, all anomalies of all orders would be worked out.
-- requested_ms: the start of a wait for reception or bay that ended as the work began, or the start of the work itself.
SELECT
    center_id,
    order_id,
    vehicle_key,
    activity,
    toUnixTimestamp64Milli(started_at) AS started_ms,
    ifNull(toUnixTimestamp64Milli(ended_at), 0) AS ended_ms,
    if(before IN ('reception', 'bay'), toUnixTimestamp64Milli(before_at), started_ms) AS requested_ms
FROM
(
    SELECT
        center_id,
        order_id,
        vehicle_key,
        activity,
        started_at,
        ended_at,
        lagInFrame(toString(activity)) OVER visit AS before,
        lagInFrame(started_at) OVER visit AS before_at
    FROM stages
    WHERE started_at >= toDateOrZero({since:String})
        AND (empty({centers:Array(String)}) OR has({centers:Array(String)}, center_id))
        AND (isNotNull(ended_at) OR (center_id, order_id, vehicle_key) NOT IN (
            SELECT center_id, order_id, vehicle_key FROM orders
            WHERE status = 'open' AND last_event_at < now64(3, 'UTC') - INTERVAL 30 DAY))
    WINDOW visit AS (
        PARTITION BY center_id, order_id, vehicle_key ORDER BY seq
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE activity IN ('diagnosis', 'repair', 'quality', 'reception', 'bay')
ORDER BY center_id, order_id, vehicle_key, started_ms
