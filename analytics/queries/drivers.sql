-- What went on in each visit that was handed off, and which score did its customer give?
-- since, until: days of handoff in time_zone, both included, '' for no limit. end_key: only vehicles whose key comes
-- before it, '' for all. A key is a hash, so that this is a sample; events are sorted by it, and no others are read.
SELECT
    o.order_id AS order_id,
    o.center_id AS center_id,
    o.lane AS lane,
    o.fault_origin AS fault_origin,
    nullIf(c.region, '') AS region,
    o.score AS score,
    o.wait_s AS wait_s,
    o.wait_reception_s AS wait_reception_s,
    o.wait_approval_s AS wait_approval_s,
    o.wait_parts_s AS wait_parts_s,
    o.wait_bay_s AS wait_bay_s,
    o.ftf AS ftf,
    o.closed_at AS closed_at,
    o.stockouts AS stockouts,
    o.ready_at AS ready_at,
    o.promised_at AS promised_at,
    toFloat64(o.approved_amount) AS approved_amount,
    toFloat64(o.final_amount) AS final_amount,
    u.check_ins AS check_ins
FROM orders AS o
LEFT JOIN centers AS c ON c.center_id = o.center_id
ANY LEFT JOIN
(
    -- A progress update is the check-in sent again with the promise as it now looks.
    SELECT center_id, order_id, vehicle_key, uniqExact(event_id) AS check_ins
    FROM events
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String}) AND type = 'check_in'
    GROUP BY center_id, order_id, vehicle_key
) AS u ON u.order_id = o.order_id AND u.center_id = o.center_id AND u.vehicle_key = o.vehicle_key
WHERE o.status = 'handed_off' AND ({end_key:String} = '' OR o.vehicle_key < {end_key:String})
    AND ({since:String} = '' OR toDate(o.closed_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(o.closed_at, {time_zone:String}) <= toDateOrZero({until:String}))
ORDER BY order_id, center_id
