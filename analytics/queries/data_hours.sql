-- How many of the workshop's own events happened while their center was closed?
-- Only centers whose hours are known. source, center: only this one, '' for all.
-- since, until: days on which they happened in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
SELECT event.center_id AS center_id, count() AS workshop_events, countIf(event.occurred_at >= closes_at) AS outside_hours
FROM
(
    SELECT source, center_id, occurred_at
    FROM arrivals
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
        AND type IN ('check_in', 'diagnosis', 'repair', 'quality_check', 'ready', 'handoff')
    ORDER BY vehicle_key, center_id, order_id, event_id, kafka_offset
    LIMIT 1 BY vehicle_key, center_id, order_id, event_id
) AS event
ASOF INNER JOIN opening_days ON opening_days.center_id = event.center_id AND opening_days.opens_at <= event.occurred_at
WHERE ({source:String} = '' OR event.source = {source:String})
    AND ({center:String} = '' OR event.center_id = {center:String})
    AND ({since:String} = '' OR toDate(event.occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(event.occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY center_id
ORDER BY center_id
