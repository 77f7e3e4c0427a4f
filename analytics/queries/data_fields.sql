-- How many events of each type have each optional field, week by week (its Monday in time_zone)?
-- source, center: only this one, '' for all. since, until: days on which they happened in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
SELECT center_id, type, ifNull(phase, '') AS phase, week, field, count() AS filled
FROM
(
    SELECT
        center_id, type, phase, toString(toMonday(occurred_at, {time_zone:String})) AS week,
        arrayJoin(arrayConcat([''], JSONExtractKeys(payload))) AS field
    FROM
    (
        SELECT source, center_id, type, phase, occurred_at, payload
        FROM arrivals
        WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
        ORDER BY vehicle_key, center_id, order_id, event_id, kafka_offset
        LIMIT 1 BY vehicle_key, center_id, order_id, event_id
    )
    WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
        AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
)
GROUP BY center_id, type, phase, week, field
ORDER BY center_id, type, phase, week, field
