-- What was going on in each visit of a center, stretch by stretch?
-- center: the center. since: the day from which on, in UTC. Times are milliseconds since 1970; an end of 0 is none.
SELECT
    order_id,
    vehicle_key,
    groupArray((
        activity,
        toUnixTimestamp64Milli(started_at),
        ifNull(toUnixTimestamp64Milli(ended_at), 0))) AS runs
FROM
(
    SELECT order_id, vehicle_key, seq, activity, started_at, ended_at
    FROM stages
    WHERE center_id = {center:String} AND started_at >= toDateOrZero({since:String})
    ORDER BY order_id, vehicle_key, seq
)
GROUP BY order_id, vehicle_key
