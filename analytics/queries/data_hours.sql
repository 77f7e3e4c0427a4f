-- How many of the workshop's own events happened while their center was closed?
-- zone: only centers of this time zone. source, center: only this one, '' for all.
-- since, until: days on which they happened in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
SELECT
    center_id,
    count() AS workshop_events,
    countIf(NOT has(weekdays, weekday) OR clock < opens OR clock >= closes) AS outside_hours
FROM
(
    SELECT
        center_id,
        toDayOfWeek(occurred_at, 0, {zone:String}) AS weekday,
        formatDateTime(occurred_at, '%H:%i', {zone:String}) AS clock
    FROM
    (
        SELECT source, center_id, occurred_at
        FROM arrivals
        WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
            AND type IN ('check_in', 'diagnosis', 'repair', 'quality_check', 'ready', 'handoff')
        ORDER BY vehicle_key, center_id, order_id, event_id, kafka_offset
        LIMIT 1 BY vehicle_key, center_id, order_id, event_id
    )
    WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
        AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
) AS event
INNER JOIN (SELECT center_id, opens, closes, weekdays FROM centers WHERE time_zone = {zone:String}) AS opening
    USING (center_id)
GROUP BY center_id
ORDER BY center_id
