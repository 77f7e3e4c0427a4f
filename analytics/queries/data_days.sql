-- How many events happened on each day at each center?
-- source, center: only this one, '' for all. since, until: days in time_zone, '' for no limit.
SELECT
    center_id,
    toString(toDate(occurred_at, {time_zone:String})) AS day,
    uniqExact(vehicle_key, order_id, event_id) AS events
FROM arrivals
WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY center_id, day
ORDER BY center_id, day
