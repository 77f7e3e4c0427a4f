-- Of how many orders of each center can each headline figure be told, and why not of the others?
-- source: only orders of which it sent an event, '' for all. center: only this one, '' for all.
-- since, until: days of the last event in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
SELECT
    center_id,
    count() AS orders,
    countIf(status = 'handed_off') AS handed_off,
    countIf(status = 'cancelled') AS cancelled,
    countIf(status = 'open') AS open,
    countIf(has(anomalies, 'never_closed')) AS never_closed,
    countIf(has(anomalies, 'missing_check_in')) AS no_check_in,
    countIf(status = 'handed_off' AND isNull(ftf)) AS no_repair,
    countIf(status = 'handed_off' AND empty(fault_groups)) AS no_fault_group,
    countIf(status = 'handed_off' AND isNull(score)) AS no_score,
    countIf(status = 'handed_off' AND isNull(promised_at)) AS no_promise,
    countIf(status = 'handed_off' AND isNotNull(promised_at) AND isNull(ready_at)) AS no_ready,
    countIf(status = 'handed_off' AND isNull(wait_s)) AS no_wait,
    countIf(status = 'handed_off' AND isNull(final_amount)) AS no_amount,
    countIf(status = 'handed_off' AND isNotNull(final_amount) AND isNull(approved_amount)) AS no_approval,
    countIf(has(anomalies, 'negative_gap')) AS negative_gap,
    countIf(has(anomalies, 'activity_after_close')) AS activity_after_close,
    countIf(has(anomalies, 'vehicle_changed')) AS vehicle_changed,
    countIf(status = 'handed_off' AND repair_s > 0 AND repair_s < {repair_least_s:Float64}) AS repair_short,
    countIf(status = 'handed_off' AND repair_s > {repair_most_s:Float64}) AS repair_long,
    countIf(quoted_amount = 0 OR quoted_amount > {quote_most:Float64}) AS quote_odd,
    countIf(promised_at < checked_in_at) AS promise_early,
    -- Where either is unknown, nothing is counted.
    countIf(final_amount > 0 AND approved_amount > 0 AND (
        toFloat64(final_amount) > {amount_times:Float64} * toFloat64(approved_amount)
        OR toFloat64(approved_amount) > {amount_times:Float64} * toFloat64(final_amount))) AS amount_odd,
    count(score) AS scored,
    if(scored >= {scores:UInt32} AND max(score) <= 5, scored, 0) AS score_scale,
    countIf(vehicle_key IN (
        SELECT vehicle_key FROM orders
        WHERE {end_key:String} = '' OR vehicle_key < {end_key:String}
        GROUP BY vehicle_key
        HAVING count() > {orders_of_vehicle:Float64}
            + dateDiff('millisecond', min(last_event_at), max(last_event_at)) / 86400000 / {days_between:Float64}
    )) AS vehicle_often
FROM orders
WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
    AND ({source:String} = '' OR (vehicle_key, center_id, order_id) IN (
        SELECT vehicle_key, center_id, order_id FROM arrivals
        WHERE source = {source:String} AND ({end_key:String} = '' OR vehicle_key < {end_key:String})))
    AND ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(last_event_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(last_event_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY center_id
ORDER BY center_id
