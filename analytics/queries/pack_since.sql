-- Of how many orders of a period, or of their vehicles, have events come since a pack was computed?
-- since, until: days of close in time_zone, both included. partitions, offsets: the newest record of each that it knew.
WITH
    (SELECT mapFromArrays({partitions:Array(UInt32)}, {offsets:Array(UInt64)})) AS known,
    news AS
    (
        SELECT order_id, center_id, vehicle_key
        FROM arrivals
        WHERE NOT mapContains(known, kafka_partition) OR kafka_offset > known[kafka_partition]
    )
SELECT
    (SELECT count() FROM news) AS records,
    countIf((order_id, center_id, vehicle_key) IN (SELECT order_id, center_id, vehicle_key FROM news)) AS orders,
    countIf(vehicle_key IN (SELECT vehicle_key FROM news)) AS orders_of_vehicles
FROM orders
WHERE toDate(closed_at, {time_zone:String}) BETWEEN toDateOrZero({since:String}) AND toDateOrZero({until:String})
