-- Over how many orders does the data report go?
-- center: only this one, '' for all. since, until: days of the last event in time_zone, '' for no limit.
SELECT count() AS orders
FROM orders
WHERE ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(last_event_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(last_event_at, {time_zone:String}) <= toDateOrZero({until:String}))
