-- How often does a vehicle's odometer fall, or run further than a car can go?
-- source, center: only this one, '' for all. since, until: days on which they happened in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
-- A reading is compared with the one before of the same vehicle, at whatever center; less than a day apart counts as a
-- day. Readings without one before them are not counted.
SELECT
    center_id,
    countIf(is_later) AS readings,
    countIf(is_later AND km < before_km) AS odometer_falling,
    countIf(is_later AND km - before_km > {km_a_day:Float64} * greatest(1, days)) AS odometer_racing
FROM
(
    SELECT
        source, center_id, occurred_at, km,
        row_number() OVER vehicle > 1 AS is_later,
        lagInFrame(km) OVER vehicle AS before_km,
        dateDiff('millisecond', lagInFrame(occurred_at) OVER vehicle, occurred_at) / 86400000 AS days
    FROM
    (
        SELECT
            source, vehicle_key, center_id, order_id, event_id, occurred_at,
            toFloat64OrNull(trim(BOTH '"' FROM JSONExtractRaw(payload, 'odometer_km'))) AS km
        FROM arrivals
        WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String}) AND type IN ('check_in', 'handoff')
            -- What was read under a wrong vehicle is told of the right one, too.
            AND (vehicle_key, center_id, order_id) IN (
                SELECT vehicle_key, center_id, order_id FROM orders
                WHERE {end_key:String} = '' OR vehicle_key < {end_key:String})
        ORDER BY vehicle_key, center_id, order_id, event_id, kafka_offset
        LIMIT 1 BY vehicle_key, center_id, order_id, event_id
    )
    WHERE isNotNull(km)
    WINDOW vehicle AS (
        PARTITION BY vehicle_key ORDER BY occurred_at, center_id, order_id, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY center_id
ORDER BY center_id
