-- Who got in touch with a customer about a survey or a complaint, and what came of it?
-- One row per order with a follow-up. calls: (ms, event_id, of, phase).
SELECT
    center_id,
    order_id,
    vehicle_key,
    arraySort(groupArray((toUnixTimestamp64Milli(followed_up_at), event_id, of, phase))) AS calls
FROM follow_ups
GROUP BY center_id, order_id, vehicle_key
ORDER BY center_id, order_id, vehicle_key
