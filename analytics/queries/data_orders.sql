-- Of how many orders of each center can each headline figure be told, and why not of the others?
-- center: only this one, '' for all. since, until: days of the last event in time_zone, '' for no limit.
-- An order without a check-in belongs to the center of its events.
WITH nowhere AS
(
    SELECT vehicle_key, order_id, any(center_id) AS told_center
    FROM arrivals
    WHERE order_id IN (SELECT order_id FROM orders WHERE isNull(center_id))
    GROUP BY vehicle_key, order_id
)
SELECT
    center AS center_id,
    countIf(status != 'no_visit') AS orders,
    countIf(status = 'handed_off') AS handed_off,
    countIf(status = 'cancelled') AS cancelled,
    countIf(status = 'open') AS open,
    countIf(status = 'no_visit') AS no_visit,
    countIf(status = 'open' AND last_event_at < now64(3, 'UTC') - INTERVAL 30 DAY) AS never_closed,
    countIf(status != 'no_visit' AND isNull(checked_in_at)) AS no_check_in,
    countIf(status = 'handed_off' AND isNull(ftf)) AS no_repair,
    countIf(status = 'handed_off' AND empty(fault_groups)) AS no_fault_group,
    countIf(status = 'handed_off' AND isNull(score)) AS no_score,
    countIf(status = 'handed_off' AND isNull(promised_at)) AS no_promise,
    countIf(status = 'handed_off' AND isNull(wait_s)) AS no_wait,
    countIf(status = 'handed_off' AND isNull(final_amount)) AS no_amount,
    countIf(status = 'handed_off' AND isNotNull(final_amount) AND isNull(approved_amount)) AS no_approval,
    countIf(has(anomalies, 'negative_gap')) AS negative_gap,
    countIf(has(anomalies, 'activity_after_close')) AS activity_after_close,
    countIf(has(anomalies, 'center_changed')) AS center_changed,
    countIf(has(anomalies, 'vehicle_changed')) AS vehicle_changed,
    countIf(status = 'handed_off' AND repair_s > 0 AND repair_s < {repair_least_s:Float64}) AS repair_short,
    countIf(status = 'handed_off' AND repair_s > {repair_most_s:Float64}) AS repair_long,
    countIf(quoted_amount = 0 OR quoted_amount > {quote_most:Float64}) AS quote_odd
FROM
(
    SELECT o.*, ifNull(o.center_id, n.told_center) AS center
    FROM orders AS o
    LEFT JOIN nowhere AS n ON n.vehicle_key = o.vehicle_key AND n.order_id = o.order_id
)
WHERE ({center:String} = '' OR center = {center:String})
    AND ({since:String} = '' OR toDate(last_event_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(last_event_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY center
ORDER BY center
