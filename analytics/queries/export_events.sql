-- What happened to the vehicles of this range, order by order?
-- center: '' for all. first_key, end_key: vehicles from one key to before the other, '' for no end.
SELECT
    vehicle_key,
    center_id,
    order_id,
    event_id,
    type,
    phase,
    toUnixTimestamp64Milli(occurred_at) AS at,
    technician_id,
    bay_id,
    job_id,
    request_id,
    part_no,
    payload
FROM events
WHERE vehicle_key >= {first_key:String}
    AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
    AND ({center:String} = '' OR center_id = {center:String})
ORDER BY vehicle_key, center_id, order_id, occurred_at, event_id
