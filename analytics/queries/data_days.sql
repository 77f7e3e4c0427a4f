-- How many events happened on each day at each center?
-- source, center: only this one, '' for all. since, until: days in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
SELECT
    center_id,
    toString(toDate(occurred_at, {time_zone:String})) AS day,
    uniqExact(vehicle_key, center_id, order_id, event_id) AS events
FROM arrivals
WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
    AND ({source:String} = '' OR source = {source:String})
    AND ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY center_id, day
ORDER BY center_id, day
