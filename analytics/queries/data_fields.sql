-- How many events of each type have each optional field?
-- source, center: only this one, '' for all. since, until: days on which they happened in time_zone, '' for no limit.
SELECT center_id, type, ifNull(phase, '') AS phase, field, count() AS filled
FROM
(
    SELECT center_id, type, phase, arrayJoin(arrayConcat([''], JSONExtractKeys(payload))) AS field
    FROM (SELECT * FROM arrivals ORDER BY vehicle_key, order_id, event_id LIMIT 1 BY vehicle_key, order_id, event_id)
    WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
        AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
)
GROUP BY center_id, type, phase, field
ORDER BY center_id, type, phase, field
