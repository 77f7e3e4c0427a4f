-- Of how many orders of a period, or of their vehicles, have events come since a pack was computed?
-- since, until: days of close in time_zone, both included. partitions, offsets: the newest record of each that it knew.
WITH
    (SELECT mapFromArrays({partitions:Array(UInt32)}, {offsets:Array(UInt64)})) AS known,
    news AS
    (
        SELECT vehicle_key, groupUniqArray((center_id, order_id)) AS orders_with_news
        FROM arrivals
        WHERE NOT mapContains(known, kafka_partition) OR kafka_offset > known[kafka_partition]
        GROUP BY vehicle_key
    )
SELECT
    (
        SELECT count()
        FROM arrivals
        WHERE NOT mapContains(known, kafka_partition) OR kafka_offset > known[kafka_partition]
    ) AS records,
    countIf(has(orders_with_news, (center_id, order_id))) AS orders,
    count() AS orders_of_vehicles
FROM orders
INNER JOIN news USING (vehicle_key)
WHERE toDate(closed_at, {time_zone:String}) BETWEEN toDateOrZero({since:String}) AND toDateOrZero({until:String})
