-- When did cars come, at which center and in which lane, and which came without a check-in?
-- since: the day from which on, in UTC; centers: only these, [] for all. Times are milliseconds since 1970; those of no check-in are NULL.
SELECT
    center_id,
    order_id,
    vehicle_key,
    lane,
    toUnixTimestamp64Milli(checked_in_at) AS checked_in_ms,
    toUnixTimestamp64Milli(closed_at) AS closed_ms,
    toUnixTimestamp64Milli(last_event_at) AS last_event_ms
FROM orders
WHERE ifNull(checked_in_at, last_event_at) >= toDateOrZero({since:String})
    AND (isNotNull(checked_in_at) OR has(anomalies, 'missing_check_in'))
    AND (empty({centers:Array(String)}) OR has({centers:Array(String)}, center_id))
ORDER BY center_id, checked_in_at, order_id, vehicle_key
