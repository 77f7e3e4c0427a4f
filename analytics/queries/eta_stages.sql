-- What was going on in each visit, stretch by stretch?
-- since: the day from which on a visit has to have begun, in UTC, '' for no limit. end_key: as in eta_visits. An end of 0
-- is none.
SELECT
    center_id,
    order_id,
    vehicle_key,
    groupArray((
        activity,
        toUnixTimestamp64Milli(started_at),
        ifNull(toUnixTimestamp64Milli(ended_at), 0))) AS runs
FROM
(
    SELECT center_id, order_id, vehicle_key, seq, activity, started_at, ended_at
    FROM stages
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String})
    ORDER BY center_id, order_id, vehicle_key, seq
)
GROUP BY center_id, order_id, vehicle_key
HAVING {since:String} = '' OR min(started_at) >= toDateOrZero({since:String})
