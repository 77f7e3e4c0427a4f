-- At which hour of the day (in time_zone) do the workshop's own events of each center and type happen?
-- source, center: only this one, '' for all. since, until: days on which they happened in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
SELECT center_id, type, toHour(occurred_at, {time_zone:String}) AS hour, count() AS events
FROM
(
    SELECT source, center_id, type, occurred_at
    FROM arrivals
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
        AND type IN ('check_in', 'diagnosis', 'repair', 'quality_check', 'ready', 'handoff')
    ORDER BY vehicle_key, center_id, order_id, event_id, kafka_offset
    LIMIT 1 BY vehicle_key, center_id, order_id, event_id
)
WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY center_id, type, hour
ORDER BY center_id, type, hour
