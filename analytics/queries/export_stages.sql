-- What was going on with the vehicles of this range, stretch by stretch?
-- center: '' for all. first_key, end_key: vehicles from one key to before the other, '' for no end.
SELECT
    vehicle_key,
    center_id,
    order_id,
    seq,
    activity,
    is_wait,
    toUnixTimestamp64Milli(started_at) AS started_at,
    toUnixTimestamp64Milli(ended_at) AS ended_at,
    seconds
FROM stages
WHERE vehicle_key >= {first_key:String}
    AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
    AND ({center:String} = '' OR center_id = {center:String})
    AND isNotNull(ended_at)
ORDER BY vehicle_key, center_id, order_id, seq
