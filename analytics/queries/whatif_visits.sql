-- Which visits did a center have from a day on, of which lane and fault, and what did each customer wait?
-- center: the center. since: the day of check-in from which on, in UTC. Times are milliseconds since 1970.
SELECT
    order_id,
    lane,
    status,
    if(empty(fault_groups), '', fault_groups[1]) AS fault_group,
    toUnixTimestamp64Milli(checked_in_at) AS checked_in_ms,
    toUnixTimestamp64Milli(closed_at) AS closed_ms,
    wait_s
FROM orders
WHERE center_id = {center:String}
    AND ifNull(checked_in_at, last_event_at) >= toDateOrZero({since:String})
    AND (isNotNull(checked_in_at) OR has(anomalies, 'missing_check_in'))
ORDER BY checked_in_at, order_id
