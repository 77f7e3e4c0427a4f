-- Which visits did a center have from a day on, of which lane and fault, and what did each customer wait?
-- comes_for_part: an earlier visit of the vehicle was handed off with a part open.
-- center: the center. since: the day of check-in from which on, in UTC. Times are milliseconds since 1970.
SELECT
    order_id,
    vehicle_key,
    lane,
    status,
    if(empty(fault_groups), '', fault_groups[1]) AS fault_group,
    toUnixTimestamp64Milli(checked_in_at) AS checked_in_ms,
    toUnixTimestamp64Milli(closed_at) AS closed_ms,
    wait_s,
    length(fault_groups) AS faults,
    part_requests,
    stockouts,
    (order_id, vehicle_key) IN
    (
        SELECT comeback_order_id, vehicle_key
        FROM orders
        WHERE comeback_center_id = {center:String} AND ftf_cause = 'open_part' AND isNotNull(comeback_order_id)
    ) AS comes_for_part
FROM orders
WHERE center_id = {center:String}
    AND ifNull(checked_in_at, last_event_at) >= toDateOrZero({since:String})
    AND (isNotNull(checked_in_at) OR has(anomalies, 'missing_check_in'))
ORDER BY checked_in_at, order_id, vehicle_key
