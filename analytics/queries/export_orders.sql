-- Which orders does an export hold, and what became of each?
-- since, until: days of close in time_zone, both included, '' for no limit; an open order has none and is held only where
-- neither is given. center: '' for all. first_key, end_key: vehicles from one key to before the other, '' for no end.
-- The times of an open order still run, so they are left out: the same events give the same export.
SELECT
    vehicle_key,
    center_id,
    order_id,
    lane,
    status,
    fault_origin,
    arrayStringConcat(fault_groups, ';') AS fault_groups,
    odometer_km,
    toUnixTimestamp64Milli(checked_in_at) AS checked_in_at,
    toUnixTimestamp64Milli(promised_at) AS promised_at,
    toUnixTimestamp64Milli(ready_at) AS ready_at,
    toUnixTimestamp64Milli(o.closed_at) AS closed_at,
    if(status = 'open', NULL, lead_s) AS lead_s,
    if(status = 'open', NULL, wait_s) AS wait_s,
    if(status = 'open', NULL, wait_reception_s) AS wait_reception_s,
    if(status = 'open', NULL, wait_approval_s) AS wait_approval_s,
    if(status = 'open', NULL, wait_parts_s) AS wait_parts_s,
    if(status = 'open', NULL, wait_bay_s) AS wait_bay_s,
    if(status = 'open', NULL, touch_s) AS touch_s,
    if(status = 'open', NULL, pickup_s) AS pickup_s,
    ftf,
    ftf_cause,
    toFloat64(quoted_amount) AS quoted_amount,
    toFloat64(approved_amount) AS approved_amount,
    toFloat64(final_amount) AS final_amount,
    score,
    complaints,
    event_count,
    toUnixTimestamp64Milli(last_event_at) AS last_event_at
-- o.closed_at: the bare name is the number above.
FROM orders AS o
WHERE vehicle_key >= {first_key:String}
    AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
    AND ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(o.closed_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(o.closed_at, {time_zone:String}) <= toDateOrZero({until:String}))
ORDER BY vehicle_key, center_id, order_id
